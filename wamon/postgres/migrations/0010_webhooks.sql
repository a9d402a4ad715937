-- oldest writer: 6
-- Each delivery to a hook, raw: committed before its sender is told so, recorded in the ledger afterwards. `uid` is made
-- by who received it; `same_as` is the oldest event of the hook with the same body.
CREATE TABLE wamon.webhook_events (
    event bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid uuid NOT NULL UNIQUE,
    hook text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    received_at timestamptz NOT NULL DEFAULT now(),
    body bytea,
    sha256 bytea NOT NULL,
    state text COLLATE "C" NOT NULL DEFAULT 'new' CHECK (state IN ('new', 'done', 'dead')),
    attempts integer NOT NULL DEFAULT 0,
    next_try_at timestamptz NOT NULL DEFAULT now(),
    ended_at timestamptz,
    reason text COLLATE "C",
    messages integer,
    same_as bigint
);
CREATE INDEX webhook_events_new ON wamon.webhook_events (source, next_try_at, event) WHERE state = 'new';
CREATE INDEX webhook_events_same ON wamon.webhook_events (hook, sha256, received_at);
CREATE INDEX webhook_events_with_body ON wamon.webhook_events (ended_at) WHERE state <> 'new' AND body IS NOT NULL;
CREATE INDEX webhook_events_in_time ON wamon.webhook_events USING brin (received_at);

-- One row a configured hook; the counts are those of `day`.
CREATE TABLE wamon.hook_status (
    hook text COLLATE "C" PRIMARY KEY,
    source text COLLATE "C" NOT NULL,
    last_at timestamptz,
    day date NOT NULL DEFAULT current_date,
    stored integer NOT NULL DEFAULT 0,
    refused integer NOT NULL DEFAULT 0,
    tests integer NOT NULL DEFAULT 0,
    twins integer NOT NULL DEFAULT 0,
    duplicates integer NOT NULL DEFAULT 0
) WITH (fillfactor = 70);

-- When a hook last said, without more, that its store has news.
CREATE TABLE wamon.hook_rings (
    hook text COLLATE "C" PRIMARY KEY,
    rang_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);

-- A person is a row behind aliases. What was joined into another points to that one, always by one hop.
CREATE TABLE wamon.people (
    person bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    account text COLLATE "C" NOT NULL,
    uid uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    hash text COLLATE "C" NOT NULL,
    merged_into bigint
);
CREATE INDEX people_merged ON wamon.people (merged_into) WHERE merged_into IS NOT NULL;
CREATE TABLE wamon.aliases (
    account text COLLATE "C",
    kind text COLLATE "C" CHECK (kind IN ('phone', 'lid', 'bsuid', 'subscriber')),
    value text COLLATE "C",
    person bigint NOT NULL,
    seen_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (account, kind, value)
);
CREATE INDEX aliases_of ON wamon.aliases (person);

-- A hook's one-to-one messages lie in one chat, which no store is read for. Constant defaults rewrite no table, and an
-- unchecked constraint reads none.
ALTER TABLE wamon.groups ADD COLUMN kind text COLLATE "C" NOT NULL DEFAULT 'group';
ALTER TABLE wamon.groups ADD CONSTRAINT groups_kind CHECK (kind IN ('group', 'direct')) NOT VALID;
ALTER TABLE wamon.ledger_rows ADD COLUMN via text COLLATE "C" NOT NULL DEFAULT 'store',
                              ADD COLUMN correlation_id uuid,
                              ADD COLUMN stanza_id text COLLATE "C";
ALTER TABLE wamon.ledger_rows
    ADD CONSTRAINT ledger_rows_via CHECK (via IN ('store', 'webhook', 'both')) NOT VALID;
ALTER TABLE wamon.dead_letters ADD COLUMN kind text COLLATE "C" NOT NULL DEFAULT 'message';
ALTER TABLE wamon.dead_letters ADD CONSTRAINT dead_letters_kind CHECK (kind IN ('message', 'event', 'turn')) NOT VALID;

-- What a hook brought of a watched group and the store lacks: a row leaves once the store's comes.
CREATE TABLE wamon.store_missed (
    chat integer NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (chat, message_id)
);

CREATE OR REPLACE VIEW wamon.ledger AS
SELECT g.source, g.jid AS chat_jid, l.message_id, l.status, l.reason, l.revision, l.sender, l.sent_at, l.seen_at,
       l.gone_at, l.content_hash, l.rules, l.chat, l.via, l.correlation_id
FROM wamon.ledger_rows AS l
JOIN wamon.groups AS g USING (chat);

-- The owner goes by no policy, and forced ones would make an owner's dump fail.
ALTER TABLE wamon.webhook_events ENABLE ROW LEVEL SECURITY;
ALTER TABLE wamon.hook_status ENABLE ROW LEVEL SECURITY;
ALTER TABLE wamon.hook_rings ENABLE ROW LEVEL SECURITY;
ALTER TABLE wamon.people ENABLE ROW LEVEL SECURITY;
ALTER TABLE wamon.aliases ENABLE ROW LEVEL SECURITY;
ALTER TABLE wamon.store_missed ENABLE ROW LEVEL SECURITY;

-- Lets one role do this with a table, where the administrator has made that role. A policy names its role.
CREATE FUNCTION wamon.grant_to(role_name text, privileges text, table_name text) RETURNS void
LANGUAGE plpgsql SET search_path = wamon, pg_temp AS $$
BEGIN
    IF to_regrole(role_name) IS NULL THEN
        RETURN;
    END IF;
    EXECUTE format('GRANT %s ON wamon.%I TO %I', privileges, table_name, role_name);
    IF (SELECT relrowsecurity FROM pg_class WHERE oid = format('wamon.%I', table_name)::regclass) AND NOT EXISTS (
        SELECT FROM pg_policies
        WHERE schemaname = 'wamon' AND tablename = table_name AND policyname = role_name
    ) THEN
        EXECUTE format('CREATE POLICY %I ON wamon.%I TO %I USING (true) WITH CHECK (true)', role_name, table_name,
                       role_name);
    END IF;
END $$;

-- What the roles may that the administrator has made; each `wamon db migrate` calls it. Nobody else may call functions.
CREATE FUNCTION wamon.grant_roles() RETURNS void
LANGUAGE plpgsql SET search_path = wamon, pg_temp AS $$
DECLARE
    one text;
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
    END LOOP;
    PERFORM grant_to('wamon_hooks', 'INSERT', 'webhook_events');
    PERFORM grant_to('wamon_hooks', 'SELECT, INSERT, UPDATE', 'hook_status');
    PERFORM grant_to('wamon_hooks', 'SELECT, INSERT, UPDATE', 'hook_rings');
    PERFORM grant_to('wamon_hooks', 'SELECT', 'instance');
    PERFORM grant_to('wamon_hooks', 'SELECT', 'migrations');
    PERFORM grant_to('wamon_operator', 'SELECT, UPDATE', 'dead_letters');
END $$;
