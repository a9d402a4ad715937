-- oldest writer: 6
-- What came of each burst, which is closed by one finished turn, for whoever asks in SQL. All times are this database's own.
-- first_at: when its first message was seen. answered_at: when its answer, known to be sent, went on its way; several late
-- bursts that are told together share one, which hangs on the newest. What stands in a sub-select costs those who ask for it.
CREATE VIEW wamon.bursts AS
SELECT t.conversation, t.fence, c.source, c.kind, nullif(g.project, '') AS project,
       coalesce(i.hash, p.hash) AS person,
       t.through_seq - t.from_seq + 1 AS messages, t.outcome, t.follow_up, t.missed,
       (SELECT min(m.seen_at)
        FROM wamon.conversation_messages AS m
        WHERE m.conversation = t.conversation AND m.seq BETWEEN t.from_seq AND t.through_seq) AS first_at,
       CASE t.outcome
           WHEN 'answered' THEN (
               SELECT r.tried_at
               FROM wamon.replies AS r
               WHERE r.conversation = t.conversation AND r.through_seq = t.through_seq AND r.fence = t.fence
                 AND r.state = 'sent')
           WHEN 'digest' THEN (
               SELECT max(r.tried_at)
               FROM wamon.turns AS n
               JOIN wamon.replies AS r
                   ON r.conversation = n.conversation AND r.through_seq = n.through_seq AND r.fence = n.fence
               WHERE n.ended_at = t.ended_at AND n.outcome = 'digest' AND r.chat = c.chat AND r.kind = 'digest'
                 AND r.state = 'sent')
       END AS answered_at,
       t.ended_at
FROM wamon.turns AS t
JOIN wamon.conversations AS c USING (conversation)
JOIN wamon.groups AS g USING (chat)
LEFT JOIN wamon.people AS p ON p.person = c.person
LEFT JOIN wamon.people AS i ON i.person = p.merged_into
WHERE t.outcome IN ('answered', 'silent', 'stale', 'human', 'digest', 'dead');

-- How much each person wrote, by day of the session's time zone: of the 90 days for which turns are kept. It limits nobody.
-- Each day is looked up by itself: whoever asks for a few days pays for these.
CREATE VIEW wamon.rates_by_person AS
SELECT d.day::date AS day, b.source, b.project, b.person, b.bursts, b.messages
FROM generate_series(current_date - 90, current_date, interval '1 day') AS d(day)
CROSS JOIN LATERAL (
    SELECT source, project, person, count(*) AS bursts, sum(messages) AS messages
    FROM wamon.bursts
    WHERE ended_at >= d.day AND ended_at < d.day + interval '1 day'
    GROUP BY source, project, person
) AS b;
