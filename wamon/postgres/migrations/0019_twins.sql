-- oldest writer: 6
-- Meta's Cloud API has ids of its own. The one that they are made of, which a bridge on the same phone has, tells that two
-- messages of two sources are one: they are one submission, and none is a resubmission of the other.
ALTER TABLE wamon.submission_rows ADD COLUMN IF NOT EXISTS stanza_id text COLLATE "C";
UPDATE wamon.submission_rows AS s SET stanza_id = l.stanza_id
FROM wamon.ledger_rows AS l
WHERE l.stanza_id IS NOT NULL AND s.chat = l.chat AND s.message_id = l.message_id;

CREATE OR REPLACE VIEW wamon.submissions AS
SELECT g.source, g.jid AS chat_jid, s.message_id, s.drop_number, s.project,
       CASE
           WHEN s.rejected THEN 'rejected'
           WHEN s.live AND NOT EXISTS (
               SELECT
               FROM wamon.submission_rows AS e
               JOIN wamon.groups AS eg USING (chat)
               WHERE e.project = s.project AND e.drop_number = s.drop_number AND e.live AND NOT e.rejected
                 AND e.sent_at <= s.sent_at
                 AND (e.sent_at, eg.jid, coalesce(e.stanza_id, e.message_id))
                     < (s.sent_at, g.jid, coalesce(s.stanza_id, s.message_id))
           ) THEN 'new'
           ELSE 'resubmission'
       END AS kind,
       s.live, s.sent_at, s.sender, s.chat, s.unchecked
FROM wamon.submission_rows AS s
JOIN wamon.groups AS g USING (chat);

CREATE OR REPLACE VIEW wamon.drops AS
SELECT s.project, s.drop_number,
       min(s.sent_at) AS first_seen_at,
       max(s.sent_at) AS last_seen_at,
       count(DISTINCT (g.jid, coalesce(s.stanza_id, s.message_id))) AS submissions,
       (array_agg(s.sender ORDER BY s.sent_at, g.jid, s.message_id))[1] AS submitted_by
FROM wamon.submission_rows AS s
JOIN wamon.groups AS g USING (chat)
WHERE s.live AND NOT s.rejected
GROUP BY s.project, s.drop_number;
