-- name: lost_messages
-- Places that no message holds, but those of a reopened turn: its messages were moved to the end. The window goes by the
-- index, so that a million messages take no more memory than one. Of a conversation of over 80 days answered ones may be
-- pruned.
SELECT c.uid::text, NULL, h.first_seq, h.last_seq
FROM (
    SELECT conversation, lag(seq, 1, 0) OVER own + 1 AS first_seq, seq - 1 AS last_seq
    FROM wamon.conversation_messages
    WHERE seq IS NOT NULL
    WINDOW own AS (PARTITION BY conversation ORDER BY seq)
) AS h
JOIN wamon.conversations AS c USING (conversation)
WHERE h.first_seq <= h.last_seq AND c.source = ANY(%(sources)s)
  AND NOT (h.last_seq <= c.answered_seq AND c.created_at < now() - interval '80 days')
  AND h.last_seq - h.first_seq + 1 <> (
      SELECT coalesce(sum(t.through_seq - t.from_seq + 1), 0) FROM wamon.turns AS t
      WHERE t.conversation = c.conversation AND t.outcome = 'reopened' AND t.from_seq >= h.first_seq
        AND t.through_seq <= h.last_seq
  )
ORDER BY c.conversation, h.first_seq
LIMIT %(most)s

-- name: lost_last_messages
SELECT c.uid::text, NULL, coalesce(m.seq, 0) + 1, c.last_seq
FROM wamon.conversations AS c
LEFT JOIN LATERAL (
    SELECT seq FROM wamon.conversation_messages WHERE conversation = c.conversation AND seq IS NOT NULL
    ORDER BY seq DESC LIMIT 1
) AS m ON true
WHERE c.source = ANY(%(sources)s) AND coalesce(m.seq, 0) <> c.last_seq
  AND NOT (c.last_seq = c.answered_seq AND c.created_at < now() - interval '80 days')
  AND c.last_seq - coalesce(m.seq, 0) <> (
      SELECT coalesce(sum(t.through_seq - t.from_seq + 1), 0) FROM wamon.turns AS t
      WHERE t.conversation = c.conversation AND t.outcome = 'reopened' AND t.from_seq > coalesce(m.seq, 0)
  )
ORDER BY c.conversation
LIMIT %(most)s

-- name: misplaced_turns
-- Each finished turn begins where the one before it ended: so each answered message is in exactly one.
SELECT c.uid::text, NULL, t.from_seq, coalesce(t.before, 0) + 1
FROM (
    SELECT conversation, from_seq, lag(through_seq) OVER own AS before
    FROM wamon.turns
    WHERE outcome = ANY(%(closed)s)
    WINDOW own AS (PARTITION BY conversation ORDER BY fence)
) AS t
JOIN wamon.conversations AS c USING (conversation)
WHERE t.from_seq <> coalesce(t.before, 0) + 1 AND c.source = ANY(%(sources)s)
  AND NOT (t.before IS NULL AND c.created_at < now() - interval '80 days')
ORDER BY c.conversation, t.from_seq
LIMIT %(most)s

-- name: misplaced_ends
-- The last finished turn ends with the last answered message: so no other message is in one.
SELECT c.uid::text, NULL, c.answered_seq, coalesce(t.through_seq, 0)
FROM wamon.conversations AS c
LEFT JOIN LATERAL (
    SELECT through_seq FROM wamon.turns
    WHERE conversation = c.conversation AND outcome = ANY(%(closed)s)
    ORDER BY fence DESC LIMIT 1
) AS t ON true
WHERE c.source = ANY(%(sources)s) AND coalesce(t.through_seq, 0) <> c.answered_seq
  AND NOT (t.through_seq IS NULL AND c.created_at < now() - interval '80 days')
ORDER BY c.conversation
LIMIT %(most)s

-- name: second_answers
SELECT c.uid::text, NULL, r.before, r.through_seq
FROM (
    SELECT conversation, through_seq, fence, lag(through_seq) OVER own AS before, lag(fence) OVER own AS fence_before
    FROM wamon.replies
    WHERE conversation IS NOT NULL
    WINDOW own AS (PARTITION BY conversation ORDER BY through_seq)
) AS r
JOIN wamon.conversations AS c USING (conversation)
WHERE r.fence = r.fence_before AND c.source = ANY(%(sources)s)
ORDER BY c.conversation, r.through_seq
LIMIT %(most)s

-- name: misspent_tokens
-- What its sessions with the agent cost is what its turns did. Of a conversation of over 80 days some may be pruned.
SELECT c.uid::text, NULL, s.tokens, t.tokens
FROM (
    SELECT conversation_id, sum(total_tokens_used)::bigint AS tokens
    FROM wamon.agent_sessions
    GROUP BY conversation_id
) AS s
JOIN wamon.conversations AS c ON c.uid = s.conversation_id
CROSS JOIN LATERAL (
    SELECT coalesce(sum(tokens), 0)::bigint AS tokens FROM wamon.turns WHERE conversation = c.conversation
) AS t
WHERE s.tokens <> t.tokens AND c.source = ANY(%(sources)s) AND c.created_at >= now() - interval '80 days'
ORDER BY c.conversation
LIMIT %(most)s

-- name: both_kinds
SELECT c.uid::text, m.message_id, m.seq, m.seq
FROM wamon.replies AS r
JOIN wamon.conversation_messages AS m USING (chat, message_id)
JOIN wamon.conversations AS c ON c.conversation = m.conversation
WHERE r.conversation IS NULL AND m.seq IS NOT NULL AND c.source = ANY(%(sources)s)
ORDER BY c.conversation, m.seq
LIMIT %(most)s

-- name: turns
SELECT count(*)
FROM wamon.turns AS t JOIN wamon.conversations AS c USING (conversation)
WHERE t.outcome = ANY(%(closed)s) AND c.source = ANY(%(sources)s)
