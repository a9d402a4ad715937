-- name: alerts
SELECT source, alerts::text FROM wamon.source_status WHERE alerts IS NOT NULL ORDER BY source
