-- oldest writer: 6
-- A form that was sent counts once, however often it is sent.
ALTER TABLE wamon.actions ADD COLUMN form uuid UNIQUE;

-- An operator wants it discarded: `run`, which reads the store, does that at its next retries.
ALTER TABLE wamon.dead_letters ADD COLUMN given_up boolean NOT NULL DEFAULT false;
