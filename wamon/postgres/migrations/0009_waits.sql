-- oldest writer: 6
-- A fence's number alone may be met by chance: a database that was restored to an older backup comes by it again.
ALTER TABLE wamon.cursors ADD COLUMN token uuid NOT NULL DEFAULT gen_random_uuid();

-- left_out: the columns whose types can't hold what wamon writes, and of which people were told.
ALTER TABLE wamon.reviews ADD COLUMN left_out text[] NOT NULL DEFAULT '{}';

-- What posts mean for rows of the review table, where those couldn't be written yet. In the order of `wait`.
CREATE TABLE wamon.review_waits (
    wait bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    review_table text COLLATE "C" NOT NULL,
    source text COLLATE "C" NOT NULL,
    what text COLLATE "C" NOT NULL CHECK (what IN ('posted', 'retracted', 'revived')),
    project text COLLATE "C" NOT NULL,
    drop_number text COLLATE "C" NOT NULL,
    jid text COLLATE "C" NOT NULL,
    message_id text COLLATE "C" NOT NULL,
    sender text NOT NULL,
    from_me boolean NOT NULL,
    message_sent_at timestamptz,
    sent_at timestamptz NOT NULL,
    latest timestamptz,
    seen_at timestamptz NOT NULL,
    reason text NOT NULL,
    attempts integer NOT NULL DEFAULT 0,
    parked_at timestamptz NOT NULL DEFAULT now(),
    next_try_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX review_waits_of_drop ON wamon.review_waits (project, drop_number);
