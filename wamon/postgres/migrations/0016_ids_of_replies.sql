-- oldest writer: 6
-- Some providers tell an id of their own first, by which their events go until the message has one at WhatsApp.
ALTER TABLE wamon.replies ADD COLUMN local_id text COLLATE "C";
CREATE INDEX replies_by_local_id ON wamon.replies (local_id) WHERE local_id IS NOT NULL;
