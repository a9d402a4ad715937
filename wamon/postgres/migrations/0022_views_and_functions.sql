-- oldest writer: 6
-- What people ask for by the names of earlier systems: docs/names.md lists them. Views read, functions say their
-- search_path, and nobody but their owner may call one that no role was granted.

-- By which id a person is known here: the phone, as digits, else the BSUID, the subscriber's number, or the LID.
-- A join, and an expression of which the planner sees that it is NULL without a value: one person is sought among the aliases
-- then, and no other's best one.
CREATE VIEW wamon.wa_ids AS
SELECT p.person, p.hash, a.value || CASE a.kind WHEN 'lid' THEN '@lid' ELSE '' END AS wa_id
FROM wamon.people AS p
LEFT JOIN wamon.aliases AS a ON a.person = p.person AND NOT EXISTS (
    SELECT FROM wamon.aliases AS b
    WHERE b.person = a.person
      AND (array_position(ARRAY['phone', 'bsuid', 'subscriber', 'lid'], b.kind), now() - b.seen_at, b.value)
          < (array_position(ARRAY['phone', 'bsuid', 'subscriber', 'lid'], a.kind), now() - a.seen_at, a.value)
);

CREATE VIEW wamon.threads AS
SELECT w.wa_id, c.uid AS conversation_id, c.last_in_at AS last_webhook_timestamp, c.last_out_at AS last_updated
FROM wamon.conversations AS c
JOIN wamon.wa_ids AS w USING (person)
WHERE c.state <> 'merged';

-- What waits for an answer; answered messages leave it at once. A group's text is the ledger's, as long as that is kept.
CREATE VIEW wamon.message_buffer AS
SELECT w.wa_id, t.message_type, CASE t.message_type WHEN 'text' THEN t.said END AS content,
       CASE WHEN t.message_type <> 'text' THEN t.said END AS caption, m.sent_at AS "timestamp", c.source
FROM wamon.conversations AS c
JOIN wamon.conversation_messages AS m ON m.conversation = c.conversation AND m.seq > c.answered_seq
JOIN wamon.wa_ids AS w USING (person)
LEFT JOIN wamon.ledger_rows AS l ON l.chat = m.chat AND l.message_id = m.message_id
CROSS JOIN LATERAL (
    SELECT CASE m.part WHEN 'photo' THEN 'image' WHEN 'voice' THEN 'audio' WHEN 'file' THEN 'document' WHEN 'drop' THEN 'text'
                       ELSE m.part END AS message_type, coalesce(m.body, l.text) AS said
) AS t
WHERE c.due_at IS NOT NULL;

-- A lock is held since its turn began; one that was taken by hand of what waits for nothing has no turn.
CREATE VIEW wamon.webhook_conversations AS
SELECT c.uid AS id, w.hash AS user_id, w.wa_id AS whatsapp_phone, 'main'::text AS agent_type,
       CASE WHEN c.state = 'processing' AND c.due_at < now() THEN 'timeout'
            WHEN c.state = 'processing' THEN 'processing'
            WHEN c.state <> 'idle' THEN 'pending'
            WHEN t.outcome = 'dead' THEN 'error'
            WHEN a.at < now() - interval '24 hours' THEN 'completed'
            ELSE 'active' END AS status,
       a.at AS last_activity_at, c.attempts AS retry_count, c.errors AS error_count, c.held_by AS locked_by,
       CASE WHEN c.state = 'processing' THEN coalesce(t.open_since, c.due_at - interval '2 minutes') END AS locked_at,
       (SELECT x.context_data FROM wamon.agent_contexts AS x
        WHERE x.conversation_id = c.uid AND x.agent_type = 'main') AS conversation_context,
       c.created_at, greatest(a.at, t.open_since) AS updated_at
FROM wamon.conversations AS c
JOIN wamon.wa_ids AS w USING (person)
LEFT JOIN LATERAL (
    SELECT l.outcome, l.ended_at, CASE WHEN l.outcome IS NULL THEN l.started_at END AS open_since
    FROM wamon.turns AS l
    WHERE l.conversation = c.conversation
    ORDER BY l.fence DESC
    LIMIT 1
) AS t ON true
CROSS JOIN LATERAL (
    SELECT coalesce(greatest(c.last_at, c.last_in_at, c.last_out_at, t.ended_at), c.created_at) AS at
) AS a
WHERE c.state <> 'merged';

-- A message is processed once a turn over it has closed its burst.
CREATE VIEW wamon.processed_webhook_messages AS
SELECT md5(m.chat || ' ' || m.message_id)::uuid AS id, m.message_id AS whatsapp_message_id, m.correlation_id,
       c.uid AS conversation_id, NULL::jsonb AS payload, t.ended_at AS processed_at, t.work_ms AS processing_time_ms
FROM wamon.turns AS t
JOIN wamon.conversation_messages AS m
     ON m.conversation = t.conversation AND m.seq BETWEEN t.from_seq AND t.through_seq
JOIN wamon.conversations AS c ON c.conversation = t.conversation
WHERE t.outcome IN ('answered', 'silent', 'stale', 'human', 'digest', 'dead');

-- Dead letters of all three kinds; one that is recorded or answered after all leaves them.
CREATE VIEW wamon.webhook_dlq AS
SELECT d.chat || ' ' || d.message_id AS id, NULL::jsonb AS payload, d.reason AS error, NULL::text AS error_stack,
       d.correlation_id, d.message_id AS whatsapp_message_id, greatest(least(d.attempts - 1, 3), 0) AS retry_count,
       3 AS max_retries, d.next_try_at AS next_retry_at, coalesce(e.received_at, d.failed_at) AS created_at,
       CASE WHEN d.given_up THEN d.failed_at END AS processed_at,
       CASE WHEN d.given_up THEN 'resolved'
            WHEN d.next_try_at IS NULL THEN 'failed'
            WHEN d.attempts > 1 THEN 'retrying'
            ELSE 'pending' END AS resolution_status
FROM wamon.dead_letters AS d
LEFT JOIN wamon.webhook_events AS e ON d.kind = 'event' AND e.uid = d.correlation_id;

-- Of the last 24 hours: what waits, and what a turn ended of. The last turn is sought among those alone. OFFSET 0 has each
-- conversation looked up by its key: to read all of them costs more with each that there ever was.
CREATE VIEW wamon.webhook_conversation_health AS
SELECT s.status, count(*) AS count, round(extract(epoch FROM avg(now() - s.at)), 1) AS avg_idle_seconds,
       max(s.attempts) AS max_retries, sum(s.errors) AS total_errors, count(s.held_by) AS locked_count
FROM (
    SELECT CASE t.outcome WHEN 'dead' THEN 'error' ELSE 'active' END AS status,
           greatest(c.last_at, c.last_in_at, c.last_out_at, t.ended_at) AS at, c.attempts, c.errors, c.held_by
    FROM (
        SELECT DISTINCT ON (l.conversation) l.conversation, l.outcome, l.ended_at
        FROM wamon.turns AS l
        WHERE l.ended_at > now() - interval '24 hours'
        ORDER BY l.conversation, l.fence DESC
    ) AS t
    CROSS JOIN LATERAL (SELECT * FROM wamon.conversations AS o WHERE o.conversation = t.conversation OFFSET 0) AS c
    WHERE c.state = 'idle'
    UNION ALL
    SELECT CASE WHEN c.state <> 'processing' THEN 'pending'
                WHEN c.due_at < now() THEN 'timeout'
                ELSE 'processing' END,
           coalesce(greatest(c.last_at, c.last_in_at, c.last_out_at), c.created_at), c.attempts, c.errors, c.held_by
    FROM wamon.conversations AS c
    WHERE c.due_at IS NOT NULL
) AS s
GROUP BY s.status
ORDER BY s.status;

-- Persons are masked: roles see it that may see nobody. What is stuck is what `wamon doctor` takes for it, and a lock whose
-- holder is gone.
CREATE VIEW wamon.stuck_webhook_conversations AS
SELECT w.id, w.user_id, '…' || right(w.whatsapp_phone, least(4, length(w.whatsapp_phone) - 1)) AS whatsapp_phone,
       w.agent_type, w.status, w.last_activity_at, w.retry_count, w.error_count, w.locked_by, w.locked_at,
       round(extract(epoch FROM now() - w.last_activity_at), 1) AS idle_seconds
FROM wamon.conversations AS c
JOIN wamon.webhook_conversations AS w ON w.id = c.uid
WHERE c.due_at < now() - CASE c.state WHEN 'processing' THEN interval '2 minutes' ELSE interval '5 minutes' END
  AND (c.last_seq > c.answered_seq OR c.state = 'processing');

CREATE VIEW wamon.webhook_agent_performance AS
SELECT s.agent_type, count(DISTINCT s.conversation_id) AS unique_conversations,
       round(avg(s.total_messages), 1) AS avg_messages_per_session, round(avg(s.total_tokens_used), 1) AS avg_tokens_used,
       sum(s.error_count) AS total_errors, count(*) FILTER (WHERE s.session_state = 'completed') AS completed_sessions,
       count(*) FILTER (WHERE s.session_state IN ('failed', 'timeout')) AS failed_sessions,
       count(*) FILTER (WHERE s.session_state = 'active') AS active_sessions,
       round(avg(extract(epoch FROM coalesce(s.ended_at, now()) - s.started_at)), 1) AS avg_duration_seconds
FROM wamon.agent_sessions AS s
WHERE s.session_state = 'active' OR s.ended_at > now() - interval '24 hours'
GROUP BY s.agent_type
ORDER BY s.agent_type;

-- Times are those of turns: what a burst took, without the quiet before it.
CREATE VIEW wamon.webhook_message_processing_metrics AS
SELECT h.hour, h.messages_processed, h.avg_processing_ms, round(h.percentiles[1]::numeric, 1) AS p50_processing_ms,
       round(h.percentiles[2]::numeric, 1) AS p95_processing_ms, round(h.percentiles[3]::numeric, 1) AS p99_processing_ms,
       h.max_processing_ms, h.min_processing_ms
FROM (
    SELECT date_trunc('hour', t.ended_at) AS hour, sum(t.through_seq - t.from_seq + 1) AS messages_processed,
           round(avg(t.work_ms)::numeric, 1) AS avg_processing_ms,
           percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY t.work_ms) AS percentiles,
           round(max(t.work_ms)::numeric, 1) AS max_processing_ms, round(min(t.work_ms)::numeric, 1) AS min_processing_ms
    FROM wamon.turns AS t
    WHERE t.ended_at > now() - interval '24 hours'
      AND t.outcome IN ('answered', 'silent', 'stale', 'human', 'digest', 'dead')
    GROUP BY 1
) AS h
ORDER BY h.hour DESC;

CREATE VIEW wamon.webhook_dlq_summary AS
SELECT d.resolution_status, count(*) AS count,
       count(*) FILTER (WHERE d.retry_count >= d.max_retries) AS max_retries_reached,
       round(avg(d.retry_count), 1) AS avg_retry_count, min(d.created_at) AS oldest_message,
       max(d.created_at) AS newest_message
FROM wamon.webhook_dlq AS d
GROUP BY d.resolution_status
ORDER BY d.resolution_status;

CREATE VIEW wamon.recent_webhook_state_transitions AS
SELECT s.id, s.conversation_id, w.hash AS user_id,
       '…' || right(w.wa_id, least(4, length(w.wa_id) - 1)) AS whatsapp_phone, 'main'::text AS agent_type,
       s.from_state, s.to_state, s.transition_reason, s.correlation_id, s.created_at
FROM (SELECT * FROM wamon.conversation_state_transitions ORDER BY id DESC LIMIT 100) AS s
LEFT JOIN wamon.conversations AS c ON c.uid = s.conversation_id
LEFT JOIN wamon.wa_ids AS w USING (person)
ORDER BY s.id DESC;

CREATE FUNCTION wamon.has_buffered_messages(wa_id text) RETURNS boolean
LANGUAGE sql STABLE SET search_path = wamon, pg_temp AS $$
    SELECT EXISTS (SELECT FROM message_buffer AS b WHERE b.wa_id = has_buffered_messages.wa_id)
$$;

CREATE FUNCTION wamon.get_all_wa_ids_with_buffered_messages() RETURNS SETOF text
LANGUAGE sql STABLE SET search_path = wamon, pg_temp AS $$
    SELECT DISTINCT b.wa_id FROM message_buffer AS b WHERE b.wa_id IS NOT NULL ORDER BY 1
$$;

-- What needs a look; no row: nothing does. Thresholds are exceeded, not reached. In plpgsql, whose plans know the values:
-- those of SQL would be made without, and read all turns. To compile them (jit) takes longer than to run them.
CREATE FUNCTION wamon.check_webhook_system_health(
    stuck integer DEFAULT 5, dlq integer DEFAULT 10, errors integer DEFAULT 10, p95_ms double precision DEFAULT 2000
) RETURNS TABLE (alert_type text, severity text, message text, details jsonb)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = wamon, pg_temp SET jit = off AS $$
BEGIN
    RETURN QUERY
    WITH lately AS (
        SELECT count(*) FILTER (WHERE t.outcome IN ('failed', 'dead') OR t.error IS NOT NULL) AS failed,
               count(*) FILTER (WHERE t.outcome = 'lost' OR t.error IN ('timeout', 'TimeoutError')) AS timeouts,
               coalesce(percentile_cont(0.95) WITHIN GROUP (ORDER BY t.work_ms), 0) AS p95
        FROM turns AS t
        WHERE t.ended_at > now() - interval '1 hour'
    ), stale AS (
        SELECT count(*) AS locks
        FROM conversations AS c
        LEFT JOIN turns AS t ON t.conversation = c.conversation AND t.fence = c.fence
        WHERE c.state = 'processing' AND c.due_at IS NOT NULL
          AND (c.due_at < now() - interval '2 minutes' OR t.started_at < now() - interval '10 minutes')
    ), found AS (
        SELECT 1 AS place, 'STUCK_CONVERSATIONS' AS what, 'HIGH' AS how, count(*)::float8 AS n, stuck::float8 AS most,
               'Conversations overdue by 5 minutes, or whose lock nobody holds any more: ' AS words
        FROM stuck_webhook_conversations
        UNION ALL
        SELECT 2, 'HIGH_ERROR_RATE', 'CRITICAL', lately.failed, errors, 'Turns that failed in the last hour: ' FROM lately
        UNION ALL
        SELECT 3, 'DLQ_BUILDUP', 'HIGH', count(*), dlq, 'Dead letters, which `wamon dead list` lists: '
        FROM webhook_dlq AS d WHERE d.resolution_status <> 'resolved'
        UNION ALL
        SELECT 4, 'PROCESSING_TIMEOUTS', 'MEDIUM', lately.timeouts, 5,
               'Turns of the last hour that took too long, or were taken over: '
        FROM lately
        UNION ALL
        SELECT 5, 'STALE_LOCKS', 'MEDIUM', stale.locks, 0, 'Locks held for over 10 minutes, or by nobody any more: '
        FROM stale
        UNION ALL
        SELECT 6, 'SLOW_PROCESSING', 'MEDIUM', lately.p95, p95_ms,
               'Milliseconds within which 19 of 20 turns of the last hour ended: '
        FROM lately
    )
    SELECT f.what, f.how, f.words || round(f.n::numeric)::text, jsonb_build_object('value', f.n, 'threshold', f.most)
    FROM found AS f
    WHERE f.n > f.most
    ORDER BY f.place;
END $$;

CREATE FUNCTION wamon.get_webhook_performance_stats(hours integer DEFAULT 24)
RETURNS TABLE (metric_name text, value numeric, unit text)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = wamon, pg_temp SET jit = off AS $$
BEGIN
    RETURN QUERY
    WITH lately AS (
        SELECT count(DISTINCT t.conversation) AS conversations,
               coalesce(sum(t.through_seq - t.from_seq + 1) FILTER (WHERE t.is_finished), 0) AS messages,
               coalesce(avg(t.work_ms) FILTER (WHERE t.is_finished), 0) AS mean,
               coalesce(percentile_cont(ARRAY[0.5, 0.95, 0.99]) WITHIN GROUP (ORDER BY t.work_ms)
                            FILTER (WHERE t.is_finished), ARRAY[0, 0, 0]) AS percentiles,
               count(*) FILTER (WHERE t.outcome IN ('failed', 'dead') OR t.error IS NOT NULL) AS failed
        FROM (
            SELECT o.*, o.outcome IN ('answered', 'silent', 'stale', 'human', 'digest', 'dead') AS is_finished
            FROM turns AS o
            WHERE o.ended_at > now() - make_interval(hours => hours)
        ) AS t
    )
    SELECT f.name, round(f.amount::numeric, 1), f.counted
    FROM lately
    CROSS JOIN LATERAL (VALUES
        ('total_conversations', lately.conversations::float8, 'conversations'),
        ('total_messages_processed', lately.messages, 'messages'),
        ('avg_processing_time_ms', lately.mean, 'ms'),
        ('p50_processing_time_ms', lately.percentiles[1], 'ms'),
        ('p95_processing_time_ms', lately.percentiles[2], 'ms'),
        ('p99_processing_time_ms', lately.percentiles[3], 'ms'),
        ('error_count', lately.failed, 'errors'),
        ('dlq_messages', (SELECT count(*) FROM webhook_dlq AS d WHERE d.resolution_status <> 'resolved'), 'messages'),
        ('stuck_conversations', (SELECT count(*) FROM stuck_webhook_conversations), 'conversations'),
        ('active_sessions', (SELECT count(*) FROM agent_sessions AS s WHERE s.session_state = 'active'), 'sessions')
    ) AS f (name, amount, counted);
END $$;

-- Takes the lock of a conversation by hand, as a worker does by claiming it: the fence goes up, and for two minutes nobody
-- else works on it; then a worker takes over. False: somebody holds it, or it isn't there.
CREATE FUNCTION wamon.acquire_conversation_lock(conversation_id uuid, holder uuid) RETURNS boolean
LANGUAGE plpgsql SET search_path = wamon, pg_temp AS $$
DECLARE
    was conversations%ROWTYPE;
    first_at timestamptz;
    led_by uuid;
BEGIN
    SELECT * INTO was FROM conversations AS c
    WHERE c.uid = conversation_id AND c.state <> 'merged' AND NOT (c.state = 'processing' AND c.due_at > now())
    FOR UPDATE SKIP LOCKED;
    IF NOT FOUND OR holder IS NULL THEN
        RETURN false;
    END IF;
    SELECT min(m.sent_at) FILTER (WHERE m.sent_at > was.prev_in_at), (array_agg(m.correlation_id ORDER BY m.seq))[1]
    INTO first_at, led_by
    FROM conversation_messages AS m
    WHERE m.conversation = was.conversation AND m.seq > was.answered_seq;
    UPDATE turns AS t SET outcome = 'lost', ended_at = now() WHERE t.conversation = was.conversation AND t.outcome IS NULL;
    UPDATE conversations AS c
    SET state = 'processing', fence = was.fence + 1, claimed_seq = was.last_seq, beyond_at = NULL, held_by = holder,
        due_at = now() + interval '2 minutes', attempts = was.attempts + (was.state = 'processing')::int,
        human_until = NULL, correlation_id = coalesce(led_by, was.correlation_id)
    WHERE c.conversation = was.conversation;
    IF was.last_seq > was.answered_seq THEN
        INSERT INTO turns (conversation, fence, from_seq, through_seq, reason, follow_up, late, prev_in_at, prev_out_at,
                           gap_seconds, due_at, correlation_id)
        VALUES (was.conversation, was.fence + 1, was.answered_seq + 1, was.last_seq,
                CASE was.state WHEN 'retry' THEN 'retry' WHEN 'processing' THEN 'takeover' ELSE 'due' END, was.follow_up,
                was.due_at < now() - interval '1 minute', was.prev_in_at, was.prev_out_at,
                extract(epoch FROM first_at - was.prev_in_at), was.due_at, led_by);
    END IF;
    INSERT INTO conversation_state_transitions (conversation_id, from_state, to_state, transition_reason, correlation_id)
    VALUES (was.uid, was.state, 'processing',
            CASE was.state WHEN 'retry' THEN 'retry' WHEN 'human' THEN 'human-over' WHEN 'processing' THEN 'takeover'
                           ELSE 'due' END, led_by);
    RETURN true;
END $$;

-- Gives back a lock that this holder took: what waits is due now. False: another holds it, or nobody does.
CREATE FUNCTION wamon.release_conversation_lock(conversation_id uuid, holder uuid) RETURNS boolean
LANGUAGE plpgsql SET search_path = wamon, pg_temp AS $$
DECLARE
    freed record;
BEGIN
    UPDATE conversations AS c
    SET state = CASE WHEN c.last_seq > c.answered_seq THEN 'settling' ELSE 'idle' END,
        due_at = CASE WHEN c.last_seq > c.answered_seq THEN now() END, held_by = NULL, beyond_at = NULL
    WHERE c.uid = conversation_id AND c.held_by = holder AND c.state = 'processing'
    RETURNING c.conversation, c.fence, c.uid, c.state, c.correlation_id INTO freed;
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    UPDATE turns AS t SET outcome = 'released', ended_at = now(), work_ms = 0
    WHERE t.conversation = freed.conversation AND t.fence = freed.fence AND t.outcome IS NULL;
    INSERT INTO conversation_state_transitions (conversation_id, from_state, to_state, transition_reason, correlation_id)
    VALUES (freed.uid, 'processing', freed.state, 'released', freed.correlation_id);
    RETURN true;
END $$;

-- Makes due now what is stuck, so that the next worker claims it; how many. What somebody claims at this moment is left to
-- them.
CREATE FUNCTION wamon.cleanup_stuck_webhook_conversations() RETURNS integer
LANGUAGE sql SET search_path = wamon, pg_temp AS $$
    WITH stuck AS (
        SELECT c.conversation
        FROM conversations AS c
        WHERE c.due_at < now() - CASE c.state WHEN 'processing' THEN interval '2 minutes' ELSE interval '5 minutes' END
          AND (c.last_seq > c.answered_seq OR c.state = 'processing')
        ORDER BY c.conversation
        FOR UPDATE SKIP LOCKED
    ), made AS (
        UPDATE conversations AS c SET due_at = now() FROM stuck WHERE c.conversation = stuck.conversation
        RETURNING 1
    )
    SELECT count(*)::integer FROM made
$$;

-- Counts one message more in a conversation's session; false: it has none that is active.
CREATE FUNCTION wamon.increment_session_metrics(conversation_id uuid, agent_type text) RETURNS boolean
LANGUAGE plpgsql SET search_path = wamon, pg_temp AS $$
BEGIN
    UPDATE agent_sessions AS s SET total_messages = s.total_messages + 1
    WHERE s.conversation_id = increment_session_metrics.conversation_id
      AND s.agent_type = increment_session_metrics.agent_type AND s.session_state = 'active';
    RETURN FOUND;
END $$;

-- The source of a message that is put into the buffer by hand: the only one that hooks feed, or the one that is named.
CREATE FUNCTION wamon.source_of_buffer(named text) RETURNS text
LANGUAGE plpgsql STABLE SET search_path = wamon, pg_temp AS $$
DECLARE
    fed CONSTANT text[] := ARRAY(SELECT DISTINCT h.source FROM hook_status AS h ORDER BY h.source);
BEGIN
    IF cardinality(fed) = 0 THEN
        RAISE EXCEPTION 'No hook is configured, so nobody could be answered. Next: add one under hooks.';
    END IF;
    IF named IS NULL AND cardinality(fed) > 1 THEN
        RAISE EXCEPTION 'Hooks feed several sources: %. Next: name one in the column source.', array_to_string(fed, ', ');
    END IF;
    IF named IS NOT NULL AND NOT named = ANY(fed) THEN
        RAISE EXCEPTION 'No hook feeds a source of this name. Next: name one of these in the column source, or none: %.',
            array_to_string(fed, ', ');
    END IF;
    RETURN coalesce(named, fed[1]);
END $$;

-- Which kind of id this is: that of the person who is known here by it, else what it looks like; NULL: of no kind.
CREATE FUNCTION wamon.kind_of_wa_id(id text, of_source text) RETURNS text
LANGUAGE sql STABLE SET search_path = wamon, pg_temp AS $$
    SELECT coalesce(
        (SELECT a.kind FROM aliases AS a
         WHERE a.value = id AND a.kind <> 'lid'
           AND EXISTS (SELECT FROM conversations AS c WHERE c.person = a.person AND c.source = of_source)
         ORDER BY array_position(ARRAY['phone', 'bsuid', 'subscriber'], a.kind)
         LIMIT 1),
        CASE WHEN id ~ '^[0-9]{5,20}$' THEN 'phone'
             WHEN id ~ '^[0-9]{5,20}@lid$' THEN 'lid'
             WHEN id ~ '^[A-Z]{2}[.](ENT[.])?[A-Za-z0-9]{1,128}$' THEN 'bsuid' END)
$$;

-- Keeps a message as a delivery like any other, of a hook whose name no configured one can have: an intake takes it in, now or
-- once there is one. Its uid is in the body, so that it is nobody's twin.
CREATE FUNCTION wamon.keep_buffered() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wamon, pg_temp AS $$
DECLARE
    uid CONSTANT uuid := gen_random_uuid();
    kind text;
    body bytea;
BEGIN
    NEW.source := source_of_buffer(NEW.source);
    NEW.message_type := coalesce(NEW.message_type, 'text');
    IF NEW.wa_id ~ '^[+]?[0-9][0-9 ()-]*$' THEN
        NEW.wa_id := regexp_replace(NEW.wa_id, '[^0-9]', '', 'g');
    END IF;
    kind := kind_of_wa_id(NEW.wa_id, NEW.source);
    IF kind IS NULL THEN
        RAISE EXCEPTION 'wa_id is neither a phone number nor the id of anybody who is known here. Next: give a phone number '
            'with its country code.';
    END IF;
    IF NEW.message_type = 'text' AND coalesce(NEW.content, NEW.caption, '') = '' THEN
        RAISE EXCEPTION 'The message says nothing. Next: give it a content.';
    END IF;
    body := convert_to(jsonb_build_object(
        'uid', uid, 'kind', kind, 'id', regexp_replace(NEW.wa_id, '@lid$', ''), 'type', NEW.message_type,
        'text', coalesce(nullif(NEW.caption, ''), NEW.content, ''), 'sent_at', NEW."timestamp")::text, 'UTF8');
    INSERT INTO webhook_events (uid, hook, source, body, sha256)
    VALUES (uid, 'message_buffer', NEW.source, body, sha256(body));
    NEW."timestamp" := coalesce(NEW."timestamp", now());
    RETURN NEW;
END $$;

CREATE TRIGGER kept_as_a_delivery INSTEAD OF INSERT ON wamon.message_buffer
    FOR EACH ROW EXECUTE FUNCTION wamon.keep_buffered();

-- Has the messages of a turn that was given up, or came too late, answered after all: they get places at the end. `late`: their
-- age counts anew from now. False: there is nothing of it.
CREATE FUNCTION wamon.reopen_turn(of_conversation bigint, of_fence integer, late boolean, due timestamptz) RETURNS boolean
LANGUAGE plpgsql SET search_path = wamon, pg_temp AS $$
DECLARE
    closed turns%ROWTYPE;
    was conversations%ROWTYPE;
    n integer;
    is_now text;
BEGIN
    SELECT * INTO closed FROM turns AS t
    WHERE t.conversation = of_conversation AND t.fence = of_fence AND t.outcome IN ('dead', 'stale');
    IF NOT FOUND THEN
        RETURN false;
    END IF;
    SELECT o.* INTO was
    FROM conversations AS c
    JOIN conversations AS o ON o.conversation = coalesce(c.merged_into, c.conversation)
    WHERE c.conversation = of_conversation
    FOR UPDATE OF o;
    WITH again AS (
        SELECT m.chat, m.message_id, row_number() OVER (ORDER BY m.sent_at, m.seq) AS place
        FROM conversation_messages AS m
        WHERE m.conversation = of_conversation AND m.seq BETWEEN closed.from_seq AND closed.through_seq
    )
    UPDATE conversation_messages AS m
    SET conversation = was.conversation, seq = was.last_seq + a.place, reopened_at = CASE WHEN late THEN now() END
    FROM again AS a
    WHERE m.chat = a.chat AND m.message_id = a.message_id;
    GET DIAGNOSTICS n = ROW_COUNT;
    IF n = 0 THEN
        RETURN false;
    END IF;
    UPDATE conversations AS c
    SET last_seq = c.last_seq + n,
        burst_at = CASE WHEN c.last_seq = c.answered_seq THEN now() ELSE c.burst_at END,
        prev_in_at = CASE WHEN c.last_seq = c.answered_seq THEN c.last_in_at ELSE c.prev_in_at END,
        prev_out_at = CASE WHEN c.last_seq = c.answered_seq THEN c.last_out_at ELSE c.prev_out_at END,
        follow_up = CASE WHEN c.last_seq = c.answered_seq THEN false ELSE c.follow_up END,
        beyond_at = CASE WHEN c.state = 'processing' AND c.last_seq = c.claimed_seq THEN now() ELSE c.beyond_at END,
        last_at = now(),
        state = CASE c.state WHEN 'idle' THEN 'settling' ELSE c.state END,
        due_at = CASE WHEN c.state IN ('processing', 'human') THEN c.due_at
                      WHEN c.last_seq = c.answered_seq THEN due
                      ELSE least(c.due_at, due) END
    WHERE c.conversation = was.conversation
    RETURNING c.state INTO is_now;
    UPDATE turns AS t SET outcome = 'reopened' WHERE t.conversation = of_conversation AND t.fence = of_fence;
    INSERT INTO conversation_counts AS k (name, n) VALUES ('turns ' || closed.outcome, 1)  -- it was one, and goes on counting
    ON CONFLICT (name) DO UPDATE SET n = k.n + 1;
    DELETE FROM dead_letters AS d
    WHERE d.kind = 'turn' AND d.message_id = 'turn:' || of_conversation || ':' || of_fence;
    IF is_now <> was.state THEN
        INSERT INTO conversation_state_transitions
            (conversation_id, from_state, to_state, transition_reason, correlation_id)
        VALUES (was.uid, was.state, is_now, 'reopened', was.correlation_id);
    END IF;
    RETURN true;
END $$;

-- A dead letter of any kind is tried again where somebody makes it pending: at next_retry_at, or now.
CREATE FUNCTION wamon.retry_letter() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wamon, pg_temp AS $$
DECLARE
    letter dead_letters%ROWTYPE;
    due CONSTANT timestamptz := coalesce(NEW.next_retry_at, now());
    parts CONSTANT text[] := string_to_array(OLD.whatsapp_message_id, ':');
    is_kept boolean := true;
BEGIN
    IF NEW.resolution_status <> 'pending' THEN
        RAISE EXCEPTION 'A dead letter can only be made pending, which is a retry. Next: SET next_retry_at = now(), '
            'resolution_status = ''pending''; `wamon dead discard` gives one up.';
    END IF;
    UPDATE dead_letters AS d SET next_try_at = due, given_up = false WHERE d.chat || ' ' || d.message_id = OLD.id
    RETURNING * INTO letter;
    IF letter.kind = 'event' THEN
        UPDATE webhook_events AS e SET state = 'new', attempts = 0, next_try_at = due, ended_at = NULL
        WHERE e.uid = letter.correlation_id AND e.body IS NOT NULL;
        is_kept := FOUND;
    ELSIF letter.kind = 'turn' THEN
        is_kept := reopen_turn(parts[2]::bigint, parts[3]::integer, false, due);
    END IF;
    IF NOT is_kept THEN
        RAISE EXCEPTION 'Nothing is kept of % that could be tried again. Next: `wamon dead discard` gives it up.',
            OLD.whatsapp_message_id;
    END IF;
    RETURN NEW;
END $$;

CREATE TRIGGER tried_again INSTEAD OF UPDATE ON wamon.webhook_dlq
    FOR EACH ROW EXECUTE FUNCTION wamon.retry_letter();

-- For a view of what wamon alone decides: its argument is why.
CREATE FUNCTION wamon.refuse() RETURNS trigger
LANGUAGE plpgsql SET search_path = wamon, pg_temp AS $$
BEGIN
    RAISE EXCEPTION '%', TG_ARGV[0];
END $$;

CREATE TRIGGER decided_for_ever BEFORE DELETE ON wamon.processed_webhook_messages
    FOR EACH STATEMENT EXECUTE FUNCTION wamon.refuse(
        'A processed message stays: its id decides for ever that it isn''t recorded again. Next: nothing; text goes by itself.');
CREATE TRIGGER decided_for_ever_by_row INSTEAD OF DELETE ON wamon.processed_webhook_messages
    FOR EACH ROW EXECUTE FUNCTION wamon.refuse('A processed message stays.');

CREATE TRIGGER waits_until_it_is_answered INSTEAD OF UPDATE OR DELETE ON wamon.message_buffer
    FOR EACH ROW EXECUTE FUNCTION wamon.refuse(
        'What waits stays as it is until it is answered. Next: `wamon replies off` has nobody answered.');
CREATE TRIGGER given_up_by_command INSTEAD OF DELETE ON wamon.webhook_dlq
    FOR EACH ROW EXECUTE FUNCTION wamon.refuse('A dead letter stays until somebody gives it up. Next: `wamon dead discard`.');

REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA wamon FROM PUBLIC;
