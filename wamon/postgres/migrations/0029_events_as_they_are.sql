-- oldest writer: 6
-- A backlog's events are written in the recording's own transaction, where compressing them took half of their time.
ALTER TABLE wamon.events_out
    ALTER again SET STORAGE EXTERNAL, ALTER kinds SET STORAGE EXTERNAL, ALTER chats SET STORAGE EXTERNAL,
    ALTER message_ids SET STORAGE EXTERNAL, ALTER drop_numbers SET STORAGE EXTERNAL, ALTER projects SET STORAGE EXTERNAL,
    ALTER sent_ats SET STORAGE EXTERNAL, ALTER senders SET STORAGE EXTERNAL, ALTER versions SET STORAGE EXTERNAL;
