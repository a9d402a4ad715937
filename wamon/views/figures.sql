-- name: schema
SELECT max(version) FROM wamon.migrations

-- name: dead
-- Messages, and deliveries or parts of them.
SELECT g.source, count(*)
FROM (
    SELECT chat FROM wamon.ledger_rows WHERE status = 'dead'
    UNION ALL
    SELECT chat FROM wamon.dead_letters WHERE kind = 'event' AND next_try_at IS NULL
) AS dead
JOIN wamon.groups AS g USING (chat)
GROUP BY g.source

-- name: replies
SELECT state, count(*) FROM wamon.replies GROUP BY state

-- name: events
-- Those that wait are few, as a rule; those that are dead have an index, and all are counted by the smallest there is.
SELECT new, every - new - dead, dead, oldest_seconds
FROM (SELECT count(*) AS new, coalesce(extract(epoch FROM now() - min(received_at)), 0)::float AS oldest_seconds
      FROM wamon.delivery_queue) AS waiting,
     (SELECT count(*) AS dead FROM wamon.delivery_ends WHERE state = 'dead') AS refused,
     (SELECT count(*) AS every FROM wamon.deliveries) AS kept

-- name: joins
SELECT count(*) FROM wamon.people WHERE merged_into IS NOT NULL

-- name: conversations
SELECT state, count(*) FROM wamon.conversations GROUP BY state

-- name: oldest_waiting
SELECT coalesce(extract(epoch FROM now() - min(burst_at)), 0)::float
FROM wamon.conversations
WHERE due_at IS NOT NULL AND last_seq > answered_seq AND state <> 'human'

-- name: counted
-- What was counted as it happened or was pruned, and what is there.
SELECT name, sum(n)::bigint
FROM (
    SELECT name, n FROM wamon.conversation_counts
    UNION ALL
    SELECT t.name, t.n
    FROM (
        SELECT outcome, count(*) AS turns, count(*) FILTER (WHERE follow_up) AS follow_ups, sum(missed) AS missed
        FROM wamon.turns WHERE outcome IS NOT NULL GROUP BY outcome
    ) AS k
    CROSS JOIN LATERAL (
        VALUES ('turns ' || k.outcome, k.turns), ('follow-ups', k.follow_ups), ('missed', coalesce(k.missed, 0))
    ) AS t(name, n)
) AS counted
GROUP BY name

-- name: turn_quantiles
SELECT percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM ended_at - started_at)::float),
       percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM started_at - due_at)::float),
       percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY guard_ms / 1000)
FROM wamon.turns
WHERE ended_at > now() - interval '1 hour'

-- name: answer_quantiles
SELECT percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY extract(epoch FROM r.tried_at - m.seen_at)::float)
FROM wamon.turns AS t
JOIN wamon.replies AS r ON r.conversation = t.conversation AND r.through_seq = t.through_seq AND r.fence = t.fence
JOIN wamon.conversation_messages AS m ON m.conversation = t.conversation AND m.seq = t.from_seq
WHERE t.ended_at > now() - interval '1 hour' AND r.state = 'sent'

-- name: switches
SELECT bool_or(replies_off), bool_or(agent_off) FROM wamon.sources

-- name: breakers
SELECT name, coalesce(opened_until > now(), false) FROM wamon.breakers
