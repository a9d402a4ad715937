"""What keeps wamon from its database is told by its cause, with what to do; and no password is ever told."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import LiteralString

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.office import Office
from tests.support.truth import Field
from wamon.app.configured import configured
from wamon.app.look import looked_at
from wamon.errors import ConfigError, DatabaseUnavailable, Poison
from wamon.health import database
from wamon.postgres import connection
from wamon.postgres.connection import attempt, connected, transaction

SECRET = "hunter2swordfish"
DEBIAN = pytest.mark.parametrize("any_dsn", ["Debian's 15"], indirect=True)
"""Its server lets any role in: the embedded one's only role is the one that may do all."""


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        field.post(LAWLEY, "DR1752028")
        yield field


@pytest.fixture
def office(tmp_path: Path, any_dsn: str, field: Field) -> Office:
    return Office(tmp_path / "office", any_dsn, field.path)


@pytest.fixture
def clerk(office: Office) -> Iterator[str]:
    """A DSN of the office's database for a role that may do what wamon needs and no more."""
    office.scan()
    office.query("CREATE ROLE clerk LOGIN")
    office.query("GRANT ALL ON SCHEMA wamon, public TO clerk; GRANT ALL ON ALL TABLES IN SCHEMA wamon, public TO clerk")
    yield make_conninfo(office.dsn, user="clerk", password=SECRET)
    office.query("DROP OWNED BY clerk; DROP ROLE clerk")


def unavailable(office: Office, why: str, hint: str) -> None:
    with pytest.raises(DatabaseUnavailable, match=why) as raised:
        office.scan()
    assert raised.value.exit_code == 69
    assert hint in raised.value.hint
    assert SECRET not in raised.value.paragraph()


# The connection string


@pytest.mark.parametrize(
    "dsn",
    [
        f"my database, {SECRET}",
        f"mysql://wamon:{SECRET}@localhost/wamon",
        f"postgresql://wamon:{SECRET}%zz@localhost/wamon",
        f"postgresql://wamon:{SECRET}@[::1/wamon",
        f"postgresql://wamon:one/{SECRET}@localhost/wamon",
        f"postgresql://wamon:1/{SECRET}@localhost/wamon",
        f"postgresql://wamon:one@{SECRET}@localhost/wamon",
        f"postgresql://wamon@localhost/wamon?passwort={SECRET}",
        f"host=localhost password=one {SECRET}",
        f"postgresql://wamon:{SECRET}@localhost:many/wamon",
    ],
)
def test_what_is_no_connection_string_is_a_config_error_that_does_not_repeat_it(dsn: str) -> None:
    with pytest.raises(ConfigError, match=r"database\.url") as raised:
        connection.connect(dsn)
    assert raised.value.exit_code == 78
    assert "%XX" in raised.value.hint
    assert SECRET not in raised.value.paragraph()


@pytest.mark.parametrize(
    ("url", "code", "told"),
    [
        (f"postgresql://wamon:{SECRET}/x@localhost/wamon", 78, "database.url"),
        (f"postgresql://wamon:{SECRET}@127.0.0.1:1/wamon", 69, "port 1 failed: Connection refused"),
    ],
)
def test_the_command_ends_as_the_contract_says_in_one_paragraph(
    tmp_path: Path, field: Field, url: str, code: int, told: str
) -> None:
    done = Office(tmp_path / "office", url, field.path).run("scan")
    assert (done.returncode, done.stdout) == (code, "")
    assert told in done.stderr
    assert SECRET not in done.stderr
    assert done.stderr.count("\n") == 1


def test_a_service_that_the_library_does_not_know_is_a_config_error_at_once() -> None:
    with pytest.raises(ConfigError, match="nowhere") as raised:
        connection.connect(f"service=nowhere password={SECRET}")
    assert raised.value.exit_code == 78
    assert "pg_service.conf" in raised.value.hint
    assert SECRET not in raised.value.paragraph()


# The way to the server


@pytest.mark.parametrize(
    "server",
    [{"host": "127.0.0.1", "port": "1"}, {"host": "/nonexistent"}, {"host": "postgres.invalid"}],
    ids=lambda server: server["host"],
)
def test_where_no_server_answers_the_hint_is_to_look_for_it(
    tmp_path: Path, field: Field, server: dict[str, str]
) -> None:
    office = Office(tmp_path / "office", make_conninfo(user="wamon", password=SECRET, **server), field.path)
    unavailable(office, server["host"], "Is the server up")


def test_a_missing_database_is_told(office: Office) -> None:
    office.set(database={"url": make_conninfo(office.dsn, dbname="elsewhere", password=SECRET)})
    unavailable(office, "no database of that name", "Create it")


def test_a_role_that_the_server_does_not_let_in_is_told(office: Office) -> None:
    """Debian's knows no such role, the embedded one asks the OS who we are."""
    office.set(database={"url": make_conninfo(office.dsn, user="stranger", password=SECRET)})
    unavailable(office, "refuses this user or password", r"pg_hba.conf")


@DEBIAN
def test_a_role_that_may_not_log_in_is_told(office: Office, clerk: str) -> None:
    office.query("ALTER ROLE clerk NOLOGIN")
    office.set(database={"url": clerk})
    unavailable(office, "refuses this user or password", "Check the user, the password")


@pytest.fixture
def asks_for_passwords(office: Office, clerk: str) -> Iterator[None]:
    """The server asks the clerk for a password, which isn't the one that our clerk knows."""

    def write(rules: str) -> None:
        (path,) = office.query("SHOW hba_file")
        office.query(f"COPY (SELECT * FROM unnest(string_to_array('{rules}', '|'))) TO '{path}'")
        office.query("SELECT pg_reload_conf()")

    def let_in() -> bool:
        try:
            psycopg.connect(clerk).close()
        except psycopg.OperationalError:
            return False
        return True

    office.query("ALTER ROLE clerk PASSWORD 'another'")
    write("local all clerk scram-sha-256|local all all trust")
    while let_in():
        threading.Event().wait(0.01)
    yield
    write("local all all trust")
    while not let_in():
        threading.Event().wait(0.01)


@DEBIAN
@pytest.mark.usefixtures("asks_for_passwords")
@pytest.mark.parametrize("password", [SECRET, ""])
def test_a_wrong_password_or_none_is_told(office: Office, clerk: str, password: str) -> None:
    office.set(database={"url": make_conninfo(clerk, password=password)})
    unavailable(office, "refuses this user or password", "Check the user, the password")


@DEBIAN
@pytest.mark.fault("F17")
def test_a_server_without_a_free_connection_is_told(office: Office, clerk: str) -> None:
    office.query("ALTER ROLE clerk CONNECTION LIMIT 0")
    office.set(database={"url": clerk})
    unavailable(office, "no connection free", "pooler")


# What the server refuses, and that nothing is lost by it


@pytest.mark.fault("F15")
def test_a_server_that_is_read_only_now_is_told_and_costs_nothing(office: Office, field: Field) -> None:
    name = psycopg.conninfo.conninfo_to_dict(office.dsn)["dbname"]
    office.scan()
    field.post(LAWLEY, "DR1752034")
    office.query(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    unavailable(office, "read-only", "primary")
    with psycopg.connect(office.dsn, options="-c default_transaction_read_only=off", autocommit=True) as db:
        db.execute(f"ALTER DATABASE {name} RESET default_transaction_read_only")
    office.scan()
    assert office.drops() == field.truth.drops()


@DEBIAN
@pytest.mark.parametrize("table", ["wamon.submission_rows", "wamon.cursors", "qa_photo_reviews"])
@pytest.mark.fault("F21")
def test_a_privilege_that_was_revoked_is_told_and_parks_no_message(
    office: Office, field: Field, clerk: str, table: str
) -> None:
    field.post(LAWLEY, "DR1752034")
    office.query(f"REVOKE INSERT, UPDATE ON {table} FROM clerk")
    office.set(database={"url": clerk})
    unavailable(office, "lacks a privilege", "Grant")
    assert office.query("SELECT count(*) FROM wamon.dead_letters") == [0]
    office.query(f"GRANT INSERT, UPDATE ON {table} TO clerk")
    office.scan()
    assert office.drops() == field.truth.drops()


RECIPES = {
    "a database of its own": ("CREATE DATABASE {db} OWNER {role}", "", ""),
    "all on the database": (
        "CREATE DATABASE {db}",
        "GRANT ALL ON DATABASE {db} TO {role}",
        "GRANT CREATE ON SCHEMA public TO {role};",
    ),
    "all on schema public": (
        "CREATE DATABASE {db}",
        "GRANT ALL ON SCHEMA public TO {role}",
        "GRANT CREATE ON DATABASE {db} TO {role};",
    ),
    "a schema made by an administrator": (
        "CREATE DATABASE {db}",
        "CREATE SCHEMA wamon; GRANT ALL ON SCHEMA public TO {role}",
        "GRANT USAGE, CREATE ON SCHEMA wamon TO {role};",
    ),
    "a table made by an administrator": (
        "CREATE DATABASE {db}",
        "GRANT ALL ON DATABASE {db} TO {role}; CREATE TABLE qa_photo_reviews (drop_number text, project text)",
        "GRANT SELECT, INSERT, UPDATE ON public.qa_photo_reviews TO {role};",
    ),
}
"""As hosted servers and their guides have it: how the database is made, and what the role is given; what it lacks."""


@pytest.fixture
def plain(any_dsn: str, request: pytest.FixtureRequest) -> Iterator[tuple[str, str, str]]:
    """A database made by a recipe: its DSN as an administrator and as the plain role, and the grant that is missing."""
    make, give, lacks = RECIPES[request.param]
    names = {"db": "hosted", "role": "plain"}
    hosted = make_conninfo(any_dsn, dbname="hosted")
    with psycopg.connect(any_dsn, autocommit=True) as db:
        db.execute("CREATE ROLE plain LOGIN")
        db.execute(make.format(**names).encode())
        with psycopg.connect(hosted, autocommit=True) as own:
            own.execute(give.format(**names).encode())
        yield hosted, make_conninfo(hosted, user="plain"), lacks.format(**names)
        db.execute("DROP DATABASE hosted WITH (FORCE)")
        db.execute("DROP ROLE plain")


@DEBIAN
@pytest.mark.parametrize("plain", RECIPES, indirect=True)
@pytest.mark.fault("F21")
def test_a_right_that_a_recipe_leaves_out_is_told_by_the_statement_that_grants_it(
    tmp_path: Path, field: Field, plain: tuple[str, str, str]
) -> None:
    hosted, dsn, lacks = plain
    office = Office(tmp_path / "office", dsn, field.path)
    if lacks:
        unavailable(office, "lacks a privilege", lacks)
        with psycopg.connect(hosted, autocommit=True) as db:
            db.execute(lacks.encode())
    office.scan()
    assert office.drops() == field.truth.drops()
    assert office.query("SELECT drop_number FROM qa_photo_reviews") == ["DR1752028"]


@DEBIAN
@pytest.mark.fault("F21")
def test_row_security_that_refuses_new_rows_is_told_beforehand_and_parks_no_message(
    office: Office, field: Field, clerk: str
) -> None:
    office.query("ALTER TABLE qa_photo_reviews ENABLE ROW LEVEL SECURITY")
    office.set(database={"url": clerk})
    check = database.review(looked_at(configured(office.config_path, {}), None, office.clock))
    assert check.state == "warn"
    assert "Row security of public.qa_photo_reviews" in check.sentence
    field.post(LAWLEY, "DR1752034")
    unavailable(office, "lacks a privilege", "Grant")
    assert office.query("SELECT count(*) FROM wamon.dead_letters") == [0]


@pytest.mark.parametrize(
    ("limit", "why", "hint"),
    [("%s || 's'", "took too long", "overloaded"), ("'25s'", "table is locked", "holds it")],
    ids=["statement", "lock"],
)
@pytest.mark.fault("F16")
def test_a_time_limit_that_ran_out_is_told_and_parks_no_message(
    office: Office, field: Field, monkeypatch: pytest.MonkeyPatch, limit: str, why: str, hint: str
) -> None:
    office.scan()
    field.post(LAWLEY, "DR1752034")
    with monkeypatch.context() as patch, psycopg.connect(office.dsn) as other:
        patch.setattr(
            connection,
            "_LIMITS",
            connection._LIMITS.replace(limit, "left(%s, 0) || '50ms'" if "%s" in limit else "'50ms'"),
        )
        other.execute("LOCK TABLE wamon.submission_rows")
        unavailable(office, why, hint)
    assert office.query("SELECT count(*) FROM wamon.dead_letters") == [0]
    office.scan()
    assert office.drops() == field.truth.drops()


@pytest.mark.fault("F11")
def test_a_connection_that_breaks_in_the_middle_is_told_and_costs_nothing(office: Office, field: Field) -> None:
    office.query(
        "CREATE FUNCTION public.leave() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW; END $$"
    )
    trigger = "TRIGGER leave BEFORE INSERT ON wamon.submission_rows FOR EACH ROW EXECUTE FUNCTION public.leave()"
    office.query(f"CREATE {trigger}")
    unavailable(office, "AdminShutdown", "Nothing is lost")
    office.query("DROP TRIGGER leave ON wamon.submission_rows")
    office.scan()
    assert office.drops() == field.truth.drops()


@pytest.mark.parametrize("sql", ["SELECT 1", "SELECT 1 / 0"], ids=["taken", "refused"])
def test_after_an_attempt_a_transaction_goes_on_under_its_own_limits(dsn: str, sql: LiteralString) -> None:
    limits = "SELECT current_setting('lock_timeout'), current_setting('statement_timeout')"
    with connected(dsn) as db, transaction(db):
        with suppress(Poison), attempt(db):
            db.execute(sql)
        assert db.execute(limits).fetchall() == [("25s", "30s")]
