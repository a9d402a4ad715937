-- name: keep
-- Each, and that it waits. A server that doesn't wait for its disk would have us say 200 too early. Without RETURNING, and so
-- numbered here: a role that may only insert can't read.
WITH new AS MATERIALIZED (
    SELECT nextval('wamon.deliveries_event_seq') AS event, uid, hook, source, body
    FROM unnest($1::text[]::uuid[], $2::text[], $3::text[], $4::bytea[]) AS new (uid, hook, source, body)
    CROSS JOIN set_config('synchronous_commit', 'on', true)
), queued AS (
    INSERT INTO wamon.delivery_queue (event, source, hook) SELECT event, source, hook FROM new
)
INSERT INTO wamon.deliveries (event, uid, hook, source, body, sha256) OVERRIDING SYSTEM VALUE
SELECT event, uid, hook, source, body, sha256(body) FROM new

-- name: keep_again
-- What may have been committed already. To look first costs as much as the rest.
SELECT wamon.keep_delivery(uid, hook, source, body)
FROM unnest($1::text[]::uuid[], $2::text[], $3::text[], $4::bytea[]) AS new (uid, hook, source, body)
CROSS JOIN set_config('synchronous_commit', 'on', true)

-- name: ring
INSERT INTO wamon.hook_rings AS r (hook, rang_at)
SELECT DISTINCT hook, clock_timestamp() FROM unnest($1::text[]) AS new (hook) ORDER BY hook
ON CONFLICT (hook) DO UPDATE SET rang_at = greatest(r.rang_at, excluded.rang_at)
