-- name: due
-- Not beyond so many bytes, but one in any case.
SELECT event, uuid_send(uid), hook, received_at, sha256, body, received_at + %(patience)s::interval > now(),
       received_at + %(overtaking)s::interval > now()
FROM (
    SELECT *, sum(octet_length(body)) OVER (ORDER BY next_try_at, event) - octet_length(body) AS bytes_before
    FROM (
        SELECT *
        FROM wamon.webhook_events
        WHERE source = %(source)s AND state = 'new' AND next_try_at <= now() AND hook = ANY(%(hooks)s)
          AND event <> ALL(%(in_hand)s::bigint[])
        ORDER BY next_try_at, event
        LIMIT %(most)s
    ) AS earliest
) AS counted
WHERE bytes_before < %(most_bytes)s
ORDER BY event

-- name: taken_in
SELECT event, uuid_send(uid), hook, received_at, sha256, body, false, false
FROM wamon.webhook_events
WHERE source = %(source)s AND state = 'done' AND body IS NOT NULL AND messages > 0 AND hook = ANY(%(hooks)s)
  AND event > %(after)s
ORDER BY event
LIMIT %(most)s

-- name: lacking
-- Those of these messages that the ledger lacks.
SELECT k.message_id
FROM unnest(%(message_ids)s::text[]) AS k(message_id)
WHERE NOT EXISTS (SELECT FROM wamon.ledger_rows AS r WHERE r.chat = %(chat)s AND r.message_id = k.message_id)

-- name: lock
-- New ones, said so that they are found by their keys: the index of new ones holds all of a backlog.
SELECT event FROM wamon.webhook_events
WHERE event = ANY(%(events)s) AND state NOT IN ('done', 'dead')
FOR UPDATE SKIP LOCKED

-- name: hold
SELECT count(*)
FROM (
    SELECT FROM wamon.webhook_events
    WHERE event = ANY(%(events)s) AND state NOT IN ('done', 'dead')
    FOR UPDATE SKIP LOCKED
) AS held

-- name: twins
-- Of these deliveries without an id, those of which another with the same body became a message within three seconds.
-- One by one, by OFFSET, as in ledger_rows.sql.
SELECT e.event
FROM wamon.webhook_events AS e
WHERE e.event = ANY(%(events)s) AND EXISTS (
    SELECT FROM wamon.webhook_events AS o
    WHERE o.sha256 = e.sha256 AND o.hook = e.hook AND o.event <> e.event AND o.state = 'done' AND o.messages > 0
      AND o.received_at BETWEEN e.received_at - %(within)s::interval AND e.received_at + %(within)s::interval
    OFFSET 0
)

-- name: done
-- The same as the oldest with its body that ended before, else as the first of those that end with it.
UPDATE wamon.webhook_events AS e
SET state = 'done', ended_at = now(), messages = k.messages, reason = k.reason,
    same_as = coalesce((SELECT o.event FROM wamon.webhook_events AS o
                        WHERE o.sha256 = e.sha256 AND o.hook = e.hook AND o.state <> 'new'
                          AND (o.received_at, o.event) < (e.received_at, e.event)
                        ORDER BY o.received_at, o.event LIMIT 1), k.same_as)
FROM unnest(%(events)s::bigint[], %(messages)s::int[], %(reasons)s::text[], %(same_as)s::bigint[])
     AS k(event, messages, reason, same_as)
WHERE e.event = k.event
RETURNING e.hook, e.same_as IS NOT NULL

-- name: done_with_one
-- Of a message each that was new: none that ended before has its body. Those that aren't the same, of one statement. It
-- takes their locks, too.
WITH forgotten AS (
    DELETE FROM wamon.dead_letters
    WHERE chat = %(chat)s AND kind = 'event'
      AND substring(message_id FROM '^event:([0-9]+)')::bigint = ANY(%(events)s::bigint[])
)
UPDATE wamon.webhook_events
SET state = 'done', ended_at = now(), messages = 1, reason = NULL, same_as = NULL
WHERE event = ANY(%(events)s) AND state NOT IN ('done', 'dead')

-- name: forget
DELETE FROM wamon.webhook_events WHERE event = ANY(%(events)s)

-- name: wait
-- At least for some seconds, so that what waits for long holds nothing else up.
UPDATE wamon.webhook_events SET next_try_at = greatest(received_at + %(patience)s::interval, now() + interval '5 s')
WHERE event = ANY(%(events)s) AND state = 'new'

-- name: refuse
-- Tried again after these pauses, then dead.
UPDATE wamon.webhook_events
SET attempts = attempts + 1, reason = %(reason)s,
    state = CASE WHEN attempts + 1 > array_length(%(pauses_seconds)s::float8[], 1) THEN 'dead' ELSE 'new' END,
    ended_at = CASE WHEN attempts + 1 > array_length(%(pauses_seconds)s::float8[], 1) THEN now() END,
    next_try_at = now() + make_interval(secs => coalesce((%(pauses_seconds)s::float8[])[attempts + 1], 0))
WHERE event = %(event)s AND state = 'new'
RETURNING attempts, CASE WHEN state = 'new' THEN next_try_at END

-- name: put_letter
INSERT INTO wamon.dead_letters (chat, message_id, kind, reason, attempts, next_try_at, correlation_id)
VALUES (%(chat)s, %(message_id)s, 'event', %(reason)s, %(attempts)s, %(next_try_at)s, %(uid)s)
ON CONFLICT (chat, message_id) DO UPDATE
SET reason = EXCLUDED.reason, attempts = EXCLUDED.attempts, next_try_at = EXCLUDED.next_try_at, failed_at = now()

-- name: forget_letters
DELETE FROM wamon.dead_letters
WHERE chat = %(chat)s AND kind = 'event' AND split_part(message_id, '#', 1) = ANY(%(letters)s)

-- name: count
-- Its day begins where the door counts the first delivery of a day.
INSERT INTO wamon.hook_status AS s (hook, source, last_at, twins, duplicates)
SELECT k.hook, %(source)s, now(), k.twins, k.duplicates
FROM unnest(%(hooks)s::text[], %(twins)s::int[], %(duplicates)s::int[]) AS k(hook, twins, duplicates)
ORDER BY k.hook
ON CONFLICT (hook) DO UPDATE
SET twins = s.twins + EXCLUDED.twins, duplicates = s.duplicates + EXCLUDED.duplicates

-- name: keep_status
INSERT INTO wamon.hook_status (hook, source)
SELECT unnest(%(hooks)s::text[]), %(source)s
ON CONFLICT (hook) DO UPDATE SET source = EXCLUDED.source WHERE hook_status.source <> EXCLUDED.source

-- name: rang
SELECT max(rang_at) FROM wamon.hook_rings WHERE hook = ANY(%(hooks)s)

-- name: retry
-- Again from the beginning, by hand.
UPDATE wamon.webhook_events SET state = 'new', attempts = 0, next_try_at = now(), ended_at = NULL
WHERE event = ANY(%(events)s) AND source = %(source)s AND body IS NOT NULL
RETURNING event

-- name: since
SELECT event FROM wamon.webhook_events
WHERE source = %(source)s AND received_at >= %(since)s AND body IS NOT NULL AND state <> 'new'
ORDER BY event

-- name: discard_letter
DELETE FROM wamon.dead_letters WHERE chat = %(chat)s AND kind = 'event' AND message_id = %(letter)s

-- name: discard
-- Done, unless another part of it still waits for somebody.
UPDATE wamon.webhook_events AS e SET state = 'done', ended_at = now(), messages = coalesce(messages, 0), reason = 'discarded'
WHERE e.event = %(event)s AND e.source = %(source)s AND NOT EXISTS (
    SELECT FROM wamon.dead_letters AS d
    WHERE d.correlation_id = e.uid AND d.kind = 'event'
)

-- name: prune_bodies
UPDATE wamon.webhook_events SET body = NULL
WHERE event = ANY(ARRAY(
    SELECT event FROM wamon.webhook_events
    WHERE state <> 'new' AND body IS NOT NULL
      AND ended_at < now() - CASE WHEN state = 'dead' OR reason = 'parts' THEN %(keep_dead)s ELSE %(keep_body)s END::interval
    LIMIT 500
))

-- name: prune_rows
DELETE FROM wamon.webhook_events
WHERE event = ANY(ARRAY(
    SELECT event FROM wamon.webhook_events
    WHERE received_at < now() - %(keep_row)s::interval AND ended_at < now() - %(keep_row)s::interval AND body IS NULL
    LIMIT 5000
))

-- name: prune_letters
DELETE FROM wamon.dead_letters WHERE kind = 'event' AND failed_at < now() - %(keep_dead)s::interval AND next_try_at IS NULL

-- name: prune_heard
DELETE FROM wamon.hook_heard WHERE last_at < now() - %(keep_heard)s::interval
