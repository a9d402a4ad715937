-- name: queue
-- What a burst took is answered by its turn.
INSERT INTO wamon.replies (chat, message_id, about, kind, project, likely, sent_at, queued_at, changed_at, next_try_at)
SELECT k.chat, k.message_id, k.about, k.kind, k.project, k.likely, k.sent_at, %(now)s, %(now)s, %(now)s
FROM unnest(%(chats)s::int[], %(message_ids)s::text[], %(abouts)s::text[], %(kinds)s::text[], %(projects)s::text[],
            %(likelies)s::text[], %(sent_ats)s::timestamptz[])
     WITH ORDINALITY AS k(chat, message_id, about, kind, project, likely, sent_at, n)
WHERE NOT EXISTS (SELECT FROM wamon.sources AS s WHERE s.source = %(source)s AND k.sent_at < s.replies_from)
  AND NOT EXISTS (SELECT FROM wamon.conversation_messages AS m
                  WHERE m.chat = k.chat AND m.message_id = k.message_id AND m.seq IS NOT NULL)
ORDER BY k.n
ON CONFLICT DO NOTHING

-- name: first_tried
SELECT min(tried_at) FROM wamon.replies

-- name: said_between
-- In groups: one-to-one, where persons share a chat, our echoes are known by whom they went to.
SELECT r.chat, r.message_id, r.about, r.said_hash, r.reply_id, r.tried_at
FROM wamon.replies AS r
JOIN wamon.groups AS g USING (chat)
WHERE g.source = %(source)s AND g.kind = 'group' AND r.tried_at BETWEEN %(since)s AND %(until)s

-- name: seen
-- The bridge has stored our reply: nobody needs to wonder any more.
UPDATE wamon.replies SET reply_id = %(reply_id)s, state = CASE state WHEN 'unknown' THEN 'sent' ELSE state END,
       reason = CASE state WHEN 'unknown' THEN 'stands in the bridge''s store' ELSE reason END
WHERE chat = %(chat)s AND message_id = %(message_id)s AND about = %(about)s
  AND (state = 'unknown' OR (state = 'sending' AND reply_id IS NULL))
