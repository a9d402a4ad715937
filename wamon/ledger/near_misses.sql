-- name: retract
UPDATE wamon.near_miss_rows AS n SET live = false
FROM unnest(%(chats)s::int[], %(message_ids)s::text[]) AS k(chat, message_id)
WHERE n.chat = k.chat AND n.message_id = k.message_id

-- name: keep
INSERT INTO wamon.near_miss_rows (chat, message_id, written, reason, likely, project, sent_at, sender)
SELECT DISTINCT ON (chat, message_id, written) *
FROM unnest(%(chats)s::int[], %(message_ids)s::text[], %(written)s::text[], %(reasons)s::text[], %(likely)s::text[],
            %(projects)s::text[], %(sent_ats)s::timestamptz[], %(senders)s::text[])
     AS k(chat, message_id, written, reason, likely, project, sent_at, sender)
ORDER BY chat, message_id, written
ON CONFLICT (chat, message_id, written) DO UPDATE
SET live = true, reason = EXCLUDED.reason, likely = EXCLUDED.likely
RETURNING chat, xmax = 0
