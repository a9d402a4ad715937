"""`wamon run` as a real process: what it promises whoever leaves it alone for years."""

from __future__ import annotations

import json
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest

from tests.support.bridges import LAWLEY, PROJECTS, VELO_TEST, Lharries, VeryGoodPlugins
from tests.support.leases import leases_let_go, tell_of_leases_let_go
from tests.support.office import Daemon, Office, eventually
from tests.support.truth import Field

LONG = {"scan": {"interval": "1h"}}  # so that only the doorbell can have rung


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        field.post(LAWLEY, "DR1000001")
        yield field


def has(office: Office, number: str) -> Callable[[], bool]:
    return lambda: bool(office.query("SELECT 1 FROM wamon.submissions WHERE live AND drop_number = %s", number))


def recorded(office: Office, number: str, daemon: Daemon) -> None:
    eventually(f"{number} recorded", has(office, number), said=daemon.said)


def started(office: Office, daemon: Daemon) -> None:
    recorded(office, "DR1000001", daemon)


def test_a_message_is_recorded_when_the_bridge_writes_it(field: Field, open_office: Callable[..., Office]) -> None:
    office = open_office(field.path, **LONG)
    with office.running() as daemon:
        started(office, daemon)
        for number in ("DR1000002", "DR1000003"):
            message_id = field.post(LAWLEY, number)
            recorded(office, number, daemon)
        field.edit(message_id, "DR1000004")
        recorded(office, "DR1000004", daemon)
        assert office.submissions() == field.truth.submissions()
        assert daemon.end() == 0
    assert office.verify().clean


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
@pytest.mark.fault("F3")
def test_it_ends_well_and_releases_its_source_when_asked_to(
    field: Field, open_office: Callable[..., Office], number: signal.Signals
) -> None:
    office = open_office(field.path, **LONG)
    with office.running() as daemon:
        started(office, daemon)
        assert daemon.end(number) == 0
    assert office.query("SELECT count(*) FROM wamon.leases") == [0]


def test_hygiene_knows_how_a_run_by_hand_ended(field: Field, open_office: Callable[..., Office]) -> None:
    office = open_office(field.path, **LONG)
    for number in ("DR1000001", "DR1000002"):
        field.post(LAWLEY, number)
        with office.running() as daemon:
            recorded(office, number, daemon)
            assert max(map(len, office.run("hygiene", COLUMNS="80").stdout.splitlines())) <= 80
            assert daemon.end() == 0
    found = office.answer("hygiene")["restarts"]
    assert [(one["reason"], one["detail"]) for one in found] == [("stopped", "exited 0")] * 2
    assert [one["back_at"] is None for one in found] == [False, True]


@pytest.mark.fault("F56")
def test_a_second_one_on_the_same_source_ends_with_75(field: Field, open_office: Callable[..., Office]) -> None:
    office = open_office(field.path, **LONG)
    with office.running() as daemon:
        started(office, daemon)
        second = office.run("run")
    assert second.returncode == 75
    assert "Another wamon works on source main" in second.stderr


@pytest.mark.fault("F60")
def test_a_standby_takes_over_when_the_first_is_gone(field: Field, open_office: Callable[..., Office]) -> None:
    office = open_office(field.path, **LONG)
    with office.running() as first:
        started(office, first)
        with office.running("--standby") as second:
            eventually("the second stands by", lambda: "Standing by" in second.said(), said=second.said)
            first.end(signal.SIGKILL)
            field.post(LAWLEY, "DR1000002")
            recorded(office, "DR1000002", second)
            assert second.end() == 0


@pytest.mark.fault("F59")
def test_after_kill_9_the_next_one_works_at_once(field: Field, open_office: Callable[..., Office]) -> None:
    office = open_office(field.path, **LONG)
    with office.running() as daemon:
        started(office, daemon)
        daemon.end(signal.SIGKILL)
    field.post(LAWLEY, "DR1000002")
    with office.running() as daemon:
        recorded(office, "DR1000002", daemon)


def test_what_is_posted_while_it_restarts_is_recorded_after_it(
    field: Field, open_office: Callable[..., Office]
) -> None:
    office = open_office(field.path, **LONG)
    with office.running() as daemon:
        started(office, daemon)
        assert daemon.end() == 0
    field.post(LAWLEY, "DR1000002")
    with office.running() as daemon:
        recorded(office, "DR1000002", daemon)


def test_commands_that_write_work_beside_it(field: Field, open_office: Callable[..., Office]) -> None:
    office = open_office(field.path, **LONG)
    with office.running() as daemon:
        started(office, daemon)
        assert office.run("state", "rewind", "--group", "Lawley", "--to", "beginning").returncode == 0
        assert office.run("scan").returncode == 0
        assert office.run("verify", "--repair").returncode == 0
        field.post(LAWLEY, "DR1000002")
        recorded(office, "DR1000002", daemon)
        assert daemon.end() == 0


@pytest.mark.fault("F11", "F15")
def test_it_outlives_connections_that_end_and_a_server_that_refuses(
    field: Field, open_office: Callable[..., Office]
) -> None:
    office = open_office(field.path, **LONG)
    with office.running() as daemon:
        started(office, daemon)
        _end_connections(office)
        field.post(LAWLEY, "DR1000002")
        recorded(office, "DR1000002", daemon)
        office.query(f"ALTER DATABASE {_database(office)} SET default_transaction_read_only = on")
        _end_connections(office)
        field.post(LAWLEY, "DR1000003")
        eventually("it says that PostgreSQL is read-only", lambda: "read-only" in daemon.said())
        with psycopg.connect(office.dsn, autocommit=True) as db:
            db.execute("SET default_transaction_read_only = off")
            db.execute(f"ALTER DATABASE {_database(office)} RESET default_transaction_read_only")
        recorded(office, "DR1000003", daemon)
        assert daemon.end() == 0
    assert office.query("SELECT count(*) FROM wamon.dead_letters") == [0]


def _database(office: Office) -> str:
    return str(office.query("SELECT current_database()")[0])


def _end_connections(office: Office) -> None:
    office.query(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
        "WHERE datname = current_database() AND pid <> pg_backend_pid()"
    )


@pytest.mark.fault("F35", "F36")
def test_it_says_which_trouble_the_store_has_and_goes_on_when_it_can(
    tmp_path: Path, open_office: Callable[..., Office]
) -> None:
    with Field(Lharries(tmp_path / "messages.db", durable=False)) as field:
        field.post(LAWLEY, "DR1000001")
        office = open_office(field.path, scan={"interval": "1s"})
        with office.running() as daemon:
            started(office, daemon)
            away = tmp_path / "away.db"
            field.path.rename(away)
            eventually("it says that the store is missing", lambda: "isn't there" in daemon.said())
            shutil.copy(away, field.path)
            with Field(Lharries(field.path, durable=False)) as new:
                new.post(LAWLEY, "DR1000002")
            recorded(office, "DR1000002", daemon)
            assert daemon.end() == 0
    assert office.verify().clean


@pytest.mark.fault("F70")
def test_a_changed_config_is_taken_over_and_a_wrong_one_refused(
    field: Field, open_office: Callable[..., Office]
) -> None:
    groups = [{"name": name, "jid": jid} for jid, name in PROJECTS.items()]
    office = open_office(field.path, groups=groups[:1], **LONG)
    field.post(VELO_TEST, "DR1000002")
    with office.running() as daemon:
        started(office, daemon)
        tell_of_leases_let_go(office)
        right = office.config_path.read_text()
        office.config_path.write_text(right + "nonsense: 1\n")
        daemon.process.send_signal(signal.SIGHUP)
        eventually("the wrong config is refused", lambda: "kept as it was" in daemon.said())
        field.post(LAWLEY, "DR1000003")
        recorded(office, "DR1000003", daemon)
        assert not has(office, "DR1000002")()
        office.set(groups=groups)
        daemon.process.send_signal(signal.SIGHUP)
        recorded(office, "DR1000002", daemon)
        assert leases_let_go(office) == 0  # or a standby could slip in, and status would tell of no daemon
        assert daemon.end() == 0


@pytest.mark.fault("F47")
def test_an_edit_older_than_the_overlap_is_found_by_the_background_sweep(
    field: Field, open_office: Callable[..., Office]
) -> None:
    office = open_office(field.path, **LONG)
    old = field.post(LAWLEY, "DR1000002")
    for n in range(600):
        field.post(LAWLEY, f"Good morning {n}")
    office.scan()
    field.edit(old, "DR1000003")
    office.sweep()
    with office.running() as daemon:
        recorded(office, "DR1000003", daemon)
        eventually("the sweep is done", lambda: office.query("SELECT sweep_due FROM wamon.sources") == [None])
        assert daemon.end() == 0


def chores_are_done(office: Office, daemon: Daemon) -> bool:
    """Else it may be stopped within a transaction of theirs, which PostgreSQL ends only after a minute."""
    own = "application_name = 'wamon' AND datname = current_database()"
    states = office.query(f"SELECT state FROM pg_stat_activity WHERE {own}")
    return "Verified" in daemon.said() and states == ["idle"] * 2  # the passes' and the status rows'


@pytest.mark.fault("F5", "F57")
def test_a_daemon_that_was_stopped_for_long_and_goes_on_writes_nothing_wrong(
    field: Field, open_office: Callable[..., Office]
) -> None:
    office = open_office(field.path, **LONG)
    with office.running() as stalled:
        started(office, stalled)
        eventually("the end of its first chores", lambda: chores_are_done(office, stalled), said=stalled.said)
        stalled.process.send_signal(signal.SIGSTOP)
        office.query("UPDATE wamon.leases SET expires_at = now()")
        with office.running() as second:
            field.post(LAWLEY, "DR1000002")
            recorded(office, "DR1000002", second)
            stalled.process.send_signal(signal.SIGCONT)
            assert stalled.process.wait(timeout=30) == 75, stalled.said()
            field.post(LAWLEY, "DR1000003")
            recorded(office, "DR1000003", second)
    assert office.submissions() == field.truth.submissions()
    assert office.verify().clean


@pytest.mark.fault("F81")
def test_no_phone_number_and_no_text_reaches_its_log(field: Field, open_office: Callable[..., Office]) -> None:
    office = open_office(field.path, **LONG)
    with office.running("--json") as daemon:
        started(office, daemon)
        field.post(LAWLEY, "DR1000002 the canary sings", sender="27820009999")
        recorded(office, "DR1000002", daemon)
        _end_connections(office)
        field.post(LAWLEY, "DR1000003 the canary sings", sender="27820009999")
        recorded(office, "DR1000003", daemon)
        assert daemon.end() == 0
        said = daemon.said()
    assert '"action": "pass"' in said
    assert "canary" not in said
    assert "27820009999" not in said


def test_nothing_is_left_behind_with_the_embedded_server(field: Field, open_office: Callable[..., Office]) -> None:
    office = open_office(field.path, database={"url": ""}, **LONG)
    with office.running() as daemon:
        eventually("its first pass", office.state_path.exists)  # before it has begun what is due at its start
        assert daemon.end() == 0, daemon.said()
    assert not [pid for pid in Path("/proc").glob("[0-9]*") if str(office.folder) in _command(pid)]
    assert json.loads(office.run("db", "stop", "--json").stdout) == {"stopped": False}


def _command(process: Path) -> str:
    try:
        return (process / "cmdline").read_bytes().replace(b"\0", b" ").decode("utf-8", "replace")
    except OSError:
        return ""
