-- name: orphans
-- In `processing`, due_at is the lease's end: its worker is gone, and nobody took over.
SELECT conversation, source, person
FROM wamon.conversations
WHERE due_at < now() - interval '60 seconds' AND last_seq > answered_seq
ORDER BY due_at, conversation

-- name: make_due
WITH found AS (
    SELECT conversation, due_at
    FROM wamon.conversations
    WHERE due_at < now() - interval '60 seconds' AND last_seq > answered_seq
    ORDER BY conversation
    FOR UPDATE SKIP LOCKED
), made AS (
    UPDATE wamon.conversations AS c SET due_at = now()
    FROM found
    WHERE c.conversation = found.conversation
    RETURNING c.conversation, c.source, c.person, found.due_at AS was_due_at
)
SELECT conversation, source, person FROM made ORDER BY was_due_at, conversation

-- name: settling
SELECT conversation, source, person
FROM wamon.conversations
WHERE due_at IS NOT NULL AND state = 'settling'
ORDER BY due_at, conversation

-- name: clean_up_stuck
SELECT wamon.cleanup_stuck_webhook_conversations()
