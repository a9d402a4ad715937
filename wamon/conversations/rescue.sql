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
SELECT EXISTS (SELECT FROM wamon.webhook_events WHERE source = %(source)s AND state = 'new' AND next_try_at <= now())

-- name: closed
-- The newest turn of each of these conversations that was given up, or came too late.
SELECT t.conversation, t.fence, t.from_seq, t.through_seq, t.outcome
FROM wamon.turns AS t
WHERE t.conversation = %(conversation)s AND t.fence = %(fence)s AND t.outcome IN ('dead', 'stale')

-- name: live_one
-- Where a conversation's messages go now.
SELECT coalesce(merged_into, conversation) FROM wamon.conversations WHERE conversation = %(conversation)s

-- name: lock_one
SELECT uid, chat, state, last_seq, answered_seq, correlation_id
FROM wamon.conversations WHERE conversation = %(conversation)s FOR UPDATE

-- name: reopen_messages
WITH again AS (
    SELECT m.chat, m.message_id, row_number() OVER (ORDER BY m.sent_at, m.seq) AS n
    FROM wamon.conversation_messages AS m
    WHERE m.conversation = %(conversation)s AND m.seq BETWEEN %(from_seq)s AND %(through_seq)s
)
UPDATE wamon.conversation_messages AS m
SET conversation = %(into)s, seq = %(last_seq)s + a.n, reopened_at = CASE WHEN %(late)s THEN now() END
FROM again AS a WHERE m.chat = a.chat AND m.message_id = a.message_id

-- name: reopen
UPDATE wamon.conversations AS c
SET last_seq = c.last_seq + %(n)s,
    burst_at = CASE WHEN c.last_seq = c.answered_seq THEN now() ELSE c.burst_at END,
    prev_in_at = CASE WHEN c.last_seq = c.answered_seq THEN c.last_in_at ELSE c.prev_in_at END,
    prev_out_at = CASE WHEN c.last_seq = c.answered_seq THEN c.last_out_at ELSE c.prev_out_at END,
    follow_up = CASE WHEN c.last_seq = c.answered_seq THEN false ELSE c.follow_up END,
    beyond_at = CASE WHEN c.state = 'processing' AND c.last_seq = c.claimed_seq THEN now() ELSE c.beyond_at END,
    last_at = now(),
    state = CASE c.state WHEN 'idle' THEN 'settling' ELSE c.state END,
    due_at = CASE WHEN c.state IN ('processing', 'human') THEN c.due_at ELSE now() END
WHERE c.conversation = %(conversation)s
RETURNING c.state

-- name: mark_reopened
UPDATE wamon.turns SET outcome = 'reopened' WHERE conversation = %(conversation)s AND fence = %(fence)s

-- name: forget_letter
DELETE FROM wamon.dead_letters WHERE kind = 'turn' AND message_id = %(letter)s

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
