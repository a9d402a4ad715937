-- name: has_work
-- Posts are answered by this host's clock, as they were recorded; bursts by PostgreSQL's, as they were claimed.
SELECT EXISTS (
    SELECT FROM wamon.replies AS r JOIN wamon.groups AS g USING (chat)
    WHERE g.source = %(source)s AND r.state IN ('due', 'sending')
      AND r.next_try_at <= CASE WHEN r.conversation IS NULL THEN %(now)s ELSE now() END
)

-- name: database
-- A copy of it has the same instance, and lies elsewhere.
SELECT concat_ws(' ', instance_id, current_database(), inet_server_addr(), inet_server_port()) FROM wamon.instance

-- name: forget_former
-- Only one sends at a time: what another left in `sending` was perhaps sent.
UPDATE wamon.replies AS r
SET state = CASE WHEN r.reply_id IS NULL THEN 'unknown' ELSE 'sent' END,
    changed_at = CASE WHEN r.conversation IS NULL THEN %(now)s ELSE now() END,
    reason = CASE WHEN r.reply_id IS NULL THEN 'wamon ended while it was sent' ELSE 'stands in the bridge''s store' END
FROM wamon.groups AS g
WHERE g.chat = r.chat AND g.source = %(source)s AND r.state = 'sending'
  AND EXISTS (SELECT FROM wamon.leases WHERE source = %(source)s AND holder = %(holder)s AND expires_at > now())

-- name: next
-- A conversation's are sent in their order, fresh ones before late ones, of which the oldest first. A group, and all that
-- is late, has a limit in a minute: the others go on.
-- What goes before it is looked for in its conversation alone, by states that no index of unfinished ones has.
-- A burst's answer stands for as long as any of its posts does, whichever was the last: asked of the chosen one alone,
-- since no index has posts by their message.
WITH chosen AS MATERIALIZED (
    SELECT r.*
    FROM wamon.replies AS r
    JOIN wamon.groups AS g USING (chat)
    LEFT JOIN wamon.conversations AS c ON c.conversation = r.conversation
    LEFT JOIN wamon.conversations AS a ON a.conversation = coalesce(c.merged_into, c.conversation)
    WHERE g.source = %(source)s AND r.state = 'due'
      AND r.next_try_at <= CASE WHEN r.conversation IS NULL THEN %(now)s ELSE now() END
      AND EXISTS (SELECT FROM wamon.leases AS h
                  WHERE h.source = %(source)s AND h.holder = %(holder)s AND h.expires_at > now())
      AND NOT EXISTS (
          SELECT
          FROM wamon.replies AS e
          WHERE e.conversation = ANY(ARRAY(
                  SELECT a.conversation
                  UNION ALL
                  SELECT m.conversation FROM wamon.conversations AS m WHERE m.merged_into = a.conversation))
            AND e.state NOT IN ('sent', 'unknown', 'failed', 'skipped') AND e.reply < r.reply)
      AND (g.kind = 'direct' OR %(per_group)s > (
          SELECT count(*)
          FROM wamon.replies AS t
          WHERE t.chat = r.chat AND t.tried_at > least(now(), %(now)s) - interval '1 min'
            AND t.tried_at > CASE WHEN t.conversation IS NULL THEN %(now)s ELSE now() END - interval '1 min'))
      AND (NOT r.late OR %(most_late)s > (
          SELECT count(*)
          FROM wamon.replies AS t
          JOIN wamon.groups AS tg USING (chat)
          WHERE tg.source = %(source)s AND t.late AND t.tried_at > now() - interval '1 min'))
    ORDER BY r.late, CASE WHEN r.late THEN r.sent_at ELSE r.next_try_at END, r.sent_at, r.about, r.reply
    LIMIT 1
    FOR UPDATE OF r SKIP LOCKED
)
SELECT r.reply, g.jid, r.chat, r.message_id, r.about, r.kind, r.project, r.likely, l.sender, r.sent_at, r.attempts, r.reason,
       s.replies_off, s.agent_off AND r.conversation IS NOT NULL AND coalesce(u.tokens IS NOT NULL AND u.error IS NULL, false),
       s.replies_from IS NOT NULL AND r.sent_at < s.replies_from,
       coalesce(CASE WHEN r.kind = 'burst' THEN d.any_stands ELSE d.it_stands END, true),
       r.body, coalesce(r.deadline, r.sent_at + %(max_age)s::interval), a.conversation, p.account, p.hash,
       coalesce(a.state = 'human', false), u.correlation_id::text,
       CASE WHEN r.conversation IS NULL THEN %(now)s ELSE now() END
FROM chosen AS r
JOIN wamon.groups AS g USING (chat)
JOIN wamon.sources AS s ON s.source = g.source
LEFT JOIN wamon.ledger_rows AS l ON l.chat = r.chat AND l.message_id = r.message_id
LEFT JOIN wamon.conversations AS c ON c.conversation = r.conversation
LEFT JOIN wamon.conversations AS a ON a.conversation = coalesce(c.merged_into, c.conversation)
LEFT JOIN wamon.people AS p ON p.person = a.person
LEFT JOIN wamon.turns AS u ON u.conversation = r.conversation AND u.fence = r.fence
LEFT JOIN LATERAL (
    SELECT bool_or(w.live) AS any_stands, bool_and(w.live) FILTER (WHERE w.about = r.about) AS it_stands
    FROM (
        SELECT r.message_id
        UNION
        SELECT m.message_id FROM wamon.conversation_messages AS m
        WHERE m.conversation = r.conversation AND m.seq BETWEEN u.from_seq AND u.through_seq
    ) AS k
    CROSS JOIN LATERAL (
        SELECT n.live, n.drop_number FROM wamon.submission_rows AS n WHERE n.chat = r.chat AND n.message_id = k.message_id
        UNION ALL
        SELECT n.live, n.written FROM wamon.near_miss_rows AS n WHERE n.chat = r.chat AND n.message_id = k.message_id
    ) AS w(live, about)
) AS d ON true

-- name: aliases
-- A person's at this moment, the last heard of first.
SELECT a.kind, a.value
FROM wamon.conversations AS c
JOIN wamon.aliases AS a ON a.person = c.person
WHERE c.conversation = %(conversation)s
ORDER BY a.seen_at DESC, a.value

-- name: tried_in_a_minute
SELECT count(*)
FROM wamon.replies AS r
JOIN wamon.groups AS g USING (chat)
WHERE g.source = %(source)s AND r.tried_at > least(now(), %(now)s) - interval '1 min'
  AND r.tried_at > CASE WHEN r.conversation IS NULL THEN %(now)s ELSE now() END - interval '1 min'

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
WHERE reply = %(reply)s AND state = 'due'

-- name: again
-- Unless it would be too old then.
UPDATE wamon.replies AS r
SET state = CASE WHEN a.now + %(pause)s::interval > %(deadline)s THEN 'failed' ELSE 'due' END, reason = %(reason)s,
    next_try_at = a.now + %(pause)s::interval, changed_at = a.now, tried_at = NULL, said_hash = NULL
FROM (SELECT coalesce(%(now)s::timestamptz, now())) AS a(now)
WHERE r.reply = %(reply)s AND r.state = 'sending'

-- name: lock_conversation
-- Into which it was joined, where it was.
SELECT merged_into FROM wamon.conversations WHERE conversation = %(conversation)s FOR UPDATE

-- name: spoke
-- When we last said something there: the calls of two senders may end in any order.
UPDATE wamon.conversations AS c SET last_out_at = greatest(c.last_out_at, r.tried_at)
FROM wamon.replies AS r
WHERE c.conversation = %(conversation)s AND r.reply = %(reply)s

-- name: end
-- One that was taken for unknown meanwhile, by another wamon, can still be told to be sent.
UPDATE wamon.replies
SET state = CASE WHEN %(state)s = 'unknown' AND reply_id IS NOT NULL THEN 'sent' ELSE %(state)s END,
    reason = CASE WHEN %(state)s = 'unknown' AND reply_id IS NOT NULL THEN 'stands in the bridge''s store'
                  ELSE %(reason)s END,
    reply_id = coalesce(%(reply_id)s, reply_id), local_id = coalesce(%(local_id)s, local_id),
    changed_at = coalesce(%(now)s::timestamptz, now())
WHERE reply = %(reply)s AND (state IN ('due', 'sending') OR (state = 'unknown' AND %(state)s = 'sent'))

-- name: listed
SELECT r.message_id, r.about, r.kind, r.state, r.project, g.jid, r.reason, r.attempts, r.sent_at, r.queued_at, r.tried_at,
       r.changed_at, CASE WHEN r.state = 'due' THEN r.next_try_at END, r.reply_id, r.chat, r.reply, r.delivered_at,
       r.read_at, p.hash,
       (SELECT CASE WHEN i.kind = 'lid' THEN i.value || '@lid' ELSE i.value END
        FROM wamon.aliases AS i WHERE i.person = a.person
        ORDER BY array_position(ARRAY['phone', 'lid', 'bsuid', 'subscriber'], i.kind), i.seen_at DESC LIMIT 1)
FROM wamon.replies AS r
JOIN wamon.groups AS g USING (chat)
LEFT JOIN wamon.conversations AS c ON c.conversation = r.conversation
LEFT JOIN wamon.conversations AS a ON a.conversation = coalesce(c.merged_into, c.conversation)
LEFT JOIN wamon.people AS p ON p.person = a.person
WHERE g.source = %(source)s AND (r.changed_at >= %(since)s OR r.state IN ('due', 'sending'))
ORDER BY r.changed_at DESC, g.jid, r.message_id, r.about

-- name: discard
UPDATE wamon.replies AS r SET state = 'skipped', reason = 'discarded', changed_at = %(now)s
FROM wamon.groups AS g
WHERE g.chat = r.chat AND g.source = ANY(%(sources)s) AND r.message_id = %(message_id)s AND r.state = 'due'
RETURNING r.about

-- name: unknown
SELECT r.state, r.kind, r.body IS NOT NULL, g.kind, g.source
FROM wamon.replies AS r
JOIN wamon.groups AS g USING (chat)
WHERE r.reply = %(reply)s AND (%(sources)s::text[] IS NULL OR g.source = ANY(%(sources)s))
FOR UPDATE OF r

-- name: resend
UPDATE wamon.replies AS r
SET state = 'due', reason = 'sent again by hand', next_try_at = a.now, changed_at = a.now, tried_at = NULL, said_hash = NULL,
    deadline = greatest(r.deadline, a.now + %(patience)s::interval)
FROM (SELECT coalesce(%(now)s::timestamptz, now())) AS a(now)
WHERE r.reply = %(reply)s

-- name: note
INSERT INTO wamon.actions (who, what, key, reason) VALUES (%(who)s, 'reply-resend', %(reply)s::bigint::text, '')

-- name: prune_bodies
UPDATE wamon.replies SET body = NULL
WHERE reply = ANY(ARRAY(
    SELECT reply FROM wamon.replies
    WHERE body IS NOT NULL AND state NOT IN ('due', 'sending') AND changed_at < now() - %(keep_text)s::interval
    LIMIT 500
))

-- name: switches
SELECT replies_off, agent_off FROM wamon.sources WHERE source = %(source)s

-- name: switch
INSERT INTO wamon.sources (source, replies_off) VALUES (%(source)s, %(off)s)
ON CONFLICT (source) DO UPDATE SET replies_off = EXCLUDED.replies_off

-- name: switch_agent
INSERT INTO wamon.sources (source, agent_off) VALUES (%(source)s, %(off)s)
ON CONFLICT (source) DO UPDATE SET agent_off = EXCLUDED.agent_off
