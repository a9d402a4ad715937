-- name: sources
SELECT s.source, st.by, coalesce(l.expires_at > now(), false), st.host, st.instance, st.pid, st.version, st.zone,
       st.started_at, st.published_at, extract(epoch FROM now() - st.published_at)::float, st.every_seconds, st.state,
       st.sentence, st.checks, st.store, coalesce(g.messages, 0)::bigint, s.last_verify_at, s.last_verify_clean,
       s.last_sweep_at, st.next_restart_at, st.last_restart, d.hours, d.usual_hours
FROM wamon.sources AS s
LEFT JOIN wamon.source_status AS st USING (source)
LEFT JOIN wamon.leases AS l USING (source)
LEFT JOIN (SELECT source, sum(messages) AS messages FROM wamon.groups GROUP BY source) AS g USING (source)
LEFT JOIN wamon.source_status AS d ON d.source = s.source AND d.day = (now() AT TIME ZONE d.zone)::date
ORDER BY s.source
