-- name: outlet
-- The oldest event that isn't acknowledged there: the first after its place, or one that has no place yet.
SELECT extract(epoch FROM now() - least(
           (SELECT e.at FROM wamon.events_out AS e
            WHERE (e.place > o.place OR (e.place = o.place AND e.elements > o.element))
              AND (NOT e.of_base OR right(o.cursor, 1) = 'b')
            ORDER BY e.place LIMIT 1),
           (SELECT e.at FROM wamon.events_out AS e WHERE e.place IS NULL ORDER BY e.number LIMIT 1)))::float8,
       extract(epoch FROM now() - o.failing_since)::float8, coalesce(o.why, '')
FROM wamon.event_outlets AS o
WHERE o.outlet = %(outlet)s
