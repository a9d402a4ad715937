-- name: mine
-- Whether the source is ours to speak of: by its lease or, for a scan, while nobody holds that.
WITH mine AS (
    SELECT CASE
               WHEN %(holder)s::uuid IS NULL THEN NOT EXISTS (
                   SELECT FROM wamon.leases WHERE source = %(source)s AND expires_at > now()
               )
               ELSE EXISTS (
                   SELECT FROM wamon.leases
                   WHERE source = %(source)s AND holder = %(holder)s AND expires_at > now()
               )
           END AS so
)

-- name: commit_at_once
-- What is published can be published again: its commit waits for no disk, and delays none that does.
SELECT set_config('synchronous_commit', 'off', true)

-- name: sign after mine
INSERT INTO wamon.source_status AS s (source, host, instance, pid, by, version, zone, started_at, published_at,
                                 every_seconds, state, sentence, checks, store, day, hours, usual_hours,
                                 next_restart_at, last_restart, alerts)
SELECT %(source)s, %(host)s, %(instance)s, %(pid)s, %(by)s, %(version)s, %(zone)s, %(started_at)s, now(),
       %(every_seconds)s, %(state)s, %(sentence)s, %(checks)s::jsonb, %(store)s::jsonb, %(day)s, %(hours)s,
       %(usual_hours)s::real[], %(next_restart_at)s, %(last_restart)s::jsonb, %(alerts)s::jsonb
FROM mine
WHERE mine.so
ON CONFLICT (source) DO UPDATE
SET host = EXCLUDED.host, instance = EXCLUDED.instance, pid = EXCLUDED.pid, by = EXCLUDED.by,
    version = EXCLUDED.version, zone = EXCLUDED.zone, started_at = EXCLUDED.started_at,
    published_at = EXCLUDED.published_at, every_seconds = EXCLUDED.every_seconds, state = EXCLUDED.state,
    sentence = EXCLUDED.sentence, checks = EXCLUDED.checks, store = EXCLUDED.store, day = EXCLUDED.day,
    hours = EXCLUDED.hours,
    usual_hours = CASE WHEN EXCLUDED.usual_hours IS NULL AND s.day = EXCLUDED.day THEN s.usual_hours
                       ELSE EXCLUDED.usual_hours END, next_restart_at = EXCLUDED.next_restart_at,
    last_restart = EXCLUDED.last_restart, alerts = EXCLUDED.alerts

-- name: sign_again after mine
-- A sign of life: nothing else has changed.
UPDATE wamon.source_status SET published_at = now()
WHERE source = %(source)s AND host = %(host)s AND pid = %(pid)s AND state <> 'stopped' AND (SELECT so FROM mine)

-- name: stop
-- The lease may be released by now; whoever took it since speaks for the source.
UPDATE wamon.source_status AS s
SET published_at = now(), state = 'stopped', sentence = %(sentence)s, last_restart = %(last_restart)s::jsonb
WHERE s.source = %(source)s AND s.host = %(host)s AND s.pid = %(pid)s AND s.started_at = %(started_at)s
  AND NOT EXISTS (SELECT FROM wamon.leases AS l WHERE l.source = s.source AND l.holder <> %(holder)s)

-- name: seq
SELECT seq FROM wamon.cursors WHERE source = %(source)s AND tail = 'main'

-- name: published_day
SELECT day FROM wamon.source_status WHERE source = %(source)s

-- name: chats
SELECT chat FROM wamon.groups
WHERE source = %(source)s AND enabled AND kind = 'group' AND (%(jids)s::text[] IS NULL OR jid = ANY(%(jids)s))

-- name: posted
-- By chat and hour of the zone's wall clock, within a day. What comes from the future is no newest message.
SELECT s.chat, extract(hour FROM s.sent_at AT TIME ZONE %(zone)s)::int, count(*) FILTER (WHERE s.kind = 'new'),
       count(*) FILTER (WHERE s.kind = 'resubmission'), count(*) FILTER (WHERE s.kind = 'rejected'),
       max(s.sent_at) FILTER (WHERE s.sent_at <= %(now)s)
FROM wamon.submissions AS s
WHERE s.source = %(source)s AND s.sent_at >= %(since)s AND s.sent_at < %(until)s AND s.live
  AND s.chat = ANY(%(chats)s)
GROUP BY 1, 2

-- name: near
SELECT n.chat, count(*)
FROM wamon.near_miss_rows AS n
WHERE n.sent_at >= %(since)s AND n.sent_at < %(until)s AND n.live AND n.chat = ANY(%(chats)s)
GROUP BY n.chat

-- name: count after mine
INSERT INTO wamon.group_status AS s (chat, rank, state, day, new, again, rejected, near, newest_at)
SELECT k.chat, 2, 'unknown', %(day)s, k.new, k.again, k.rejected, k.near, k.newest_at
FROM mine,
     unnest(%(chats)s::int[], %(new)s::int[], %(again)s::int[], %(rejected)s::int[], %(near)s::int[],
            %(newest_at)s::timestamptz[]) AS k(chat, new, again, rejected, near, newest_at)
WHERE mine.so
ON CONFLICT (chat) DO UPDATE
SET day = EXCLUDED.day, new = EXCLUDED.new, again = EXCLUDED.again, rejected = EXCLUDED.rejected,
    near = EXCLUDED.near, newest_at = greatest(s.newest_at, EXCLUDED.newest_at), changed_at = now(),
    usual = CASE WHEN s.day = EXCLUDED.day THEN s.usual END  -- another day's weekday has another curve
WHERE (s.day, s.new, s.again, s.rejected, s.near) IS DISTINCT FROM
      (EXCLUDED.day, EXCLUDED.new, EXCLUDED.again, EXCLUDED.rejected, EXCLUDED.near)
   OR EXCLUDED.newest_at > s.newest_at

-- name: judge after mine
INSERT INTO wamon.group_status AS s (chat, rank, state, newest_at, usual_silence_seconds, behind, behind_seconds,
                                     sentence, hint, why, day)
SELECT k.*, %(day)s
FROM mine,
     unnest(%(chats)s::int[], %(ranks)s::smallint[], %(states)s::text[], %(newest_at)s::timestamptz[],
            %(usual_silences)s::real[], %(behind)s::int[], %(behind_seconds)s::real[], %(sentences)s::text[],
            %(hints)s::text[], %(whys)s::text[]) AS k
WHERE mine.so
ON CONFLICT (chat) DO UPDATE
SET rank = EXCLUDED.rank, state = EXCLUDED.state, newest_at = EXCLUDED.newest_at,
    usual_silence_seconds = EXCLUDED.usual_silence_seconds, behind = EXCLUDED.behind,
    behind_seconds = EXCLUDED.behind_seconds, sentence = EXCLUDED.sentence, hint = EXCLUDED.hint, why = EXCLUDED.why,
    changed_at = now()
WHERE (s.rank, s.state, s.newest_at, s.usual_silence_seconds, s.behind, s.behind_seconds, s.sentence, s.hint, s.why)
      IS DISTINCT FROM
      (EXCLUDED.rank, EXCLUDED.state, EXCLUDED.newest_at, EXCLUDED.usual_silence_seconds, EXCLUDED.behind,
       EXCLUDED.behind_seconds, EXCLUDED.sentence, EXCLUDED.hint, EXCLUDED.why)

-- name: forget after mine
DELETE FROM wamon.group_status AS s
USING wamon.groups AS g, mine
WHERE g.chat = s.chat AND g.source = %(source)s AND NOT g.enabled AND mine.so

-- name: put_usual after mine
UPDATE wamon.group_status AS s
SET usual = k.usual::real[], changed_at = now()
FROM mine, unnest(%(chats)s::int[], %(usual)s::text[]) AS k(chat, usual)
WHERE s.chat = k.chat AND mine.so AND s.usual IS DISTINCT FROM k.usual::real[]

-- name: forget_usual after mine
UPDATE wamon.group_status AS s
SET usual = NULL, changed_at = now()
FROM wamon.groups AS g, mine
WHERE g.chat = s.chat AND g.source = %(source)s AND s.usual IS NOT NULL AND NOT s.chat = ANY(%(chats)s) AND mine.so

-- name: person_key
SELECT person_key FROM wamon.instance

-- name: senders
-- Of posts and near misses since then; where chats are named, only theirs, and only those not shown yet.
SELECT DISTINCT r.sender
FROM (
    SELECT chat, sender, sent_at FROM wamon.submission_rows
    UNION ALL
    SELECT chat, sender, sent_at FROM wamon.near_miss_rows
) AS r
JOIN wamon.groups AS g USING (chat)
WHERE g.source = %(source)s AND r.sent_at >= %(since)s AND r.sender <> ''
  AND (%(chats)s::int[] IS NULL OR r.chat = ANY(%(chats)s) AND NOT EXISTS (
      SELECT FROM wamon.people_shown AS p WHERE p.source = g.source AND p.sender = r.sender
  ))

-- name: show_people after mine
INSERT INTO wamon.people_shown AS p (source, sender, shown, phone_hashes)
SELECT %(source)s, k.sender, k.shown, string_to_array(k.hashes, ' ')
FROM mine, unnest(%(senders)s::text[], %(shown)s::text[], %(hashes)s::text[]) AS k(sender, shown, hashes)
WHERE mine.so
ON CONFLICT (source, sender) DO UPDATE SET shown = EXCLUDED.shown, phone_hashes = EXCLUDED.phone_hashes
WHERE (p.shown, p.phone_hashes) IS DISTINCT FROM (EXCLUDED.shown, EXCLUDED.phone_hashes)

-- name: hide_people after mine
DELETE FROM wamon.people_shown AS p
USING mine
WHERE p.source = %(source)s AND NOT p.sender = ANY(%(senders)s) AND mine.so
