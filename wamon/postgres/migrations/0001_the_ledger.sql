-- oldest writer: 1
CREATE TABLE wamon.instance (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    instance_id uuid NOT NULL DEFAULT gen_random_uuid(),
    made_at timestamptz NOT NULL DEFAULT now()
);
INSERT INTO wamon.instance DEFAULT VALUES;

CREATE TABLE wamon.sources (
    source text COLLATE "C" PRIMARY KEY,
    joined_at timestamptz NOT NULL DEFAULT now(),
    sweep_due text,
    last_sweep_at timestamptz,
    last_verify_at timestamptz,
    last_verify_clean boolean
);

-- The main tail's seq is the fence of its whole source: whoever records takes the turn by raising it.
CREATE TABLE wamon.cursors (
    source text COLLATE "C" REFERENCES wamon.sources,
    tail text COLLATE "C",
    seq bigint NOT NULL DEFAULT 0,
    rowid bigint NOT NULL DEFAULT 0,
    anchors jsonb NOT NULL DEFAULT '[]',
    advanced_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, tail)
);

CREATE TABLE wamon.groups (
    chat integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source text COLLATE "C" NOT NULL REFERENCES wamon.sources,
    jid text COLLATE "C" NOT NULL,
    project text COLLATE "C" NOT NULL,
    tail text COLLATE "C" NOT NULL,
    enabled boolean NOT NULL DEFAULT true,
    start text NOT NULL,
    start_before timestamptz,
    start_anchors jsonb NOT NULL DEFAULT '[]',
    start_passed boolean NOT NULL,
    joined_at timestamptz NOT NULL DEFAULT now(),
    messages bigint NOT NULL DEFAULT 0,
    last_message_id text COLLATE "C",
    last_sent_at timestamptz,
    UNIQUE (source, jid)
);

CREATE TABLE wamon.rules (
    rules integer GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    fingerprint text COLLATE "C" NOT NULL UNIQUE,
    first_used_at timestamptz NOT NULL DEFAULT now()
);

CREATE TABLE wamon.ledger_rows (
    chat integer NOT NULL,
    revision integer NOT NULL DEFAULT 1,
    content_hash bigint NOT NULL,
    sent_at timestamptz,
    seen_at timestamptz NOT NULL DEFAULT now(),
    gone_at timestamptz,
    rules integer NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    status text COLLATE "C" NOT NULL CHECK (status IN ('done', 'ignored', 'retry', 'dead')),
    reason text COLLATE "C",
    sender text NOT NULL,
    text text,
    PRIMARY KEY (chat, message_id)
);
CREATE INDEX ledger_rows_unfinished ON wamon.ledger_rows (chat, status) WHERE status IN ('retry', 'dead');

CREATE TABLE wamon.revisions (
    chat integer NOT NULL,
    revision integer NOT NULL,
    content_hash bigint NOT NULL,
    replaced_at timestamptz NOT NULL DEFAULT now(),
    message_id text COLLATE "C" NOT NULL,
    text text,
    PRIMARY KEY (chat, message_id, revision)
);

CREATE TABLE wamon.submission_rows (
    chat integer NOT NULL,
    live boolean NOT NULL DEFAULT true,
    rejected boolean NOT NULL DEFAULT false,
    sent_at timestamptz NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    drop_number text COLLATE "C" NOT NULL,
    project text COLLATE "C" NOT NULL,
    sender text NOT NULL,
    PRIMARY KEY (chat, message_id, drop_number)
);
CREATE INDEX submission_rows_of_drop ON wamon.submission_rows (project, drop_number, sent_at);

CREATE TABLE wamon.dead_letters (
    chat integer NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    correlation_id uuid NOT NULL DEFAULT gen_random_uuid(),
    attempts integer NOT NULL DEFAULT 1,
    reason text NOT NULL,
    failed_at timestamptz NOT NULL DEFAULT now(),
    next_try_at timestamptz,
    PRIMARY KEY (chat, message_id)
);

CREATE TABLE wamon.rewinds (
    source text COLLATE "C" NOT NULL REFERENCES wamon.sources,
    tail text COLLATE "C" NOT NULL,
    at timestamptz NOT NULL DEFAULT now(),
    reason text NOT NULL,
    from_rowid bigint NOT NULL,
    to_rowid bigint NOT NULL
);

-- review_from: the moment of first contact with a review table that held people's work already.
CREATE TABLE wamon.reviews (
    review_table text PRIMARY KEY,
    first_contact_at timestamptz NOT NULL DEFAULT now(),
    review_from timestamptz
);

CREATE VIEW wamon.ledger AS
SELECT g.source, g.jid AS chat_jid, l.message_id, l.status, l.reason, l.revision, l.sender, l.sent_at, l.seen_at,
       l.gone_at, l.content_hash, l.rules, l.chat
FROM wamon.ledger_rows AS l
JOIN wamon.groups AS g USING (chat);

-- A kind is a place in the order of all of a drop's messages, so it is derived: no late row, edit or second source can
-- leave a wrong one behind. The same message in two sources has the same place.
CREATE VIEW wamon.submissions AS
SELECT g.source, g.jid AS chat_jid, s.message_id, s.drop_number, s.project,
       CASE
           WHEN s.rejected THEN 'rejected'
           WHEN s.live AND NOT EXISTS (
               SELECT
               FROM wamon.submission_rows AS e
               JOIN wamon.groups AS eg USING (chat)
               WHERE e.project = s.project AND e.drop_number = s.drop_number AND e.live AND NOT e.rejected
                 AND e.sent_at <= s.sent_at
                 AND (e.sent_at, eg.jid, e.message_id) < (s.sent_at, g.jid, s.message_id)
           ) THEN 'new'
           ELSE 'resubmission'
       END AS kind,
       s.live, s.sent_at, s.sender, s.chat
FROM wamon.submission_rows AS s
JOIN wamon.groups AS g USING (chat);

CREATE VIEW wamon.drops AS
SELECT s.project, s.drop_number,
       min(s.sent_at) AS first_seen_at,
       max(s.sent_at) AS last_seen_at,
       count(DISTINCT (g.jid, s.message_id)) AS submissions,
       (array_agg(s.sender ORDER BY s.sent_at, g.jid, s.message_id))[1] AS submitted_by
FROM wamon.submission_rows AS s
JOIN wamon.groups AS g USING (chat)
WHERE s.live AND NOT s.rejected
GROUP BY s.project, s.drop_number;

CREATE VIEW wamon.texts AS
SELECT g.source, g.jid AS chat_jid, l.message_id, l.revision, l.text
FROM wamon.ledger_rows AS l
JOIN wamon.groups AS g USING (chat)
WHERE l.text IS NOT NULL
UNION ALL
SELECT g.source, g.jid, r.message_id, r.revision, r.text
FROM wamon.revisions AS r
JOIN wamon.groups AS g USING (chat)
WHERE r.text IS NOT NULL;

CREATE FUNCTION wamon.ledger_by_hand() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    DELETE FROM wamon.ledger_rows WHERE chat = OLD.chat AND message_id = OLD.message_id;
    RETURN OLD;
END $$;
CREATE TRIGGER by_hand INSTEAD OF DELETE ON wamon.ledger FOR EACH ROW EXECUTE FUNCTION wamon.ledger_by_hand();

CREATE FUNCTION wamon.submissions_by_hand() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP IN ('UPDATE', 'DELETE') THEN
        DELETE FROM wamon.submission_rows
        WHERE chat = OLD.chat AND message_id = OLD.message_id AND drop_number = OLD.drop_number;
    END IF;
    IF TG_OP = 'DELETE' THEN
        RETURN OLD;
    END IF;
    INSERT INTO wamon.submission_rows (chat, live, rejected, sent_at, message_id, drop_number, project, sender)
    SELECT g.chat, coalesce(NEW.live, true), coalesce(NEW.kind = 'rejected', false), coalesce(NEW.sent_at, now()),
           NEW.message_id, NEW.drop_number, coalesce(NEW.project, g.project), coalesce(NEW.sender, '')
    FROM wamon.groups AS g
    WHERE g.source = NEW.source AND g.jid = NEW.chat_jid;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'source % has no chat %', NEW.source, NEW.chat_jid;
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER by_hand INSTEAD OF INSERT OR UPDATE OR DELETE ON wamon.submissions
FOR EACH ROW EXECUTE FUNCTION wamon.submissions_by_hand();
