"""What each role may that the administrator has made, on a server that wamon shares with others.

The schema's owner is no superuser and can't make roles, as the owner of a database on a hosted server.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.conftest import OLDER, fresh
from tests.support.bridges import LAWLEY, Lharries
from tests.support.conversations import Talks
from tests.support.events import told
from tests.support.hooks import deliver, hook
from tests.support.intake import keep
from tests.support.office import Office, eventually
from tests.support.send_api import TOKEN, send_api
from tests.support.talk import said, talking
from tests.support.truth import Field
from tests.support.web import serving
from wamon.events import stream
from wamon.postgres.connection import connected
from wamon.postgres.migrations import migrate, migrations

PAGE = (Path(__file__).parents[3] / "docs/conversations.md").read_text("utf-8").partition("\n## Roles\n")[2]
MADE, GRANTED = [block.splitlines() for block in re.findall(r"^```sql\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)]
"""What the page has an administrator type: on the server, and in wamon's database."""
OWNER = "wamon_owner"
ROLES = ("wamon_app", "wamon_hooks", "wamon_reader", "wamon_operator")
MEMBERS = {"wamon_reader": "thandi", "wamon_operator": "sipho"}
"""Who logs in for the roles that are groups of people."""
RIGHTS = """
    relation                            rows by policy  hooks  reader  operator
    actions                             no              -      -       -
    agent_contexts                      yes             -      -       -
    agent_sessions                      yes             -      -       -
    aliases                             yes             -      -       -
    allow_lists                         no              -      -       -
    allowed_numbers                     no              -      -       -
    breakers                            yes             -      -       -
    bursts                              no              -      -       -
    conversation_counts                 yes             -      -       -
    conversation_messages               yes             -      -       -
    conversation_state_transitions      yes             -      -       -
    conversations                       yes             -      -       -
    cursors                             no              -      -       -
    dead_letters                        no              -      -       SU
    deleted_versions                    yes             -      -       -
    deliveries                          yes             I      -       -
    delivery_ends                       yes             -      -       -
    delivery_queue                      yes             I      -       -
    drops                               no              -      -       -
    event_gaps                          yes             -      -       -
    event_outlets                       yes             -      -       -
    event_sources                       yes             -      -       -
    event_stream                        yes             -      -       -
    events_out                          yes             -      -       -
    group_status                        no              -      -       -
    groups                              no              -      -       -
    heard                               no              -      -       -
    hook_heard                          yes             SIU    -       -
    hook_rings                          yes             SIU    -       -
    hook_status                         yes             SIU    -       -
    instance                            no              S      -       -
    leases                              no              -      -       -
    ledger                              no              -      -       -
    ledger_rows                         no              -      -       -
    message_buffer                      no              -      -       SI
    migrations                          no              S      -       -
    near_miss_rows                      no              -      -       -
    near_misses                         no              -      -       -
    people                              yes             -      -       -
    people_shown                        no              -      -       -
    processed_webhook_messages          no              -      -       -
    rates_by_person                     no              -      -       -
    recent_webhook_state_transitions    no              -      S       S
    replies                             yes             -      -       -
    review_waits                        no              -      -       -
    reviews                             no              -      -       -
    revisions                           no              -      -       -
    rewinds                             no              -      -       -
    rules                               no              -      -       -
    source_status                       no              -      -       -
    sources                             no              -      -       SU
    store_missed                        yes             -      -       -
    stuck_webhook_conversations         no              -      S       S
    submission_rows                     no              -      -       -
    submissions                         no              -      -       -
    texts                               no              -      -       -
    threads                             no              -      -       S
    turns                               yes             -      -       -
    wa_ids                              no              -      -       -
    web_links                           no              -      -       -
    web_sessions                        no              -      -       -
    webhook_agent_performance           no              -      S       S
    webhook_conversation_health         no              -      S       S
    webhook_conversations               no              -      -       -
    webhook_dlq                         no              -      -       SU
    webhook_dlq_summary                 no              -      S       S
    webhook_events                      no              I      -       -
    webhook_message_processing_metrics  no              -      S       S
"""
"""Select, Insert, Update, Delete: what each role may do with each table and view. wamon_app may do all.

A table that isn't here fails: say what each role may do with it, and enable row security on it.
"""
FUNCTIONS = {
    "keep_delivery": {"wamon_hooks"},
    "check_webhook_system_health": {"wamon_reader", "wamon_operator"},
    "get_webhook_performance_stats": {"wamon_reader", "wamon_operator"},
    "has_buffered_messages": {"wamon_operator"},
    "get_all_wa_ids_with_buffered_messages": {"wamon_operator"},
}
"""Who may call them beside wamon_app, which calls all but those that grant."""
OPEN_TO_ALL = """
    SELECT p.oid::regprocedure::text FROM pg_proc AS p, aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) AS a
    WHERE p.pronamespace = 'wamon'::regnamespace AND a.grantee = 0
    UNION ALL
    SELECT c.oid::regclass::text FROM pg_class AS c, aclexplode(c.relacl) AS a
    WHERE c.relnamespace = 'wamon'::regnamespace AND a.grantee = 0
    UNION ALL
    SELECT n.nspname FROM pg_namespace AS n, aclexplode(n.nspacl) AS a WHERE n.nspname = 'wamon' AND a.grantee = 0
"""
ON_DEBIAN = pytest.mark.parametrize("server", [OLDER], indirect=True)
"""Where roles log in by themselves."""
ON_ONE = pytest.mark.parametrize("server", ["embedded 18"], indirect=True)
"""What no version of the server has otherwise."""


class Server(NamedTuple):
    """`dsn` is the administrator's. The embedded one lets nobody else in."""

    dsn: str
    lets_roles_in: bool


class Shared:
    """A database of a shared server; `dsn` is the administrator's."""

    def __init__(self, dsn: str, server: Server) -> None:
        self.dsn = dsn
        self._lets_roles_in = server.lets_roles_in
        self.ask(f"ALTER DATABASE {self.ask('SELECT current_database()')[0][0]} OWNER TO {OWNER}")

    def as_(self, role: str) -> str:
        """How this role connects; to the embedded server as its superuser, who then becomes the role."""
        if self._lets_roles_in:
            return make_conninfo(self.dsn, user=MEMBERS.get(role, role))
        return make_conninfo(self.dsn, options=f"-c role={role}")

    def ask(self, sql: str, role: str | None = None) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.as_(role) if role else self.dsn, autocommit=True) as db:
            cursor = db.execute(sql.encode())
            return cursor.fetchall() if cursor.description else []

    def migrate(self, role: str = OWNER) -> list[str]:
        with connected(self.as_(role)) as db:
            return migrate(db)


@pytest.fixture(scope="module", params=["embedded 18", OLDER])
def server(request: pytest.FixtureRequest) -> Iterator[Server]:
    """With the roles that an administrator makes by the page, and the owner of wamon's databases."""
    dsn = request.getfixturevalue("_embedded_18" if request.param == "embedded 18" else "_debian_15")
    with psycopg.connect(dsn, autocommit=True) as db:
        for line in MADE:
            if not line.startswith("CREATE DATABASE"):  # each test has its own
                db.execute(line.encode())
        for role, member in MEMBERS.items():
            db.execute(f"CREATE ROLE {member} LOGIN IN ROLE {role}".encode())
        yield Server(dsn, lets_roles_in=request.param == OLDER)
        for role in (*MEMBERS.values(), OWNER, *ROLES):
            db.execute(f"DROP ROLE {role}".encode())


@pytest.fixture
def unmade(server: Server) -> Iterator[Shared]:
    """Without the schema."""
    for dsn in fresh(server.dsn, "template0"):
        yield Shared(dsn, server)


@pytest.fixture(scope="module")
def template(server: Server) -> Iterator[str]:
    """The name of a database where the owner has made the schema: a copy is quicker than its steps."""
    for dsn in fresh(server.dsn, "template0"):
        assert Shared(dsn, server).migrate()
        yield str(conninfo_to_dict(dsn)["dbname"])


@pytest.fixture
def shared(server: Server, template: str) -> Iterator[Shared]:
    """With the owner's schema."""
    for dsn in fresh(server.dsn, template):
        yield Shared(dsn, server)


@pytest.fixture(scope="module")
def settled(server: Server, template: str) -> Iterator[Shared]:
    """With the owner's schema, for tests that leave nothing behind."""
    for dsn in fresh(server.dsn, template):
        yield Shared(dsn, server)


@pytest.fixture
def office(tmp_path: Path, shared: Shared) -> Iterator[Office]:
    """The owner's."""
    with Field(Lharries(tmp_path / "messages.db", durable=False)) as field:
        field.post(LAWLEY, "DR1750001")
        yield Office(tmp_path / "office", shared.as_(OWNER), field.path)


def test_an_owner_who_is_no_superuser_dumps_and_restores(office: Office, tmp_path: Path) -> None:
    office.scan()
    before = office.everything()
    assert office.run("db", "dump", str(tmp_path / "backup")).returncode == 0
    restored = office.run("db", "restore", str(tmp_path / "backup"), "--force")
    assert restored.returncode == 0, restored.stderr
    assert office.everything() == before


@ON_ONE
def test_a_restore_leaves_the_roles_what_they_may_and_everybody_else_nothing(
    office: Office, shared: Shared, tmp_path: Path
) -> None:
    office.scan()
    rights = """
        SELECT array_agg((relname, relacl) ORDER BY relname)::text, (SELECT count(*) FROM pg_policy)
        FROM pg_class WHERE relnamespace = 'wamon'::regnamespace
    """
    before = shared.ask(rights)
    assert office.run("db", "dump", str(tmp_path / "backup")).returncode == 0
    assert office.run("db", "restore", str(tmp_path / "backup"), "--force").returncode == 0
    assert shared.ask(rights) == before
    assert shared.ask(OPEN_TO_ALL) == []


@pytest.mark.fault("F137")
def test_nothing_is_open_to_everybody_after_any_step(unmade: Shared, monkeypatch: pytest.MonkeyPatch) -> None:
    """From the one on that knows roles: a `wamon` that is killed between two leaves no function to be called."""
    known = migrations()
    for until in range(10, known[-1].version + 1):
        monkeypatch.setattr("wamon.postgres.migrations.migrations", lambda until=until: known[:until])
        unmade.migrate()
        assert unmade.ask(OPEN_TO_ALL) == [], known[until - 1].name


@ON_ONE
@pytest.mark.parametrize("role", ["wamon_app", "wamon_hooks"])
def test_a_role_that_does_not_own_the_schema_is_told_who_does(office: Office, shared: Shared, role: str) -> None:
    office.scan()
    office.set(database={"url": shared.as_(role)})
    done = office.run("db", "migrate")
    assert done.returncode == 69
    assert f"only {OWNER} may change the schema wamon" in done.stderr


@ON_ONE
def test_a_role_that_may_not_read_all_is_told_who_dumps(office: Office, shared: Shared) -> None:
    """Granted all by name, it still sees no row that no policy shows it, and half a backup is none."""
    office.scan()
    shared.ask("GRANT SELECT ON ALL TABLES IN SCHEMA wamon, public TO wamon_reader")
    office.set(database={"url": shared.as_("wamon_reader")})
    done = office.run("db", "dump", "backup")
    assert done.returncode == 69
    assert "Who owns the schema wamon may read all of it" in done.stderr


# What each may


RELATIONS = """
    SELECT relname, relrowsecurity, relforcerowsecurity, relkind::text FROM pg_class
    WHERE relnamespace = 'wamon'::regnamespace AND relkind IN ('r', 'p', 'v', 'm', 'f')
"""
MAY = """
    CREATE FUNCTION pg_temp.may(statement text) RETURNS boolean LANGUAGE plpgsql AS $$
    BEGIN
        EXECUTE 'EXPLAIN ' || statement;
        RETURN true;
    EXCEPTION  -- what no view can take isn't a right of anybody's
        WHEN insufficient_privilege OR object_not_in_prerequisite_state OR feature_not_supported OR generated_always
        THEN
            RETURN false;
    END $$
"""
LETTERS = """
    SELECT c.relname, coalesce((
        SELECT string_agg(v.letter, '' ORDER BY v.place) FROM (VALUES
            (1, 'S', 'SELECT FROM wamon.%I'), (2, 'I', 'INSERT INTO wamon.%I (%I) VALUES (NULL)'),
            (3, 'U', 'UPDATE wamon.%I SET %I = NULL'), (4, 'D', 'DELETE FROM wamon.%I')
        ) AS v (place, letter, statement)
        WHERE EXISTS (
            SELECT FROM pg_attribute AS a
            WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped AND a.attidentity = ''
              AND pg_temp.may(format(v.statement, c.relname, a.attname))
        )
    ), '-')
    FROM pg_class AS c
    WHERE c.relnamespace = 'wamon'::regnamespace AND c.relkind IN ('r', 'p', 'v', 'm', 'f')
"""
CALLED_BY = f"""
    SELECT p.proname, p.proconfig, ARRAY(
        SELECT r.rolname::text FROM pg_roles AS r
        WHERE r.rolname IN {ROLES} AND has_function_privilege(r.oid, p.oid, 'EXECUTE')
    )
    FROM pg_proc AS p WHERE p.pronamespace = 'wamon'::regnamespace
"""


def decided() -> dict[str, tuple[str, ...]]:
    """By relation: whether its rows are seen by policies, and what hooks, reader and operator may, as letters."""
    lines = [line.split() for line in RIGHTS.strip().splitlines()[1:]]
    return {name: tuple(rights) for name, *rights in lines}


def letters(shared: Shared, role: str) -> dict[str, str]:
    """What PostgreSQL lets this role begin with at least one column of each table and view."""
    with psycopg.connect(shared.as_(role), autocommit=True) as db:
        db.execute(MAY)
        return dict(db.execute(LETTERS.encode()).fetchall())


def test_each_role_may_do_with_each_table_and_view_what_is_decided_and_no_more(settled: Shared) -> None:
    found = {name: ["yes" if is_secured else "no"] for name, is_secured, *_ in settled.ask(RELATIONS)}
    for role in ("wamon_hooks", "wamon_reader", "wamon_operator"):
        for name, some in letters(settled, role).items():
            found[name].append(some)
    assert {name: tuple(rights) for name, rights in found.items()} == decided()


def test_the_application_s_role_may_do_all_with_each_table(settled: Shared) -> None:
    views = {name for name, *_, kind in settled.ask(RELATIONS) if kind == "v"}
    for name, some in letters(settled, "wamon_app").items():
        assert some == "SIUD" or (name in views and "S" in some), name


def test_the_application_s_role_follows_events_though_it_owns_no_table(shared: Shared) -> None:
    with connected(shared.as_("wamon_app")) as db:
        at = stream.begin(db)
        shared.ask(
            "INSERT INTO wamon.near_miss_rows VALUES (1, true, now(), 'A', 'DR1', 'too-short', NULL, 'Lawley', '1')"
        )
        assert [told(event)["type"] for event in stream.read(db, at, 10)] == ["wamon.drop.near_miss"]


def test_functions_are_called_by_those_that_are_decided_and_look_nowhere_else_for_names(settled: Shared) -> None:
    for name, settings, callers in settled.ask(CALLED_BY):
        grants = name in {"grant_to", "grant_roles"}
        assert set(callers) == (set() if grants else {"wamon_app"} | FUNCTIONS.get(name, set())), name
        assert "search_path=wamon, pg_temp" in settings, name


def test_no_policy_is_everybody_s_and_none_is_forced_upon_the_owner(settled: Shared) -> None:
    assert not any(is_forced for _, _, is_forced, _ in settled.ask(RELATIONS))
    policies = settled.ask(
        "SELECT tablename, policyname, cmd, roles::text[] FROM pg_policies WHERE schemaname = 'wamon'"
    )
    commands = {"S": "SELECT", "I": "INSERT", "U": "UPDATE", "D": "DELETE"}
    expected = {
        (table, f"{role} {commands[letter].lower()}", commands[letter], role)
        for table, (is_secured, *rights) in decided().items()
        if is_secured == "yes"
        for role, some in zip(ROLES, ["SIUD", *rights], strict=True)
        for letter in some.strip("-")
    }
    assert {(table, name, command, *roles) for table, name, command, roles in policies} == expected


# Rows


STRANGER = "stranger_to_wamon"
VALUES = {
    "text": "'x'",
    "integer": "1",
    "bigint": "1",
    "timestamp with time zone": "now()",
    "uuid": "gen_random_uuid()",
    "bytea": "'x'",
    "boolean": "true",
}
NEEDED = """
    SELECT attname, format_type(atttypid, NULL) FROM pg_attribute
    WHERE attrelid = format('wamon.%%I', %s::text)::regclass AND attnum > 0 AND NOT attisdropped AND attnotnull
      AND NOT atthasdef AND attidentity = ''
"""
CHECKS = """
    SELECT format('ALTER TABLE wamon.%I DROP CONSTRAINT %I', r.relname, c.conname)
    FROM pg_constraint AS c JOIN pg_class AS r ON r.oid = c.conrelid
    WHERE r.relnamespace = 'wamon'::regnamespace AND r.relrowsecurity AND c.contype = 'c'
"""


def secured() -> dict[str, dict[str, str]]:
    """The tables whose rows are seen by policies, with each role's letters; the stranger has none."""
    return {
        table: dict(zip((*ROLES, STRANGER), ("SIUD", *rights, "-"), strict=True))
        for table, (rows, *rights) in decided().items()
        if rows == "yes"
    }


def insert(db: psycopg.Connection[Any], table: str) -> bytes:
    """A row of nonsense."""
    needed = db.execute(NEEDED, [table]).fetchall()
    columns, values = ", ".join(name for name, _ in needed), ", ".join(VALUES[kind] for _, kind in needed)
    return f"INSERT INTO wamon.{table} ({columns}) VALUES ({values})".encode()


@pytest.fixture(scope="module")
def granted_too_much(server: Server, template: str) -> Iterator[Shared]:
    """With a row in each table whose rows are seen by policies; somebody granted all of it to everybody by name."""
    for dsn in fresh(server.dsn, template):
        shared = Shared(dsn, server)
        with psycopg.connect(dsn, autocommit=True) as db:
            for (check,) in db.execute(CHECKS.encode()).fetchall():
                db.execute(check)
            for table in secured():
                db.execute(insert(db, table))
            db.execute(f"CREATE ROLE {STRANGER} LOGIN".encode())
            everybody = ", ".join((*ROLES, STRANGER))
            db.execute(f"GRANT USAGE ON SCHEMA wamon TO {everybody}".encode())
            db.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA wamon TO {everybody}".encode())
        yield shared
        shared.ask(f"DROP OWNED BY {STRANGER}; DROP ROLE {STRANGER}")


@pytest.mark.fault("F135")
@pytest.mark.parametrize("role", [*ROLES, STRANGER])
def test_a_role_sees_and_changes_no_row_that_no_policy_shows_it_whatever_it_was_granted(
    granted_too_much: Shared, role: str
) -> None:
    with psycopg.connect(granted_too_much.as_(role)) as db, db.transaction(force_rollback=True):
        for table, letters_of in secured().items():
            own = letters_of[role]
            column = next(name for name, *_ in db.execute(NEEDED, [table]).fetchall())
            update = f"UPDATE wamon.{table} SET {column} = {column}".encode()
            assert len(db.execute(f"SELECT 1 FROM wamon.{table}".encode()).fetchall()) == ("S" in own), table
            assert db.execute(update).rowcount == ("S" in own and "U" in own), table
            assert db.execute(f"DELETE FROM wamon.{table}".encode()).rowcount == ("D" in own), table
            assert is_let_in(db, table) == ("I" in own), table


def is_let_in(db: psycopg.Connection[Any], table: str) -> bool:
    """Whether policies let a new row of this role's in; one that is there already was let in that far."""
    try:
        with db.transaction():
            db.execute(insert(db, table))
    except psycopg.errors.InsufficientPrivilege:
        return False
    except psycopg.errors.UniqueViolation:
        return True
    return True


def test_the_owner_sees_every_row(granted_too_much: Shared) -> None:
    """Nothing is forced upon it: its dumps are whole, and so is what its views show."""
    for table in secured():
        assert granted_too_much.ask(f"SELECT count(*) FROM wamon.{table}", OWNER) == [(1,)], table


# What a reader sees


CANARY = "the canary sings"


@pytest.fixture
def talks(shared: Shared) -> Talks:
    """One person waits for an answer beyond all bounds, another doesn't; the canary sings wherever text is kept."""
    talks = Talks(shared.dsn)
    chat = talks.chat("wati")
    for phone, overdue in (("27820001752", 600.0), ("27820001753", -5.0)):
        conversation = talks.conversation(
            talks.person(phone, "wati", bsuid=f"ZA.{phone} {CANARY}"), chat, overdue=overdue, began=900, source="wati"
        )
        talks.messages(conversation, 1, None, body=CANARY)
        talks.turn(conversation, 1, 1, 1, "dead", error="ValueError")
        talks.reply(conversation, 1, 1)
        talks.transition(conversation, "idle", "settling", "message")
        talks.dead_letter(chat, f"turn:{conversation}:1")
    talks.run("UPDATE wamon.conversation_messages SET name = %(c)s", c=CANARY)
    talks.run("UPDATE wamon.replies SET body = %(c)s, about = %(c)s", c=CANARY)
    talks.run(
        "INSERT INTO wamon.agent_contexts (conversation_id, context_data)"
        " SELECT uid, jsonb_build_array(%(c)s::text) FROM wamon.conversations",
        c=CANARY,
    )
    talks.run("INSERT INTO wamon.agent_sessions (conversation_id) SELECT uid FROM wamon.conversations")
    talks.run(
        "INSERT INTO wamon.webhook_events (uid, hook, source, body, sha256)"
        " VALUES (gen_random_uuid(), 'wati', 'wati', convert_to(%(c)s, 'UTF8'), sha256('x'))",
        c=CANARY,
    )
    return talks


def seen_by(shared: Shared, role: str) -> dict[str, str]:
    """All that a role is shown by each view and function, as text."""
    tables = [name for name, some in letters(shared, role).items() if "S" in some]
    called = [
        name + ("(0, 0, 0, 0)" if "health" in name else "()")
        for name, _, callers in shared.ask(CALLED_BY)
        if role in callers
    ]
    return {
        name: str(shared.ask(f"SELECT jsonb_agg(to_jsonb(found))::text FROM wamon.{name} AS found", role)[0][0])
        for name in tables + called
    }


def test_a_reader_sees_how_it_stands_and_nobody_s_number_or_words(shared: Shared, talks: Talks) -> None:
    seen = seen_by(shared, "wamon_reader")
    assert "None" not in seen.values()
    assert "…1752" in seen["stuck_webhook_conversations"]
    assert "…1753" in seen["recent_webhook_state_transitions"]
    for name, text in seen.items():
        for secret in ("27820001752", "820001753", CANARY):
            assert secret not in text, name


@pytest.mark.fault("F136")
def test_a_reader_s_own_functions_are_shown_no_row_that_a_view_leaves_out(shared: Shared, talks: Talks) -> None:
    """A cheap one is asked of every row that the planner can hand it, before the view's own conditions."""
    seen: list[str] = []
    with psycopg.connect(shared.as_("wamon_reader"), autocommit=True) as db:
        db.add_notice_handler(lambda notice: seen.append(notice.message_primary or ""))
        db.execute(
            "CREATE FUNCTION pg_temp.peek(text) RETURNS boolean COST 0.0001 LANGUAGE plpgsql AS"
            " $$ BEGIN RAISE NOTICE '%', $1; RETURN true; END $$"
        )
        db.execute("SET enable_nestloop = off")  # looks nobody up by key, but reads all, and asks of each
        db.execute("SELECT FROM wamon.stuck_webhook_conversations WHERE pg_temp.peek(user_id)")
    assert seen == [talks.hashed("27820001752")]


@ON_ONE
def test_an_operator_puts_messages_in_retries_and_switches_replies_off(shared: Shared, talks: Talks) -> None:
    shared.ask("INSERT INTO wamon.hook_status (hook, source) VALUES ('wati', 'wati')")
    for statement in (
        "INSERT INTO wamon.message_buffer (wa_id, content) VALUES ('27820001754', 'hello')",
        "UPDATE wamon.webhook_dlq SET next_retry_at = now(), resolution_status = 'pending'",
        "UPDATE wamon.sources SET replies_off = true, agent_off = true",
    ):
        shared.ask(statement, "wamon_operator")
    assert shared.ask("SELECT count(*) FROM wamon.webhook_events WHERE hook = 'message_buffer'") == [(1,)]
    assert shared.ask("SELECT DISTINCT outcome FROM wamon.turns") == [("reopened",)]
    assert shared.ask("SELECT replies_off, agent_off FROM wamon.sources") == [(True, True)]
    assert shared.ask("SELECT has_buffered_messages FROM wamon.has_buffered_messages('0')", "wamon_operator") == [
        (False,)
    ]


# Attacks


FOR_EVERYBODY = (
    "SET ROLE wamon_owner",
    "SET SESSION AUTHORIZATION wamon_owner",
    "GRANT wamon_owner TO CURRENT_USER",
    "CREATE TABLE wamon.turns_too (one text)",
    "CREATE FUNCTION public.sha256(text) RETURNS bytea LANGUAGE sql AS 'SELECT NULL::bytea'",
    "CREATE FUNCTION wamon.has_buffered_messages(integer) RETURNS boolean LANGUAGE sql AS 'SELECT true'",
    "CREATE TRIGGER heard AFTER INSERT ON wamon.deliveries FOR EACH STATEMENT EXECUTE FUNCTION wamon.hear()",
    "ALTER TABLE wamon.people DISABLE ROW LEVEL SECURITY",
    "CREATE POLICY mine ON wamon.people USING (true)",
    "ALTER VIEW wamon.stuck_webhook_conversations RESET (security_barrier)",
    "ALTER FUNCTION wamon.get_webhook_performance_stats(integer) RESET ALL",
    "TRUNCATE wamon.deliveries",
    "SELECT wamon.grant_roles()",
    "SELECT wamon.grant_to('wamon_reader', 'SELECT', 'people')",
)
"""By which a role would raise its rights, or leave something that somebody with more calls."""
EVENT = "INSERT INTO wamon.deliveries (uid, hook, source, sha256) SELECT gen_random_uuid(), '', '', ''"
FOR_WHOM_ONLY_ASKS = (
    "LOCK TABLE wamon.migrations",
    "COPY wamon.deliveries (body) TO STDOUT",
    "SELECT value FROM wamon.aliases",
    "SELECT wamon.reopen_turn(1, 1, true, now())",
    "SELECT wamon.acquire_conversation_lock(gen_random_uuid(), gen_random_uuid())",
    f"{EVENT} RETURNING event",
    f"{EVENT} ON CONFLICT (uid) DO UPDATE SET body = deliveries.body",
)
"""By which it would read or do what others may."""


@ON_DEBIAN
@pytest.mark.fault("F136")
@pytest.mark.parametrize("role", ROLES)
def test_no_role_raises_its_rights(settled: Shared, role: str) -> None:
    others = [f"SET ROLE {other}" for other in ROLES if other != role]
    attempts = [*FOR_EVERYBODY, *others, *(FOR_WHOM_ONLY_ASKS if role != "wamon_app" else ())]
    with psycopg.connect(settled.as_(role), autocommit=True) as db:
        for attempt in attempts:
            with pytest.raises(psycopg.errors.InsufficientPrivilege), db.transaction():
                db.execute(attempt.encode())
                pytest.fail(attempt)


@ON_DEBIAN
@pytest.mark.fault("F136")
def test_a_reader_s_own_tables_are_nothing_to_the_functions_that_it_calls(shared: Shared, talks: Talks) -> None:
    asked = "SELECT * FROM wamon.get_webhook_performance_stats()"
    before = shared.ask(asked)
    with psycopg.connect(shared.as_("wamon_reader"), autocommit=True) as db:
        db.execute("SET search_path = pg_temp, public, wamon")
        for table in ("turns", "webhook_dlq", "stuck_webhook_conversations", "agent_sessions", "conversations"):
            db.execute(f"CREATE TEMPORARY TABLE {table} (one text)".encode())
        assert db.execute(asked.encode()).fetchall() == before


# Whole programs as a role


@ON_DEBIAN
def test_wamon_web_takes_deliveries_as_the_role_that_may_only_add_them(shared: Shared, tmp_path: Path) -> None:
    office = Office(
        tmp_path / "office", shared.as_("wamon_hooks"), tmp_path / "no-store.db", hooks=[hook("wati", "wati")]
    )
    with serving(office, "--only", "hooks") as site:
        assert deliver(site, "wati").status == 200
        assert shared.ask("SELECT hook, state FROM wamon.webhook_events") == [("wati", "new")]
        eventually(
            "it is counted", lambda: shared.ask("SELECT stored FROM wamon.hook_status") == [(1,)], said=site.said
        )
        assert "lacks a privilege" not in site.said()


@ON_ONE
def test_wamon_run_records_and_answers_as_the_application_s_role(office: Office, shared: Shared) -> None:
    office.scan()
    for line in GRANTED:
        shared.ask(line)
    talking(office, direct={"settle": "1s", "max_wait": "1s"}, templates={"fallback": "We call back."})
    shared.ask("DELETE FROM wamon.submissions; DELETE FROM wamon.ledger; UPDATE wamon.sources SET sweep_due = 'test'")
    office.set(database={"url": shared.as_("wamon_app")})
    with send_api(TOKEN) as api:
        api.says = {"message": {"local_message_id": "L1"}}
        office.set(hooks=[hook("wati", "wati", send={"url": api.replies["url"], "token": TOKEN})])
        with office.running() as daemon:
            keep(office, "wati", said("hello"))
            sent = [("sent",)]
            eventually(
                "it is answered", lambda: shared.ask("SELECT state FROM wamon.replies") == sent, said=daemon.said
            )
            eventually("it is recorded", lambda: office.drops() == {("Lawley", "DR1750001")}, said=daemon.said)
            daemon.end()
    assert "lacks a privilege" not in daemon.said()
