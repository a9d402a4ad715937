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
DELETE FROM wamon.turns
WHERE (conversation, fence) IN (
    SELECT conversation, fence FROM wamon.turns WHERE ended_at < now() - %(keep_row)s::interval LIMIT 5000
)

-- name: prune_transitions
DELETE FROM wamon.conversation_state_transitions
WHERE id = ANY(ARRAY(
    SELECT id FROM wamon.conversation_state_transitions WHERE created_at < now() - %(keep_row)s::interval LIMIT 5000
))
