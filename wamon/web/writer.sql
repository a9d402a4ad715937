-- name: keep
-- A server that doesn't wait for its disk would have us say 200 too early. Without RETURNING: a role that may only insert
-- can't read.
INSERT INTO wamon.webhook_events (uid, hook, source, body, sha256)
SELECT uid, hook, source, body, sha256(body)
FROM unnest($1::text[]::uuid[], $2::text[], $3::text[], $4::bytea[]) AS new (uid, hook, source, body)
CROSS JOIN set_config('synchronous_commit', 'on', true)

-- name: keep_again after keep
-- What may have been committed already. To look first costs half as much as the rest, and a target would want to be read.
ON CONFLICT DO NOTHING

-- name: ring
INSERT INTO wamon.hook_rings AS r (hook, rang_at)
SELECT DISTINCT hook, clock_timestamp() FROM unnest($1::text[]) AS new (hook) ORDER BY hook
ON CONFLICT (hook) DO UPDATE SET rang_at = greatest(r.rang_at, excluded.rang_at)
