-- name: pulse
-- What moves whenever something that a page shows has changed.
SELECT (SELECT sum(seq) FROM wamon.cursors), (SELECT max(published_at) FROM wamon.source_status),
       (SELECT max(changed_at) FROM wamon.group_status)
