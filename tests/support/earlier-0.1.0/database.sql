SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;
CREATE SCHEMA wamon;
CREATE FUNCTION wamon.hear() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    INSERT INTO wamon.heard AS h (chat, half_hour, first_sent_at, last_sent_at)
    SELECT chat, date_bin('30 minutes', sent_at, 'epoch'), min(sent_at), max(sent_at)
    FROM added
    WHERE sent_at IS NOT NULL
    GROUP BY 1, 2
    ORDER BY 1, 2
    ON CONFLICT (chat, half_hour) DO UPDATE
    SET first_sent_at = least(h.first_sent_at, EXCLUDED.first_sent_at),
        last_sent_at = greatest(h.last_sent_at, EXCLUDED.last_sent_at);
    RETURN NULL;
END $$;
CREATE FUNCTION wamon.ledger_by_hand() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    DELETE FROM wamon.ledger_rows WHERE chat = OLD.chat AND message_id = OLD.message_id;
    RETURN OLD;
END $$;
CREATE FUNCTION wamon.number_by_hand() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
BEGIN
    UPDATE wamon.ledger_rows AS l
    SET numbers = array_append(array_remove(l.numbers, NEW.drop_number), NEW.drop_number)
    FROM wamon.groups AS g
    WHERE g.source = NEW.source AND g.jid = NEW.chat_jid AND l.chat = g.chat AND l.message_id = NEW.message_id;
    RETURN NEW;
END $$;
CREATE FUNCTION wamon.submissions_by_hand() RETURNS trigger
    LANGUAGE plpgsql
    AS $$
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
SET default_tablespace = '';
SET default_table_access_method = heap;
CREATE TABLE public.invalid_drop_submissions (
    drop_number text,
    project text,
    sender text,
    group_jid text,
    submitted_at timestamp with time zone,
    reason text
);
CREATE TABLE public.qa_photo_reviews (
    id uuid DEFAULT gen_random_uuid() NOT NULL,
    drop_number text NOT NULL,
    project text NOT NULL,
    user_name text,
    submitted_by text,
    whatsapp_message_date timestamp with time zone,
    review_date timestamp with time zone,
    comment text,
    resubmitted boolean DEFAULT false NOT NULL,
    incomplete boolean DEFAULT false NOT NULL,
    completed boolean DEFAULT false NOT NULL,
    feedback_sent timestamp with time zone,
    created_at timestamp with time zone DEFAULT now() NOT NULL,
    updated_at timestamp with time zone DEFAULT now() NOT NULL,
    step_01_house_photo boolean DEFAULT false NOT NULL,
    step_02_cable_from_pole boolean DEFAULT false NOT NULL,
    step_03_cable_entry_outside boolean DEFAULT false NOT NULL,
    step_04_cable_entry_inside boolean DEFAULT false NOT NULL,
    step_05_wall_for_installation boolean DEFAULT false NOT NULL,
    step_06_ont_back_after_install boolean DEFAULT false NOT NULL,
    step_07_power_meter_reading boolean DEFAULT false NOT NULL,
    step_08_ont_barcode boolean DEFAULT false NOT NULL,
    step_09_ups_serial boolean DEFAULT false NOT NULL,
    step_10_final_installation boolean DEFAULT false NOT NULL,
    step_11_green_lights boolean DEFAULT false NOT NULL,
    step_12_customer_signature boolean DEFAULT false NOT NULL
);
CREATE TABLE wamon.allow_lists (
    project text NOT NULL COLLATE pg_catalog."C",
    imported_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE wamon.allowed_numbers (
    project text NOT NULL COLLATE pg_catalog."C",
    drop_number text NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE wamon.cursors (
    source text NOT NULL COLLATE pg_catalog."C",
    tail text NOT NULL COLLATE pg_catalog."C",
    seq bigint DEFAULT 0 NOT NULL,
    rowid bigint DEFAULT 0 NOT NULL,
    anchors jsonb DEFAULT '[]'::jsonb NOT NULL,
    advanced_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE wamon.dead_letters (
    chat integer NOT NULL,
    message_id text NOT NULL COLLATE pg_catalog."C",
    correlation_id uuid DEFAULT gen_random_uuid() NOT NULL,
    attempts integer DEFAULT 1 NOT NULL,
    reason text NOT NULL,
    failed_at timestamp with time zone DEFAULT now() NOT NULL,
    next_try_at timestamp with time zone
);
CREATE TABLE wamon.groups (
    chat integer NOT NULL,
    source text NOT NULL COLLATE pg_catalog."C",
    jid text NOT NULL COLLATE pg_catalog."C",
    project text NOT NULL COLLATE pg_catalog."C",
    tail text NOT NULL COLLATE pg_catalog."C",
    enabled boolean DEFAULT true NOT NULL,
    start text NOT NULL,
    start_before timestamp with time zone,
    start_anchors jsonb DEFAULT '[]'::jsonb NOT NULL,
    start_passed boolean NOT NULL,
    joined_at timestamp with time zone DEFAULT now() NOT NULL,
    messages bigint DEFAULT 0 NOT NULL,
    last_message_id text COLLATE pg_catalog."C",
    last_sent_at timestamp with time zone,
    former_projects text[] DEFAULT '{}'::text[] NOT NULL COLLATE pg_catalog."C"
);
CREATE TABLE wamon.submission_rows (
    chat integer NOT NULL,
    live boolean DEFAULT true NOT NULL,
    rejected boolean DEFAULT false NOT NULL,
    sent_at timestamp with time zone NOT NULL,
    message_id text NOT NULL COLLATE pg_catalog."C",
    drop_number text NOT NULL COLLATE pg_catalog."C",
    project text NOT NULL COLLATE pg_catalog."C",
    sender text NOT NULL,
    unchecked boolean DEFAULT false NOT NULL
);
CREATE VIEW wamon.drops AS
 SELECT s.project,
    s.drop_number,
    min(s.sent_at) AS first_seen_at,
    max(s.sent_at) AS last_seen_at,
    count(DISTINCT ROW(g.jid, s.message_id)) AS submissions,
    (array_agg(s.sender ORDER BY s.sent_at, g.jid, s.message_id))[1] AS submitted_by
   FROM (wamon.submission_rows s
     JOIN wamon.groups g USING (chat))
  WHERE (s.live AND (NOT s.rejected))
  GROUP BY s.project, s.drop_number;
ALTER TABLE wamon.groups ALTER COLUMN chat ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME wamon.groups_chat_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE wamon.heard (
    chat integer NOT NULL,
    half_hour timestamp with time zone NOT NULL,
    first_sent_at timestamp with time zone NOT NULL,
    last_sent_at timestamp with time zone NOT NULL
);
CREATE TABLE wamon.instance (
    one boolean DEFAULT true NOT NULL,
    instance_id uuid DEFAULT gen_random_uuid() NOT NULL,
    made_at timestamp with time zone DEFAULT now() NOT NULL,
    CONSTRAINT instance_one_check CHECK (one)
);
CREATE TABLE wamon.leases (
    source text NOT NULL COLLATE pg_catalog."C",
    holder uuid NOT NULL,
    host text NOT NULL,
    boot text NOT NULL,
    pid integer NOT NULL,
    process_started bigint NOT NULL,
    taken_at timestamp with time zone DEFAULT now() NOT NULL,
    renewed_at timestamp with time zone DEFAULT now() NOT NULL,
    expires_at timestamp with time zone NOT NULL
);
CREATE TABLE wamon.ledger_rows (
    chat integer NOT NULL,
    revision integer DEFAULT 1 NOT NULL,
    content_hash bigint NOT NULL,
    sent_at timestamp with time zone,
    seen_at timestamp with time zone DEFAULT now() NOT NULL,
    gone_at timestamp with time zone,
    rules integer NOT NULL,
    message_id text NOT NULL COLLATE pg_catalog."C",
    status text NOT NULL COLLATE pg_catalog."C",
    reason text COLLATE pg_catalog."C",
    sender text NOT NULL,
    text text,
    numbers text[] COLLATE pg_catalog."C",
    CONSTRAINT ledger_rows_status_check CHECK ((status = ANY (ARRAY['done'::text, 'ignored'::text, 'retry'::text, 'dead'::text])))
);
CREATE VIEW wamon.ledger AS
 SELECT g.source,
    g.jid AS chat_jid,
    l.message_id,
    l.status,
    l.reason,
    l.revision,
    l.sender,
    l.sent_at,
    l.seen_at,
    l.gone_at,
    l.content_hash,
    l.rules,
    l.chat
   FROM (wamon.ledger_rows l
     JOIN wamon.groups g USING (chat));
CREATE TABLE wamon.migrations (
    version integer NOT NULL,
    name text NOT NULL,
    oldest_writer integer NOT NULL,
    applied_at timestamp with time zone DEFAULT now() NOT NULL
);
CREATE TABLE wamon.near_miss_rows (
    chat integer NOT NULL,
    live boolean DEFAULT true NOT NULL,
    sent_at timestamp with time zone NOT NULL,
    message_id text NOT NULL COLLATE pg_catalog."C",
    written text NOT NULL COLLATE pg_catalog."C",
    reason text NOT NULL COLLATE pg_catalog."C",
    likely text COLLATE pg_catalog."C",
    project text NOT NULL COLLATE pg_catalog."C",
    sender text NOT NULL
);
CREATE VIEW wamon.near_misses AS
 SELECT g.source,
    g.jid AS chat_jid,
    n.message_id,
    n.written,
    n.reason,
    n.likely,
    n.project,
    n.live,
    n.sent_at,
    n.sender,
    n.chat
   FROM (wamon.near_miss_rows n
     JOIN wamon.groups g USING (chat));
CREATE TABLE wamon.replies (
    chat integer NOT NULL,
    message_id text NOT NULL COLLATE pg_catalog."C",
    about text NOT NULL COLLATE pg_catalog."C",
    kind text NOT NULL COLLATE pg_catalog."C",
    state text DEFAULT 'due'::text NOT NULL COLLATE pg_catalog."C",
    project text NOT NULL COLLATE pg_catalog."C",
    likely text COLLATE pg_catalog."C",
    sent_at timestamp with time zone NOT NULL,
    queued_at timestamp with time zone NOT NULL,
    changed_at timestamp with time zone NOT NULL,
    next_try_at timestamp with time zone NOT NULL,
    tried_at timestamp with time zone,
    attempts integer DEFAULT 0 NOT NULL,
    reason text,
    reply_id text COLLATE pg_catalog."C",
    said_hash bigint,
    CONSTRAINT replies_kind_check CHECK ((kind = ANY (ARRAY['new'::text, 'resubmission'::text, 'rejected'::text, 'near-miss'::text]))),
    CONSTRAINT replies_state_check CHECK ((state = ANY (ARRAY['due'::text, 'sending'::text, 'sent'::text, 'unknown'::text, 'failed'::text, 'skipped'::text])))
);
CREATE TABLE wamon.reviews (
    review_table text NOT NULL,
    first_contact_at timestamp with time zone DEFAULT now() NOT NULL,
    review_from timestamp with time zone
);
CREATE TABLE wamon.revisions (
    chat integer NOT NULL,
    revision integer NOT NULL,
    content_hash bigint NOT NULL,
    replaced_at timestamp with time zone DEFAULT now() NOT NULL,
    message_id text NOT NULL COLLATE pg_catalog."C",
    text text
);
CREATE TABLE wamon.rewinds (
    source text NOT NULL COLLATE pg_catalog."C",
    tail text NOT NULL COLLATE pg_catalog."C",
    at timestamp with time zone DEFAULT now() NOT NULL,
    reason text NOT NULL,
    from_rowid bigint NOT NULL,
    to_rowid bigint NOT NULL
);
CREATE TABLE wamon.rules (
    rules integer NOT NULL,
    fingerprint text NOT NULL COLLATE pg_catalog."C",
    first_used_at timestamp with time zone DEFAULT now() NOT NULL
);
ALTER TABLE wamon.rules ALTER COLUMN rules ADD GENERATED ALWAYS AS IDENTITY (
    SEQUENCE NAME wamon.rules_rules_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1
);
CREATE TABLE wamon.sources (
    source text NOT NULL COLLATE pg_catalog."C",
    joined_at timestamp with time zone DEFAULT now() NOT NULL,
    sweep_due text,
    last_sweep_at timestamp with time zone,
    last_verify_at timestamp with time zone,
    last_verify_clean boolean,
    replies_off boolean DEFAULT false NOT NULL,
    replies_from timestamp with time zone
);
CREATE VIEW wamon.submissions AS
 SELECT g.source,
    g.jid AS chat_jid,
    s.message_id,
    s.drop_number,
    s.project,
        CASE
            WHEN s.rejected THEN 'rejected'::text
            WHEN (s.live AND (NOT (EXISTS ( SELECT
               FROM (wamon.submission_rows e
                 JOIN wamon.groups eg USING (chat))
              WHERE ((e.project = s.project) AND (e.drop_number = s.drop_number) AND e.live AND (NOT e.rejected) AND (e.sent_at <= s.sent_at) AND (ROW(e.sent_at, eg.jid, e.message_id) < ROW(s.sent_at, g.jid, s.message_id))))))) THEN 'new'::text
            ELSE 'resubmission'::text
        END AS kind,
    s.live,
    s.sent_at,
    s.sender,
    s.chat,
    s.unchecked
   FROM (wamon.submission_rows s
     JOIN wamon.groups g USING (chat));
CREATE VIEW wamon.texts AS
 SELECT g.source,
    g.jid AS chat_jid,
    l.message_id,
    l.revision,
    l.text
   FROM (wamon.ledger_rows l
     JOIN wamon.groups g USING (chat))
  WHERE (l.text IS NOT NULL)
UNION ALL
 SELECT g.source,
    g.jid AS chat_jid,
    r.message_id,
    r.revision,
    r.text
   FROM (wamon.revisions r
     JOIN wamon.groups g USING (chat))
  WHERE (r.text IS NOT NULL);
INSERT INTO public.invalid_drop_submissions VALUES
	('DR1760009', 'Velo Test', '27820000001', '120363421664266245@g.us', '2026-11-28 06:36:05+00', 'not on the project''s list');
INSERT INTO public.qa_photo_reviews VALUES
	('8d41d868-1f35-41f5-8ed3-93ef71defc53', 'DR1752034', 'Lawley', '27820000001', '27820000001', '2026-11-28 06:35:44+00', '2026-11-28 06:35:44+00', 'seen', false, false, true, '2026-11-29 06:35:26.357234+00', '2026-11-29 06:35:26.284968+00', '2026-11-29 06:35:26.284968+00', false, false, false, false, false, false, false, false, false, false, false, false),
	('86f9d7ae-7dee-4781-8b88-cb550ccf44ad', 'DR1760001', 'Velo Test', '27820000001', '27820000001', '2026-11-28 06:36:05+00', '2026-11-28 06:36:05+00', 'seen', false, false, true, '2026-11-29 06:35:26.357234+00', '2026-11-29 06:35:26.284968+00', '2026-11-29 06:35:26.284968+00', false, false, false, false, false, false, false, false, false, false, false, false),
	('a13367fa-d93d-4904-8436-02cc27808b06', 'DR1770001', 'Mohadin', '27820000000', '27820000000', '2026-11-28 06:36:12+00', '2026-11-28 06:36:12+00', 'seen', false, false, true, '2026-11-29 06:35:26.357234+00', '2026-11-29 06:35:26.284968+00', '2026-11-29 06:35:26.284968+00', false, false, false, false, false, false, false, false, false, false, false, false),
	('410ab364-1eb4-45b1-88fc-613252943089', 'DR1752050', 'Lawley', '27820000001', '27820000001', '2026-11-29 06:35:27+00', '2026-11-29 06:35:27+00', NULL, false, false, false, NULL, '2026-11-29 06:35:27.542119+00', '2026-11-29 06:35:27.542119+00', false, false, false, false, false, false, false, false, false, false, false, false),
	('b9c3098e-00f5-4981-9dba-3243c71d19a5', 'DR1752028', 'Lawley', '27820000001', '27820000001', '2026-11-28 06:35:37+00', '2026-11-28 06:35:37+00', 'seen
2026-11-29 08:35 SAST: posted again', true, false, true, NULL, '2026-11-29 06:35:26.284968+00', '2026-11-29 06:35:27.287185+00', false, false, false, false, false, false, false, false, false, false, false, false),
	('b3ade6da-799e-4348-9283-df35834fe39d', 'DR1752040', 'Lawley', '27820000001', '27820000001', '2026-11-28 06:35:44+00', '2026-11-28 06:35:44+00', 'seen
2026-11-29 08:35 SAST: retracted by an edit of its message', false, false, true, '2026-11-29 06:35:26.357234+00', '2026-11-29 06:35:26.284968+00', '2026-11-29 06:35:28.896095+00', false, false, false, false, false, false, false, false, false, false, false, false);
INSERT INTO wamon.allow_lists VALUES
	('Velo Test', '2026-11-29 06:35:24.948823+00');
INSERT INTO wamon.allowed_numbers VALUES
	('Velo Test', 'DR1760001'),
	('Velo Test', 'DR1760002');
INSERT INTO wamon.cursors VALUES
	('main', 'main', 5, 9, '[[9, "58b390018827d024"], [3, "eb7a34f33d23aad8"]]', '2026-11-29 06:35:28.896095+00');
INSERT INTO wamon.groups OVERRIDING SYSTEM VALUE VALUES
	(3, 'main', '120363421532174586@g.us', 'Mohadin', 'main', true, 'beginning', NULL, '[]', true, '2026-11-29 06:35:25.787446+00', 1, '3A9C50F244556F25E2A2', '2026-11-28 06:36:12+00', '{}'),
	(2, 'main', '120363421664266245@g.us', 'Velo Test', 'main', true, 'beginning', NULL, '[]', true, '2026-11-29 06:35:25.787446+00', 1, '3A198F4FF31E78DE5857', '2026-11-28 06:36:05+00', '{}'),
	(1, 'main', '120363418298130331@g.us', 'Lawley', 'main', true, 'beginning', NULL, '[]', true, '2026-11-29 06:35:25.787446+00', 7, '3B85DD84F39E71545A13', '2026-11-29 06:35:27+00', '{}');
INSERT INTO wamon.heard VALUES
	(1, '2026-11-28 06:30:00+00', '2026-11-28 06:35:30+00', '2026-11-28 06:35:58+00'),
	(2, '2026-11-28 06:30:00+00', '2026-11-28 06:36:05+00', '2026-11-28 06:36:05+00'),
	(3, '2026-11-28 06:30:00+00', '2026-11-28 06:36:12+00', '2026-11-28 06:36:12+00'),
	(1, '2026-11-29 06:30:00+00', '2026-11-29 06:35:27+00', '2026-11-29 06:35:27+00');
INSERT INTO wamon.instance VALUES
	(true, '03e5decc-5e10-4752-9a64-83d337615f7a', '2026-11-29 06:35:24.841276+00');
INSERT INTO wamon.ledger_rows VALUES
	(1, 1, 348699717608649631, '2026-11-28 06:35:58+00', '2026-11-29 06:35:26.144923+00', NULL, 1, '2A37E87A1613E443DF78', 'ignored', 'no-drop', '27820000001', NULL, NULL),
	(2, 1, 1406914988697567944, '2026-11-28 06:36:05+00', '2026-11-29 06:35:26.144923+00', NULL, 1, '3A198F4FF31E78DE5857', 'done', NULL, '27820000001', 'DR1760001, DR1760009', '{DR1760001,DR1760009}'),
	(3, 1, -3545633945916823905, '2026-11-28 06:36:12+00', '2026-11-29 06:35:26.144923+00', NULL, 1, '3A9C50F244556F25E2A2', 'done', NULL, '27820000000', 'dr 1770001', '{DR1770001}'),
	(1, 1, -5605325690010944224, '2026-11-28 06:35:37+00', '2026-11-29 06:35:26.144923+00', NULL, 1, '3EB082F728B4FA42485E3A', 'done', NULL, '27820000001', 'DR1752028 done', '{DR1752028}'),
	(1, 1, 4022700488798471558, '2026-11-28 06:35:51+00', '2026-11-29 06:35:26.144923+00', NULL, 1, '5BA91FAF7A024204F7C1BD874DA5E709', 'ignored', 'near-miss', '27820000001', 'RD1752041 done', NULL),
	(1, 1, -4780426536250992980, '2026-11-28 06:35:30+00', '2026-11-29 06:35:26.144923+00', NULL, 1, '6BAA9455E3E70682C2094CAC629F6FBE', 'ignored', 'no-drop', '27820000001', NULL, NULL),
	(1, 1, -206222674673725028, '2026-11-29 06:35:27+00', '2026-11-29 06:35:27.287185+00', NULL, 1, '3B85DD84F39E71545A13', 'done', NULL, '27820000001', 'DR1752050 now', '{DR1752050}'),
	(1, 1, -3347363769126463875, '2026-11-29 06:35:27+00', '2026-11-29 06:35:27.287185+00', NULL, 1, 'AC8D7231F77383C13458A748E9BB17BC', 'done', NULL, '27820000001', 'DR1752028 again', '{DR1752028}'),
	(1, 2, 5456227367812691980, '2026-11-28 06:35:44+00', '2026-11-29 06:35:26.144923+00', NULL, 1, '3BC8EB1167B367A9C378', 'done', NULL, '27820000001', 'DR1752034', '{DR1752034}');
INSERT INTO wamon.migrations VALUES
	(1, 'the_ledger', 1, '2026-11-29 06:35:24.841276+00'),
	(2, 'leases', 1, '2026-11-29 06:35:24.894689+00'),
	(3, 'times', 1, '2026-11-29 06:35:24.901759+00'),
	(4, 'lists', 1, '2026-11-29 06:35:24.906671+00'),
	(5, 'heard', 1, '2026-11-29 06:35:24.925198+00'),
	(6, 'numbers', 6, '2026-11-29 06:35:24.930826+00');
INSERT INTO wamon.near_miss_rows VALUES
	(1, true, '2026-11-28 06:35:51+00', '5BA91FAF7A024204F7C1BD874DA5E709', 'RD1752041', 'letters-swapped', 'DR1752041', 'Lawley', '27820000001');
INSERT INTO wamon.replies VALUES
	(1, 'AC8D7231F77383C13458A748E9BB17BC', 'DR1752028', 'resubmission', 'sent', 'Lawley', NULL, '2026-11-29 06:35:27+00', '2026-11-29 06:35:27.539698+00', '2026-11-29 06:35:27.615234+00', '2026-11-29 06:35:27.539698+00', '2026-11-29 06:35:27.597627+00', 1, NULL, NULL, -1989936118549671844),
	(1, '3B85DD84F39E71545A13', 'DR1752050', 'new', 'sent', 'Lawley', NULL, '2026-11-29 06:35:27+00', '2026-11-29 06:35:27.539698+00', '2026-11-29 06:35:27.624948+00', '2026-11-29 06:35:27.539698+00', '2026-11-29 06:35:27.617806+00', 1, NULL, NULL, -7818001627189480112);
INSERT INTO wamon.reviews VALUES
	('public.qa_photo_reviews', '2026-11-29 06:35:25.76787+00', NULL);
INSERT INTO wamon.revisions VALUES
	(1, 1, 1155998254073296272, '2026-11-29 06:35:28.896095+00', '3BC8EB1167B367A9C378', 'DR1752034 & DR1752040');
INSERT INTO wamon.rules OVERRIDING SYSTEM VALUE VALUES
	(1, '046ee3ba21976a4a', '2026-11-29 06:35:25.785148+00');
INSERT INTO wamon.sources VALUES
	('main', '2026-11-29 06:35:25.76153+00', NULL, '2026-11-29 06:35:26.29589+00', '2026-11-29 06:35:30.033969+00', true, false, NULL);
INSERT INTO wamon.submission_rows VALUES
	(1, true, false, '2026-11-28 06:35:37+00', '3EB082F728B4FA42485E3A', 'DR1752028', 'Lawley', '27820000001', false),
	(1, true, false, '2026-11-28 06:35:44+00', '3BC8EB1167B367A9C378', 'DR1752034', 'Lawley', '27820000001', false),
	(3, true, false, '2026-11-28 06:36:12+00', '3A9C50F244556F25E2A2', 'DR1770001', 'Mohadin', '27820000000', false),
	(2, true, false, '2026-11-28 06:36:05+00', '3A198F4FF31E78DE5857', 'DR1760001', 'Velo Test', '27820000001', false),
	(2, true, true, '2026-11-28 06:36:05+00', '3A198F4FF31E78DE5857', 'DR1760009', 'Velo Test', '27820000001', false),
	(1, true, false, '2026-11-29 06:35:27+00', '3B85DD84F39E71545A13', 'DR1752050', 'Lawley', '27820000001', false),
	(1, true, false, '2026-11-29 06:35:27+00', 'AC8D7231F77383C13458A748E9BB17BC', 'DR1752028', 'Lawley', '27820000001', false),
	(1, false, false, '2026-11-28 06:35:44+00', '3BC8EB1167B367A9C378', 'DR1752040', 'Lawley', '27820000001', false);
SELECT pg_catalog.setval('wamon.groups_chat_seq', 3, true);
SELECT pg_catalog.setval('wamon.rules_rules_seq', 5, true);
ALTER TABLE ONLY public.qa_photo_reviews
    ADD CONSTRAINT qa_photo_reviews_drop_number_project_key UNIQUE (drop_number, project);
ALTER TABLE ONLY public.qa_photo_reviews
    ADD CONSTRAINT qa_photo_reviews_pkey PRIMARY KEY (id);
ALTER TABLE ONLY wamon.allow_lists
    ADD CONSTRAINT allow_lists_pkey PRIMARY KEY (project);
ALTER TABLE ONLY wamon.allowed_numbers
    ADD CONSTRAINT allowed_numbers_pkey PRIMARY KEY (project, drop_number);
ALTER TABLE ONLY wamon.cursors
    ADD CONSTRAINT cursors_pkey PRIMARY KEY (source, tail);
ALTER TABLE ONLY wamon.dead_letters
    ADD CONSTRAINT dead_letters_pkey PRIMARY KEY (chat, message_id);
ALTER TABLE ONLY wamon.groups
    ADD CONSTRAINT groups_pkey PRIMARY KEY (chat);
ALTER TABLE ONLY wamon.groups
    ADD CONSTRAINT groups_source_jid_key UNIQUE (source, jid);
ALTER TABLE ONLY wamon.heard
    ADD CONSTRAINT heard_pkey PRIMARY KEY (chat, half_hour);
ALTER TABLE ONLY wamon.instance
    ADD CONSTRAINT instance_pkey PRIMARY KEY (one);
ALTER TABLE ONLY wamon.leases
    ADD CONSTRAINT leases_pkey PRIMARY KEY (source);
ALTER TABLE ONLY wamon.ledger_rows
    ADD CONSTRAINT ledger_rows_pkey PRIMARY KEY (message_id, chat);
ALTER TABLE ONLY wamon.migrations
    ADD CONSTRAINT migrations_pkey PRIMARY KEY (version);
ALTER TABLE ONLY wamon.near_miss_rows
    ADD CONSTRAINT near_miss_rows_pkey PRIMARY KEY (chat, message_id, written);
ALTER TABLE ONLY wamon.replies
    ADD CONSTRAINT replies_pkey PRIMARY KEY (chat, message_id, about);
ALTER TABLE ONLY wamon.reviews
    ADD CONSTRAINT reviews_pkey PRIMARY KEY (review_table);
ALTER TABLE ONLY wamon.revisions
    ADD CONSTRAINT revisions_pkey PRIMARY KEY (chat, message_id, revision);
ALTER TABLE ONLY wamon.rules
    ADD CONSTRAINT rules_fingerprint_key UNIQUE (fingerprint);
ALTER TABLE ONLY wamon.rules
    ADD CONSTRAINT rules_pkey PRIMARY KEY (rules);
ALTER TABLE ONLY wamon.sources
    ADD CONSTRAINT sources_pkey PRIMARY KEY (source);
ALTER TABLE ONLY wamon.submission_rows
    ADD CONSTRAINT submission_rows_pkey PRIMARY KEY (drop_number, chat, message_id);
CREATE INDEX ledger_rows_unfinished ON wamon.ledger_rows USING btree (chat, status) WHERE (status = ANY (ARRAY['retry'::text, 'dead'::text]));
CREATE INDEX near_miss_rows_in_time ON wamon.near_miss_rows USING btree (sent_at);
CREATE INDEX replies_tried ON wamon.replies USING btree (tried_at) WHERE (tried_at IS NOT NULL);
CREATE INDEX replies_unfinished ON wamon.replies USING btree (next_try_at) WHERE (state = ANY (ARRAY['due'::text, 'sending'::text]));
CREATE INDEX submission_rows_in_time ON wamon.submission_rows USING brin (sent_at);
CREATE INDEX submission_rows_rejected ON wamon.submission_rows USING btree (project, drop_number) WHERE rejected;
CREATE TRIGGER by_hand INSTEAD OF DELETE ON wamon.ledger FOR EACH ROW EXECUTE FUNCTION wamon.ledger_by_hand();
CREATE TRIGGER by_hand INSTEAD OF INSERT OR DELETE OR UPDATE ON wamon.submissions FOR EACH ROW EXECUTE FUNCTION wamon.submissions_by_hand();
CREATE TRIGGER heard AFTER INSERT ON wamon.ledger_rows REFERENCING NEW TABLE AS added FOR EACH STATEMENT EXECUTE FUNCTION wamon.hear();
CREATE TRIGGER number_by_hand INSTEAD OF INSERT OR UPDATE ON wamon.submissions FOR EACH ROW EXECUTE FUNCTION wamon.number_by_hand();
ALTER TABLE ONLY wamon.allowed_numbers
    ADD CONSTRAINT allowed_numbers_project_fkey FOREIGN KEY (project) REFERENCES wamon.allow_lists(project) ON DELETE CASCADE;
ALTER TABLE ONLY wamon.cursors
    ADD CONSTRAINT cursors_source_fkey FOREIGN KEY (source) REFERENCES wamon.sources(source);
ALTER TABLE ONLY wamon.groups
    ADD CONSTRAINT groups_source_fkey FOREIGN KEY (source) REFERENCES wamon.sources(source);
ALTER TABLE ONLY wamon.rewinds
    ADD CONSTRAINT rewinds_source_fkey FOREIGN KEY (source) REFERENCES wamon.sources(source);
