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
           CASE WHEN g.source = ANY(%(down)s) THEN 2 ELSE coalesce(s.rank, 2) END AS rank,
           CASE WHEN g.source = ANY(%(down)s) THEN 'unknown' ELSE coalesce(s.state, 'unknown') END AS state,
           s.newest_at, s.usual_silence_seconds, s.behind, s.behind_seconds,
           coalesce(s.sentence, '') AS sentence, coalesce(s.hint, '') AS hint, coalesce(s.why, '') AS why,
           coalesce((s.day = o.day)::int * s.new, 0) AS new,
           coalesce((s.day = o.day)::int * s.again, 0) AS again,
           coalesce((s.day = o.day)::int * s.rejected, 0) AS rejected,
           coalesce((s.day = o.day)::int * s.near, 0) AS near,
           CASE WHEN s.day = o.day
                THEN s.usual[o.place + 1] * o.share + coalesce(s.usual[o.place], 0) * (1 - o.share) END AS usual,
           g.messages
    FROM wamon.groups AS g
    LEFT JOIN source AS o USING (source)
    LEFT JOIN wamon.group_status AS s USING (chat)
    WHERE g.enabled AND g.kind = 'group'
)

-- name: columns after every
SELECT e.chat, e.source, e.jid, e.project, e.state, e.newest_at, e.usual_silence_seconds, e.behind, e.behind_seconds,
       e.sentence, e.hint, e.why, e.new, e.again, e.rejected, e.near, e.usual, e.messages

-- name: worst after columns
, t.groups, t.bad, t.warn, t.unknown, t.new, t.again, t.rejected, t.near, t.usual, t.behind,
  t.behind_seconds
FROM (
    SELECT * FROM every ORDER BY rank, new + again + rejected DESC, project, jid LIMIT %(most)s
) AS e, (
    SELECT count(*) AS groups, count(*) FILTER (WHERE rank = 0) AS bad, count(*) FILTER (WHERE rank = 1) AS warn,
           count(*) FILTER (WHERE rank = 2) AS unknown, sum(new) AS new, sum(again) AS again,
           sum(rejected) AS rejected, sum(near) AS near, sum(usual) AS usual, coalesce(sum(behind), 0) AS behind,
           coalesce(max(behind_seconds), 0) AS behind_seconds
    FROM every
) AS t
ORDER BY e.rank, e.new + e.again + e.rejected DESC, e.project, e.jid

-- name: page after columns
FROM every AS e
WHERE (%(state)s::text IS NULL OR e.state = %(state)s)
  AND (%(project)s::text IS NULL OR e.project = %(project)s)
  AND (%(part)s::text IS NULL OR strpos(lower(e.project), lower(%(part)s)) > 0 OR strpos(e.jid, %(part)s) > 0)
  AND (%(after)s::int IS NULL OR (e.project, e.jid, e.chat) >
       (SELECT a.project, a.jid, a.chat FROM wamon.groups AS a WHERE a.chat = %(after)s))
ORDER BY e.project, e.jid, e.chat
LIMIT %(most)s

-- name: one after columns
FROM every AS e
WHERE e.chat = %(chat)s

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

-- name: by_source after every
SELECT source, coalesce(sum(behind), 0), coalesce(max(behind_seconds), 0)::float FROM every GROUP BY source

-- name: by_state after every
SELECT state, count(*) FROM every GROUP BY state

-- name: by_project after every
SELECT project, sum(new), sum(again), sum(rejected), sum(usual) FROM every GROUP BY project ORDER BY project LIMIT %(most)s
