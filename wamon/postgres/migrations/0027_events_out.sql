-- oldest writer: 6
-- How often what is said of a submission has changed: by it, one change is told from another for ever.
ALTER TABLE wamon.submission_rows ADD COLUMN version integer NOT NULL DEFAULT 0;
CREATE FUNCTION wamon.count_version() RETURNS trigger LANGUAGE plpgsql SET search_path = wamon, pg_temp AS $$
BEGIN
    NEW.version := OLD.version + 1;
    RETURN NEW;
END $$;
CREATE TRIGGER counted BEFORE UPDATE ON wamon.submission_rows FOR EACH ROW
WHEN ((OLD.live, OLD.rejected, OLD.project) IS DISTINCT FROM (NEW.live, NEW.rejected, NEW.project))
EXECUTE FUNCTION wamon.count_version();

-- The stream of events out: one row, from when somebody follows it first until nobody has for a month. log_oid: of which
-- table this tells; a restored dump brings the row and another table. last_place, pruned_place: the last that was given, and
-- the last whose event is gone. At base_place begins what a follower begins with; NULL: it isn't there.
CREATE TABLE wamon.event_stream (
    one boolean PRIMARY KEY DEFAULT true CHECK (one),
    generation uuid NOT NULL,
    log_oid oid,
    last_place bigint NOT NULL DEFAULT 0,
    pruned_place bigint NOT NULL DEFAULT 0,
    base_place bigint,
    opened_at timestamptz NOT NULL DEFAULT now(),
    followed_at timestamptz NOT NULL DEFAULT now()
) WITH (fillfactor = 50);

-- What happened: one row for all that a statement did, in the transaction that did it. Of drops, arrays of equal length;
-- of all else, `others`. `number` is given as it is written, `place` and `timeline` once it is committed, by whoever reads:
-- so the places are in the order of commits. `again`: whether a post wasn't its drop's first, as it was when places were
-- given.
CREATE TABLE wamon.events_out (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT now(),
    place bigint UNIQUE,
    timeline integer,
    of_base boolean NOT NULL DEFAULT false,
    elements integer NOT NULL,
    again boolean[],
    kinds text[] COLLATE "C",
    chats integer[],
    message_ids text[] COLLATE "C",
    drop_numbers text[] COLLATE "C",
    projects text[] COLLATE "C",
    sent_ats timestamptz[],
    senders text[],
    versions integer[],
    others jsonb
);
CREATE INDEX events_out_without_place ON wamon.events_out (number) WHERE place IS NULL;

-- Submissions that people deleted by hand while events went out: should one come back, its version goes on.
CREATE TABLE wamon.deleted_versions (
    chat integer,
    message_id text COLLATE "C",
    drop_number text COLLATE "C",
    version integer NOT NULL,
    PRIMARY KEY (drop_number, chat, message_id)
);

-- What was told last of each source's signs of life, and which gaps are told: whoever sees a change first tells it.
CREATE TABLE wamon.event_sources (
    source text COLLATE "C" PRIMARY KEY,
    sign text COLLATE "C" NOT NULL,
    signed_at timestamptz NOT NULL
);
CREATE TABLE wamon.event_gaps (
    source text COLLATE "C",
    kind text COLLATE "C",
    jid text COLLATE "C",
    began_at timestamptz,
    is_open boolean NOT NULL,
    noted_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (source, kind, jid, began_at)
);

ALTER TABLE wamon.event_stream ENABLE ROW LEVEL SECURITY;
ALTER TABLE wamon.events_out ENABLE ROW LEVEL SECURITY;
ALTER TABLE wamon.deleted_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE wamon.event_sources ENABLE ROW LEVEL SECURITY;
ALTER TABLE wamon.event_gaps ENABLE ROW LEVEL SECURITY;

-- Portion by portion, each in the order of the statement's rows: no value of jsonb or of an array may grow for ever.
CREATE FUNCTION wamon.tell_added() RETURNS trigger LANGUAGE plpgsql SET search_path = wamon, pg_temp AS $$
DECLARE
    most CONSTANT integer := 5000;
BEGIN
    IF EXISTS (SELECT FROM deleted_versions) THEN
        UPDATE submission_rows AS s SET version = d.version + 1
        FROM added AS a JOIN deleted_versions AS d USING (drop_number, chat, message_id)
        WHERE s.drop_number = a.drop_number AND s.chat = a.chat AND s.message_id = a.message_id;
    END IF;
    FOR portion IN 0 .. ((SELECT count(*) FROM added) - 1) / most LOOP
        INSERT INTO events_out (elements, kinds, chats, message_ids, drop_numbers, projects, sent_ats, senders, versions)
        SELECT count(*), array_agg(CASE WHEN rejected THEN 'rejected' ELSE 'posted' END), array_agg(chat), array_agg(message_id),
               array_agg(drop_number), array_agg(project), array_agg(sent_at), array_agg(sender),
               array_agg(coalesce((SELECT d.version + 1 FROM deleted_versions AS d
                                   WHERE d.drop_number = a.drop_number AND d.chat = a.chat
                                     AND d.message_id = a.message_id), version))
        FROM (SELECT * FROM added OFFSET portion * most LIMIT most) AS a
        WHERE live
        HAVING count(*) > 0;
    END LOOP;
    RETURN NULL;
END $$;

CREATE FUNCTION wamon.tell_changed() RETURNS trigger LANGUAGE plpgsql SET search_path = wamon, pg_temp AS $$
BEGIN
    INSERT INTO events_out (elements, kinds, chats, message_ids, drop_numbers, projects, sent_ats, senders, versions)
    SELECT count(*), array_agg(kind ORDER BY step), array_agg(chat ORDER BY step), array_agg(message_id ORDER BY step),
           array_agg(drop_number ORDER BY step), array_agg(project ORDER BY step), array_agg(sent_at ORDER BY step),
           array_agg(sender ORDER BY step), array_agg(version ORDER BY step)
    FROM (
        SELECT k.*, n.chat, n.message_id, n.drop_number, n.sent_at, n.sender, n.version,
               row_number() OVER () / 5000 AS portion
        FROM changed_from AS o
        JOIN changed AS n USING (drop_number, chat, message_id)
        CROSS JOIN LATERAL (
            SELECT CASE WHEN o.live THEN CASE WHEN o.rejected THEN 'rejected' ELSE 'posted' END END,
                   CASE WHEN n.live THEN CASE WHEN n.rejected THEN 'rejected' ELSE 'posted' END END,
                   o.project <> n.project
        ) AS s (was, is_now, is_renamed)
        CROSS JOIN LATERAL (
            SELECT 1, 'retracted', o.project WHERE s.was IS NOT NULL AND (s.is_now IS NULL OR s.is_renamed)
            UNION ALL
            SELECT 2, s.is_now, n.project
            WHERE s.is_now IS NOT NULL AND (s.was IS DISTINCT FROM s.is_now OR s.is_renamed)
        ) AS k (step, kind, project)
    ) AS told
    GROUP BY portion
    ORDER BY portion;
    RETURN NULL;
END $$;

CREATE FUNCTION wamon.tell_deleted() RETURNS trigger LANGUAGE plpgsql SET search_path = wamon, pg_temp AS $$
BEGIN
    INSERT INTO deleted_versions (chat, message_id, drop_number, version)
    SELECT chat, message_id, drop_number, version + 1 FROM deleted
    ON CONFLICT (drop_number, chat, message_id) DO UPDATE SET version = EXCLUDED.version;
    INSERT INTO events_out (elements, kinds, chats, message_ids, drop_numbers, projects, sent_ats, senders, versions)
    SELECT count(*), array_agg('retracted'::text), array_agg(chat), array_agg(message_id), array_agg(drop_number),
           array_agg(project), array_agg(sent_at), array_agg(sender), array_agg(version + 1)
    FROM (SELECT *, row_number() OVER () / 5000 AS portion FROM deleted WHERE live) AS told
    GROUP BY portion
    ORDER BY portion;
    RETURN NULL;
END $$;

CREATE FUNCTION wamon.tell_near() RETURNS trigger LANGUAGE plpgsql SET search_path = wamon, pg_temp AS $$
BEGIN
    INSERT INTO events_out (elements, others)
    SELECT count(*), jsonb_agg(near_element(a.*)) FROM added AS a HAVING count(*) > 0;
    RETURN NULL;
END $$;

-- What a near miss is told as. What was written may be a phone's number: it goes into the id as a keyed hash alone.
CREATE FUNCTION wamon.near_element(n wamon.near_miss_rows) RETURNS jsonb
LANGUAGE sql STABLE SET search_path = wamon, pg_temp AS $$
    SELECT jsonb_build_object(
        'type', 'drop.near_miss', 'chat', n.chat, 'message_id', n.message_id, 'project', n.project,
        'drop_number', n.likely, 'sender', n.sender, 'time', n.sent_at, 'data', jsonb_build_object('reason', n.reason),
        'key', left(encode(sha256((SELECT person_key FROM instance) || convert_to(n.written, 'UTF8')), 'hex'), 12)
    )
$$;

CREATE FUNCTION wamon.tell_answered() RETURNS trigger LANGUAGE plpgsql SET search_path = wamon, pg_temp AS $$
BEGIN
    INSERT INTO events_out (elements, others)
    SELECT count(*), jsonb_agg(jsonb_build_object(
        'type', 'burst.answered', 'source', c.source, 'chat', c.chat, 'message_id', m.message_id, 'time', n.ended_at,
        'key', c.uid, 'version', n.fence, 'data', jsonb_build_object(
            'conversation', c.uid, 'kind', c.kind, 'person', p.hash, 'messages', n.through_seq - n.from_seq + 1,
            'outcome', n.outcome, 'late', n.late)))
    FROM changed_from AS o
    JOIN changed AS n USING (conversation, fence)
    JOIN conversations AS c USING (conversation)
    LEFT JOIN people AS p USING (person)
    LEFT JOIN conversation_messages AS m ON m.conversation = n.conversation AND m.seq = n.through_seq
    WHERE n.outcome IN ('answered', 'digest') AND o.outcome IS DISTINCT FROM n.outcome
    HAVING count(*) > 0;
    RETURN NULL;
END $$;

CREATE TRIGGER told_added AFTER INSERT ON wamon.submission_rows REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION wamon.tell_added();
CREATE TRIGGER told_changed AFTER UPDATE ON wamon.submission_rows
REFERENCING OLD TABLE AS changed_from NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION wamon.tell_changed();
CREATE TRIGGER told_deleted AFTER DELETE ON wamon.submission_rows REFERENCING OLD TABLE AS deleted
FOR EACH STATEMENT EXECUTE FUNCTION wamon.tell_deleted();
CREATE TRIGGER told_near AFTER INSERT ON wamon.near_miss_rows REFERENCING NEW TABLE AS added
FOR EACH STATEMENT EXECUTE FUNCTION wamon.tell_near();
CREATE TRIGGER told_answered AFTER UPDATE ON wamon.turns
REFERENCING OLD TABLE AS changed_from NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION wamon.tell_answered();

-- While nobody follows, no trigger is fired: recording pays nothing.
ALTER TABLE wamon.submission_rows DISABLE TRIGGER told_added, DISABLE TRIGGER told_changed, DISABLE TRIGGER told_deleted;
ALTER TABLE wamon.near_miss_rows DISABLE TRIGGER told_near;
ALTER TABLE wamon.turns DISABLE TRIGGER told_answered;

-- Only a table's owner may switch its triggers; who works with the tables may have it done. It waits for whoever writes
-- there, so that what was written before is committed. One table at a time: nobody is waited for in a circle.
CREATE FUNCTION wamon.switch_events(of_table text, is_on boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = wamon, pg_temp AS $$
DECLARE
    one record;
BEGIN
    FOR one IN
        SELECT c.relname, t.tgname
        FROM pg_trigger AS t
        JOIN pg_class AS c ON c.oid = t.tgrelid
        WHERE c.relnamespace = 'wamon'::regnamespace AND c.relname = of_table
          AND c.relname IN ('submission_rows', 'near_miss_rows', 'turns') AND t.tgname LIKE 'told\_%'
          AND (t.tgenabled <> 'D') <> is_on
    LOOP
        EXECUTE format('ALTER TABLE wamon.%I %s TRIGGER %I', one.relname, CASE WHEN is_on THEN 'ENABLE' ELSE 'DISABLE' END,
                       one.tgname);
    END LOOP;
END $$;
