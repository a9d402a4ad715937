-- name: shown
-- A conversation as it is listed. A person who was joined into another goes by the other's ids.
WITH shown AS (
    SELECT c.conversation, c.uid::text AS uid, CASE WHEN %(phones)s THEN coalesce(a.value, p.hash) ELSE p.hash END AS person, c.source,
           CASE c.kind WHEN 'group' THEN g.project END AS project, c.state, c.last_seq - c.answered_seq AS pending, c.due_at,
           CASE WHEN c.last_seq > c.answered_seq THEN c.burst_at END AS oldest_at, c.attempts, c.last_in_at, c.last_out_at,
           c.human_until, c.merged_into
    FROM wamon.conversations AS c
    JOIN wamon.groups AS g USING (chat)
    JOIN wamon.people AS o ON o.person = c.person
    JOIN wamon.people AS p ON p.person = coalesce(o.merged_into, o.person)
    LEFT JOIN LATERAL (
        SELECT value FROM wamon.aliases WHERE person = p.person
        ORDER BY array_position(ARRAY['phone', 'bsuid', 'subscriber', 'lid'], kind::text), value LIMIT 1
    ) AS a ON true
)

-- name: listed after shown
, unanswered AS (
    SELECT DISTINCT ON (c.conversation) c.conversation, t.outcome, t.ended_at
    FROM wamon.turns AS t
    JOIN wamon.conversations AS o ON o.conversation = t.conversation
    JOIN wamon.conversations AS c ON c.conversation = coalesce(o.merged_into, o.conversation)
    WHERE t.outcome IN ('stale', 'dead') AND t.ended_at > now() - interval '7 days'
      AND NOT EXISTS (
          SELECT FROM wamon.turns AS l
          WHERE l.conversation = c.conversation AND l.ended_at > t.ended_at AND l.outcome IN ('answered', 'digest')
      )
      AND NOT EXISTS (
          SELECT FROM wamon.conversation_messages AS m
          WHERE m.conversation = c.conversation AND m.sent_at > t.started_at AND m.role = 'operator'
      )
    ORDER BY c.conversation, t.ended_at DESC
)
SELECT uid, person, source, project, state, pending, due_at, oldest_at, attempts, u.outcome
FROM (
    SELECT conversation FROM wamon.conversations WHERE due_at IS NOT NULL
    UNION
    SELECT conversation FROM unanswered
) AS w
JOIN shown USING (conversation)
LEFT JOIN unanswered AS u USING (conversation)
ORDER BY CASE state WHEN 'processing' THEN 2 WHEN 'human' THEN 3 WHEN 'idle' THEN 4 ELSE 1 END,
         CASE WHEN state <> 'idle' THEN coalesce(oldest_at, due_at) END, u.ended_at DESC, conversation
LIMIT %(most)s

-- name: of_people after shown
-- A person's conversations, or the one that is named with what was merged into it; the last to hear of first.
SELECT conversation, uid, person, source, project, state, pending, due_at, oldest_at, attempts,
       (SELECT CASE WHEN t.outcome IN ('stale', 'dead') THEN t.outcome END FROM wamon.turns AS t
        WHERE t.conversation = s.conversation AND t.outcome IS NOT NULL ORDER BY t.fence DESC LIMIT 1),
       last_in_at, last_out_at, human_until
FROM shown AS s
WHERE conversation = ANY(ARRAY(
          SELECT conversation FROM wamon.conversations WHERE person = ANY(%(people)s)
          UNION ALL
          SELECT conversation FROM wamon.conversations JOIN wamon.people USING (person) WHERE people.merged_into = ANY(%(people)s)
      ))
  AND (%(conversation)s::bigint IS NULL OR %(conversation)s IN (conversation, merged_into))
ORDER BY state = 'merged', last_in_at DESC NULLS LAST, conversation

-- name: turns
SELECT t.started_at, t.ended_at, t.reason, t.through_seq - t.from_seq + 1, t.outcome, r.state, t.missed, t.gap_seconds,
       t.late, t.follow_up, t.error, t.correlation_id::text, t.tokens
FROM wamon.turns AS t
LEFT JOIN wamon.replies AS r
    ON r.conversation = t.conversation AND r.through_seq = t.through_seq AND r.fence = t.fence
WHERE t.conversation = %(conversation)s
ORDER BY t.fence DESC
LIMIT 200

-- name: transitions
SELECT created_at, from_state, to_state, transition_reason
FROM wamon.conversation_state_transitions
WHERE conversation_id = %(uid)s::uuid
ORDER BY id DESC -- whoever began first may have waited for another
LIMIT 200

-- name: said
SELECT sent_at, role, part, body
FROM wamon.conversation_messages
WHERE conversation = %(conversation)s
ORDER BY sent_at DESC, seq DESC NULLS LAST
LIMIT 200

-- name: names
SELECT k.person, CASE WHEN %(phones)s THEN coalesce(a.value, p.hash) ELSE p.hash END
FROM unnest(%(people)s::bigint[]) AS k(person)
JOIN wamon.people AS o ON o.person = k.person
JOIN wamon.people AS p ON p.person = coalesce(o.merged_into, o.person)
LEFT JOIN LATERAL (
    SELECT value FROM wamon.aliases WHERE person = p.person
    ORDER BY array_position(ARRAY['phone', 'bsuid', 'subscriber', 'lid'], kind::text), value LIMIT 1
) AS a ON true

-- name: by_uid
SELECT coalesce(c.merged_into, c.conversation), coalesce(p.merged_into, p.person)
FROM wamon.conversations AS c JOIN wamon.people AS p USING (person)
WHERE c.uid = %(uid)s::uuid

-- name: by_hash
SELECT DISTINCT coalesce(merged_into, person) FROM wamon.people WHERE hash = %(hash)s

-- name: by_number
-- Without an index: it is asked by people, now and then.
SELECT DISTINCT person, value FROM wamon.aliases
WHERE kind = 'phone' AND right(value, length(%(digits)s)) = %(digits)s
LIMIT 20

-- name: person_key
SELECT person_key FROM wamon.instance

-- name: aliases
SELECT person, kind, value FROM wamon.aliases

-- name: aliases_of
SELECT kind, value FROM wamon.aliases WHERE person = ANY(%(people)s)
ORDER BY array_position(ARRAY['phone', 'bsuid', 'subscriber', 'lid'], kind::text), value
