-- name: waiting
SELECT count(*) FILTER (WHERE last_seq > answered_seq AND state <> 'human'),
       min(burst_at) FILTER (WHERE last_seq > answered_seq AND state <> 'human'),
       count(*) FILTER (WHERE last_seq > answered_seq AND due_at < now() - interval '60 seconds'),
       count(*) FILTER (
           WHERE last_seq > answered_seq
             AND due_at < now() - CASE state WHEN 'processing' THEN interval '2 minutes' ELSE interval '5 minutes' END
       )
FROM wamon.conversations
WHERE source = ANY(%(sources)s) AND due_at IS NOT NULL

-- name: unanswered
-- What got no answer, and none since, of us or of a colleague.
SELECT count(DISTINCT c.conversation) FILTER (WHERE t.outcome = 'stale'),
       count(DISTINCT c.conversation) FILTER (WHERE t.outcome = 'dead')
FROM wamon.turns AS t
JOIN wamon.conversations AS o ON o.conversation = t.conversation
JOIN wamon.conversations AS c ON c.conversation = coalesce(o.merged_into, o.conversation)
WHERE t.outcome IN ('stale', 'dead') AND t.ended_at > now() - interval '7 days' AND c.source = ANY(%(sources)s)
  AND NOT EXISTS (
      SELECT FROM wamon.turns AS l
      WHERE l.conversation = c.conversation AND l.ended_at > t.ended_at AND l.outcome IN ('answered', 'digest')
  )
  AND NOT EXISTS (
      SELECT FROM wamon.conversation_messages AS m
      WHERE m.conversation = c.conversation AND m.sent_at > t.started_at AND m.role = 'operator'
  )

-- name: lately
-- A conversation's changes have their order by number: created_at is when a transaction began, which may have waited for
-- one that began later.
SELECT count(*) FILTER (WHERE t.outcome IN ('failed', 'dead') OR t.error IS NOT NULL),
       percentile_cont(0.95) WITHIN GROUP (ORDER BY t.work_ms),
       (SELECT count(*)
        FROM (
            SELECT s.to_state = 'settling' AND s.transition_reason = 'message' AS is_start, s.conversation_id,
                   lag(s.to_state = 'settling' AND s.transition_reason = 'message') OVER own AS was_start,
                   s.created_at - lag(s.created_at) OVER own AS since
            FROM wamon.conversation_state_transitions AS s
            WHERE s.created_at > now() - interval '1 hour'
            WINDOW own AS (PARTITION BY s.conversation_id ORDER BY s.id)
        ) AS d
        JOIN wamon.conversations AS o ON o.uid = d.conversation_id
        WHERE d.is_start AND d.was_start AND d.since < interval '60 seconds' AND o.source = ANY(%(sources)s)),
       coalesce(sum(t.missed), 0)
FROM wamon.turns AS t
JOIN wamon.conversations AS c USING (conversation)
WHERE t.ended_at > now() - interval '1 hour' AND c.source = ANY(%(sources)s)

-- name: agent
SELECT EXISTS (SELECT FROM wamon.sources WHERE source = ANY(%(sources)s) AND agent_off),
       (SELECT opened_until FROM wamon.breakers WHERE name = 'agent' AND opened_until > now())
