-- name: joinable
-- The conversations of a person that is another's now, each with that one's in the same chat.
SELECT b.conversation, b.uid, a.conversation, a.uid
FROM wamon.conversations AS b
LEFT JOIN wamon.conversations AS a ON a.source = b.source AND a.chat = b.chat AND a.person = %(into)s AND a.state <> 'merged'
WHERE b.person = %(other)s AND b.state <> 'merged'
ORDER BY b.conversation

-- name: lock_both
SELECT c.conversation, c.state, c.last_seq, c.answered_seq, c.human_until
FROM wamon.conversations AS c WHERE c.conversation = ANY(%(conversations)s) ORDER BY c.conversation FOR UPDATE

-- name: hand_over
UPDATE wamon.conversations SET person = %(into)s WHERE conversation = %(conversation)s

-- name: move_pending
-- Behind those of the one that stays, in their order; how many.
WITH pending AS (
    SELECT m.chat, m.message_id, row_number() OVER (ORDER BY m.seq) AS n
    FROM wamon.conversation_messages AS m
    WHERE m.conversation = %(other)s AND m.seq > %(answered_seq)s
)
UPDATE wamon.conversation_messages AS m SET conversation = %(into)s, seq = %(last_seq)s + p.n
FROM pending AS p WHERE m.chat = p.chat AND m.message_id = p.message_id

-- name: move_known
UPDATE wamon.conversation_messages SET conversation = %(into)s WHERE conversation = %(other)s AND seq IS NULL

-- name: join
-- The table of a join: a is the one that stays, b the other, n what is pending there. All sides see the old row.
UPDATE wamon.conversations AS a
SET last_seq = a.last_seq + %(n)s::int,
    prev_in_at = CASE WHEN a.state = 'processing' THEN a.prev_in_at
                      ELSE greatest(CASE WHEN a.last_seq > a.answered_seq THEN a.prev_in_at ELSE a.last_in_at END,
                                    CASE WHEN b.last_seq > b.answered_seq THEN b.prev_in_at ELSE b.last_in_at END) END,
    prev_out_at = CASE WHEN a.state = 'processing' THEN a.prev_out_at
                       ELSE greatest(CASE WHEN a.last_seq > a.answered_seq THEN a.prev_out_at ELSE a.last_out_at END,
                                     CASE WHEN b.last_seq > b.answered_seq THEN b.prev_out_at ELSE b.last_out_at END) END,
    last_in_at = greatest(a.last_in_at, b.last_in_at),
    last_out_at = greatest(a.last_out_at, b.last_out_at),
    last_at = greatest(a.last_at, b.last_at),
    human_until = greatest(a.human_until, b.human_until),
    attempts = greatest(a.attempts, b.attempts),
    burst_at = CASE WHEN %(n)s = 0 THEN a.burst_at ELSE least(a.burst_at, b.burst_at) END,
    beyond_at = CASE WHEN a.state = 'processing' AND %(n)s > 0 THEN least(a.beyond_at, b.burst_at) ELSE a.beyond_at END,
    follow_up = CASE WHEN %(n)s = 0 THEN a.follow_up
                     WHEN a.state = 'processing' OR a.last_seq > a.answered_seq THEN a.follow_up AND b.follow_up
                     ELSE b.follow_up END,
    correlation_id = CASE WHEN %(n)s > 0 AND a.last_seq = a.answered_seq THEN b.correlation_id ELSE a.correlation_id END,
    state = CASE WHEN %(n)s = 0 OR a.state IN ('processing', 'human') THEN a.state
                 WHEN a.state = 'idle' THEN CASE b.state WHEN 'processing' THEN 'settling' ELSE b.state END
                 ELSE a.state END,
    due_at = CASE WHEN %(n)s = 0 OR a.state IN ('processing', 'human') THEN a.due_at
                  WHEN a.state = 'idle' THEN CASE b.state WHEN 'processing' THEN now() ELSE b.due_at END
                  ELSE least(a.due_at, CASE b.state WHEN 'processing' THEN now() ELSE b.due_at END) END
FROM wamon.conversations AS b
WHERE a.conversation = %(into)s AND b.conversation = %(other)s
RETURNING a.state, a.correlation_id

-- name: merge
UPDATE wamon.conversations
SET state = 'merged', merged_into = %(into)s, due_at = NULL, last_seq = answered_seq, fence = fence + 1, held_by = NULL
WHERE conversation = %(other)s

-- name: follow_merge
UPDATE wamon.conversations SET merged_into = %(into)s WHERE merged_into = %(other)s

-- name: end_joined
UPDATE wamon.turns SET outcome = 'joined', ended_at = now() WHERE conversation = %(other)s AND outcome IS NULL
