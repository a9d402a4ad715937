-- oldest writer: 6
-- A policy for each command that a role is granted, in place of one for all: what else somebody grants it shows no row.
DO $$
DECLARE
    old record;
BEGIN
    FOR old IN
        SELECT policyname, tablename FROM pg_policies
        WHERE schemaname = 'wamon' AND policyname IN ('wamon_app', 'wamon_hooks', 'wamon_reader', 'wamon_operator')
    LOOP
        EXECUTE format('DROP POLICY %I ON wamon.%I', old.policyname, old.tablename);
    END LOOP;
END $$;

-- Lets a role that is there do this with a table or view. A policy names its role.
CREATE OR REPLACE FUNCTION wamon.grant_to(role_name text, privileges text, table_name text) RETURNS void
LANGUAGE plpgsql SET search_path = wamon, pg_temp AS $$
DECLARE
    one record;
BEGIN
    EXECUTE format('GRANT %s ON wamon.%I TO %I', privileges, table_name, role_name);
    IF NOT (SELECT relrowsecurity FROM pg_class WHERE oid = format('wamon.%I', table_name)::regclass) THEN
        RETURN;
    END IF;
    FOR one IN
        SELECT c.command, c.shows, role_name || ' ' || lower(c.command) AS policy
        FROM (VALUES ('SELECT', 'USING (true)'), ('INSERT', 'WITH CHECK (true)'), ('UPDATE', 'USING (true)'),
                     ('DELETE', 'USING (true)')) AS c (command, shows)
        WHERE strpos(privileges, c.command) > 0
        EXCEPT
        SELECT p.cmd, CASE p.cmd WHEN 'INSERT' THEN 'WITH CHECK (true)' ELSE 'USING (true)' END, p.policyname
        FROM pg_policies AS p
        WHERE p.schemaname = 'wamon' AND p.tablename = table_name
    LOOP
        EXECUTE format('CREATE POLICY %I ON wamon.%I FOR %s TO %I %s', one.policy, table_name, one.command, role_name,
                       one.shows);
    END LOOP;
END $$;

-- What the roles may that the administrator has made: this and no more, whatever they were granted before. Each step of the
-- schema calls it at its end, and `wamon db migrate`. Nobody else may do anything. What others own is left alone.
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
            VALUES ('wamon_hooks', 'webhook_events', 'INSERT'),
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
        SELECT 'EXECUTE ON ROUTINE ' || p.oid::regprocedure, r.rolname
        FROM pg_proc AS p
        JOIN pg_roles AS r ON
             r.rolname = 'wamon_app' AND p.proname NOT IN ('grant_to', 'grant_roles')
             OR r.rolname IN ('wamon_reader', 'wamon_operator')
                AND p.proname IN ('check_webhook_system_health', 'get_webhook_performance_stats')
             OR r.rolname = 'wamon_operator'
                AND p.proname IN ('has_buffered_messages', 'get_all_wa_ids_with_buffered_messages')
        WHERE p.pronamespace = 'wamon'::regnamespace AND pg_has_role(p.proowner, 'USAGE') AND p.proowner <> r.oid
    LOOP
        EXECUTE format('GRANT %s TO %I', one.what, one.rolname);
    END LOOP;
END $$;

-- What a reader's own function is handed while it reads is what the view shows, and no row that the view leaves out.
ALTER VIEW wamon.webhook_conversation_health SET (security_barrier);
ALTER VIEW wamon.stuck_webhook_conversations SET (security_barrier);
ALTER VIEW wamon.webhook_agent_performance SET (security_barrier);
ALTER VIEW wamon.webhook_message_processing_metrics SET (security_barrier);
ALTER VIEW wamon.webhook_dlq_summary SET (security_barrier);
ALTER VIEW wamon.recent_webhook_state_transitions SET (security_barrier);

-- Triggers work for whoever writes, who may have a path of his own to other functions of these names.
ALTER FUNCTION wamon.ledger_by_hand() SET search_path = wamon, pg_temp;
ALTER FUNCTION wamon.submissions_by_hand() SET search_path = wamon, pg_temp;
ALTER FUNCTION wamon.hear() SET search_path = wamon, pg_temp;
ALTER FUNCTION wamon.number_by_hand() SET search_path = wamon, pg_temp;
