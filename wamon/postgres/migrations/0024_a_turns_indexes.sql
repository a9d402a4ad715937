-- oldest writer: 6
-- Whoever looks for an open turn names its conversation, and by that the primary key finds it. Each claim and each finish
-- paid for this one as well.
DROP INDEX wamon.turns_open;
