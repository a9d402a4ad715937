-- oldest writer: 6
-- What is said, and to whom, only roles with a policy see. The owner goes by none.
ALTER TABLE wamon.replies ENABLE ROW LEVEL SECURITY;

-- What the roles may that the administrator has made; each `wamon db migrate` calls it. Nobody else may call functions.
-- A view or function that isn't there yet is granted by the next one.
CREATE OR REPLACE FUNCTION wamon.grant_roles() RETURNS void
LANGUAGE plpgsql SET search_path = wamon, pg_temp AS $$
DECLARE
    one text;
    of_readers CONSTANT text[] := ARRAY[
        'webhook_conversation_health', 'stuck_webhook_conversations', 'webhook_agent_performance',
        'webhook_message_processing_metrics', 'webhook_dlq_summary', 'recent_webhook_state_transitions'
    ];
    asked_by_readers CONSTANT text[] := ARRAY['check_webhook_system_health', 'get_webhook_performance_stats'];
BEGIN
    PERFORM pg_advisory_xact_lock(hashtextextended('wamon migrations', 0));
    REVOKE EXECUTE ON ALL FUNCTIONS IN SCHEMA wamon FROM PUBLIC;
    FOR one IN
        SELECT rolname FROM pg_roles WHERE rolname IN ('wamon_app', 'wamon_hooks', 'wamon_reader', 'wamon_operator')
    LOOP
        EXECUTE format('GRANT USAGE ON SCHEMA wamon TO %I', one);
    END LOOP;
    FOR one IN SELECT relname FROM pg_class WHERE relnamespace = 'wamon'::regnamespace AND relkind IN ('r', 'v') LOOP
        PERFORM grant_to('wamon_app', 'ALL', one);
        IF one = ANY(of_readers) THEN
            PERFORM grant_to('wamon_reader', 'SELECT', one);
            PERFORM grant_to('wamon_operator', 'SELECT', one);
        END IF;
    END LOOP;
    FOR one IN
        SELECT format('GRANT EXECUTE ON FUNCTION %s TO %I', p.oid::regprocedure, r.rolname)
        FROM pg_proc AS p CROSS JOIN pg_roles AS r
        WHERE p.pronamespace = 'wamon'::regnamespace AND p.proname NOT IN ('grant_to', 'grant_roles')
          AND (r.rolname = 'wamon_app'
               OR r.rolname IN ('wamon_reader', 'wamon_operator') AND p.proname = ANY(asked_by_readers))
    LOOP
        EXECUTE one;
    END LOOP;
    PERFORM grant_to('wamon_hooks', 'INSERT', 'webhook_events');
    PERFORM grant_to('wamon_hooks', 'SELECT, INSERT, UPDATE', 'hook_status');
    PERFORM grant_to('wamon_hooks', 'SELECT, INSERT, UPDATE', 'hook_rings');
    PERFORM grant_to('wamon_hooks', 'SELECT, INSERT, UPDATE', 'hook_heard');
    PERFORM grant_to('wamon_hooks', 'SELECT', 'instance');
    PERFORM grant_to('wamon_hooks', 'SELECT', 'migrations');
    PERFORM grant_to('wamon_operator', 'SELECT, UPDATE', 'dead_letters');
    PERFORM grant_to('wamon_operator', 'SELECT, UPDATE (replies_off, agent_off)', 'sources');
    FOR one IN SELECT relname FROM pg_class
               WHERE relnamespace = 'wamon'::regnamespace AND relname IN ('message_buffer', 'threads') LOOP
        PERFORM grant_to('wamon_operator', CASE one WHEN 'threads' THEN 'SELECT' ELSE 'SELECT, INSERT' END, one);
    END LOOP;
END $$;
