-- name: waits_for
SELECT current_setting('synchronous_standby_names')

-- name: standbys
-- To a role without pg_read_all_stats the state is NULL. A subscriber and a backup are no standbys.
SELECT count(*), count(*) FILTER (WHERE r.sync_state IN ('sync', 'quorum')), count(*) FILTER (WHERE r.state IS NULL)
FROM pg_stat_replication AS r LEFT JOIN pg_replication_slots AS s ON s.active_pid = r.pid
WHERE s.slot_type IS DISTINCT FROM 'logical' AND r.state IS DISTINCT FROM 'backup'
