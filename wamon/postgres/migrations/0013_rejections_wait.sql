-- oldest writer: 6
-- Rejections wait as review rows do, under their table's name.
ALTER TABLE wamon.review_waits
    DROP CONSTRAINT review_waits_what_check,
    ADD CONSTRAINT review_waits_what_check CHECK (what IN ('posted', 'retracted', 'revived', 'rejected', 'admitted'));
