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

-- name: recorded
SELECT n.sent_at, n.project, n.sender, n.written, n.reason, n.likely, n.source, n.chat_jid, n.message_id, n.chat
FROM wamon.near_misses AS n
WHERE n.live
  AND (%(project)s::text IS NULL OR n.project = %(project)s)
  AND (%(since)s::timestamptz IS NULL OR n.sent_at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR n.sent_at < %(until)s)
ORDER BY n.sent_at DESC, n.chat_jid, n.message_id, n.written

-- name: recorded_as
-- What was written in one of these ways, then what likely meant the number or has no likely number.
SELECT n.sent_at, n.project, n.sender, n.written, n.reason, n.likely, n.source, n.chat_jid, n.message_id, n.chat
FROM wamon.near_misses AS n
WHERE n.live
  AND (n.written = ANY(%(written)s) OR n.likely = %(number)s OR (n.likely IS NULL AND %(number)s::text IS NOT NULL))
ORDER BY n.written = ANY(%(written)s) DESC, n.sent_at DESC, n.chat_jid, n.message_id, n.written

-- name: recorded_once
-- As `recorded`, in the order in which they were sent; a message that several sources brought counts once.
SELECT DISTINCT ON (n.sent_at, n.chat_jid, n.message_id, n.written)
       n.sent_at, n.project, n.sender, n.written, n.reason, n.likely, n.source, n.chat_jid, n.message_id, n.chat
FROM wamon.near_misses AS n
WHERE n.live AND n.sent_at >= %(since)s AND n.sent_at < %(until)s
  AND (%(project)s::text IS NULL OR n.project = %(project)s)
ORDER BY n.sent_at, n.chat_jid, n.message_id, n.written
