"""The schema wamon, upwards only: each file of migrations/ is one transaction, under an advisory transaction lock.

A migration's first line names the oldest schema version whose code may still write beside it. Older code refuses.
"""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, NamedTuple

from wamon.errors import ConfigError, DatabaseUnavailable, SchemaError
from wamon.failpoints import failpoint
from wamon.postgres.connection import UNHURRIED_SECONDS, lacking, transaction

if TYPE_CHECKING:
    from wamon.postgres.connection import Database

OLDEST_SERVER = 15
"""The oldest major version of PostgreSQL that holds the schema."""

_HEADING = re.compile(r"-- oldest writer: (\d+)\n")

# CREATE SCHEMA IF NOT EXISTS demands the right to create schemas also where the administrator has made this one.
_BOOTSTRAP = """
    DO $$ BEGIN IF to_regnamespace('wamon') IS NULL THEN CREATE SCHEMA wamon; END IF; END $$;
    CREATE TABLE IF NOT EXISTS wamon.migrations (
        version integer PRIMARY KEY,
        name text NOT NULL,
        oldest_writer integer NOT NULL,
        applied_at timestamptz NOT NULL DEFAULT now()
    )
"""


# Keys to other tables are the last that a dump makes; functions, types and tables are the first. What psql plays says
# nothing of itself: where the schema isn't whole, its session counts for as long as it is busy.
_RESTORE = """
    WITH schema AS (
        SELECT to_regclass('wamon.migrations') IS NOT NULL
               AND EXISTS (SELECT FROM pg_constraint WHERE conrelid = to_regclass('wamon.rewinds') AND contype = 'f')
               AS is_whole,
               EXISTS (SELECT FROM pg_class WHERE relnamespace = to_regnamespace('wamon'))
               OR EXISTS (SELECT FROM pg_proc WHERE pronamespace = to_regnamespace('wamon')) AS is_begun
    )
    SELECT EXISTS (
        SELECT
        FROM pg_stat_activity
        WHERE datname = current_database()
          AND (application_name = 'pg_restore'
               OR application_name = 'psql' AND NOT is_whole
                  AND (state <> 'idle' OR state_change > now() - interval '5 seconds'))
    ), is_begun AND NOT is_whole
    FROM schema
"""
# What a step makes is granted with it: nobody may what they shouldn't for a moment, nor after a kill.
_GRANT = """
    DO $$ BEGIN
        IF to_regprocedure('wamon.grant_roles()') IS NOT NULL THEN PERFORM wamon.grant_roles(); END IF;
    END $$
"""
# Who owns the schema's tables, where this user can't act for them.
_OWNED_BY_OTHERS = """
    SELECT pg_get_userbyid(relowner) FROM pg_class
    WHERE oid = to_regclass('wamon.migrations') AND NOT pg_has_role(relowner, 'USAGE')
"""
# What this user lacks to see the schema, and to change it.
_MISSING_GRANTS = """
    SELECT CASE WHEN NOT has_schema_privilege(n.oid, 'USAGE') THEN of_schema END,
           CASE WHEN n.oid IS NULL AND NOT has_database_privilege(current_database(), 'CREATE') THEN of_database
                WHEN NOT has_schema_privilege(n.oid, 'CREATE') THEN of_schema END
    FROM (
        SELECT format('GRANT CREATE ON DATABASE %I TO %I;', current_database(), current_user),
               format('GRANT USAGE, CREATE ON SCHEMA wamon TO %I;', current_user)
    ) AS grants(of_database, of_schema)
    LEFT JOIN pg_namespace AS n ON n.nspname = 'wamon'
"""


class Migration(NamedTuple):
    """One step of the schema."""

    version: int
    name: str
    oldest_writer: int
    sql: bytes


@cache
def migrations() -> tuple[Migration, ...]:
    """Every migration that this wamon knows, in order."""
    folder = files("wamon.postgres") / "migrations"
    return tuple(sorted(_parsed(file.name, file.read_text("utf-8")) for file in folder.iterdir()))


def _parsed(file_name: str, text: str) -> Migration:
    heading = _HEADING.match(text)
    if heading is None:
        raise SchemaError(f"The migration {file_name} doesn't say which its oldest writer is.")
    version, _, name = file_name.removesuffix(".sql").partition("_")
    return Migration(int(version), name, int(heading[1]), text.encode())


def migrate(db: Database) -> list[str]:
    """Bring the schema up to this wamon's; the names of the migrations that were applied.

    Raises SchemaError where the schema is newer than this wamon may write to, ConfigError where the server or the
    database can't hold it at all, DatabaseUnavailable while a dump is played or where this user lacks a right.
    """
    _refuse_unfit(db)
    _refuse_half_restored(db)
    known = migrations()
    applied = []
    while (standing := _standing(db)) < known[-1].version:
        applied += _apply_next(db, known, standing)
    return applied


def grant_roles(db: Database) -> None:
    """Grant the roles that the administrator has made what they may: wamon_app, wamon_hooks, wamon_reader,
    wamon_operator. A schema from before there were any is left as it is.

    Raises DatabaseUnavailable where somebody else owns the schema.
    """
    with transaction(db):
        _require_owner(db)
        db.execute(_GRANT)


def require_current(db: Database) -> None:
    """Raise SchemaError where the schema is older than this wamon's, or newer than it may read. Changes nothing."""
    _refuse_unfit(db)
    version, ours = _standing(db), migrations()[-1].version
    if version < ours:
        raise SchemaError(
            f"The database's schema is version {version}; this wamon knows version {ours}.",
            hint="Next: `wamon db migrate`, or start `wamon run`, which does it.",
        )


def _refuse_unfit(db: Database) -> None:
    """Before anything is made. Both are told by the server as it is connected to: nothing is asked."""
    major = db.info.server_version // 10_000
    if major < OLDEST_SERVER:
        raise ConfigError(
            f"The server is PostgreSQL {major}; wamon needs {OLDEST_SERVER} or newer.",
            hint="Upgrade it, name another in database.url, or leave that empty: then wamon brings its own.",
        )
    encoding = db.info.parameter_status("server_encoding")
    if encoding not in {None, "UTF8"}:
        raise ConfigError(
            f"The database {db.info.dbname} is encoded in {encoding}, which can't hold every text that people write.",
            hint="Make one: CREATE DATABASE wamon TEMPLATE template0 ENCODING 'UTF8', and name it in database.url.",
        )


def _refuse_half_restored(db: Database) -> None:
    """While a dump is played, nothing of ours may stand in its way, and no row slip in before its keys."""
    with transaction(db):
        ((to_see, _),) = db.execute(_MISSING_GRANTS).fetchall()
        if to_see is not None:
            raise lacking("to use the schema wamon", to_see)
        ((is_playing, is_half),) = db.execute(_RESTORE).fetchall()
    if is_playing:
        raise DatabaseUnavailable("A restore is at work in this database.", hint="wamon goes on once it has ended.")
    if is_half:
        raise DatabaseUnavailable(
            "The schema wamon isn't whole: a restore is at work, or broke off.",
            hint="wamon goes on once it has ended. If it broke off, restore again: `wamon db restore FILE --force`.",
        )


def _standing(db: Database) -> int:
    """The schema's version. Raises SchemaError where its oldest writer is newer than this wamon."""
    with transaction(db):
        found = db.execute("SELECT to_regclass('wamon.migrations') IS NOT NULL").fetchone()
        if found is None or not found[0]:
            return 0
        row = db.execute("SELECT coalesce(max(version), 0), coalesce(max(oldest_writer), 0) FROM wamon.migrations")
        version, oldest_writer = row.fetchall()[0]
    ours = migrations()[-1].version
    if oldest_writer > ours:
        raise SchemaError(
            f"The database's schema is version {version}, made by a newer wamon; this one knows version {ours}.",
            hint="Run the newer wamon here, or go back to a backup from before its upgrade: "
            "`wamon db restore FILE --force`.",
        )
    return int(version)


def _require_owner(db: Database) -> None:
    for (owner,) in db.execute(_OWNED_BY_OTHERS).fetchall():
        raise DatabaseUnavailable(
            f"PostgreSQL can't be used now: only {owner} may change the schema wamon, which it owns.",
            hint=f"Run `wamon db migrate` as {owner}; WAMON_DATABASE_URL goes before database.url.",
        )


def _apply_next(db: Database, known: tuple[Migration, ...], standing: int) -> list[str]:
    failpoint("migration.before")
    with transaction(db, UNHURRIED_SECONDS):
        ((_, to_change),) = db.execute(_MISSING_GRANTS).fetchall()
        _require_owner(db)
        if to_change is not None:
            raise lacking("to make or change the schema wamon", to_change)
        db.execute("SELECT pg_advisory_xact_lock(hashtextextended('wamon migrations', 0))")
        db.execute(_BOOTSTRAP)
        now = db.execute("SELECT coalesce(max(version), 0) FROM wamon.migrations").fetchall()[0][0]
        if now != standing:
            return []
        step = next(migration for migration in known if migration.version > standing)
        db.execute(step.sql)
        db.execute(_GRANT)
        failpoint("migration.applied")
        db.execute("INSERT INTO wamon.migrations (version, name, oldest_writer) VALUES (%s, %s, %s)", step[:3])
    failpoint("migration.committed")
    return [f"{step.version:04} {step.name}"]
