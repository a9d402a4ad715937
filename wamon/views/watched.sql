-- name: every
-- Each watched group beside what is published of it. Counts are those of today by its source's clock; what is usual by
-- now lies between two half hours (health/baseline.py has the rule), and by the last sign where none comes any more. Of a
-- source that is down, nothing is known.
WITH source AS MATERIALIZED (
    SELECT t.source, t.day, floor(t.half_hours)::int AS place, t.half_hours - floor(t.half_hours) AS share
    FROM (
        SELECT source, (now() AT TIME ZONE zone)::date AS day,
               extract(epoch FROM (least(now(), published_at + 3 * every_seconds * interval '1 second')
                                   AT TIME ZONE zone)::time)::float8 / 1800 AS half_hours
        FROM wamon.source_status
    ) AS t
), every AS (
    SELECT g.chat, g.source, g.jid, g.project,
           CASE WHEN g.source = ANY(%(down)s) THEN 2 ELSE coalesce(s.rank, 2) END AS rank, s.behind, s.behind_seconds,
           CASE WHEN s.day = o.day THEN s.new ELSE 0 END AS new,
           CASE WHEN s.day = o.day THEN s.again ELSE 0 END AS again,
           CASE WHEN s.day = o.day THEN s.rejected ELSE 0 END AS rejected,
           CASE WHEN s.day = o.day THEN s.near ELSE 0 END AS near,
           CASE WHEN s.day = o.day
                THEN s.usual[o.place + 1] * o.share + coalesce(s.usual[o.place], 0) * (1 - o.share) END AS usual
    FROM wamon.groups AS g
    LEFT JOIN source AS o USING (source)
    LEFT JOIN wamon.group_status AS s USING (chat)
    WHERE g.enabled AND g.kind = 'group'
)

-- name: columns after every
-- What more is known is looked up for those alone that are shown.
SELECT e.chat, e.source, e.jid, e.project, (ARRAY['bad', 'warn', 'unknown', 'ok'])[e.rank + 1], s.newest_at,
       s.usual_silence_seconds, e.behind, e.behind_seconds, coalesce(s.sentence, ''), coalesce(s.hint, ''),
       coalesce(s.why, ''), e.new, e.again, e.rejected, e.near, e.usual, g.messages

-- name: worst after columns
, t.*
FROM (
    SELECT * FROM every ORDER BY rank, new + again + rejected DESC, project, jid LIMIT %(most)s
) AS e
JOIN wamon.groups AS g USING (chat)
LEFT JOIN wamon.group_status AS s USING (chat)
CROSS JOIN (
    SELECT count(*), count(*) FILTER (WHERE rank = 0), count(*) FILTER (WHERE rank = 1), count(*) FILTER (WHERE rank = 2),
           sum(new), sum(again), sum(rejected), sum(near), sum(usual), coalesce(sum(behind), 0),
           coalesce(max(behind_seconds), 0)
    FROM every
) AS t
ORDER BY e.rank, e.new + e.again + e.rejected DESC, e.project, e.jid

-- name: page after columns
FROM (
    SELECT *
    FROM every
    WHERE (%(state)s::text IS NULL OR (ARRAY['bad', 'warn', 'unknown', 'ok'])[rank + 1] = %(state)s)
      AND (%(project)s::text IS NULL OR project = %(project)s)
      AND (%(part)s::text IS NULL OR strpos(lower(project), lower(%(part)s)) > 0 OR strpos(jid, %(part)s) > 0)
      AND (%(after)s::int IS NULL OR (project, jid, chat) >
           (SELECT a.project, a.jid, a.chat FROM wamon.groups AS a WHERE a.chat = %(after)s))
    ORDER BY project, jid, chat
    LIMIT %(most)s
) AS e
JOIN wamon.groups AS g USING (chat)
LEFT JOIN wamon.group_status AS s USING (chat)
ORDER BY e.project, e.jid, e.chat

-- name: one after columns
FROM (SELECT * FROM every WHERE chat = %(chat)s) AS e
JOIN wamon.groups AS g USING (chat)
LEFT JOIN wamon.group_status AS s USING (chat)

-- name: others_talk
-- How many other groups of the source had a message lately.
SELECT count(*)
FROM wamon.groups AS g
JOIN wamon.group_status AS s USING (chat)
WHERE g.source = %(source)s AND g.enabled AND g.chat <> %(chat)s AND s.newest_at >= now() - %(lately)s::interval

-- name: posters
-- Who posted by this hour, on how many of the same weekdays of the last weeks, and whether today. Two forms of one person
-- are one where their phone is known.
SELECT max(p.shown), count(DISTINCT d.day) FILTER (WHERE d.day <> d.today), bool_or(d.day = d.today)
FROM (
    SELECT s.sender, (s.sent_at AT TIME ZONE %(zone)s)::date AS day, (now() AT TIME ZONE %(zone)s)::date AS today
    FROM wamon.submission_rows AS s
    WHERE s.chat = %(chat)s AND s.live AND s.sent_at >= now() - interval '43 days' AND s.sent_at <= now()
      AND (s.sent_at AT TIME ZONE %(zone)s)::time <= (now() AT TIME ZONE %(zone)s)::time
) AS d
LEFT JOIN wamon.people_shown AS p ON p.source = %(source)s AND p.sender = d.sender
WHERE (d.today - d.day) %% 7 = 0
GROUP BY coalesce(p.phone_hashes[1], d.sender)
ORDER BY 2 DESC, 3 DESC, 1

-- name: days
-- Posts of the last days, by day and hour of the zone's wall clock; a day without any has one row without an hour.
WITH posts AS (
    SELECT (s.sent_at AT TIME ZONE %(zone)s)::date AS day, extract(hour FROM s.sent_at AT TIME ZONE %(zone)s)::int AS hour,
           count(*) AS count
    FROM wamon.submission_rows AS s
    WHERE s.chat = %(chat)s AND s.live AND s.sent_at <= now()
      AND s.sent_at >= ((now() AT TIME ZONE %(zone)s)::date - %(days)s + 1) AT TIME ZONE %(zone)s
    GROUP BY 1, 2
)
SELECT d.day::date, p.hour, coalesce(p.count, 0)
FROM generate_series((now() AT TIME ZONE %(zone)s)::date - %(days)s + 1, (now() AT TIME ZONE %(zone)s)::date, '1 day')
     AS d(day)
LEFT JOIN posts AS p ON p.day = d.day::date
ORDER BY 1, 2

-- name: sums after every
-- One look at all of them: by source, by state, and by project, of which some are enough to tell that they are too many.
, by_project AS (
    SELECT project, sum(new) AS new, sum(again) AS again, sum(rejected) AS rejected, sum(usual) AS usual
    FROM every GROUP BY project ORDER BY project LIMIT %(most)s
)
SELECT (SELECT jsonb_agg(jsonb_build_array(t.source, t.behind, t.seconds))
        FROM (SELECT source, coalesce(sum(behind), 0) AS behind, coalesce(max(behind_seconds), 0) AS seconds
              FROM every GROUP BY source) AS t),
       (SELECT jsonb_agg(jsonb_build_array((ARRAY['bad', 'warn', 'unknown', 'ok'])[t.rank + 1], t.groups))
        FROM (SELECT rank, count(*) AS groups FROM every GROUP BY rank) AS t),
       (SELECT jsonb_agg(jsonb_build_array(project, new, again, rejected, usual) ORDER BY project) FROM by_project)
