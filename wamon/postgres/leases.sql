-- name: lock
SELECT pg_advisory_xact_lock(hashtextextended('wamon lease ' || %(source)s, 0))

-- name: holder
-- One that ends implausibly far ahead was renewed before the database's clock was set back.
SELECT host, boot, pid, process_started, expires_at <= now() OR expires_at > now() + 2 * %(lasts)s::interval
FROM wamon.leases WHERE source = %(source)s

-- name: take
INSERT INTO wamon.leases (source, holder, host, boot, pid, process_started, expires_at)
VALUES (%(source)s, %(holder)s, %(host)s, %(boot)s, %(pid)s, %(process_started)s, now() + %(lasts)s)
ON CONFLICT (source) DO UPDATE
SET holder = EXCLUDED.holder, host = EXCLUDED.host, boot = EXCLUDED.boot, pid = EXCLUDED.pid,
    process_started = EXCLUDED.process_started, taken_at = now(), renewed_at = now(), expires_at = EXCLUDED.expires_at
RETURNING renewed_at

-- name: raise_fence_of_former_holder
UPDATE wamon.cursors SET seq = seq + 1, token = gen_random_uuid() WHERE source = %(source)s AND tail = 'main'

-- name: renew
UPDATE wamon.leases SET renewed_at = now(), expires_at = now() + %(lasts)s
WHERE source = %(source)s AND holder = %(holder)s
RETURNING renewed_at

-- name: was_taken
-- Whether another took the lease since then. One that is older, or none, is what a restored backup holds.
SELECT EXISTS (SELECT FROM wamon.leases WHERE source = %(source)s AND taken_at > %(since)s)

-- name: is_held_by
SELECT EXISTS (SELECT FROM wamon.leases WHERE source = %(source)s AND holder::text = %(holder)s AND expires_at > now())

-- name: release
DELETE FROM wamon.leases WHERE source = %(source)s AND holder = %(holder)s
