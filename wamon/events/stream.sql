-- name: lock
-- One at a time opens or closes the stream.
SELECT pg_advisory_xact_lock(hashtextextended('wamon events', 0))

-- name: hold
-- One at a time puts what a follower begins with into it, takes what is old from it, or gives places.
SELECT true FROM wamon.event_stream FOR UPDATE

-- name: try_to_hold
-- One at a time gives places; who comes second finds them given.
SELECT true FROM wamon.event_stream FOR UPDATE SKIP LOCKED

-- name: state
SELECT CASE WHEN log_oid = 'wamon.events_out'::regclass THEN left(replace(generation::text, '-', ''), 12) END,
       CASE WHEN pg_is_in_recovery() THEN 0
            ELSE ('x' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8))::bit(32)::int END,
       coalesce(last_place, 0), coalesce(pruned_place, 0), coalesce(pruned_elements, 0), coalesce(pruned_timeline, 0),
       base_place,
       EXISTS (SELECT FROM wamon.events_out WHERE place IS NULL),
       followed_at < now() - interval '1 hour'
FROM (VALUES (true)) AS always
LEFT JOIN wamon.event_stream ON true

-- name: switch
SELECT wamon.switch_events(%(table)s, %(on)s)

-- name: begin_generation
-- What the log holds otherwise is of a generation that ended, or came with a dump.
WITH ended AS (DELETE FROM wamon.events_out), forgotten AS (DELETE FROM wamon.deleted_versions),
     signs AS (DELETE FROM wamon.event_sources), gaps AS (DELETE FROM wamon.event_gaps)
INSERT INTO wamon.event_stream AS s (generation, log_oid) VALUES (gen_random_uuid(), 'wamon.events_out'::regclass)
ON CONFLICT (one) DO UPDATE
SET generation = EXCLUDED.generation, log_oid = EXCLUDED.log_oid, last_place = 0, pruned_place = 0,
    pruned_elements = 0, pruned_timeline = 0, base_place = NULL, opened_at = now(), followed_at = now()

-- name: note_follower
UPDATE wamon.event_stream SET followed_at = now()

-- name: commit_durably
-- A place that was handed out is never given again: not after a crash either, whatever the server's setting.
SELECT set_config('synchronous_commit', CASE current_setting('synchronous_commit') WHEN 'off' THEN 'on'
                                        ELSE current_setting('synchronous_commit') END, true)

-- name: give_places
-- To what is committed by now, in the order of writing: what touched the same drop was written one after the other.
-- Whether a post is its drop's first is said once, for all who read; of most drops there is one submission (`shared`: more).
WITH waiting AS (
    SELECT number, row_number() OVER up_to AS k, sum(elements) OVER up_to - elements AS before
    FROM (SELECT number, elements FROM wamon.events_out WHERE place IS NULL ORDER BY number LIMIT 1000) AS o
    WINDOW up_to AS (ORDER BY number)
), fresh AS MATERIALIZED (
    SELECT number, k FROM waiting WHERE before < %(elements)s
), moved AS (
    UPDATE wamon.event_stream SET last_place = last_place + (SELECT count(*) FROM fresh) RETURNING last_place
), shared AS MATERIALIZED (
    SELECT drop_number
    FROM wamon.submission_rows
    WHERE drop_number = ANY(ARRAY(
        SELECT unnest(o.drop_numbers) FROM wamon.events_out AS o JOIN fresh USING (number) WHERE o.sent_ats IS NOT NULL
    ))
    GROUP BY drop_number
    HAVING count(*) > 1
)
UPDATE wamon.events_out AS o
SET place = m.last_place - (SELECT count(*) FROM fresh) + f.k, timeline = %(timeline)s,
    again = CASE WHEN o.sent_ats IS NOT NULL THEN ARRAY(
        SELECT e.kind = 'posted' AND e.drop_number IN (SELECT drop_number FROM shared) AND EXISTS (
            SELECT
            FROM wamon.submission_rows AS s
            JOIN wamon.groups AS g USING (chat)
            WHERE s.drop_number = e.drop_number AND s.project = e.project AND s.live AND NOT s.rejected
              AND s.sent_at <= e.sent_at AND (s.chat, s.message_id) <> (e.chat, e.message_id)
              AND (s.sent_at, g.jid, coalesce(s.stanza_id, s.message_id)) < (
                  SELECT own.sent_at, og.jid, coalesce(own.stanza_id, own.message_id)
                  FROM wamon.submission_rows AS own
                  JOIN wamon.groups AS og USING (chat)
                  WHERE own.drop_number = e.drop_number AND own.chat = e.chat AND own.message_id = e.message_id
              )
        )
        FROM unnest(o.kinds, o.chats, o.message_ids, o.drop_numbers, o.projects, o.sent_ats)
             WITH ORDINALITY AS e(kind, chat, message_id, drop_number, project, sent_at, n)
        ORDER BY e.n
    ) END
FROM fresh AS f, moved AS m
WHERE o.number = f.number

-- name: put_base
-- What stands as one moment shows it, behind all that this moment shows of the log. By portions, in the order of posting.
WITH fresh AS MATERIALIZED (
    SELECT number, row_number() OVER (ORDER BY number) AS k FROM wamon.events_out WHERE place IS NULL
), begun AS MATERIALIZED (
    SELECT last_place + (SELECT count(*) FROM fresh) AS place FROM wamon.event_stream
), placed AS (
    UPDATE wamon.events_out AS o
    SET place = b.place - (SELECT count(*) FROM fresh) + f.k, timeline = %(timeline)s
    FROM fresh AS f, begun AS b
    WHERE o.number = f.number
), posts AS MATERIALIZED (
    SELECT k.*, (k.n - 1) / 5000 AS portion
    FROM (
        SELECT s.chat, s.message_id, s.drop_number, s.project, s.sent_at, s.sender, s.version,
               CASE WHEN NOT s.live THEN 'retracted' WHEN s.rejected THEN 'rejected' ELSE 'posted' END AS kind,
               s.live AND NOT s.rejected AND rank() OVER (
                   PARTITION BY s.project, s.drop_number, s.live AND NOT s.rejected
                   ORDER BY s.sent_at, g.jid, coalesce(s.stanza_id, s.message_id)
               ) > 1 AS is_again,
               row_number() OVER (ORDER BY s.sent_at, g.jid, s.message_id, s.drop_number) AS n
        FROM wamon.submission_rows AS s
        JOIN wamon.groups AS g USING (chat)
    ) AS k
), portions AS MATERIALIZED (
    SELECT count(*)::int AS elements, array_agg(is_again ORDER BY n) AS again,
           array_agg(kind ORDER BY n) AS kinds, array_agg(chat ORDER BY n) AS chats,
           array_agg(message_id ORDER BY n) AS message_ids, array_agg(drop_number ORDER BY n) AS drop_numbers,
           array_agg(project ORDER BY n) AS projects, array_agg(sent_at ORDER BY n) AS sent_ats,
           array_agg(sender ORDER BY n) AS senders, array_agg(version ORDER BY n) AS versions, portion
    FROM posts
    GROUP BY portion
)
INSERT INTO wamon.events_out (of_base, timeline, place, elements, again, kinds, chats, message_ids, drop_numbers, projects,
                              sent_ats, senders, versions, others)
SELECT true, %(timeline)s, b.place + 1 + p.portion, p.elements, p.again, p.kinds, p.chats, p.message_ids, p.drop_numbers,
       p.projects, p.sent_ats, p.senders, p.versions, NULL::jsonb
FROM begun AS b, portions AS p
UNION ALL
SELECT true, %(timeline)s, b.place + 1 + (SELECT count(*) FROM portions) + near.portion, near.elements, NULL, NULL, NULL,
       NULL, NULL, NULL, NULL, NULL, NULL, near.others
FROM begun AS b, (
    SELECT (k.n - 1) / 5000 AS portion, count(*)::int AS elements, jsonb_agg(wamon.near_element(k.miss)) AS others
    FROM (
        SELECT m AS miss, row_number() OVER (ORDER BY m.sent_at, m.chat, m.message_id, m.written) AS n
        FROM wamon.near_miss_rows AS m
        WHERE m.live
    ) AS k
    GROUP BY 1
) AS near

-- name: note_base
WITH base AS (SELECT min(place) AS first FROM wamon.events_out WHERE of_base AND place > %(after)s),
     log AS (SELECT coalesce(max(place), %(after)s) AS last FROM wamon.events_out)
UPDATE wamon.event_stream
SET last_place = l.last, base_place = coalesce(b.first, l.last + 1)
FROM base AS b, log AS l
RETURNING base_place

-- name: first_beyond
-- The first place that a later timeline gave: up to there both have the same.
SELECT min(place) FROM wamon.events_out WHERE timeline > %(timeline)s

-- name: read
-- By columns: of each row what follows the place, no more of all than the limit.
WITH following AS (
    SELECT o.*, CASE WHEN o.place = %(place)s THEN %(element)s::int ELSE 0 END AS skipped
    FROM wamon.events_out AS o
    WHERE (o.place > %(place)s OR (o.place = %(place)s AND o.elements > %(element)s)) AND (NOT o.of_base OR %(in_base)s)
    ORDER BY o.place
    LIMIT %(limit)s
), counted AS (
    SELECT o.*, sum(o.elements - o.skipped) OVER (ORDER BY o.place) - (o.elements - o.skipped) AS before
    FROM following AS o
), rows AS (
    SELECT c.*, c.skipped + 1 AS first, least(c.elements, c.skipped + %(limit)s::int - c.before)::int AS last
    FROM counted AS c
    WHERE c.before < %(limit)s::int
)
SELECT r.place, r.timeline, r.of_base, r.at, r.first,
       jsonb_path_query_array(r.others, '$[$first to $last]', jsonb_build_object('first', r.first - 1, 'last', r.last - 1)),
       r.kinds[r.first:r.last], r.again[r.first:r.last], r.chats[r.first:r.last], r.message_ids[r.first:r.last],
       r.drop_numbers[r.first:r.last], r.projects[r.first:r.last], r.sent_ats[r.first:r.last]::text[],
       r.senders[r.first:r.last], r.versions[r.first:r.last]
FROM rows AS r
ORDER BY r.place

-- name: has_news
SELECT EXISTS (SELECT FROM wamon.events_out WHERE place IS NULL)
       OR EXISTS (
           SELECT FROM wamon.events_out
           WHERE (place > %(place)s OR (place = %(place)s AND elements > %(element)s)) AND (NOT of_base OR %(in_base)s)
       )

-- name: newest
SELECT max(number) FROM wamon.events_out

-- name: chats
SELECT chat, source, jid FROM wamon.groups WHERE chat = ANY(%(chats)s::int[])

-- name: person_key
SELECT person_key FROM wamon.instance

-- name: is_followed
SELECT EXISTS (
    SELECT FROM wamon.event_stream
    WHERE log_oid = 'wamon.events_out'::regclass AND followed_at > now() - %(keep)s::interval
)

-- name: prune_gaps
DELETE FROM wamon.event_gaps WHERE NOT is_open AND noted_at < now() - %(keep)s::interval

-- name: prune
WITH gone AS (
    DELETE FROM wamon.events_out
    WHERE place <= (SELECT max(place) FROM wamon.events_out WHERE at < now() - %(keep)s::interval)
    RETURNING place, elements, timeline
)
UPDATE wamon.event_stream
SET pruned_place = p.place, pruned_elements = p.elements, pruned_timeline = p.timeline,
    base_place = CASE WHEN base_place > p.place THEN base_place END
FROM (SELECT * FROM gone ORDER BY place DESC LIMIT 1) AS p

-- name: close
WITH ended AS (DELETE FROM wamon.events_out), forgotten AS (DELETE FROM wamon.deleted_versions)
DELETE FROM wamon.event_stream
