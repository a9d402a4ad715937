-- oldest writer: 6
-- As in 0027. Whether a post comes back that people deleted by hand is asked once, where it was for each post.
CREATE OR REPLACE FUNCTION wamon.tell_added() RETURNS trigger LANGUAGE plpgsql SET search_path = wamon, pg_temp AS $$
DECLARE
    most CONSTANT integer := 5000;
    may_be_back CONSTANT boolean := EXISTS (SELECT FROM deleted_versions);
BEGIN
    IF may_be_back THEN
        UPDATE submission_rows AS s SET version = d.version + 1
        FROM added AS a JOIN deleted_versions AS d USING (drop_number, chat, message_id)
        WHERE s.drop_number = a.drop_number AND s.chat = a.chat AND s.message_id = a.message_id;
    END IF;
    FOR portion IN 0 .. ((SELECT count(*) FROM added) - 1) / most LOOP
        INSERT INTO events_out (elements, kinds, chats, message_ids, drop_numbers, projects, sent_ats, senders, versions)
        SELECT count(*), array_agg(CASE WHEN rejected THEN 'rejected' ELSE 'posted' END), array_agg(chat), array_agg(message_id),
               array_agg(drop_number), array_agg(project), array_agg(sent_at), array_agg(sender),
               array_agg(CASE WHEN may_be_back THEN coalesce((
                   SELECT d.version + 1 FROM deleted_versions AS d
                   WHERE d.drop_number = a.drop_number AND d.chat = a.chat AND d.message_id = a.message_id
               ), version) ELSE version END)
        FROM (SELECT * FROM added OFFSET portion * most LIMIT most) AS a
        WHERE live
        HAVING count(*) > 0;
    END LOOP;
    RETURN NULL;
END $$;
