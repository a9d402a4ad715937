-- name: drops
-- A kind is a place in the order of all of a drop's posts, as in the view submissions; one sort finds them all.
WITH posts AS (
    SELECT s.project, s.drop_number, s.sent_at, g.jid, s.message_id, s.sender,
           CASE
               WHEN s.rejected THEN 'rejected'
               WHEN rank() OVER (
                   PARTITION BY s.project, s.drop_number, s.rejected ORDER BY s.sent_at, g.jid, s.message_id
               ) = 1 THEN 'new'
               ELSE 'resubmission'
           END AS kind
    FROM wamon.submission_rows AS s
    JOIN wamon.groups AS g USING (chat)
    WHERE s.live AND (%(project)s::text IS NULL OR s.project = %(project)s)
)
SELECT project, drop_number,
       (array_agg(kind ORDER BY sent_at DESC, jid DESC, message_id DESC))[1] AS kind,
       min(sent_at) AS first_seen_at,
       max(sent_at) AS last_seen_at,
       count(DISTINCT (jid, message_id)) AS submissions,
       (array_agg(sender ORDER BY sent_at, jid, message_id))[1] AS submitted_by,
       count(*) OVER () AS total
FROM posts
WHERE (%(since)s::timestamptz IS NULL OR sent_at >= %(since)s)
  AND (%(until)s::timestamptz IS NULL OR sent_at < %(until)s)
  AND CASE WHEN %(kind)s::text IS NULL THEN kind <> 'rejected' ELSE kind = %(kind)s END
GROUP BY project, drop_number
ORDER BY last_seen_at DESC, project, drop_number
LIMIT %(limit)s::bigint

-- name: projects
SELECT project FROM wamon.groups UNION SELECT DISTINCT project FROM wamon.submission_rows ORDER BY project

-- name: near
SELECT DISTINCT drop_number
FROM wamon.submission_rows
WHERE drop_number LIKE ANY(%(patterns)s) AND drop_number <> %(number)s
ORDER BY drop_number
LIMIT 5

-- name: submissions
SELECT s.project, s.source, g.project, s.chat_jid, s.chat, s.message_id, s.sent_at, s.sender, s.kind, s.live, l.gone_at
FROM wamon.submissions AS s
JOIN wamon.groups AS g USING (chat)
LEFT JOIN wamon.ledger_rows AS l USING (chat, message_id)
WHERE s.drop_number = %(number)s
ORDER BY s.project, s.sent_at, s.chat_jid, s.message_id, s.source

-- name: texts
SELECT t.chat, t.message_id, t.revision, t.text, t.replaced_at
FROM unnest(%(chats)s::int[], %(message_ids)s::text[]) AS k(chat, message_id)
CROSS JOIN LATERAL (
    SELECT r.chat, r.message_id, r.revision, r.text, r.replaced_at
    FROM wamon.revisions AS r
    WHERE r.chat = k.chat AND r.message_id = k.message_id
    UNION ALL
    SELECT l.chat, l.message_id, l.revision, l.text, NULL
    FROM wamon.ledger_rows AS l
    WHERE l.chat = k.chat AND l.message_id = k.message_id
) AS t
ORDER BY t.chat, t.message_id, t.revision

-- name: review_table
SELECT to_regclass(%(table)s) IS NOT NULL
