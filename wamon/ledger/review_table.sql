-- name: columns
-- Types of domains are told by what the domains are made of. A length is that of the column, or of its domain.
SELECT
    a.attname,
    CASE WHEN b.typcategory = 'S' THEN 'text' ELSE b.typname::text END,
    quote_ident(n.nspname) || '.' || quote_ident(b.typname),
    format_type(a.atttypid, a.atttypmod),
    CASE WHEN b.typname IN ('varchar', 'bpchar') AND m.typmod > 4 THEN m.typmod - 4 END,
    a.attnotnull,
    a.attnotnull AND NOT a.atthasdef AND a.attidentity = '',
    coalesce(NOT c.collisdeterministic, false) OR b.typname = 'citext'
FROM pg_attribute AS a
JOIN pg_type AS t ON t.oid = a.atttypid
JOIN pg_type AS b ON b.oid = CASE WHEN t.typbasetype = 0 THEN t.oid ELSE t.typbasetype END
JOIN pg_namespace AS n ON n.oid = b.typnamespace
CROSS JOIN LATERAL (SELECT CASE WHEN a.atttypmod > 0 THEN a.atttypmod ELSE t.typtypmod END) AS m(typmod)
LEFT JOIN pg_collation AS c ON c.oid = a.attcollation
WHERE a.attrelid = to_regclass(%(table)s) AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''

-- name: rights
-- What this user lacks, the statement that grants it, whether rows are hidden from it, and whether checks are deferred.
SELECT
    ARRAY(
        SELECT r
        FROM unnest(ARRAY['SELECT', 'INSERT', 'UPDATE']) AS r
        WHERE NOT has_any_column_privilege(to_regclass(%(table)s)::oid, r)
    ),
    (SELECT format('GRANT SELECT, INSERT, UPDATE ON %%I.%%I TO %%I;', n.nspname, c.relname, current_user)
     FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE c.oid = to_regclass(%(table)s)),
    row_security_active(to_regclass(%(table)s)::oid),
    EXISTS (SELECT FROM pg_constraint WHERE conrelid = to_regclass(%(table)s) AND condeferred)

-- name: takes_copies
-- Whether COPY does there what INSERT does: no rule, no trigger that may change or swallow a row, no rows that are hidden;
-- and a key refuses a second row of a drop, and nothing refuses a row for another drop's sake.
SELECT EXISTS (
    SELECT
    FROM pg_class AS c
    CROSS JOIN LATERAL (
        SELECT bool_or(own.columns = '{drop_number,project}' AND i.indisvalid AND i.indimmediate
                       AND i.indpred IS NULL AND i.indexprs IS NULL) AS of_drops,
               bool_and(own.columns IN ('{drop_number,project}', '{id}')) AS of_nothing_else
        FROM pg_index AS i
        CROSS JOIN LATERAL (
            SELECT array_agg(a.attname::text ORDER BY a.attname) AS columns
            FROM pg_attribute AS a
            WHERE a.attrelid = i.indrelid AND a.attnum = ANY(i.indkey)
        ) AS own
        WHERE i.indrelid = c.oid AND (i.indisunique OR i.indisexclusion)
    ) AS keys
    WHERE c.oid = to_regclass(%(table)s) AND c.relkind = 'r' AND NOT row_security_active(c.oid)
      AND NOT EXISTS (SELECT FROM pg_rewrite AS r WHERE r.ev_class = c.oid AND r.ev_type = '3')  -- of INSERT
      AND NOT EXISTS (
          SELECT FROM pg_trigger AS t
          WHERE t.tgrelid = c.oid AND t.tgtype & 7 = 7 AND t.tgenabled <> 'D'  -- before INSERT, of each row
      )
      AND keys.of_drops AND keys.of_nothing_else
)

-- name: may_make
SELECT n.oid IS NOT NULL, has_schema_privilege(n.oid, 'CREATE'),
       format('GRANT CREATE ON SCHEMA %%I TO %%I;', s.name, current_user)
FROM (SELECT %(schema)s::text) AS s(name)
LEFT JOIN pg_namespace AS n ON n.nspname = s.name
