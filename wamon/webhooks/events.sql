-- name: in_order
-- A backlog is read in the order of its index. The planner knows nothing of one that has just come, and would sort all of
-- it for each page.
SELECT set_config('enable_bitmapscan', 'off', true), set_config('enable_seqscan', 'off', true)

-- name: due
-- In any order, not beyond so many bytes, but one in any case. They are looked up one by one, as `OFFSET 0` has it: few of
-- all that are kept wait.
SELECT event, uuid_send(uid), hook, received_at, sha256, body, received_at + %(patience)s::interval > now(),
       received_at + %(overtaking)s::interval > now()
FROM (
    SELECT d.*, sum(octet_length(d.body)) OVER (ORDER BY k.next_try_at, k.event) - octet_length(d.body) AS bytes_before
    FROM (
        SELECT next_try_at, event
        FROM wamon.delivery_queue
        WHERE source = %(source)s AND next_try_at <= now() AND hook = ANY(%(hooks)s)
          AND event <> ALL(%(in_hand)s::bigint[])
        ORDER BY next_try_at, event
        LIMIT %(most)s
    ) AS k
    CROSS JOIN LATERAL (SELECT * FROM wamon.deliveries AS d WHERE d.event = k.event OFFSET 0) AS d
) AS counted
WHERE bytes_before < %(most_bytes)s

-- name: taken_in
SELECT d.event, uuid_send(d.uid), d.hook, d.received_at, d.sha256, d.body, false, false
FROM wamon.deliveries AS d
JOIN wamon.delivery_ends AS e USING (event)
WHERE d.source = %(source)s AND e.state = 'done' AND d.body IS NOT NULL AND e.messages > 0 AND d.hook = ANY(%(hooks)s)
  AND d.event > %(after)s
ORDER BY d.event
LIMIT %(most)s

-- name: lacking
-- Those of these messages that the ledger lacks.
SELECT k.message_id
FROM unnest(%(message_ids)s::text[]) AS k(message_id)
WHERE NOT EXISTS (SELECT FROM wamon.ledger_rows AS r WHERE r.chat = %(chat)s AND r.message_id = k.message_id)

-- name: lock
SELECT event FROM wamon.delivery_queue WHERE event = ANY(%(events)s) FOR UPDATE SKIP LOCKED

-- name: hold
SELECT count(*)
FROM (SELECT FROM wamon.delivery_queue WHERE event = ANY(%(events)s) FOR UPDATE SKIP LOCKED) AS held

-- name: twins
-- Of these deliveries without an id, those of which another with the same body became a message within three seconds.
-- One by one, by OFFSET, as in ledger_rows.sql.
SELECT e.event
FROM wamon.deliveries AS e
WHERE e.event = ANY(%(events)s) AND EXISTS (
    SELECT FROM wamon.deliveries AS o
    WHERE o.sha256 = e.sha256 AND o.hook = e.hook AND o.event <> e.event
      AND o.received_at BETWEEN e.received_at - %(within)s::interval AND e.received_at + %(within)s::interval
      AND EXISTS (SELECT FROM wamon.delivery_ends AS k WHERE k.event = o.event AND k.state = 'done' AND k.messages > 0 OFFSET 0)
    OFFSET 0
)

-- name: done
-- The same as the oldest with its body that ended before, else as the first of those that end with it.
WITH found AS (
    SELECT k.event, d.hook, k.messages, k.reason, coalesce((
        SELECT o.event FROM wamon.deliveries AS o
        WHERE o.sha256 = d.sha256 AND o.hook = d.hook AND (o.received_at, o.event) < (d.received_at, d.event)
          AND EXISTS (SELECT FROM wamon.delivery_ends AS e WHERE e.event = o.event OFFSET 0)
        ORDER BY o.received_at, o.event LIMIT 1
    ), k.same_as) AS same_as
    FROM unnest(%(events)s::bigint[], %(messages)s::int[], %(reasons)s::text[], %(same_as)s::bigint[])
         AS k(event, messages, reason, same_as)
    JOIN wamon.deliveries AS d USING (event)
), gone AS (
    DELETE FROM wamon.delivery_queue WHERE event = ANY(%(events)s)
), ended AS (
    INSERT INTO wamon.delivery_ends (event, state, messages, reason, same_as)
    SELECT event, 'done', messages, reason, same_as FROM found
)
SELECT hook, same_as IS NOT NULL FROM found

-- name: done_with_one
-- Of a message each that was new: none that ended before has its body. Those that aren't the same, of one statement. It
-- takes their locks, too.
WITH forgotten AS (
    DELETE FROM wamon.dead_letters
    WHERE chat = %(chat)s AND kind = 'event'
      AND substring(message_id FROM '^event:([0-9]+)')::bigint = ANY(%(events)s::bigint[])
), gone AS (
    DELETE FROM wamon.delivery_queue WHERE event = ANY(%(events)s) RETURNING event
)
INSERT INTO wamon.delivery_ends (event, state, messages) SELECT event, 'done', 1 FROM gone

-- name: forget
WITH gone AS (DELETE FROM wamon.delivery_queue WHERE event = ANY(%(events)s))
DELETE FROM wamon.deliveries WHERE event = ANY(%(events)s)

-- name: wait
-- At least for some seconds, so that what waits for long holds nothing else up.
UPDATE wamon.delivery_queue SET next_try_at = greatest(received_at + %(patience)s::interval, now() + interval '5 s')
WHERE event = ANY(%(events)s)

-- name: refuse
-- Tried again after these pauses, then dead.
WITH tried AS (
    SELECT event, attempts + 1 AS attempts, (%(pauses_seconds)s::float8[])[attempts + 1] AS pause_seconds
    FROM wamon.delivery_queue WHERE event = %(event)s FOR UPDATE
), waits AS (
    UPDATE wamon.delivery_queue AS q
    SET attempts = t.attempts, reason = %(reason)s, next_try_at = now() + make_interval(secs => t.pause_seconds)
    FROM tried AS t
    WHERE q.event = t.event AND t.pause_seconds IS NOT NULL
    RETURNING q.next_try_at
), gone AS (
    DELETE FROM wamon.delivery_queue AS q USING tried AS t WHERE q.event = t.event AND t.pause_seconds IS NULL
), dead AS (
    INSERT INTO wamon.delivery_ends (event, state, reason)
    SELECT event, 'dead', %(reason)s FROM tried WHERE pause_seconds IS NULL
)
SELECT t.attempts, w.next_try_at FROM tried AS t LEFT JOIN waits AS w ON true

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
SELECT wamon.take_in_again(ARRAY(
    SELECT event FROM wamon.deliveries WHERE event = ANY(%(events)s) AND source = %(source)s
), now())

-- name: since
SELECT d.event
FROM wamon.deliveries AS d
JOIN wamon.delivery_ends AS e USING (event)
WHERE d.source = %(source)s AND d.received_at >= %(since)s AND d.body IS NOT NULL
ORDER BY d.event

-- name: discard_letter
DELETE FROM wamon.dead_letters WHERE chat = %(chat)s AND kind = 'event' AND message_id = %(letter)s

-- name: discard
SELECT wamon.give_up_delivery(event) FROM wamon.deliveries WHERE event = %(event)s AND source = %(source)s

-- name: prune_bodies
WITH old AS (
    UPDATE wamon.delivery_ends SET keeps_body = false
    WHERE event = ANY(ARRAY(
        SELECT event FROM wamon.delivery_ends
        WHERE keeps_body AND ended_at < now() - least(%(keep_dead)s::interval, %(keep_body)s::interval)
          AND ended_at < now() - CASE WHEN state = 'dead' OR reason = 'parts' THEN %(keep_dead)s ELSE %(keep_body)s END::interval
        LIMIT 500
    ))
    RETURNING event
)
UPDATE wamon.deliveries SET body = NULL WHERE event = ANY(ARRAY(SELECT event FROM old))

-- name: prune_rows
WITH old AS (
    DELETE FROM wamon.deliveries
    WHERE event = ANY(ARRAY(
        SELECT d.event
        FROM wamon.deliveries AS d
        JOIN wamon.delivery_ends AS e USING (event)
        WHERE d.received_at < now() - %(keep_row)s::interval AND e.ended_at < now() - %(keep_row)s::interval
          AND NOT e.keeps_body
        LIMIT 5000
    ))
    RETURNING event
)
DELETE FROM wamon.delivery_ends WHERE event = ANY(ARRAY(SELECT event FROM old))

-- name: prune_letters
DELETE FROM wamon.dead_letters WHERE kind = 'event' AND failed_at < now() - %(keep_dead)s::interval AND next_try_at IS NULL

-- name: prune_heard
DELETE FROM wamon.hook_heard WHERE last_at < now() - %(keep_heard)s::interval
