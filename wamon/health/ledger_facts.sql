-- name: server
SELECT current_setting('server_version_num')::int, current_setting('server_encoding'),
       current_setting('transaction_read_only') = 'on', clock_timestamp(), to_regclass('wamon.migrations') IS NOT NULL

-- name: schema
SELECT coalesce(max(version), 0), coalesce(max(oldest_writer), 0) FROM wamon.migrations

-- name: source
SELECT i.instance_id::text, s.sweep_due, s.last_sweep_at, s.last_verify_at, s.last_verify_clean
FROM wamon.sources AS s, wamon.instance AS i
WHERE s.source = %(source)s

-- name: lease
SELECT host, boot, pid, process_started, taken_at, renewed_at,
       expires_at <= now() OR expires_at > now() + interval '2 minutes'
FROM wamon.leases WHERE source = %(source)s

-- name: advanced
SELECT tail, extract(epoch FROM now() - advanced_at)::float FROM wamon.cursors WHERE source = %(source)s

-- name: unfinished
SELECT l.chat, l.status, count(*)
FROM wamon.ledger_rows AS l
WHERE l.status IN ('retry', 'dead') AND l.chat = ANY(%(chats)s)
GROUP BY l.chat, l.status

-- name: reviews_waiting
SELECT count(DISTINCT (review_table, project, drop_number)), min(parked_at), (array_agg(reason ORDER BY wait))[1]
FROM wamon.review_waits WHERE source = %(source)s

-- name: of_hooks
SELECT (SELECT count(*) FROM wamon.dead_letters AS d JOIN wamon.groups AS g USING (chat)
        WHERE d.kind = 'event' AND d.next_try_at IS NULL AND g.source = ANY(%(sources)s)),
       (SELECT count(*) FROM wamon.store_missed WHERE chat = ANY(%(chats)s) AND noted_at > now() - interval '1 day')

-- name: newest
SELECT k.chat, h.sent_at
FROM unnest(%(chats)s::int[]) AS k(chat)
CROSS JOIN LATERAL (
    SELECT CASE WHEN h.last_sent_at <= %(now)s THEN h.last_sent_at ELSE h.first_sent_at END AS sent_at
    FROM wamon.heard AS h
    WHERE h.chat = k.chat AND h.half_hour <= %(now)s AND h.first_sent_at <= %(now)s
    ORDER BY h.half_hour DESC LIMIT 1
) AS h

-- name: silences
-- The whole silence in which each moment lay; none where that half hour's messages lie on both sides of the moment. One
-- that hasn't ended is the present one, and tells nothing about usual.
SELECT k.chat, m.week, max(extract(epoch FROM a.sent_at - b.sent_at))::float
FROM unnest(%(chats)s::int[]) AS k(chat)
CROSS JOIN unnest(%(weeks)s::int[], %(moments)s::timestamptz[]) AS m(week, moment)
CROSS JOIN LATERAL (
    SELECT least(h.last_sent_at, m.moment) AS sent_at
    FROM wamon.heard AS h
    WHERE h.chat = k.chat AND h.half_hour <= m.moment AND h.first_sent_at <= m.moment
    ORDER BY h.half_hour DESC LIMIT 1
) AS b
CROSS JOIN LATERAL (
    SELECT greatest(h.first_sent_at, m.moment) AS sent_at
    FROM wamon.heard AS h
    WHERE h.chat = k.chat AND h.half_hour > m.moment - interval '30 minutes' AND h.last_sent_at > m.moment
      AND h.first_sent_at <= %(now)s
    ORDER BY h.half_hour LIMIT 1
) AS a
GROUP BY k.chat, m.week

-- name: posted
SELECT s.chat, s.kind, count(*)
FROM wamon.submissions AS s
WHERE s.source = %(source)s AND s.sent_at >= %(since)s AND s.sent_at < %(until)s AND s.live
GROUP BY s.chat, s.kind

-- name: new_by_half_hour
-- The drops that were new in each of these days, by chat and half hour of the zone's wall clock, one chat after the other.
-- What is new is what the view submissions says; here the groups of two posts are looked up only where their times tie.
SELECT s.chat, w.n, floor(extract(epoch FROM (s.sent_at AT TIME ZONE %(zone)s)::time) / 1800)::int AS half_hour,
       count(*)
FROM unnest(%(since)s::timestamptz[], %(until)s::timestamptz[]) WITH ORDINALITY AS w(since, until, n)
JOIN wamon.submission_rows AS s ON s.sent_at >= w.since AND s.sent_at < w.until
JOIN wamon.groups AS g USING (chat)
WHERE (%(source)s::text IS NULL OR g.source = %(source)s) AND s.live AND NOT s.rejected
  AND NOT (SELECT EXISTS (  -- by key for each of them; as a join the planner would rather read all of history
      SELECT
      FROM wamon.submission_rows AS e
      WHERE e.project = s.project AND e.drop_number = s.drop_number AND e.live AND NOT e.rejected
        AND e.sent_at <= s.sent_at AND (e.chat <> s.chat OR e.message_id <> s.message_id)
        AND (e.sent_at < s.sent_at
             OR ((SELECT jid FROM wamon.groups WHERE chat = e.chat), coalesce(e.stanza_id, e.message_id))
                < (g.jid, coalesce(s.stanza_id, s.message_id)))
  ))
GROUP BY s.chat, w.n, half_hour
ORDER BY s.chat

-- name: latest
SELECT s.project, s.drop_number, s.kind, s.sent_at
FROM wamon.submissions AS s
WHERE s.source = %(source)s AND s.live AND s.sent_at >= %(since)s AND s.sent_at <= %(now)s
ORDER BY s.sent_at DESC, s.message_id DESC, s.drop_number
LIMIT %(most)s

-- name: recorded
SELECT k.n
FROM unnest(%(chats)s::int[], %(message_ids)s::text[]) WITH ORDINALITY AS k(chat, message_id, n)
WHERE EXISTS (SELECT FROM wamon.ledger_rows AS l WHERE l.chat = k.chat AND l.message_id = k.message_id)
