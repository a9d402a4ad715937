-- oldest writer: 6
-- Persons are known to others by keyed hashes of their numbers alone. Two random uuids hold 244 random bits.
ALTER TABLE wamon.instance ADD COLUMN person_key bytea NOT NULL
    DEFAULT sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid()));

-- What each `run`, or a scan at its end, publishes of its source: all that a page on another host can know of it.
-- Whoever reads it tells by `published_at` and `every_seconds` how old it is.
CREATE TABLE wamon.source_status (
    source text COLLATE "C" PRIMARY KEY,
    host text NOT NULL,
    instance text NOT NULL,
    pid integer NOT NULL,
    by text COLLATE "C" NOT NULL CHECK (by IN ('run', 'scan')),
    version text NOT NULL,
    zone text NOT NULL,
    started_at timestamptz NOT NULL,
    published_at timestamptz NOT NULL,
    every_seconds integer NOT NULL,
    state text COLLATE "C" NOT NULL CHECK (state IN ('ok', 'unknown', 'warn', 'bad', 'stopped')),
    sentence text NOT NULL,
    checks jsonb NOT NULL,
    store jsonb NOT NULL,
    day date NOT NULL,
    hours integer[] NOT NULL,
    usual_hours real[],
    next_restart_at timestamptz,
    last_restart jsonb
) WITH (fillfactor = 70);

-- One row a watched chat. `rank` puts the worst first: 0 bad, 1 warn, 2 unknown, 3 ok. The counts are those of `day`;
-- `usual` is cumulated by half hour.
CREATE TABLE wamon.group_status (
    chat integer PRIMARY KEY,
    rank smallint NOT NULL,
    state text COLLATE "C" NOT NULL CHECK (state IN ('ok', 'unknown', 'warn', 'bad')),
    newest_at timestamptz,
    usual_silence_seconds real,
    behind integer,
    behind_seconds real,
    sentence text NOT NULL DEFAULT '',
    hint text NOT NULL DEFAULT '',
    why text NOT NULL DEFAULT '',
    day date NOT NULL,
    new integer NOT NULL DEFAULT 0,
    again integer NOT NULL DEFAULT 0,
    rejected integer NOT NULL DEFAULT 0,
    near integer NOT NULL DEFAULT 0,
    usual real[],
    changed_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 70);

-- The senders as `privacy.show` lets them be seen, and the keyed hash of each form in which their phone is typed.
CREATE TABLE wamon.people_shown (
    source text COLLATE "C" NOT NULL,
    sender text NOT NULL,
    shown text NOT NULL,
    phone_hashes text[] COLLATE "C" NOT NULL DEFAULT '{}',
    PRIMARY KEY (source, sender)
);
CREATE INDEX people_shown_by_phone ON wamon.people_shown USING gin (phone_hashes);

-- What people did on the page: what is done, and who did it.
CREATE TABLE wamon.actions (
    action bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    who text NOT NULL,
    what text COLLATE "C" NOT NULL,
    key text COLLATE "C" NOT NULL,
    reason text NOT NULL DEFAULT ''
);
CREATE INDEX actions_of ON wamon.actions (what, key);

-- Links that sign in once, and who is signed in: hashes alone.
CREATE TABLE wamon.web_links (
    code_hash bytea PRIMARY KEY,
    role text COLLATE "C" NOT NULL CHECK (role IN ('reader', 'operator')),
    made_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL,
    used_at timestamptz
);
CREATE TABLE wamon.web_sessions (
    session_hash bytea PRIMARY KEY,
    role text COLLATE "C" NOT NULL CHECK (role IN ('reader', 'operator')),
    made_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);

-- Those that wait for a person: `unknown` and `failed` never leave by themselves.
CREATE INDEX replies_in_need ON wamon.replies (state) WHERE state IN ('unknown', 'failed');
