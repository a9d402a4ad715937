-- name: look_up
SELECT EXISTS (SELECT FROM wamon.allow_lists AS l WHERE l.project = k.project),
       EXISTS (SELECT FROM wamon.allowed_numbers AS a WHERE a.project = k.project AND a.drop_number = k.drop_number)
FROM unnest(%(projects)s::text[], %(drops)s::text[]) WITH ORDINALITY AS k(project, drop_number, n)
ORDER BY k.n

-- name: waiting
SELECT s.project, s.drop_number, s.sent_at, s.sender, s.from_me, s.message_id, g.jid
FROM wamon.submission_rows AS s
JOIN wamon.allowed_numbers AS a USING (project, drop_number)
JOIN wamon.groups AS g USING (chat)
WHERE s.rejected AND g.source = %(source)s
ORDER BY s.sent_at

-- name: admit
UPDATE wamon.submission_rows AS s SET rejected = false
FROM unnest(%(projects)s::text[], %(drops)s::text[], %(jids)s::text[], %(message_ids)s::text[])
     AS k(project, drop_number, jid, message_id)
JOIN wamon.groups AS g ON g.jid = k.jid AND g.source = %(source)s
WHERE s.chat = g.chat AND s.message_id = k.message_id AND s.drop_number = k.drop_number AND s.project = k.project
  AND s.rejected
RETURNING CASE WHEN s.live THEN g.jid END, s.message_id, s.drop_number
