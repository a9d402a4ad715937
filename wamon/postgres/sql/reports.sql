-- name: drops
-- A kind is looked up where it is asked for or shown only: a whole ledger's would take seconds.
WITH found AS (
    SELECT s.project, s.drop_number,
           min(s.sent_at) AS first_seen_at,
           max(s.sent_at) AS last_seen_at,
           count(DISTINCT (g.jid, s.message_id)) AS submissions,
           (array_agg(s.sender ORDER BY s.sent_at, g.jid, s.message_id))[1] AS submitted_by,
           (array_agg(s.chat ORDER BY s.sent_at DESC, g.jid DESC, s.message_id DESC))[1] AS chat,
           (array_agg(s.message_id ORDER BY s.sent_at DESC, g.jid DESC, s.message_id DESC))[1] AS message_id,
           count(*) OVER () AS total
    FROM wamon.submission_rows AS s
    JOIN wamon.groups AS g USING (chat)
    WHERE s.live AND s.rejected = coalesce(%(kind)s::text = 'rejected', false)
      AND (%(project)s::text IS NULL OR s.project = %(project)s)
      AND (%(since)s::timestamptz IS NULL OR s.sent_at >= %(since)s)
      AND (%(until)s::timestamptz IS NULL OR s.sent_at < %(until)s)
      AND (coalesce(%(kind)s, 'rejected') = 'rejected' OR EXISTS (
          SELECT FROM wamon.submissions AS k
          WHERE k.chat = s.chat AND k.message_id = s.message_id AND k.drop_number = s.drop_number AND k.kind = %(kind)s
      ))
    GROUP BY s.project, s.drop_number
    ORDER BY last_seen_at DESC, s.project, s.drop_number
    LIMIT %(limit)s::bigint
)
SELECT f.project, f.drop_number, k.kind, f.first_seen_at, f.last_seen_at, f.submissions, f.submitted_by, f.total
FROM found AS f
JOIN wamon.submissions AS k USING (chat, message_id, drop_number)
ORDER BY f.last_seen_at DESC, f.project, f.drop_number

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
