-- oldest writer: 1
-- The numbers that a project accepts: `wamon drops allow import`. A project without a row here has no list.
CREATE TABLE wamon.allow_lists (
    project text COLLATE "C" PRIMARY KEY,
    imported_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE wamon.allowed_numbers (
    project text COLLATE "C" REFERENCES wamon.allow_lists ON DELETE CASCADE,
    drop_number text COLLATE "C",
    PRIMARY KEY (project, drop_number)
);

-- unchecked: it should have been looked up in the project's list, which couldn't be read.
ALTER TABLE wamon.submission_rows ADD COLUMN unchecked boolean NOT NULL DEFAULT false;
CREATE INDEX submission_rows_rejected ON wamon.submission_rows (project, drop_number) WHERE rejected;

-- What was meant as a drop number and isn't one: never a drop. `written` is as it stands in the message, without marks.
CREATE TABLE wamon.near_miss_rows (
    chat integer NOT NULL,
    live boolean NOT NULL DEFAULT true,
    sent_at timestamptz NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    written text COLLATE "C" NOT NULL,
    reason text COLLATE "C" NOT NULL,
    likely text COLLATE "C",
    project text COLLATE "C" NOT NULL,
    sender text NOT NULL,
    PRIMARY KEY (chat, message_id, written)
);
CREATE INDEX near_miss_rows_in_time ON wamon.near_miss_rows (sent_at);

CREATE VIEW wamon.near_misses AS
SELECT g.source, g.jid AS chat_jid, n.message_id, n.written, n.reason, n.likely, n.project, n.live, n.sent_at, n.sender,
       n.chat
FROM wamon.near_miss_rows AS n
JOIN wamon.groups AS g USING (chat);

-- Answers into the groups, at most one a submission: `due` until `sending` begins; one whose end isn't known stays so.
-- message_id and about (a drop number, or what a near miss says) are what it answers; reply_id is the reply's own.
CREATE TABLE wamon.replies (
    chat integer NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    about text COLLATE "C" NOT NULL,
    kind text COLLATE "C" NOT NULL CHECK (kind IN ('new', 'resubmission', 'rejected', 'near-miss')),
    state text COLLATE "C" NOT NULL DEFAULT 'due' CHECK (state IN ('due', 'sending', 'sent', 'unknown', 'failed', 'skipped')),
    project text COLLATE "C" NOT NULL,
    likely text COLLATE "C",
    sent_at timestamptz NOT NULL,
    queued_at timestamptz NOT NULL,
    changed_at timestamptz NOT NULL,
    next_try_at timestamptz NOT NULL,
    tried_at timestamptz,
    attempts integer NOT NULL DEFAULT 0,
    reason text,
    reply_id text COLLATE "C",
    said_hash bigint,
    PRIMARY KEY (chat, message_id, about)
);
CREATE INDEX replies_unfinished ON wamon.replies (next_try_at) WHERE state IN ('due', 'sending');
CREATE INDEX replies_tried ON wamon.replies (tried_at) WHERE tried_at IS NOT NULL;

-- replies_from: what was sent before it is never answered. A database that was lost, or restored, doesn't know what was.
ALTER TABLE wamon.sources ADD COLUMN replies_off boolean NOT NULL DEFAULT false,
                          ADD COLUMN replies_from timestamptz;

CREATE OR REPLACE VIEW wamon.submissions AS
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
       s.live, s.sent_at, s.sender, s.chat, s.unchecked
FROM wamon.submission_rows AS s
JOIN wamon.groups AS g USING (chat);
