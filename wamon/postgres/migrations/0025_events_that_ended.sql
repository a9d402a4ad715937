-- oldest writer: 6
-- A delivery is compared with those that ended before it, so one that waits needs no place in this index: its sender no
-- longer waits for that, and each is entered once, not twice. The hash alone leads to the few of one body.
DROP INDEX wamon.webhook_events_same;
CREATE INDEX webhook_events_same ON wamon.webhook_events (sha256, received_at, event) WHERE state <> 'new';
