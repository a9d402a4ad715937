-- name: newest
SELECT max(newest_at) FROM wamon.group_status WHERE newest_at <= now()

-- name: last_posts
WITH newest AS (
    SELECT chat, message_id, drop_number
    FROM wamon.submission_rows
    WHERE live AND sent_at >= %(since)s AND sent_at <= now()
    ORDER BY sent_at DESC, message_id DESC, drop_number
    LIMIT %(most)s
)
SELECT s.chat, s.project, s.chat_jid, s.drop_number, s.kind, s.sent_at, l.seen_at, s.message_id, p.shown
FROM newest
JOIN wamon.submissions AS s USING (chat, message_id, drop_number)
LEFT JOIN wamon.ledger_rows AS l USING (chat, message_id)
LEFT JOIN wamon.people_shown AS p ON p.source = s.source AND p.sender = s.sender
ORDER BY s.sent_at DESC, s.message_id DESC, s.drop_number

-- name: dead
SELECT count(*) FROM wamon.ledger_rows WHERE status = 'dead'

-- name: deliveries
-- Those that nobody takes in though their time has come, and what can't be recorded of others.
SELECT count(*), coalesce(extract(epoch FROM now() - min(received_at)), 0)::float,
       (SELECT count(*) FROM wamon.dead_letters WHERE kind = 'event' AND next_try_at IS NULL)
FROM wamon.delivery_queue
WHERE next_try_at < now() - interval '60 seconds'

-- name: needs
-- What waits for a person, by kind, the oldest first. A near miss is done where somebody said so, or where the number
-- that was likely meant was posted in that chat within a day. A burst that was too old waits until somebody answers.
SELECT n.kind, n.at, g.project, g.jid, n.chat, n.key, n.about, n.likely, n.detail
FROM (
    (SELECT 1 AS place,
            CASE kind WHEN 'event' THEN 'dead-event' WHEN 'turn' THEN 'dead-burst' ELSE 'dead-letter' END AS kind,
            failed_at AS at, chat, message_id AS key, '' AS about, NULL AS likely, reason AS detail
     FROM wamon.dead_letters WHERE next_try_at IS NULL AND NOT given_up AND (%(answers)s OR kind <> 'turn')
     ORDER BY failed_at LIMIT %(most)s)
    UNION ALL
    (SELECT 2, 'reply-' || r.state, r.changed_at, r.chat, r.message_id,
            CASE WHEN r.kind = 'near-miss' THEN 'a near miss' ELSE r.about END, NULL, coalesce(r.reason, '')
     FROM wamon.replies AS r
     WHERE r.state IN ('unknown', 'failed')
       AND NOT EXISTS (
           SELECT FROM wamon.actions AS a
           WHERE a.what = 'reply-done' AND a.key = r.chat || ' ' || r.message_id || ' ' || r.about
       )
     ORDER BY r.changed_at LIMIT %(most)s)
    UNION ALL
    (SELECT 3, 'stale-burst', max(t.ended_at), c.chat, c.uid::text, '', NULL, 'too old to answer'
     FROM wamon.turns AS t
     JOIN wamon.conversations AS o ON o.conversation = t.conversation
     JOIN wamon.conversations AS c ON c.conversation = coalesce(o.merged_into, o.conversation)
     WHERE %(answers)s AND t.outcome = 'stale' AND t.ended_at > now() - interval '7 days'
       AND NOT EXISTS (
           SELECT FROM wamon.turns AS l
           WHERE l.conversation = c.conversation AND l.ended_at > t.ended_at AND l.outcome IN ('answered', 'digest')
       )
       AND NOT EXISTS (
           SELECT FROM wamon.conversation_messages AS m
           WHERE m.conversation = c.conversation AND m.sent_at > t.started_at AND m.role = 'operator'
       )
     GROUP BY c.conversation
     ORDER BY max(t.ended_at) LIMIT %(most)s)
    UNION ALL
    (SELECT 4, 'near-miss', m.sent_at, m.chat, m.message_id, m.written, m.likely, m.reason
     FROM wamon.near_miss_rows AS m
     WHERE m.live AND m.sent_at >= now() - interval '7 days' AND m.sent_at <= now()
       AND NOT EXISTS (
           SELECT FROM wamon.actions AS a
           WHERE a.what = 'near-miss-done' AND a.key = m.chat || ' ' || m.message_id || ' ' || m.written
       )
       AND NOT EXISTS (
           SELECT FROM wamon.submission_rows AS s
           WHERE s.drop_number = m.likely AND s.chat = m.chat AND s.live
             AND s.sent_at BETWEEN m.sent_at AND m.sent_at + interval '24 hours'
       )
     ORDER BY m.sent_at LIMIT %(most)s)
) AS n
JOIN wamon.groups AS g USING (chat)
ORDER BY n.place, n.at, n.chat, n.key, n.about
LIMIT %(most)s
