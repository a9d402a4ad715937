"""The connection to PostgreSQL, and its errors by what is to be done about them.

Nothing here needs a session: a transaction pooler may hand each transaction to another server process. So there are no
prepared statements, no SET and no session locks; what a transaction needs, it sets for itself. Only where a process is
ours alone (`has_own_server`) are there any: the first two for `keep_session`, the first for what keeps deliveries.
"""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, LiteralString, NamedTuple, TypeVar

import psycopg
from psycopg.conninfo import conninfo_to_dict

from wamon.errors import (
    ConfigError,
    DatabaseUnavailable,
    Locked,
    NoConnectionFree,
    Poison,
    ReadOnly,
    SchemaError,
    TimedOut,
)
from wamon.postgres.arrays import Arrays, Int4s, Int8s, Texts
from wamon.postgres.lists import Lists

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from psycopg.abc import PQGen

    from wamon.errors import WamonError

T = TypeVar("T")

_STATEMENT_SECONDS = 30
_SECONDS_FOR_ITS_ANSWER = 5
UNHURRIED_SECONDS = 1800
"""The limit of statements that go through whole tables."""


class Database(psycopg.Connection[Any]):
    """A connection that never waits for ever.

    A statement ends at its limit on the server. Where no answer has come some seconds after that, what lies between has
    swallowed it (a half-open link says nothing), and the connection is given up.
    """

    statement_seconds = _STATEMENT_SECONDS
    shows_a_moment = False
    """A `snapshot` lasts: what is read within it keeps its limits."""
    keeps_limits = False
    """They are set for the whole session."""

    def wait(self, gen: PQGen[T], interval: float = 0.1, timeout: float | None = None) -> T:
        limit_seconds = self.statement_seconds + _SECONDS_FOR_ITS_ANSWER
        try:
            return super().wait(gen, interval, limit_seconds if timeout is None else timeout)
        except psycopg.errors._WaitTimeout:  # noqa: SLF001
            self.pgconn.finish()
            raise psycopg.OperationalError(f"it has not answered for {limit_seconds} s") from None


_CONNECT: dict[str, Any] = {
    "connect_timeout": 10,
    "keepalives_idle": 15,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 30_000,
    "application_name": "wamon",
    "client_encoding": "UTF8",
}

_LIMITS: LiteralString = """
    SELECT set_config('statement_timeout', %s || 's', true), set_config('lock_timeout', '25s', true),
           set_config('idle_in_transaction_session_timeout', '60s', true), set_config('timezone', 'UTC', true),
           set_config('datestyle', 'ISO, YMD', true), set_config('intervalstyle', 'postgres', true),
           set_config('bytea_output', 'hex', true), set_config('array_nulls', 'on', true),
           set_config('standard_conforming_strings', 'on', true), set_config('transform_null_equals', 'off', true),
           set_config('jit', 'off', true)
"""
"""A server, a database or a role may have any of these otherwise, and what wamon writes and reads would change with
them. JIT costs more than it saves: most statements take less than a millisecond.
"""
_OF_LATER_SERVERS: LiteralString = ", set_config('transaction_timeout', '0', true)"
_KNOW_IT = 170_000
_NOTICES_OUR_END: LiteralString = """, set_config(
    'client_connection_check_interval', CASE WHEN version() LIKE '%%linux%%' THEN '2s' ELSE '0' END, true)
"""
"""For what others wait for: of a wamon that died, the server would else go on with its statement, or wait for a lock,
and hold the fence meanwhile. Not every system lets it look.
"""
_BY_KEY: LiteralString = """,
    set_config('enable_seqscan', 'off', true), set_config('enable_hashjoin', 'off', true),
    set_config('enable_mergejoin', 'off', true)
"""

_OF_A_POOLER = (
    "Is PostgreSQL up behind it? PgBouncer tries it again after server_login_retry, 15 s unless set. It refuses "
    "`options=` in database.url: wamon sets what it needs itself."
)
_OURS_TO_MEND = {
    "28": ("it refuses this user or password", "Check the user, the password and pg_hba.conf."),
    "3D": ("there is no database of that name", "Create it, or correct the name."),
    "42501": ("this user lacks a privilege there", "Grant it CREATE on the database, or all on schema wamon."),
    "25006": ("it is read-only now", "After a failover, point database.url at the primary."),
    "53100": ("its disk is full", "Make room; wamon goes on where it was."),
    "53300": (
        "it has no connection free",
        "Raise max_connections, or the CONNECTION LIMIT of this role or database, or go through a pooler.",
    ),
    "08P01": ("the pooler before it lets nobody through", _OF_A_POOLER),
    "57P05": ("it ended a session that idled", "Let idle_session_timeout be at least a minute for this role."),
    "57014": ("a statement took too long", "Is the server overloaded, or a table locked? wamon goes on where it was."),
    "55P03": ("a table is locked", "Something else holds it, such as a long migration; wamon goes on where it was."),
}
_SAID_WHILE_CONNECTING = {
    "08P01": re.compile(r"unsupported startup parameter|server_login_retry|pgbouncer cannot connect"),
    "28": re.compile(
        r"authentication failed|password supplied|permitted to log in|pg_hba\.conf|role .* does not exist"
    ),
    "3D": re.compile(r"database .* does not exist"),
    "42501": re.compile(r"permission denied"),
    "53300": re.compile(r"too many (clients|connections)|remaining connection slots"),
}
"""While it connects, the client library tells the server's words, and not its SQLSTATE."""

_NO_SERVICE = re.compile(r"definition of service .* not found|service file .* not found")
_KINDS: Mapping[str, type[DatabaseUnavailable]] = {
    "57014": TimedOut, "55P03": Locked, "53300": NoConnectionFree, "25006": ReadOnly,
}  # fmt: skip
_AGAIN = ("08", "40", "53", "55", "57", "58", "25", "XX", "3D", "28", "42501")
_POISON = ("22", "23", "44", "54", "P0")


@contextmanager
def connected(dsn: str) -> Iterator[Database]:
    """A connection for as long as the block runs.

    Raises ConfigError (no DSN, an unknown service), DatabaseUnavailable (no server).
    """
    db = connect(dsn)
    try:
        yield db
    finally:
        db.close()


def connect(dsn: str) -> Database:
    """A connection that commits each statement by itself outside `transaction`."""
    if not _is_understood(dsn):
        raise ConfigError(
            "database.url is no connection string that PostgreSQL's library understands.",
            hint="It looks like postgresql://user:password@host:5432/database, special characters written as %XX.",
        )
    try:
        db = Database.connect(dsn, autocommit=True, prepare_threshold=None, **_CONNECT)
    except psycopg.OperationalError as error:
        if _NO_SERVICE.search(str(error)):
            raise ConfigError(
                f"database.url names a service that PostgreSQL's library doesn't find: {_first_line(error)}.",
                hint="It is read from ~/.pg_service.conf of wamon's user, or from where PGSERVICEFILE says.",
            ) from None
        raise _unavailable(error) from None
    db.isolation_level = psycopg.IsolationLevel.READ_COMMITTED
    db.adapters.register_dumper(list, Lists)
    for kind in (Int4s, Int8s, Texts):
        db.adapters.register_dumper(kind, Arrays)
    return db


def keep_session(db: Database) -> None:
    """Set limits and settings once, and have what comes again planned once, where no pooler stands between.

    For work by key alone: such a plan knows neither the values nor how a table grows, so it is held to indexes.
    """
    if not has_own_server(db):
        return
    planned_once = ", set_config('plan_cache_mode', 'force_generic_plan', true)"
    settings = _limits(db) + _NOTICES_OUR_END + _BY_KEY + planned_once
    with explained():
        db.execute(settings.replace(", true)", ", false)"), [str(_STATEMENT_SECONDS)])
    db.prepare_threshold = 2
    db.keeps_limits = True


def has_own_server(db: Database) -> bool:
    """Whether a server process is ours alone. A pooler tells its clients a process of its own."""
    with explained():
        (server,) = db.execute("SELECT pg_backend_pid()").fetchall()[0]
    return bool(server == db.info.backend_pid)


def _is_understood(dsn: str) -> bool:
    """Not where a password's own `@` or `/` was taken for its end: its rest would be shown as the name of a host."""
    try:
        parts = conninfo_to_dict(dsn)
    except psycopg.ProgrammingError:
        return False
    pieces = f"{parts.get('host', '')} {parts.get('dbname', '')}"
    return "@" not in pieces and re.fullmatch(r"[0-9,]*", str(parts.get("port", ""))) is not None


@contextmanager
def transaction(db: Database, statement_seconds: int = _STATEMENT_SECONDS) -> Iterator[Database]:
    """One transaction with time limits and settings of its own, whatever server, database and role set.

    Raises DatabaseUnavailable (again later), Poison (one of the values can't be stored), SchemaError.
    """
    if db.shows_a_moment:
        yield db
        return
    db.statement_seconds = statement_seconds
    try:
        with explained(), db.transaction():
            if statement_seconds != _STATEMENT_SECONDS:
                db.execute(_limits(db) + _NOTICES_OUR_END, [str(statement_seconds)])
            elif not db.keeps_limits:
                db.execute(_limits(db), [str(statement_seconds)])
            yield db
    finally:
        db.statement_seconds = _STATEMENT_SECONDS


@contextmanager
def statement(db: Database) -> Iterator[Database]:
    """For one statement, which in a session of ours is a transaction by itself. Raises as `transaction` does."""
    if db.keeps_limits:
        with explained():
            yield db
    else:
        with transaction(db):
            yield db


def _limits(db: Database) -> LiteralString:
    return _LIMITS + _OF_LATER_SERVERS if db.info.server_version >= _KNOW_IT else _LIMITS


@contextmanager
def keyed_transaction(db: Database) -> Iterator[Database]:
    """As `transaction`, for statements that look rows up by key, a batch's worth at a time.

    The planner knows little of a table that has just grown, and would rather read all of it: it is held to indexes.
    """
    if db.shows_a_moment:
        yield db
        return
    with explained(), db.transaction():
        db.execute(_limits(db) + _NOTICES_OUR_END + _BY_KEY, [str(_STATEMENT_SECONDS)])
        yield db


_ATTEMPT = "SAVEPOINT attempt; SET LOCAL lock_timeout = '500ms'; SET LOCAL statement_timeout = '5s'"
_ATTEMPTED = "RELEASE SAVEPOINT attempt; SET LOCAL lock_timeout = '25s'; SET LOCAL statement_timeout = '30s'"


@contextmanager
def attempt(db: Database) -> Iterator[None]:
    """A part of a transaction that may be refused without it, within short limits, on tables that others use.

    Raises Poison, TimedOut and Locked: then what it did is undone, and the transaction goes on, under its own limits.
    """
    db.execute(_ATTEMPT)
    try:
        with explained():
            yield
    except (Poison, TimedOut, Locked):
        db.execute("ROLLBACK TO SAVEPOINT attempt")
        raise
    db.execute(_ATTEMPTED)


@contextmanager
def snapshot(db: Database, statement_seconds: int) -> Iterator[Database]:
    """One transaction that sees one moment, and writes nothing. Raises as `transaction` does."""
    db.statement_seconds = statement_seconds
    try:
        with explained(), db.transaction():
            db.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
            db.execute(_limits(db), [str(statement_seconds)])
            db.shows_a_moment = True
            yield db
    finally:
        db.shows_a_moment = False
        db.statement_seconds = _STATEMENT_SECONDS


def on_notice(db: Database, told: Callable[[str], object]) -> None:
    """Have this called with the SQLSTATE of whatever the server says beside its answers."""

    def heard(notice: psycopg.errors.Diagnostic) -> None:
        told(notice.sqlstate or "")

    db.add_notice_handler(heard)


def part_of(db: Database, read: Callable[[], T]) -> T | Refusal:
    """Within a transaction: what this reads, or why the server refused it; what else is read stays good."""
    try:
        with db.transaction():
            return read()
    except psycopg.Error as error:
        if db.closed or error.sqlstate is None:
            raise
        return Refusal(error.sqlstate)


class Refusal(NamedTuple):
    """A server's refusal of a part of a transaction, by its SQLSTATE."""

    sqlstate: str


@contextmanager
def explained() -> Iterator[None]:
    """Turn the driver's errors into ours. The server's own words may quote a message, so they are left behind."""
    try:
        yield
    except psycopg.Error as error:
        raise _ours(error) from None
    except UnicodeEncodeError as error:
        raise Poison(f"A text can't be stored as {error.encoding}.") from None


def lacking(right: str, grant: str) -> DatabaseUnavailable:
    """The error of a user that lacks a right, with the statement that gives it."""
    return DatabaseUnavailable(
        f"PostgreSQL can't be used now: this user lacks a privilege: {right}.",
        hint=f"Grant it, as an administrator of the database: {grant}",
    )


def _ours(error: psycopg.Error) -> WamonError:
    state = error.sqlstate
    if state is None:
        return Poison(f"A value can't be stored ({type(error).__name__}).") if _is_value(error) else _unavailable(error)
    if state.startswith(_POISON):
        return Poison(f"PostgreSQL refused a value: {_named(error)}{_where(error)}.")
    if state.startswith(_AGAIN):
        return _unavailable(error)
    return SchemaError(
        f"PostgreSQL doesn't know what wamon asked for: {_named(error)}{_where(error)}.",
        hint="Was the schema wamon changed by hand, or the review table while wamon ran? `wamon verify` looks closer.",
    )


def _is_value(error: psycopg.Error) -> bool:
    return isinstance(error, psycopg.DataError)


def _unavailable(error: psycopg.Error) -> DatabaseUnavailable:
    state = error.sqlstate or _said_while_connecting(error)
    why, hint = next(
        (said for prefix, said in _OURS_TO_MEND.items() if state.startswith(prefix)),
        (_named(error) if state else _first_line(error), "Is the server up, and database.url right? Nothing is lost."),
    )
    return _KINDS.get(state, DatabaseUnavailable)(f"PostgreSQL can't be used now: {why}.", hint=hint)


def _said_while_connecting(error: psycopg.Error) -> str:
    return next((state for state, words in _SAID_WHILE_CONNECTING.items() if words.search(str(error))), "")


def _first_line(error: psycopg.Error) -> str:
    """What the client library said; unlike the server it never quotes a row."""
    lines = str(error).strip().splitlines()
    return lines[0].rstrip(".") if lines else type(error).__name__


def _named(error: psycopg.Error) -> str:
    return f"{type(error).__name__} ({error.sqlstate})"


def _where(error: psycopg.Error) -> str:
    place = [error.diag.schema_name, error.diag.table_name, error.diag.column_name or error.diag.constraint_name]
    named = ".".join(part for part in place if part)
    return f" at {named}" if named else ""
