-- oldest writer: 32
-- A delivery is a row that is written once, as it came. That it waits is a narrow row beside it, and what became of it is
-- another: each is in one of the two. To end one where its body stands meant to write the body and all its index entries
-- anew.
ALTER TABLE wamon.webhook_events RENAME TO deliveries;
ALTER SEQUENCE wamon.webhook_events_event_seq RENAME TO deliveries_event_seq;
ALTER INDEX wamon.webhook_events_pkey RENAME TO deliveries_pkey;
ALTER INDEX wamon.webhook_events_uid_key RENAME TO deliveries_uid_key;
ALTER INDEX wamon.webhook_events_in_time RENAME TO deliveries_in_time;

CREATE TABLE wamon.delivery_queue (
    event bigint PRIMARY KEY,
    source text COLLATE "C" NOT NULL,
    hook text COLLATE "C" NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    next_try_at timestamptz NOT NULL DEFAULT now(),
    attempts integer NOT NULL DEFAULT 0,
    reason text COLLATE "C"
);

-- `same_as` is the oldest delivery of the hook with the same body.
CREATE TABLE wamon.delivery_ends (
    event bigint PRIMARY KEY,
    state text COLLATE "C" NOT NULL CHECK (state IN ('done', 'dead')),
    ended_at timestamptz NOT NULL DEFAULT now(),
    messages integer,
    reason text COLLATE "C",
    same_as bigint,
    keeps_body boolean NOT NULL DEFAULT true
);

INSERT INTO wamon.delivery_queue (event, source, hook, received_at, next_try_at, attempts, reason)
SELECT event, source, hook, received_at, next_try_at, attempts, reason FROM wamon.deliveries WHERE state = 'new';
INSERT INTO wamon.delivery_ends (event, state, ended_at, messages, reason, same_as, keeps_body)
SELECT event, state, coalesce(ended_at, received_at), messages, reason, same_as, body IS NOT NULL
FROM wamon.deliveries WHERE state <> 'new'
ORDER BY event;

-- Their indexes go with them.
ALTER TABLE wamon.deliveries
    DROP COLUMN state, DROP COLUMN attempts, DROP COLUMN next_try_at, DROP COLUMN ended_at, DROP COLUMN reason,
    DROP COLUMN messages, DROP COLUMN same_as;

CREATE INDEX delivery_queue_due ON wamon.delivery_queue (source, next_try_at, event);
CREATE INDEX deliveries_same ON wamon.deliveries (sha256, received_at, event);
CREATE INDEX delivery_ends_with_body ON wamon.delivery_ends (ended_at) WHERE keeps_body;
CREATE INDEX delivery_ends_dead ON wamon.delivery_ends (event) WHERE state = 'dead';
ALTER TABLE wamon.delivery_queue ENABLE ROW LEVEL SECURITY;
ALTER TABLE wamon.delivery_ends ENABLE ROW LEVEL SECURITY;

-- A delivery, and how it stands with it.
CREATE VIEW wamon.webhook_events AS
SELECT d.event, d.uid, d.hook, d.source, d.received_at, d.body, d.sha256, coalesce(e.state, 'new') AS state,
       coalesce(q.attempts, 0) AS attempts, q.next_try_at, e.ended_at, coalesce(e.reason, q.reason) AS reason, e.messages,
       e.same_as
FROM wamon.deliveries AS d
LEFT JOIN wamon.delivery_queue AS q USING (event)
LEFT JOIN wamon.delivery_ends AS e USING (event);

-- One more delivery, unless its uid is known.
CREATE FUNCTION wamon.keep_delivery(uid uuid, hook text, source text, body bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = wamon, pg_temp AS $$
    WITH kept AS (
        INSERT INTO deliveries (uid, hook, source, body, sha256) VALUES ($1, $2, $3, $4, sha256($4))
        ON CONFLICT DO NOTHING
        RETURNING event, source, hook, received_at
    )
    INSERT INTO delivery_queue (event, source, hook, received_at)
    SELECT event, source, hook, received_at FROM kept
$$;

-- As message_buffer does it, and a `web` of before this step, which may run still.
CREATE FUNCTION wamon.keep_event() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wamon, pg_temp AS $$
BEGIN
    PERFORM keep_delivery(NEW.uid, NEW.hook, NEW.source, NEW.body);
    RETURN NEW;
END $$;

CREATE TRIGGER kept_as_a_delivery INSTEAD OF INSERT ON wamon.webhook_events
    FOR EACH ROW EXECUTE FUNCTION wamon.keep_event();

-- Has these deliveries taken in once more, from the beginning, as far as their bodies are kept; those that wait now. What
-- takes one in at this moment ends first.
CREATE FUNCTION wamon.take_in_again(these bigint[], due timestamptz) RETURNS SETOF bigint
LANGUAGE plpgsql SET search_path = wamon, pg_temp AS $$
BEGIN
    PERFORM FROM delivery_queue WHERE event = ANY(these) FOR UPDATE;
    RETURN QUERY
    WITH kept AS (
        SELECT event, source, hook, received_at FROM deliveries WHERE event = ANY(these) AND body IS NOT NULL
    ), reopened AS (
        DELETE FROM delivery_ends AS e USING kept AS k WHERE e.event = k.event
    )
    INSERT INTO delivery_queue AS q (event, source, hook, received_at, next_try_at)
    SELECT event, source, hook, received_at, due FROM kept
    ON CONFLICT (event) DO UPDATE SET attempts = 0, next_try_at = EXCLUDED.next_try_at
    RETURNING q.event;
END $$;

-- Has this delivery be done, unless a part of it waits for somebody still.
CREATE FUNCTION wamon.give_up_delivery(this bigint) RETURNS void
LANGUAGE plpgsql SET search_path = wamon, pg_temp AS $$
BEGIN
    IF EXISTS (
        SELECT FROM deliveries AS d JOIN dead_letters AS l ON l.correlation_id = d.uid
        WHERE d.event = this AND l.kind = 'event'
    ) THEN
        RETURN;
    END IF;
    DELETE FROM delivery_queue WHERE event = this;
    INSERT INTO delivery_ends AS e (event, state, messages, reason, keeps_body)
    SELECT event, 'done', 0, 'discarded', body IS NOT NULL FROM deliveries WHERE event = this
    ON CONFLICT (event) DO UPDATE SET state = 'done', ended_at = now(), reason = 'discarded', messages = coalesce(e.messages, 0);
END $$;

-- As before, with the rows where they are now.
CREATE OR REPLACE FUNCTION wamon.retry_letter() RETURNS trigger
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
        is_kept := EXISTS (
            SELECT FROM take_in_again(ARRAY(SELECT event FROM deliveries WHERE uid = letter.correlation_id), due)
        );
    ELSIF letter.kind = 'turn' THEN
        is_kept := reopen_turn(parts[2]::bigint, parts[3]::integer, false, due);
    END IF;
    IF NOT is_kept THEN
        RAISE EXCEPTION 'Nothing is kept of % that could be tried again. Next: `wamon dead discard` gives it up.',
            OLD.whatsapp_message_id;
    END IF;
    RETURN NEW;
END $$;

-- As before, with those tables. Who keeps deliveries numbers them, and may keep one that is perhaps kept already.
CREATE OR REPLACE FUNCTION wamon.grant_roles() RETURNS void
LANGUAGE plpgsql SET search_path = wamon, pg_temp AS $$
DECLARE
    roles CONSTANT text[] := ARRAY['wamon_app', 'wamon_hooks', 'wamon_reader', 'wamon_operator'];
    one record;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('wamon migrations', 0));
    FOR one IN
        SELECT o.name, coalesce(', ' || string_agg(quote_ident(r.rolname), ', '), '') AS and_roles
        FROM (
            SELECT 'SCHEMA wamon', nspowner FROM pg_namespace WHERE nspname = 'wamon'
            UNION ALL
            SELECT format('TABLE wamon.%I', relname), relowner FROM pg_class
            WHERE relnamespace = 'wamon'::regnamespace AND relkind IN ('r', 'v')
            UNION ALL
            SELECT 'SEQUENCE wamon.deliveries_event_seq', relowner FROM pg_class
            WHERE oid = 'wamon.deliveries_event_seq'::regclass
            UNION ALL
            SELECT 'ROUTINE ' || oid::regprocedure, proowner FROM pg_proc WHERE pronamespace = 'wamon'::regnamespace
        ) AS o (name, owner)
        LEFT JOIN pg_roles AS r ON r.rolname = ANY(roles) AND r.oid <> o.owner
        WHERE pg_has_role(o.owner, 'USAGE')
        GROUP BY o.name
    LOOP
        EXECUTE format('REVOKE ALL ON %s FROM PUBLIC%s', one.name, one.and_roles);
    END LOOP;

    FOR one IN
        WITH of_readers (name) AS (VALUES
            ('webhook_conversation_health'), ('stuck_webhook_conversations'), ('webhook_agent_performance'),
            ('webhook_message_processing_metrics'), ('webhook_dlq_summary'), ('recent_webhook_state_transitions')
        ), may (role, name, privileges) AS (
            SELECT 'wamon_app', relname, 'SELECT, INSERT, UPDATE, DELETE' FROM pg_class
            WHERE relnamespace = 'wamon'::regnamespace AND relkind IN ('r', 'v')
            UNION ALL
            SELECT 'wamon_reader', name, 'SELECT' FROM of_readers
            UNION ALL
            SELECT 'wamon_operator', name, 'SELECT' FROM of_readers
            UNION ALL
            VALUES ('wamon_hooks', 'deliveries', 'INSERT'),
                   ('wamon_hooks', 'delivery_queue', 'INSERT'),
                   ('wamon_hooks', 'webhook_events', 'INSERT'),
                   ('wamon_hooks', 'hook_status', 'SELECT, INSERT, UPDATE'),
                   ('wamon_hooks', 'hook_rings', 'SELECT, INSERT, UPDATE'),
                   ('wamon_hooks', 'hook_heard', 'SELECT, INSERT, UPDATE'),
                   ('wamon_hooks', 'instance', 'SELECT'),
                   ('wamon_hooks', 'migrations', 'SELECT'),
                   ('wamon_operator', 'message_buffer', 'SELECT, INSERT'),
                   ('wamon_operator', 'threads', 'SELECT'),
                   ('wamon_operator', 'dead_letters', 'SELECT, UPDATE (next_try_at)'),
                   ('wamon_operator', 'webhook_dlq', 'SELECT, UPDATE (next_retry_at, resolution_status)'),
                   ('wamon_operator', 'sources', 'SELECT, UPDATE (replies_off, agent_off)')
        )
        SELECT r.rolname, m.privileges, c.relname
        FROM may AS m
        JOIN pg_roles AS r ON r.rolname = m.role
        JOIN pg_class AS c ON c.relnamespace = 'wamon'::regnamespace AND c.relname = m.name
        WHERE pg_has_role(c.relowner, 'USAGE') AND c.relowner <> r.oid
    LOOP
        PERFORM grant_to(one.rolname, one.privileges, one.relname);
    END LOOP;

    FOR one IN
        SELECT 'USAGE ON SCHEMA wamon' AS what, r.rolname
        FROM pg_namespace AS n
        JOIN pg_roles AS r ON r.rolname = ANY(roles) AND r.oid <> n.nspowner
        WHERE n.nspname = 'wamon' AND pg_has_role(n.nspowner, 'USAGE')
        UNION ALL
        SELECT 'USAGE ON SEQUENCE wamon.deliveries_event_seq', r.rolname
        FROM pg_class AS c
        JOIN pg_roles AS r ON r.rolname IN ('wamon_app', 'wamon_hooks') AND r.oid <> c.relowner
        WHERE c.oid = 'wamon.deliveries_event_seq'::regclass AND pg_has_role(c.relowner, 'USAGE')
        UNION ALL
        SELECT 'EXECUTE ON ROUTINE ' || p.oid::regprocedure, r.rolname
        FROM pg_proc AS p
        JOIN pg_roles AS r ON
             r.rolname = 'wamon_app' AND p.proname NOT IN ('grant_to', 'grant_roles')
             OR r.rolname = 'wamon_hooks' AND p.proname = 'keep_delivery'
             OR r.rolname IN ('wamon_reader', 'wamon_operator')
                AND p.proname IN ('check_webhook_system_health', 'get_webhook_performance_stats')
             OR r.rolname = 'wamon_operator'
                AND p.proname IN ('has_buffered_messages', 'get_all_wa_ids_with_buffered_messages')
        WHERE p.pronamespace = 'wamon'::regnamespace AND pg_has_role(p.proowner, 'USAGE') AND p.proowner <> r.oid
    LOOP
        EXECUTE format('GRANT %s TO %I', one.what, one.rolname);
    END LOOP;
END $$;
