-- name: messages
SELECT EXISTS (SELECT FROM wamon.ledger_rows WHERE message_id = %(text)s)
    OR EXISTS (SELECT FROM wamon.dead_letters WHERE correlation_id::text = lower(%(text)s))

-- name: groups
SELECT chat, project FROM wamon.groups
WHERE enabled AND kind = 'group' AND (jid = %(text)s OR strpos(lower(project), lower(%(text)s)) > 0)
ORDER BY lower(project) <> lower(%(text)s), project, jid
LIMIT 20

-- name: person_key
SELECT person_key FROM wamon.instance

-- name: phones
SELECT DISTINCT phone_hashes[1], shown FROM wamon.people_shown WHERE phone_hashes @> ARRAY[%(hashed)s::text] LIMIT 20

-- name: names
SELECT DISTINCT phone_hashes[1], shown FROM wamon.people_shown
WHERE strpos(lower(shown), lower(%(text)s)) > 0 AND phone_hashes[1] IS NOT NULL
ORDER BY shown
LIMIT 20

-- name: posts_of
-- The posts of those who have this number, the newest first.
SELECT s.chat, s.project, s.chat_jid, s.drop_number, s.kind, s.sent_at, l.seen_at, s.message_id, p.shown
FROM wamon.people_shown AS p
JOIN wamon.submissions AS s ON s.source = p.source AND s.sender = p.sender
LEFT JOIN wamon.ledger_rows AS l USING (chat, message_id)
WHERE p.phone_hashes @> ARRAY[%(hashed)s::text] AND s.live AND s.sent_at >= now() - interval '90 days'
  AND (%(chat)s::int IS NULL OR (s.sent_at, s.message_id, s.drop_number, s.chat) < (
      SELECT a.sent_at, a.message_id, a.drop_number, a.chat
      FROM wamon.submission_rows AS a
      WHERE a.chat = %(chat)s AND a.drop_number = %(number)s AND a.message_id = %(message_id)s
  ))
ORDER BY s.sent_at DESC, s.message_id DESC, s.drop_number DESC, s.chat DESC
LIMIT %(most)s
