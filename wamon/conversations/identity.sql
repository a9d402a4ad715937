-- name: people
SELECT p.person, p.uid::text, p.hash, coalesce(array_agg(a.value) FILTER (WHERE a.value IS NOT NULL), '{}')
FROM wamon.people AS p
LEFT JOIN wamon.aliases AS a USING (person)
WHERE p.person = ANY(%(persons)s)
GROUP BY p.person
