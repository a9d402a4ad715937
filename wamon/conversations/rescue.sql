-- name: forget_former
-- What other workers left behind is taken over now.
UPDATE wamon.conversations SET due_at = now()
WHERE source = %(source)s AND state = 'processing' AND held_by IS DISTINCT FROM %(me)s AND due_at > now()

-- name: waiting_at_start
SELECT c.conversation, p.hash, m.sent_at < now()
     - CASE c.kind WHEN 'direct' THEN %(direct_answer_within)s ELSE %(group_answer_within)s END::interval
FROM wamon.conversations AS c
LEFT JOIN wamon.people AS p USING (person)
CROSS JOIN LATERAL (
    SELECT max(coalesce(reopened_at, least(sent_at, seen_at))) AS sent_at FROM wamon.conversation_messages
    WHERE conversation = c.conversation AND seq > c.answered_seq
) AS m
WHERE c.source = %(source)s AND c.due_at <= now() AND c.last_seq > c.answered_seq
ORDER BY c.due_at

-- name: intake_waits
SELECT EXISTS (SELECT FROM wamon.delivery_queue WHERE source = %(source)s AND next_try_at <= now())

-- name: closed
-- The newest turn of each of these conversations that was given up, or came too late.
SELECT t.from_seq, t.through_seq
FROM wamon.turns AS t
WHERE t.conversation = %(conversation)s AND t.fence = %(fence)s AND t.outcome IN ('dead', 'stale')

-- name: reopen
SELECT wamon.reopen_turn(%(conversation)s, %(fence)s, %(late)s, now())

-- name: is_too_old
SELECT max(coalesce(m.reopened_at, least(m.sent_at, m.seen_at)))
     < now() - max(CASE c.kind WHEN 'direct' THEN %(direct_answer_within)s ELSE %(group_answer_within)s END::interval)
FROM wamon.conversation_messages AS m
JOIN wamon.conversations AS c USING (conversation)
WHERE m.conversation = %(conversation)s AND m.seq BETWEEN %(from_seq)s AND %(through_seq)s

-- name: closed_turns
SELECT t.conversation, t.fence
FROM wamon.turns AS t
JOIN wamon.conversations AS c USING (conversation)
WHERE %(conversation)s IN (c.conversation, c.merged_into) AND t.outcome IN ('dead', 'stale')
  AND NOT EXISTS (
      SELECT FROM wamon.turns AS l
      WHERE l.conversation = %(conversation)s AND l.ended_at > t.ended_at AND l.outcome IN ('answered', 'digest')
  )
ORDER BY t.ended_at
