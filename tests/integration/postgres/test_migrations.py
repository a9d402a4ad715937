"""The schema goes up in whole steps, whoever starts, stops or is killed; newer ones are respected."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier
from uuid import uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.conftest import fresh
from tests.support.bridges import LAWLEY, Lharries
from tests.support.office import Office, eventually
from tests.support.truth import Field
from wamon.errors import DatabaseUnavailable, SchemaError
from wamon.postgres.connection import connected
from wamon.postgres.migrations import migrate, migrations

NAMES = [f"{migration.version:04} {migration.name}" for migration in migrations()]
OURS = migrations()[-1].version


def test_each_has_the_next_number() -> None:
    assert [migration.version for migration in migrations()] == list(range(1, OURS + 1))


@pytest.fixture(params=["_embedded_18", "_debian_15"])
def made_dsn(request: pytest.FixtureRequest) -> Iterator[str]:
    """A database of its own with the schema, on each server: a copy is quicker than its steps."""
    yield from fresh(request.getfixturevalue(request.param))


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with Field(Lharries(tmp_path / "messages.db", durable=False)) as field:
        field.post(LAWLEY, "DR1750001")
        yield field


@pytest.fixture
def office(tmp_path: Path, made_dsn: str, field: Field) -> Office:
    return Office(tmp_path / "office", made_dsn, field.path)


@pytest.fixture
def new_office(tmp_path: Path, empty_dsn: str, field: Field) -> Office:
    """Whose database has no schema yet."""
    return Office(tmp_path / "office", empty_dsn, field.path)


@pytest.fixture
def role(empty_dsn: str) -> Iterator[str]:
    """A user of its own who may do nothing yet."""
    name = f"r{uuid4().hex}"
    with psycopg.connect(empty_dsn, autocommit=True) as db:
        db.execute(f"CREATE ROLE {name}")
        yield name
        db.execute(f"DROP OWNED BY {name}")
        db.execute(f"DROP ROLE {name}")


def migrated(dsn: str) -> list[str]:
    with connected(dsn) as db:
        return migrate(db)


def query(dsn: str, sql: str) -> list[tuple[object, ...]]:
    with psycopg.connect(dsn, autocommit=True) as db:
        cursor = db.execute(sql)
        return cursor.fetchall() if cursor.description else []


def schema(dsn: str) -> list[tuple[object, ...]]:
    return query(
        dsn,
        "SELECT table_name, column_name, data_type FROM information_schema.columns WHERE table_schema = 'wamon' "
        "ORDER BY 1, ordinal_position",
    )


def test_from_nothing_every_step_is_applied_and_noted(empty_dsn: str) -> None:
    assert migrated(empty_dsn) == NAMES
    noted = query(empty_dsn, "SELECT version, name, oldest_writer FROM wamon.migrations ORDER BY version")
    assert noted == [tuple(migration[:3]) for migration in migrations()]


def test_a_second_time_changes_nothing(empty_dsn: str) -> None:
    migrated(empty_dsn)
    before = schema(empty_dsn), query(empty_dsn, "SELECT * FROM wamon.migrations")
    assert migrated(empty_dsn) == []
    assert (schema(empty_dsn), query(empty_dsn, "SELECT * FROM wamon.migrations")) == before


def test_of_several_at_once_one_applies_each_step_and_all_go_on(empty_dsn: str) -> None:
    together = Barrier(4)

    def starts(dsn: str) -> list[str]:
        with connected(dsn) as db:
            together.wait()
            return migrate(db)

    with ThreadPoolExecutor(4) as pool:
        applied = list(pool.map(starts, [empty_dsn] * 4))
    assert sorted(name for names in applied for name in names) == NAMES


@pytest.mark.parametrize(
    ("failpoint", "standing"), [("migration.before", 0), ("migration.applied", 0), ("migration.committed", 1)]
)
@pytest.mark.fault("F20")
def test_killed_at_a_step_s_boundary_it_stands_before_or_after_the_step(
    empty_dsn: str, failpoint: str, standing: int
) -> None:
    code = (
        "import sys; from wamon.postgres.connection import connected; from wamon.postgres.migrations import migrate\n"
        "with connected(sys.argv[1]) as db: migrate(db)"
    )
    environ = {"WAMON_FAILPOINT": f"{failpoint}:1:kill"}
    killed = subprocess.run([sys.executable, "-c", code, empty_dsn], check=False, env=environ, timeout=100)
    assert killed.returncode == -9
    if standing:
        assert query(empty_dsn, "SELECT version FROM wamon.migrations") == [(standing,)]
    else:
        assert query(empty_dsn, "SELECT to_regnamespace('wamon')") == [(None,)]
    eventually("psql is gone", lambda: query(empty_dsn, PSQL) == [(0,)])
    assert migrated(empty_dsn) == NAMES[standing:]


@pytest.mark.fault("F20")
def test_a_step_that_fails_leaves_nothing_of_itself(empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(name: str) -> None:
        if name == "migration.applied":
            raise RuntimeError

    with pytest.MonkeyPatch.context() as failing:
        failing.setattr("wamon.postgres.migrations.failpoint", fails)
        with pytest.raises(RuntimeError):
            migrated(empty_dsn)
    assert query(empty_dsn, "SELECT to_regnamespace('wamon')") == [(None,)]


def test_beside_a_newer_schema_that_allows_it_an_older_wamon_works(office: Office) -> None:
    office.scan()
    office.query("INSERT INTO wamon.migrations VALUES (%s, 'the_future', %s)", OURS + 5, OURS)
    office.query("ALTER TABLE wamon.ledger_rows ADD COLUMN of_the_future text")
    office.query("DELETE FROM wamon.ledger")
    office.sweep()
    office.scan()
    assert office.drops() == {("Lawley", "DR1750001")}
    assert office.verify().clean


@pytest.mark.fault("F20")
def test_beyond_that_an_older_wamon_refuses_and_writes_nothing(office: Office) -> None:
    office.scan()
    office.query("INSERT INTO wamon.migrations VALUES (%s, 'the_future', %s)", OURS + 5, OURS + 1)
    before = [office.query(f"SELECT * FROM wamon.{table}") for table in ("cursors", "sources", "groups", "ledger")]
    done = office.run("scan")
    assert done.returncode == 69
    (paragraph,) = done.stderr.strip().splitlines()
    assert paragraph.startswith(f"The database's schema is version {OURS + 5}, made by a newer wamon; this one knows")
    assert "Run the newer wamon here" in paragraph
    after = [office.query(f"SELECT * FROM wamon.{table}") for table in ("cursors", "sources", "groups", "ledger")]
    assert after == before
    with pytest.raises(SchemaError):
        migrated(office.dsn)


def as_role(dsn: str, role: str) -> str:
    return make_conninfo(dsn, options=f"-c role={role}")


def test_without_the_right_to_make_the_schema_it_says_which_right_is_missing(empty_dsn: str, role: str) -> None:
    with pytest.raises(DatabaseUnavailable) as refused:
        migrated(as_role(empty_dsn, role))
    assert "lacks a privilege: to make or change the schema wamon" in str(refused.value)
    assert "GRANT CREATE ON DATABASE" in refused.value.hint
    assert query(empty_dsn, "SELECT to_regnamespace('wamon')") == [(None,)]


def test_in_a_schema_that_somebody_made_for_it_no_further_right_is_needed(empty_dsn: str, role: str) -> None:
    query(empty_dsn, f"CREATE SCHEMA wamon AUTHORIZATION {role}")
    assert migrated(as_role(empty_dsn, role)) == NAMES


def test_on_a_read_only_server_it_says_so(empty_dsn: str) -> None:
    with pytest.raises(DatabaseUnavailable, match="it is read-only now"):
        migrated(make_conninfo(empty_dsn, options="-c default_transaction_read_only=on"))
    assert query(empty_dsn, "SELECT to_regnamespace('wamon')") == [(None,)]


def test_every_step_says_who_may_still_write_beside_it() -> None:
    assert [migration.version for migration in migrations()] == list(range(1, OURS + 1))
    assert all(1 <= migration.oldest_writer <= migration.version for migration in migrations())


BEFORE_NUMBERS = """
    DROP VIEW wamon.wa_ids, wamon.webhook_dlq, wamon.processed_webhook_messages, wamon.webhook_conversation_health,
              wamon.webhook_agent_performance, wamon.webhook_message_processing_metrics, wamon.webhook_events CASCADE;
    DROP FUNCTION wamon.check_webhook_system_health, wamon.get_webhook_performance_stats,
                  wamon.acquire_conversation_lock, wamon.release_conversation_lock,
                  wamon.cleanup_stuck_webhook_conversations, wamon.increment_session_metrics, wamon.refuse,
                  wamon.has_buffered_messages, wamon.get_all_wa_ids_with_buffered_messages, wamon.source_of_buffer,
                  wamon.kind_of_wa_id, wamon.keep_buffered, wamon.reopen_turn, wamon.retry_letter, wamon.keep_delivery,
                  wamon.keep_event, wamon.take_in_again, wamon.give_up_delivery;
    ALTER TABLE wamon.ledger_rows
        DROP COLUMN numbers, DROP CONSTRAINT ledger_rows_pkey, ADD PRIMARY KEY (chat, message_id);
    ALTER TABLE wamon.submission_rows
        DROP CONSTRAINT submission_rows_pkey, ADD PRIMARY KEY (chat, message_id, drop_number);
    CREATE INDEX submission_rows_of_drop ON wamon.submission_rows (project, drop_number, sent_at);
    ALTER TABLE wamon.groups DROP COLUMN former_projects;
    ALTER TABLE wamon.submission_rows DROP COLUMN from_me;
    ALTER TABLE wamon.sources DROP COLUMN store_path, DROP COLUMN store_host;
    UPDATE wamon.submission_rows SET project = 'Lawley of old';
    UPDATE wamon.near_miss_rows SET project = 'Lawley of old';
    DROP FUNCTION wamon.number_by_hand() CASCADE;
    DROP VIEW wamon.rates_by_person, wamon.bursts;
    DROP FUNCTION wamon.count_version, wamon.tell_added, wamon.tell_changed, wamon.tell_deleted, wamon.tell_near,
                  wamon.tell_answered, wamon.near_element, wamon.switch_events CASCADE;
    DROP TABLE wamon.event_outlets, wamon.event_stream, wamon.events_out, wamon.deleted_versions, wamon.event_sources,
               wamon.event_gaps;
    ALTER TABLE wamon.submission_rows DROP COLUMN version;
    DROP TABLE wamon.source_status, wamon.group_status, wamon.people_shown, wamon.actions, wamon.web_links,
               wamon.web_sessions;
    ALTER TABLE wamon.instance DROP COLUMN person_key, DROP COLUMN page_served_at;
    DROP INDEX wamon.replies_in_need;
    DROP TABLE wamon.review_waits;
    ALTER TABLE wamon.cursors DROP COLUMN token;
    ALTER TABLE wamon.reviews DROP COLUMN left_out;
    ALTER TABLE wamon.ledger_rows DROP COLUMN via CASCADE, DROP COLUMN correlation_id CASCADE, DROP COLUMN stanza_id;
    ALTER TABLE wamon.groups DROP COLUMN kind;
    ALTER TABLE wamon.dead_letters DROP COLUMN kind, DROP COLUMN given_up;
    DROP TABLE wamon.deliveries, wamon.delivery_queue, wamon.delivery_ends, wamon.hook_status, wamon.hook_rings,
               wamon.people, wamon.aliases, wamon.store_missed, wamon.hook_heard;
    DROP FUNCTION wamon.grant_to, wamon.grant_roles;
    DROP TABLE wamon.conversations, wamon.conversation_messages, wamon.turns, wamon.conversation_state_transitions,
               wamon.conversation_counts, wamon.agent_contexts, wamon.agent_sessions, wamon.breakers;
    ALTER TABLE wamon.replies DROP COLUMN reply, DROP COLUMN conversation, DROP COLUMN through_seq, DROP COLUMN fence,
                              DROP COLUMN body, DROP COLUMN deadline, DROP COLUMN late, DROP COLUMN delivered_at,
                              DROP COLUMN read_at;
    DROP INDEX wamon.replies_by_id;
    ALTER TABLE wamon.replies DROP COLUMN local_id;
    ALTER TABLE wamon.sources DROP COLUMN agent_off;
    DELETE FROM wamon.migrations WHERE version >= 6;
"""


def test_a_full_ledger_of_before_is_known_again_afterwards(tmp_path: Path, made_dsn: str) -> None:
    with Field(Lharries(tmp_path / "messages.db", durable=False)) as field:
        office = Office(tmp_path / "office", made_dsn, field.path)
        edited, taken_back, _ = [field.post(LAWLEY, text) for text in ("DR1750001 DR1750002", "DR1750003", "RD1750004")]
        office.scan()
        field.edit(taken_back, "sorry, not yet")
        office.scan()
        before = office.everything()
        office.query(BEFORE_NUMBERS)
        office.scan()
        assert office.everything() == before
        assert office.verify().clean
        field.edit(edited, "DR1750002")
        field.edit(taken_back, "DR1750003")
        office.scan()
        live = office.query("SELECT drop_number FROM wamon.submissions WHERE live ORDER BY 1")
        assert live == ["DR1750002", "DR1750003"]
        assert office.verify().clean


@pytest.fixture
def hooks_role(empty_dsn: str) -> Iterator[str]:
    """The role that the administrator made for what takes deliveries in."""
    query(empty_dsn, "CREATE ROLE wamon_hooks")
    yield "wamon_hooks"
    query(empty_dsn, "DROP OWNED BY wamon_hooks")
    query(empty_dsn, "DROP ROLE wamon_hooks")


KEEP = """
    INSERT INTO wamon.webhook_events (uid, hook, source, body, sha256)
    SELECT '00000000-0000-0000-0000-000000000001', 'wati', 'wati', 'x', sha256('x') ON CONFLICT DO NOTHING
"""


def test_a_role_that_is_made_later_is_granted_its_rights_by_the_next_db_migrate(
    new_office: Office, hooks_role: str
) -> None:
    query(new_office.dsn, "DROP ROLE wamon_hooks")
    new_office.scan()
    query(new_office.dsn, "CREATE ROLE wamon_hooks")
    assert new_office.run("db", "migrate").returncode == 0
    query(as_role(new_office.dsn, hooks_role), KEEP)


def test_a_backup_goes_back_where_the_roles_are_not(new_office: Office, hooks_role: str, tmp_path: Path) -> None:
    new_office.scan()
    assert new_office.run("db", "dump", str(tmp_path / "backup")).returncode == 0
    query(new_office.dsn, f"DROP OWNED BY {hooks_role}")
    query(new_office.dsn, f"DROP ROLE {hooks_role}")
    assert new_office.run("db", "restore", str(tmp_path / "backup"), "--force").returncode == 0
    query(new_office.dsn, f"CREATE ROLE {hooks_role}")
    assert new_office.verify().clean


def test_a_writer_from_before_hooks_writes_its_rows_as_ever(office: Office) -> None:
    """What it names of the tables is what it knew; what came since has its constants."""
    office.scan()
    chat = office.query("SELECT chat FROM wamon.groups LIMIT 1")[0]
    office.query(
        "INSERT INTO wamon.ledger_rows (chat, message_id, status, rules, content_hash, sender) "
        "VALUES (%s, 'OLD', 'retry', 1, 0, '')",
        chat,
    )
    office.query("INSERT INTO wamon.dead_letters (chat, message_id, reason) VALUES (%s, 'OLD', 'poison')", chat)
    assert office.query("SELECT DISTINCT via FROM wamon.ledger_rows") == ["store"]
    assert office.query("SELECT kind FROM wamon.dead_letters") == ["message"]
    assert office.query("SELECT DISTINCT kind FROM wamon.groups") == ["group"]


# Under a dump that psql plays


PSQL = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = 'psql'"
BEGUN = {
    "a function": "CREATE FUNCTION wamon.hear() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NEW; END $$",
    "a table": "CREATE TABLE wamon.allow_lists (project text)",
}


@pytest.mark.fault("F105")
@pytest.mark.parametrize("first", BEGUN)
def test_a_schema_that_a_dump_has_only_begun_is_left_to_it(empty_dsn: str, first: str) -> None:
    query(empty_dsn, f"CREATE SCHEMA wamon; {BEGUN[first]}")
    with pytest.raises(DatabaseUnavailable, match="isn't whole"):
        migrated(empty_dsn)
    query(empty_dsn, "DROP SCHEMA wamon CASCADE; CREATE SCHEMA wamon")
    assert migrated(empty_dsn) == NAMES


@pytest.mark.fault("F105")
def test_while_psql_is_busy_where_the_schema_is_missing_none_is_made(empty_dsn: str) -> None:
    with psycopg.connect(empty_dsn, application_name="psql") as busy:
        busy.execute("DROP SCHEMA IF EXISTS wamon")
        with pytest.raises(DatabaseUnavailable, match="A restore is at work"):
            migrated(empty_dsn)
        assert query(empty_dsn, "SELECT to_regnamespace('wamon')") == [(None,)]
    eventually("psql is gone", lambda: query(empty_dsn, PSQL) == [(0,)])
    assert migrated(empty_dsn) == NAMES
    with psycopg.connect(empty_dsn, application_name="psql") as busy:
        busy.execute("SELECT 1")
        assert migrated(empty_dsn) == []


AS_IT_WAS = """
    INSERT INTO wamon.webhook_events
        (uid, hook, source, body, sha256, state, attempts, next_try_at, ended_at, messages, reason, same_as)
    SELECT gen_random_uuid(), 'wati', 'wati', body::bytea, sha256('x'), state, attempts,
           now() + attempts * interval '1 hour', CASE WHEN state <> 'new' THEN now() END, messages, reason, same_as
    FROM (VALUES ('{}', 'new', 0, NULL, NULL, NULL), ('{}', 'new', 2, NULL, 'refused', NULL),
                 ('{}', 'done', 0, 1, NULL, NULL), (NULL, 'done', 0, 1, NULL, 3),
                 ('{}', 'dead', 4, NULL, 'refused', NULL))
         AS k (body, state, attempts, messages, reason, same_as);
"""
HOW_IT_STANDS = (
    "SELECT event, state, messages, reason, same_as, body, next_try_at > now(), ended_at IS NULL"
    " FROM wamon.webhook_events ORDER BY event"
)
AS_BEFORE = (
    "INSERT INTO wamon.webhook_events (uid, hook, source, body, sha256)"
    " SELECT ('00000000-0000-0000-0000-00000000000' || n)::uuid, 'wati', 'wati', '{}', sha256('{}')"
    " FROM (VALUES (1), (2), (1)) AS k (n) ON CONFLICT DO NOTHING"
)


def test_deliveries_stand_as_before_where_they_were_one_table(empty_dsn: str, monkeypatch: pytest.MonkeyPatch) -> None:
    until = tuple(one for one in migrations() if one.version < 32)
    with monkeypatch.context() as patch:
        patch.setattr("wamon.postgres.migrations.migrations", lambda: until)
        migrated(empty_dsn)
    query(empty_dsn, AS_IT_WAS)
    before = query(empty_dsn, HOW_IT_STANDS)
    migrated(empty_dsn)
    assert query(empty_dsn, HOW_IT_STANDS) == [row if row[1] == "new" else (*row[:6], None, row[7]) for row in before]
    assert query(empty_dsn, "SELECT event, attempts FROM wamon.delivery_queue ORDER BY 1") == [(1, 0), (2, 2)]
    assert query(empty_dsn, "SELECT event, keeps_body FROM wamon.delivery_ends ORDER BY 1") == [
        (3, True), (4, False), (5, True)
    ]  # fmt: skip


def test_what_a_web_of_before_keeps_waits_like_any_other_and_once(empty_dsn: str) -> None:
    """It goes on beside a schema that is newer, until it is started again."""
    migrated(empty_dsn)
    query(empty_dsn, AS_BEFORE)
    kept = "SELECT hook, state FROM wamon.webhook_events JOIN wamon.delivery_queue USING (event, hook)"
    assert query(empty_dsn, kept) == [("wati", "new")] * 2
