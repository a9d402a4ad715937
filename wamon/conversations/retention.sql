-- name: prune_bodies
UPDATE wamon.conversation_messages AS m SET body = NULL
WHERE (m.chat, m.message_id) IN (
    SELECT w.chat, w.message_id FROM wamon.conversation_messages AS w
    JOIN wamon.conversations AS c USING (conversation)
    WHERE w.body IS NOT NULL AND w.seen_at < now() - %(keep_text)s::interval
      AND (w.seq IS NULL OR w.seq <= c.answered_seq)
    LIMIT 5000
)

-- name: prune_contexts
-- Both entries of a pair have one time. Locked first: a turn may be adding to it.
WITH old AS (
    SELECT id, context_data FROM wamon.agent_contexts
    WHERE messages_count > 0 AND (context_data -> 0 ->> 'at')::timestamptz < now() - %(keep_text)s::interval
    LIMIT 500
    FOR UPDATE SKIP LOCKED
)
UPDATE wamon.agent_contexts AS a
SET context_data = k.data, token_count = k.tokens, messages_count = jsonb_array_length(k.data), updated_at = now()
FROM (
    SELECT o.id, coalesce(jsonb_agg(e.entry ORDER BY e.place) FILTER (WHERE e.is_young), '[]') AS data,
           coalesce(sum((e.entry ->> 'tokens')::int) FILTER (WHERE e.is_young), 0) AS tokens
    FROM old AS o
    CROSS JOIN LATERAL (
        SELECT j.entry, j.place, (j.entry ->> 'at')::timestamptz >= now() - %(keep_text)s::interval AS is_young
        FROM jsonb_array_elements(o.context_data) WITH ORDINALITY AS j(entry, place)
    ) AS e
    GROUP BY o.id
) AS k
WHERE a.id = k.id

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
