"""Behind a pooler that gives each transaction another server process, everything is as it is without one."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.support.bridges import LAWLEY, PROJECTS, VeryGoodPlugins
from tests.support.checks import assert_whole, recorded
from tests.support.office import Office
from tests.support.pooler import PROGRAM, pooled
from tests.support.traffic import write_traffic
from tests.support.truth import Field
from wamon.errors import DatabaseUnavailable
from wamon.postgres.connection import Database, connected, keep_session, transaction

SESSIONS = 3

pytestmark = pytest.mark.skipif(PROGRAM is None, reason="pgbouncer isn't installed here")


@pytest.fixture
def pooled_dsn(dsn: str) -> Iterator[str]:
    """The way to the same database through a pooler with a few server processes, taken in turn."""
    with pooled(dsn, SESSIONS) as way:
        yield way


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", seed=7, durable=False), watched=False) as field:
        yield field


def through(office: Office, pooled_dsn: str) -> Office:
    """The same office, whose wamon goes through the pooler while its questions go past it."""
    office.set(database={"url": pooled_dsn})
    return office


@pytest.mark.fault("F19")
def test_scans_through_it_record_the_truth_each_time(
    field: Field, open_office: Callable[..., Office], pooled_dsn: str
) -> None:
    office = through(open_office(field.path), pooled_dsn)
    for wave in range(2):
        write_traffic(field, 200, seed=wave)
        done = office.run("scan")
        assert done.returncode == 0, done.stderr
        field.truth.scanned()
        office.sweep()
        assert office.run("scan").returncode == 0
        assert_whole(office, field)
    assert office.run("verify").returncode == 0
    assert [left_behind(pooled_dsn) for _ in range(SESSIONS)] == [0] * SESSIONS


def left_behind(dsn: str) -> int:
    """What of an earlier session's is still there: settings, prepared statements, tables, locks."""
    with psycopg.connect(dsn, application_name="wamon", prepare_threshold=None) as db:
        ((left,),) = db.execute(
            "SELECT (SELECT count(*) FROM pg_settings WHERE source = 'session' AND name <> 'application_name')"
            " + (SELECT count(*) FROM pg_prepared_statements) + (SELECT count(*) FROM pg_cursors WHERE is_holdable)"
            " + (SELECT count(*) FROM pg_locks WHERE locktype = 'advisory') + (pg_my_temp_schema() <> 0)::int"
        ).fetchall()
        return int(left)


@pytest.mark.fault("F19")
def test_a_session_is_kept_only_where_a_server_process_is_ours(dsn: str, pooled_dsn: str) -> None:
    """Where it isn't, a transaction has the same limits, and leaves nothing behind."""
    for way, is_kept in ((dsn, True), (pooled_dsn, False)):
        with connected(way) as db:
            keep_session(db)
            assert db.keeps_limits == is_kept
            assert (limit_of(db) == "30s") == is_kept
            with transaction(db):
                assert limit_of(db) == "30s"
            with transaction(db, 60):
                assert limit_of(db) == "1min"
            assert (limit_of(db) == "30s") == is_kept
    assert [left_behind(pooled_dsn) for _ in range(SESSIONS)] == [0] * SESSIONS


def limit_of(db: Database) -> str:
    ((limit,),) = db.execute("SELECT current_setting('statement_timeout')").fetchall()
    return str(limit)


@pytest.mark.fault("F19", "F56")
def test_two_that_scan_at_once_through_it_record_everything_once(
    tmp_path: Path, field: Field, dsn: str, pooled_dsn: str
) -> None:
    with field.batch():
        for number in range(1_750_000, 1_750_300):
            for jid in PROJECTS:
                field.post(jid, f"DR{number}")
    offices = [through(Office(tmp_path / name, dsn, field.path), pooled_dsn) for name in ("one", "two")]
    with ThreadPoolExecutor(2) as pool:
        ended = list(pool.map(lambda office: office.run("scan"), offices))
    assert [done.returncode for done in ended] == [0, 0], [done.stderr for done in ended]
    assert_whole(offices[0], field)


@pytest.mark.fault("F19")
def test_a_daemon_and_commands_beside_it_work_through_it(
    field: Field, open_office: Callable[..., Office], pooled_dsn: str
) -> None:
    field.post(LAWLEY, "DR1000001")
    office = through(open_office(field.path, scan={"interval": "1h"}), pooled_dsn)
    with office.running() as daemon:
        for number in ("DR1000001", "DR1000002", "DR1000003"):
            recorded(office, number, daemon.said)
            assert office.run("scan").returncode == 0
            field.post(LAWLEY, f"DR{int(number[2:]) + 1}")
        recorded(office, "DR1000004", daemon.said)
        assert office.run("run").returncode == 75
        assert daemon.end() == 0
    assert office.query("SELECT count(*) FROM wamon.leases") == [0]
    assert_whole(office, field)


def test_settings_in_the_address_are_refused_with_what_to_do(pooled_dsn: str) -> None:
    with pytest.raises(DatabaseUnavailable) as refused, connected(make_conninfo(pooled_dsn, options="-c jit=off")):
        pass
    assert "options=" in refused.value.hint
