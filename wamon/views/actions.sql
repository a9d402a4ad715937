-- name: dead_letter
-- What an action is about: where it is, and what it is. No row: it isn't there, or nothing is left to do.
SELECT g.project, d.message_id
FROM wamon.dead_letters AS d
JOIN wamon.groups AS g USING (chat)
WHERE d.chat || ' ' || d.message_id = %(key)s AND NOT d.given_up AND d.kind = 'message'

-- name: event_letter
SELECT e.hook, d.message_id
FROM wamon.dead_letters AS d
JOIN wamon.deliveries AS e ON e.uid = d.correlation_id
WHERE d.chat || ' ' || d.message_id = %(key)s AND d.kind = 'event' AND e.body IS NOT NULL

-- name: turn_letter
-- A burst that was given up, and whose it is.
SELECT CASE c.kind WHEN 'group' THEN g.project ELSE c.source END, p.hash
FROM wamon.dead_letters AS d
JOIN wamon.groups AS g USING (chat)
JOIN wamon.conversations AS c ON c.conversation = substring(d.message_id FROM '^turn:([0-9]+):')::bigint
JOIN wamon.people AS p USING (person)
WHERE d.chat || ' ' || d.message_id = %(key)s AND d.kind = 'turn'

-- name: unknown_reply
SELECT coalesce(nullif(r.project, ''), g.source), coalesce(p.hash, r.about)
FROM wamon.replies AS r
JOIN wamon.groups AS g USING (chat)
LEFT JOIN wamon.conversations AS c USING (conversation)
LEFT JOIN wamon.people AS p USING (person)
WHERE r.reply = CASE WHEN %(key)s ~ '^[0-9]{1,18}$' THEN %(key)s::bigint END AND r.state = 'unknown'

-- name: reply
SELECT r.project, r.about
FROM wamon.replies AS r
WHERE r.state IN ('unknown', 'failed') AND r.chat || ' ' || r.message_id || ' ' || r.about = %(key)s

-- name: near_miss
SELECT m.project, m.written
FROM wamon.near_miss_rows AS m
WHERE m.chat = CASE WHEN %(key)s ~ '^[0-9]{1,9} ' THEN split_part(%(key)s, ' ', 1)::int END AND m.live
  AND m.chat || ' ' || m.message_id || ' ' || m.written = %(key)s

-- name: rejected_post
SELECT s.project, s.drop_number
FROM wamon.groups AS g
JOIN wamon.submission_rows AS s USING (chat)
WHERE g.jid = split_part(%(key)s, ' ', 1) AND s.live AND s.rejected
  AND g.jid || ' ' || s.message_id || ' ' || s.drop_number = %(key)s
LIMIT 1

-- name: conversation
-- One of whose bursts nobody answered, also since.
SELECT CASE c.kind WHEN 'group' THEN g.project ELSE c.source END, p.hash
FROM wamon.conversations AS c
JOIN wamon.groups AS g USING (chat)
JOIN wamon.people AS p USING (person)
WHERE c.uid = CASE WHEN %(key)s ~ '^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$' THEN %(key)s::uuid END
  AND EXISTS (
      SELECT FROM wamon.turns AS t
      JOIN wamon.conversations AS o ON o.conversation = t.conversation
      WHERE c.conversation IN (o.conversation, o.merged_into) AND t.outcome IN ('stale', 'dead')
        AND NOT EXISTS (
            SELECT FROM wamon.turns AS l
            WHERE l.conversation = c.conversation AND l.ended_at > t.ended_at AND l.outcome IN ('answered', 'digest')
        )
  )

-- name: conversation_of
SELECT conversation FROM wamon.conversations WHERE uid = %(key)s::uuid

-- name: source
SELECT source, '' FROM wamon.sources WHERE source = %(key)s

-- name: try_again
UPDATE wamon.dead_letters SET next_try_at = now() WHERE chat || ' ' || message_id = %(key)s

-- name: give_up
UPDATE wamon.dead_letters SET given_up = true WHERE chat || ' ' || message_id = %(key)s

-- name: take_in_again
-- As `wamon dead retry`: again from the beginning.
SELECT wamon.take_in_again(ARRAY(
    SELECT e.event
    FROM wamon.dead_letters AS d
    JOIN wamon.deliveries AS e ON e.uid = d.correlation_id
    WHERE d.chat || ' ' || d.message_id = %(key)s AND d.kind = 'event'
), now())

-- name: give_up_event
-- As `wamon dead discard`: the delivery is done, unless another part of it still waits for somebody.
WITH given_up AS (
    DELETE FROM wamon.dead_letters WHERE chat || ' ' || message_id = %(key)s AND kind = 'event'
    RETURNING correlation_id
)
SELECT wamon.give_up_delivery(e.event) FROM given_up AS g JOIN wamon.deliveries AS e ON e.uid = g.correlation_id

-- name: note
INSERT INTO wamon.actions (who, what, key, reason, form)
VALUES (%(who)s, %(what)s, %(key)s, %(reason)s, %(form)s)
ON CONFLICT (form) DO NOTHING
RETURNING action

-- name: last
SELECT at, who, what, key, reason FROM wamon.actions ORDER BY action DESC LIMIT %(most)s

-- name: done
SELECT key FROM wamon.actions WHERE what = ANY(%(whats)s) AND at >= %(since)s
