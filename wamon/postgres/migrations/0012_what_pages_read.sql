-- oldest writer: 6
-- What of a source is firing, and by which channels people are told: as `wamon alerts list --json` has it.
ALTER TABLE wamon.source_status ADD COLUMN alerts jsonb;

-- When a `wamon web` last served from this database: while none does, a scan has nobody to publish for.
ALTER TABLE wamon.instance ADD COLUMN page_served_at timestamptz;
