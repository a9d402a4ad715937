-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('wamon lease ' || %(source)s, 0))

-- name: holder
SELECT host, boot, pid, process_started, expires_at <= now() FROM wamon.leases WHERE source = %(source)s

-- name: take
INSERT INTO wamon.leases (source, holder, host, boot, pid, process_started, expires_at)
VALUES (%(source)s, %(holder)s, %(host)s, %(boot)s, %(pid)s, %(process_started)s, now() + %(lasts)s)
ON CONFLICT (source) DO UPDATE
SET holder = EXCLUDED.holder, host = EXCLUDED.host, boot = EXCLUDED.boot, pid = EXCLUDED.pid,
    process_started = EXCLUDED.process_started, taken_at = now(), renewed_at = now(), expires_at = EXCLUDED.expires_at

-- name: raise_fence_of_former_holder
UPDATE wamon.cursors SET seq = seq + 1 WHERE source = %(source)s AND tail = 'main'

-- name: renew
UPDATE wamon.leases SET renewed_at = now(), expires_at = now() + %(lasts)s
WHERE source = %(source)s AND holder = %(holder)s
RETURNING expires_at

-- name: release
DELETE FROM wamon.leases WHERE source = %(source)s AND holder = %(holder)s
