-- name: durable
SELECT current_setting('fsync') = 'on' AND current_setting('synchronous_commit') <> 'off'
