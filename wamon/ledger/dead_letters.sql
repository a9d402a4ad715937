-- name: park
WITH was AS (
    SELECT * FROM wamon.ledger_rows WHERE chat = %(chat)s AND message_id = %(message_id)s
), counted AS (
    UPDATE wamon.groups SET messages = messages + 1 WHERE chat = %(chat)s AND NOT EXISTS (SELECT FROM was)
), kept AS (
    INSERT INTO wamon.revisions (chat, message_id, revision, content_hash, text)
    SELECT chat, message_id, revision, content_hash, text FROM was WHERE content_hash <> %(content_hash)s
)
INSERT INTO wamon.ledger_rows AS l (chat, message_id, status, reason, rules, content_hash, sent_at, sender)
VALUES (%(chat)s, %(message_id)s, 'retry', %(reason)s, %(rules)s, %(content_hash)s, %(sent_at)s, %(sender)s)
ON CONFLICT (chat, message_id) DO UPDATE
SET status = 'retry', reason = EXCLUDED.reason, content_hash = EXCLUDED.content_hash,
    revision = l.revision + (l.content_hash <> EXCLUDED.content_hash)::int,
    text = CASE WHEN l.content_hash = EXCLUDED.content_hash THEN l.text END

-- name: park_letter
INSERT INTO wamon.dead_letters AS d (chat, message_id, reason, next_try_at, correlation_id)
VALUES (%(chat)s, %(message_id)s, %(reason)s, now() + make_interval(secs => (%(pauses_seconds)s::float8[])[1]),
        coalesce(%(correlation_id)s::uuid, gen_random_uuid()))
ON CONFLICT (chat, message_id) DO UPDATE
SET attempts = d.attempts + 1, reason = EXCLUDED.reason, failed_at = now(),
    next_try_at = now() + make_interval(secs => (%(pauses_seconds)s::float8[])[d.attempts + 1])  -- NULL beyond the last
RETURNING next_try_at IS NULL, attempts

-- name: bury
UPDATE wamon.ledger_rows SET status = 'dead' WHERE chat = %(chat)s AND message_id = %(message_id)s

-- name: give_up
UPDATE wamon.dead_letters SET next_try_at = NULL, reason = 'its row or its text has vanished from the store'
WHERE chat = %(chat)s AND message_id = %(message_id)s

-- name: letters
SELECT g.jid, g.project, d.message_id, l.status, d.reason, d.attempts, d.failed_at, d.next_try_at,
       d.correlation_id::text, l.sent_at, l.sender, l.content_hash, d.chat, d.given_up
FROM wamon.dead_letters AS d
JOIN wamon.ledger_rows AS l USING (chat, message_id)
JOIN wamon.groups AS g USING (chat)
WHERE g.source = %(source)s AND d.kind = 'message'
ORDER BY d.failed_at DESC, g.jid, d.message_id

-- name: of_events
-- Deliveries, and parts of deliveries, that couldn't be read or recorded.
SELECT g.jid, g.project, d.message_id, CASE WHEN q.event IS NULL THEN 'dead' ELSE 'retry' END, d.reason, d.attempts,
       d.failed_at, d.next_try_at, d.correlation_id::text, e.received_at, '', 0, d.chat, d.given_up
FROM wamon.dead_letters AS d
JOIN wamon.groups AS g USING (chat)
JOIN wamon.deliveries AS e ON e.event = substring(d.message_id FROM '^event:([0-9]+)')::bigint
LEFT JOIN wamon.delivery_queue AS q USING (event)
WHERE g.source = %(source)s AND d.kind = 'event'
ORDER BY d.failed_at DESC, d.message_id

-- name: of_turns
-- Bursts that were given up: no try at answering them succeeded.
SELECT g.jid, g.project, d.message_id, 'dead', d.reason, d.attempts, d.failed_at, d.next_try_at, d.correlation_id::text,
       NULL::timestamptz, '', 0, d.chat, d.given_up
FROM wamon.dead_letters AS d
JOIN wamon.groups AS g USING (chat)
WHERE g.source = %(source)s AND d.kind = 'turn'
ORDER BY d.failed_at DESC, d.message_id

-- name: discard_turn
DELETE FROM wamon.dead_letters WHERE kind = 'turn' AND message_id = ANY(%(letters)s)

-- name: due
SELECT g.jid, d.message_id, d.correlation_id::text
FROM wamon.dead_letters AS d
JOIN wamon.groups AS g USING (chat)
WHERE g.source = %(source)s AND g.enabled AND d.kind = 'message' AND d.next_try_at <= now()
ORDER BY d.next_try_at
LIMIT 500
