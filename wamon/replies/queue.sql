-- name: has_work
SELECT EXISTS (
    SELECT FROM wamon.replies AS r JOIN wamon.groups AS g USING (chat)
    WHERE g.source = %(source)s AND r.state IN ('due', 'sending') AND r.next_try_at <= %(now)s
)

-- name: forget_former
-- Only one sends at a time: what another left in `sending` was perhaps sent.
UPDATE wamon.replies AS r
SET state = CASE WHEN r.reply_id IS NULL THEN 'unknown' ELSE 'sent' END, changed_at = %(now)s,
    reason = CASE WHEN r.reply_id IS NULL THEN 'wamon ended while it was sent' ELSE 'stands in the bridge''s store' END
FROM wamon.groups AS g
WHERE g.chat = r.chat AND g.source = %(source)s AND r.state = 'sending'
  AND EXISTS (SELECT FROM wamon.leases WHERE source = %(source)s AND holder = %(holder)s AND expires_at > now())

-- name: next
SELECT g.jid, r.chat, r.message_id, r.about, r.kind, r.project, r.likely, l.sender, r.sent_at, r.attempts, r.reason,
       s.replies_off,
       s.replies_from IS NOT NULL AND r.sent_at < s.replies_from,
       NOT EXISTS (SELECT FROM wamon.submission_rows AS w
                   WHERE w.chat = r.chat AND w.message_id = r.message_id AND w.drop_number = r.about AND NOT w.live)
       AND NOT EXISTS (SELECT FROM wamon.near_miss_rows AS w
                       WHERE w.chat = r.chat AND w.message_id = r.message_id AND w.written = r.about AND NOT w.live)
FROM wamon.replies AS r
JOIN wamon.groups AS g USING (chat)
JOIN wamon.sources AS s ON s.source = g.source
LEFT JOIN wamon.ledger_rows AS l ON l.chat = r.chat AND l.message_id = r.message_id
WHERE g.source = %(source)s AND r.state = 'due' AND r.next_try_at <= %(now)s
  AND EXISTS (SELECT FROM wamon.leases AS l
              WHERE l.source = %(source)s AND l.holder = %(holder)s AND l.expires_at > now())
ORDER BY r.next_try_at, r.sent_at, r.about
LIMIT 1
FOR UPDATE OF r SKIP LOCKED

-- name: tried_since
SELECT count(*) FROM wamon.replies AS r JOIN wamon.groups AS g USING (chat)
WHERE g.source = %(source)s AND r.tried_at > %(since)s

-- name: answered_since
-- To whom something was said about a drop; a near miss is about its likely number.
SELECT l.sender
FROM wamon.replies AS r
JOIN wamon.groups AS g USING (chat)
JOIN wamon.ledger_rows AS l USING (chat, message_id)
WHERE g.source = %(source)s AND r.tried_at > %(since)s AND coalesce(r.likely, r.about) = %(drop)s

-- name: begin
UPDATE wamon.replies SET state = 'sending', attempts = attempts + 1, tried_at = %(now)s, changed_at = %(now)s,
       said_hash = %(said_hash)s, reason = NULL
WHERE chat = %(chat)s AND message_id = %(message_id)s AND about = %(about)s AND state = 'due'

-- name: again
UPDATE wamon.replies SET state = 'due', reason = %(reason)s, next_try_at = %(next_try_at)s, changed_at = %(now)s,
       tried_at = NULL, said_hash = NULL
WHERE chat = %(chat)s AND message_id = %(message_id)s AND about = %(about)s AND state = 'sending'

-- name: end
-- One that was taken for unknown meanwhile, by another wamon, can still be told to be sent.
UPDATE wamon.replies
SET state = CASE WHEN %(state)s = 'unknown' AND reply_id IS NOT NULL THEN 'sent' ELSE %(state)s END,
    reason = CASE WHEN %(state)s = 'unknown' AND reply_id IS NOT NULL THEN 'stands in the bridge''s store'
                  ELSE %(reason)s END,
    reply_id = coalesce(%(reply_id)s, reply_id), changed_at = %(now)s
WHERE chat = %(chat)s AND message_id = %(message_id)s AND about = %(about)s
  AND (state IN ('due', 'sending') OR (state = 'unknown' AND %(state)s = 'sent'))

-- name: listed
SELECT r.message_id, r.about, r.kind, r.state, r.project, g.jid, r.reason, r.attempts, r.sent_at, r.queued_at, r.tried_at,
       r.changed_at, CASE WHEN r.state = 'due' THEN r.next_try_at END, r.reply_id, r.chat
FROM wamon.replies AS r
JOIN wamon.groups AS g USING (chat)
WHERE g.source = %(source)s AND (r.changed_at >= %(since)s OR r.state IN ('due', 'sending'))
ORDER BY r.changed_at DESC, g.jid, r.message_id, r.about

-- name: discard
UPDATE wamon.replies AS r SET state = 'skipped', reason = 'discarded', changed_at = %(now)s
FROM wamon.groups AS g
WHERE g.chat = r.chat AND g.source = %(source)s AND r.message_id = %(message_id)s AND r.state = 'due'
RETURNING r.about

-- name: is_off
SELECT replies_off FROM wamon.sources WHERE source = %(source)s

-- name: switch
INSERT INTO wamon.sources (source, replies_off) VALUES (%(source)s, %(off)s)
ON CONFLICT (source) DO UPDATE SET replies_off = EXCLUDED.replies_off
