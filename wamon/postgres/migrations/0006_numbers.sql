-- oldest writer: 6
-- Each index in random order costs a large ledger's recording most of all. So submissions keep one, which leads with the
-- drop number, and the ledger says which numbers a message has: every live submission's is among them.
ALTER TABLE wamon.ledger_rows ADD COLUMN numbers text[] COLLATE "C";
UPDATE wamon.ledger_rows AS l
SET numbers = s.numbers
FROM (
    SELECT chat, message_id, array_agg(drop_number) AS numbers
    FROM wamon.submission_rows
    GROUP BY chat, message_id
) AS s
WHERE l.chat = s.chat AND l.message_id = s.message_id;

-- Ids differ, so that one comparison tells two of them apart; by chat first, it takes two.
ALTER TABLE wamon.ledger_rows DROP CONSTRAINT ledger_rows_pkey, ADD PRIMARY KEY (message_id, chat);
DROP INDEX wamon.submission_rows_of_drop;
ALTER TABLE wamon.submission_rows DROP CONSTRAINT submission_rows_pkey, ADD PRIMARY KEY (drop_number, chat, message_id);

-- Those under whose names submissions of the group may still be recorded.
ALTER TABLE wamon.groups ADD COLUMN former_projects text[] COLLATE "C" NOT NULL DEFAULT '{}';
UPDATE wamon.groups AS g
SET former_projects = s.projects
FROM (SELECT chat, array_agg(DISTINCT project) AS projects FROM wamon.submission_rows GROUP BY chat) AS s
WHERE g.chat = s.chat AND s.projects <> ARRAY[g.project];

-- What people write into the view, after by_hand has: the ledger leads to it, so that verify finds it.
CREATE FUNCTION wamon.number_by_hand() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE wamon.ledger_rows AS l
    SET numbers = array_append(array_remove(l.numbers, NEW.drop_number), NEW.drop_number)
    FROM wamon.groups AS g
    WHERE g.source = NEW.source AND g.jid = NEW.chat_jid AND l.chat = g.chat AND l.message_id = NEW.message_id;
    RETURN NEW;
END $$;
CREATE TRIGGER number_by_hand INSTEAD OF INSERT OR UPDATE ON wamon.submissions
FOR EACH ROW EXECUTE FUNCTION wamon.number_by_hand();
