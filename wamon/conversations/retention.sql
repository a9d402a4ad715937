-- name: prune_bodies
UPDATE wamon.conversation_messages AS m SET body = NULL
WHERE (m.chat, m.message_id) IN (
    SELECT w.chat, w.message_id FROM wamon.conversation_messages AS w
    JOIN wamon.conversations AS c USING (conversation)
    WHERE w.body IS NOT NULL AND w.seen_at < now() - %(keep_text)s::interval
      AND (w.seq IS NULL OR w.seq <= c.answered_seq)
    LIMIT 5000
)

-- name: prune_messages
DELETE FROM wamon.conversation_messages
WHERE (chat, message_id) IN (
    SELECT w.chat, w.message_id FROM wamon.conversation_messages AS w
    JOIN wamon.conversations AS c USING (conversation)
    WHERE w.seen_at < now() - %(keep_row)s::interval AND (w.seq IS NULL OR w.seq <= c.answered_seq)
    LIMIT 5000
)

-- name: prune_turns
-- What they count for goes on counting.
WITH gone AS (
    DELETE FROM wamon.turns
    WHERE (conversation, fence) IN (
        SELECT conversation, fence FROM wamon.turns WHERE ended_at < now() - %(keep_row)s::interval LIMIT 5000
    )
    RETURNING outcome, follow_up, missed
), counted AS (
    INSERT INTO wamon.conversation_counts AS c (name, n)
    SELECT 'turns ' || coalesce(outcome, 'lost'), count(*) FROM gone GROUP BY 1
    UNION ALL
    SELECT 'follow-ups', count(*) FROM gone WHERE follow_up HAVING count(*) > 0
    UNION ALL
    SELECT 'missed', sum(missed) FROM gone HAVING sum(missed) > 0
    ON CONFLICT (name) DO UPDATE SET n = c.n + EXCLUDED.n
)
SELECT FROM gone

-- name: prune_transitions
DELETE FROM wamon.conversation_state_transitions
WHERE id = ANY(ARRAY(
    SELECT id FROM wamon.conversation_state_transitions WHERE created_at < now() - %(keep_row)s::interval LIMIT 5000
))

-- name: prune_sessions
DELETE FROM wamon.agent_sessions
WHERE id = ANY(ARRAY(SELECT id FROM wamon.agent_sessions WHERE ended_at < now() - %(keep_row)s::interval LIMIT 5000))
