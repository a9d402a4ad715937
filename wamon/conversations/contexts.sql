-- name: read
SELECT context_data FROM wamon.agent_contexts WHERE conversation_id = %(uid)s AND agent_type = 'main'

-- name: lock
SELECT context_data FROM wamon.agent_contexts WHERE conversation_id = %(uid)s AND agent_type = 'main' FOR UPDATE

-- name: write
INSERT INTO wamon.agent_contexts AS a (conversation_id, context_data, token_count, messages_count)
VALUES (%(uid)s, %(entries)s::jsonb, %(tokens)s, %(messages)s)
ON CONFLICT (conversation_id, agent_type) DO UPDATE
SET context_data = EXCLUDED.context_data, token_count = EXCLUDED.token_count, messages_count = EXCLUDED.messages_count,
    updated_at = now()

-- name: merge
-- Two of one time stand in their order: a burst and its answer have one.
WITH other AS (
    DELETE FROM wamon.agent_contexts WHERE conversation_id = %(other)s
    RETURNING agent_type, context_data, token_count, messages_count
)
INSERT INTO wamon.agent_contexts AS a (conversation_id, agent_type, context_data, token_count, messages_count)
SELECT %(into)s, agent_type, context_data, token_count, messages_count FROM other
ON CONFLICT (conversation_id, agent_type) DO UPDATE
SET context_data = (
        SELECT coalesce(jsonb_agg(k.entry ORDER BY (k.entry ->> 'at')::timestamptz, k.place), '[]')
        FROM jsonb_array_elements(a.context_data || EXCLUDED.context_data) WITH ORDINALITY AS k(entry, place)
    ),
    token_count = a.token_count + EXCLUDED.token_count, messages_count = a.messages_count + EXCLUDED.messages_count,
    updated_at = now()
