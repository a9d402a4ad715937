-- name: uncertain
-- Answers in these chats of which nobody knows whether they were sent, or soon may not. What they say never changes.
SELECT reply, body
FROM wamon.replies
WHERE tried_at >= now() - interval '60 s' AND state IN ('sending', 'unknown') AND reply_id IS NULL AND body IS NOT NULL
  AND chat = ANY(%(chats)s)

-- name: whose
-- By the first rule that fits: 1 its id, 2 its text, 3 one of which nobody knows whether it was sent, unless it clearly says
-- something else, 4 one that is being sent. What it is found to be takes its id, and is no longer unknown.
WITH talk AS (
    SELECT conversation FROM wamon.conversations WHERE chat = %(chat)s AND person = %(person)s
), said AS (
    SELECT r.reply, r.state, r.reply_id, r.local_id, r.said_hash, r.tried_at
    FROM (
        SELECT conversation FROM talk
        UNION ALL
        SELECT c.conversation FROM wamon.conversations AS c JOIN talk AS t ON c.merged_into = t.conversation
    ) AS one(conversation)
    JOIN wamon.replies AS r ON r.conversation = one.conversation
    WHERE r.tried_at IS NOT NULL
), found AS (
    SELECT rule, reply, state
    FROM (
        SELECT 1 AS rule, r.reply, r.state, r.tried_at
        FROM wamon.replies AS r
        WHERE r.chat = %(chat)s AND (r.reply_id = %(message_id)s OR r.local_id = %(local_id)s)
        UNION ALL
        SELECT 2, s.reply, s.state, s.tried_at
        FROM said AS s
        WHERE s.reply_id IS NULL AND s.state IN ('sending', 'unknown', 'sent') AND s.said_hash = %(said_hash)s
          AND (s.local_id = %(local_id)s) IS NOT FALSE
          AND coalesce(%(sent_at)s::timestamptz, now())
              BETWEEN s.tried_at - interval '2 min' AND s.tried_at + interval '1 h'
        UNION ALL
        SELECT 3, s.reply, s.state, s.tried_at
        FROM said AS s
        WHERE s.reply_id IS NULL AND s.state = 'unknown' AND s.tried_at >= now() - interval '60 s'
          AND NOT s.reply = ANY(%(others)s::bigint[])
        UNION ALL
        SELECT 4, s.reply, s.state, s.tried_at
        FROM said AS s
        WHERE s.state = 'sending' AND s.tried_at >= now() - interval '60 s'
    ) AS fitting
    ORDER BY rule, tried_at
    LIMIT 1
), taken AS (
    UPDATE wamon.replies AS r
    SET reply_id = %(message_id)s, state = CASE r.state WHEN 'unknown' THEN 'sent' ELSE r.state END,
        reason = CASE r.state WHEN 'unknown' THEN 'its provider brought it back' ELSE r.reason END, changed_at = now()
    FROM found AS f
    WHERE f.reply = r.reply AND f.rule < 4 AND r.reply_id IS NULL
)
SELECT rule, reply, state = 'unknown' FROM found

-- name: spoke
UPDATE wamon.conversations AS a SET last_out_at = greatest(a.last_out_at, r.tried_at)
FROM wamon.replies AS r
JOIN wamon.conversations AS c ON c.conversation = r.conversation
WHERE r.reply = %(reply)s AND a.conversation = coalesce(c.merged_into, c.conversation)

-- name: note_receipts
-- Several of one reply in any order: the furthest counts. One that was delivered hasn't failed. Gives the places of those
-- that are about none that is known, while one is being sent whose id isn't known yet.
WITH received AS (
    SELECT k.n, k.state, k.code, r.reply
    FROM unnest(%(message_ids)s::text[], %(local_ids)s::text[], %(states)s::text[], %(codes)s::text[])
         WITH ORDINALITY AS k(message_id, local_id, state, code, n)
    LEFT JOIN LATERAL (
        SELECT i.reply
        FROM wamon.replies AS i
        JOIN wamon.groups AS g USING (chat)
        WHERE g.source = %(source)s AND (i.reply_id = k.message_id OR i.local_id = k.local_id)
        LIMIT 1
    ) AS r ON true
), furthest AS (
    SELECT reply, bool_or(state IN ('delivered', 'read')) AS delivered, bool_or(state = 'read') AS read,
           bool_or(state = 'failed') AS failed, max(code) FILTER (WHERE state = 'failed') AS code
    FROM received
    WHERE reply IS NOT NULL
    GROUP BY reply
), noted AS (
    UPDATE wamon.replies AS r
    SET delivered_at = coalesce(r.delivered_at, CASE WHEN f.delivered THEN now() END),
        read_at = coalesce(r.read_at, CASE WHEN f.read THEN now() END),
        state = CASE WHEN f.failed AND NOT f.delivered AND r.delivered_at IS NULL AND r.state IN ('sent', 'unknown')
                     THEN 'failed' WHEN r.state = 'unknown' THEN 'sent' ELSE r.state END,
        reason = CASE WHEN f.failed AND NOT f.delivered AND r.delivered_at IS NULL AND r.state IN ('sent', 'unknown')
                      THEN 'its provider could not deliver it' || coalesce(', code ' || f.code, '') ELSE r.reason END
    FROM furthest AS f
    WHERE r.reply = f.reply AND r.reply = ANY(ARRAY(SELECT reply FROM furthest))
)
SELECT n
FROM received
WHERE reply IS NULL AND EXISTS (
    SELECT
    FROM wamon.replies AS s
    JOIN wamon.groups AS g USING (chat)
    WHERE g.source = %(source)s AND s.state = 'sending' AND s.tried_at >= now() - interval '60 s')
