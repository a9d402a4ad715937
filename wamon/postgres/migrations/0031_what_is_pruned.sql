-- oldest writer: 6
-- Of the last row of events that is no longer kept: whose cursors stand before its end, or come from an earlier timeline
-- than gave its place, knows nothing of what went with it.
ALTER TABLE wamon.event_stream
    ADD COLUMN pruned_elements integer NOT NULL DEFAULT 0,
    ADD COLUMN pruned_timeline integer NOT NULL DEFAULT 0;
