-- name: pulse
-- What moves whenever something that a page shows has changed.
SELECT (SELECT sum(seq) FROM wamon.cursors), (SELECT max(published_at) FROM wamon.source_status),
       (SELECT max(changed_at) FROM wamon.group_status)

-- name: pulse_of_hooks
SELECT sum(stored), sum(refused), sum(tests), max(last_at), (SELECT max(published_at) FROM wamon.source_status)
FROM wamon.hook_status

-- name: pulse_of_conversations
SELECT (SELECT max(id) FROM wamon.conversation_state_transitions),
       (SELECT max(last_at) FROM wamon.conversations WHERE due_at IS NOT NULL),
       (SELECT max(published_at) FROM wamon.source_status)
