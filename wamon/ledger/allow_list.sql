-- name: begin_list
INSERT INTO wamon.allow_lists (project) VALUES (%(project)s)
ON CONFLICT (project) DO UPDATE SET imported_at = now()

-- name: remove_others
DELETE FROM wamon.allowed_numbers
WHERE project = %(project)s AND drop_number NOT IN (SELECT unnest(%(numbers)s::text[]))

-- name: others
SELECT drop_number
FROM wamon.allowed_numbers
WHERE project = %(project)s AND drop_number NOT IN (SELECT unnest(%(numbers)s::text[]))
ORDER BY drop_number

-- name: add
INSERT INTO wamon.allowed_numbers (project, drop_number)
SELECT %(project)s, drop_number FROM unnest(%(numbers)s::text[]) AS n(drop_number)
ON CONFLICT DO NOTHING

-- name: size
SELECT count(*) FROM wamon.allowed_numbers WHERE project = %(project)s

-- name: exists
SELECT FROM wamon.allow_lists WHERE project = %(project)s

-- name: numbers
SELECT drop_number FROM wamon.allowed_numbers WHERE project = %(project)s ORDER BY drop_number

-- name: recent_numbers
SELECT DISTINCT drop_number
FROM wamon.submission_rows
WHERE project = %(project)s AND live AND NOT rejected AND sent_at >= %(since)s

-- name: usual_length
SELECT coalesce(mode() WITHIN GROUP (ORDER BY length(drop_number)), 0)
FROM wamon.submission_rows
WHERE project = %(project)s AND live

-- name: missing
SELECT a.project, a.drop_number,
       ARRAY(
           SELECT DISTINCT o.project
           FROM wamon.submission_rows AS o
           WHERE o.drop_number = a.drop_number AND o.live
           ORDER BY o.project
       ) AS posted_in
FROM wamon.allowed_numbers AS a
WHERE (%(project)s::text IS NULL OR a.project = %(project)s)
  AND NOT EXISTS (
      SELECT FROM wamon.submission_rows AS s WHERE s.drop_number = a.drop_number AND s.project = a.project AND s.live
  )
ORDER BY a.project, a.drop_number

-- name: strangers
-- The same message in two sources is one.
SELECT s.project, s.drop_number,
       bool_and(s.rejected) AS rejected,
       min(s.sent_at) AS first_seen_at,
       max(s.sent_at) AS last_seen_at,
       count(DISTINCT (g.jid, coalesce(s.stanza_id, s.message_id))) AS submissions,
       (array_agg(s.sender ORDER BY s.sent_at, g.jid, s.message_id))[1] AS submitted_by,
       ARRAY(
           SELECT o.project
           FROM wamon.allow_lists AS o
           JOIN wamon.allowed_numbers AS a USING (project)
           WHERE a.drop_number = s.drop_number
           ORDER BY o.project
       ) AS planned_in
FROM wamon.submission_rows AS s
JOIN wamon.groups AS g USING (chat)
JOIN wamon.allow_lists AS l ON l.project = s.project
WHERE s.live AND (%(project)s::text IS NULL OR s.project = %(project)s)
  AND NOT EXISTS (
      SELECT FROM wamon.allowed_numbers AS a WHERE a.project = s.project AND a.drop_number = s.drop_number
  )
GROUP BY s.project, s.drop_number
ORDER BY last_seen_at DESC, s.project, s.drop_number

-- name: lists
SELECT l.project,
       (SELECT count(*) FROM wamon.allowed_numbers AS a WHERE a.project = l.project) AS numbers,
       l.imported_at,
       (SELECT count(*) FROM wamon.submission_rows AS s WHERE s.project = l.project AND s.rejected AND s.live) AS rejected
FROM wamon.allow_lists AS l
ORDER BY l.project

-- name: admitted
SELECT count(*)
FROM wamon.submission_rows AS s
JOIN wamon.allowed_numbers AS a ON a.project = s.project AND a.drop_number = s.drop_number
WHERE s.project = %(project)s AND s.rejected AND s.live

-- name: clear
DELETE FROM wamon.allow_lists WHERE project = %(project)s
