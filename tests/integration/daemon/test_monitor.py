"""What the daemon tells people, from the fault to the all-clear, over restarts, and never at a pass's cost."""

from __future__ import annotations

import os
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.support.bridges import LAWLEY, MOHADIN, VeryGoodPlugins
from tests.support.environment import program
from tests.support.office import Office, eventually, run_while
from tests.support.receivers import Hooks, behaving, hooks
from tests.support.truth import Field
from wamon.alerts.channels import channels
from wamon.alerts.state_file import AlertsFile
from wamon.bridge.access import access
from wamon.daemon import monitor
from wamon.daemon.passes import Passes
from wamon.health.check import Check, State
from wamon.net.message import Bounds

Open = Callable[..., Office]
AT_ONCE = {"rules": {name: {"hold": "0s"} for name in ("bridge", "database", "silence", "service")}}


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        field.post(LAWLEY, "DR1000001")
        yield field


@pytest.fixture
def hook() -> Iterator[Hooks]:
    with hooks() as found:
        yield found


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """As many as there were looks, each soon after the last."""
    counted: list[int] = []
    original = monitor.Monitor._look_once

    def look_once(one: monitor.Monitor) -> None:
        original(one)
        counted.append(1)

    monkeypatch.setattr(monitor, "_LEAST_SECONDS", 0.02)
    monkeypatch.setattr(monitor, "_LARGEST_SHARE", 1.0)
    monkeypatch.setattr(monitor.Monitor, "_look_once", look_once)
    return counted


@pytest.fixture
def office(field: Field, open_office: Open, hook: Hooks, looks: list[int]) -> Office:
    return open_office(field.path, scan={"interval": "1s"}, alerts={"channels": hook.channels, **AT_ONCE})


def recorded(office: Office, number: str) -> None:
    eventually(f"{number} recorded", lambda: ("Lawley", number) in office.drops())


def told(hook: Hooks, *expected: str) -> None:
    """Wait until these were told, by rule and kind."""
    eventually(f"{expected} told", lambda: len(hook.posted) >= len(expected), said=lambda: str(hook.posted))
    assert kinds(hook) == list(expected)


def kinds(hook: Hooks) -> list[str]:
    return [f"{posted['rule']} {posted['kind']}" for posted in hook.posted]


def some_more(looks: list[int]) -> None:
    """Wait for a few looks: what was to be told twice would have been."""
    before = len(looks)
    eventually("some more looks", lambda: len(looks) > before + 3)


class Door:
    """The database's: it can be closed, and opened again."""

    def __init__(self, office: Office) -> None:
        self._name = str(conninfo_to_dict(office.dsn)["dbname"])
        self._server = make_conninfo(office.dsn, dbname="postgres")

    def close(self) -> None:
        self._say(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS false")
        self._say(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{self._name}'")

    def open(self) -> None:
        self._say(f"ALTER DATABASE {self._name} ALLOW_CONNECTIONS true")

    def _say(self, sql: str) -> None:
        with psycopg.connect(self._server, autocommit=True) as db:
            db.execute(sql.encode())


@pytest.mark.fault("F9", "F80")
def test_a_database_that_goes_is_one_alert_and_one_all_clear_also_over_restarts(
    office: Office, hook: Hooks, looks: list[int]
) -> None:
    door = Door(office)

    def goes() -> None:
        recorded(office, "DR1000001")
        some_more(looks)
        assert hook.posted == []
        door.close()
        told(hook, "database alert")
        some_more(looks)

    def stays_away() -> None:
        some_more(looks)

    def comes_back() -> None:
        some_more(looks)
        door.open()
        told(hook, "database alert", "database over")
        some_more(looks)

    run_while(office, goes)
    run_while(office, stays_away)
    run_while(office, comes_back)
    assert kinds(hook) == ["database alert", "database over"]
    assert hook.posted[0]["since"] == hook.posted[1]["since"]


def test_a_store_that_goes_is_one_alert_and_one_all_clear(
    office: Office, field: Field, hook: Hooks, looks: list[int], tmp_path: Path
) -> None:
    def act() -> None:
        recorded(office, "DR1000001")
        field.path.rename(tmp_path / "away.db")
        told(hook, "bridge alert")
        some_more(looks)
        (tmp_path / "away.db").rename(field.path)
        told(hook, "bridge alert", "bridge over")
        some_more(looks)

    run_while(office, act)
    assert kinds(hook) == ["bridge alert", "bridge over"]


@pytest.mark.fault("F81")
def test_a_breaker_that_stops_the_parking_raises_the_alarm_without_a_word_of_the_messages(
    office: Office, field: Field, hook: Hooks
) -> None:
    office.set(alerts={"rules": {"passes": {"hold": "0s"}}})

    def act() -> None:
        recorded(office, "DR1000001")
        verified = "SELECT last_verify_at IS NOT NULL FROM wamon.sources"
        eventually("the first verify, which would tell of what is refused", lambda: office.query(verified) == [True])
        with office.refusing("DR66%"):
            for n in range(5):
                field.post(LAWLEY, f"DR660000{n} the canary sings", sender="27820009999")
            told(hook, "passes alert")
        told(hook, "passes alert", "passes over")

    run_while(office, act)
    assert "refuses message after message" in hook.posted[0]["text"]
    assert not [word for word in ("canary", "27820009999", "DR660") if word in str(hook.posted)]


def test_groups_that_fall_silent_are_one_alert_by_name(
    office: Office, hook: Hooks, looks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    silent = [
        Check("bridge.freshness", State.WARN, f"{name} is silent.", "", name, jid, {"age_seconds": 9999.0})
        for name, jid in {"Lawley": LAWLEY, "Mohadin": MOHADIN}.items()
    ]
    found = list(silent)
    monkeypatch.setattr("wamon.app.run.unwell", lambda _: list(found))

    def act() -> None:
        told(hook, "silence alert")
        some_more(looks)
        found.clear()
        told(hook, "silence alert", "silence over")

    run_while(office, act)
    assert [posted["groups"] for posted in hook.posted] == [["Lawley", "Mohadin"]] * 2


def test_a_daemon_whose_passes_end_sends_its_heartbeat(office: Office, hook: Hooks) -> None:
    office.set(alerts={"channels": {}, "heartbeat": hook.url})
    run_while(office, lambda: eventually("the heartbeat", lambda: hook.asked == ["GET"]))


@pytest.mark.fault("F8")
def test_a_crash_is_over_once_it_runs_again(office: Office, hook: Hooks, looks: list[int]) -> None:
    assert office.run("service", "stopped", SERVICE_RESULT="watchdog").returncode == 0
    assert kinds(hook) == ["service alert"]
    run_while(office, partial(told, hook, "service alert", "service over"))


@pytest.mark.fault("F8", "F80")
def test_a_crash_that_could_not_be_told_is_told_by_the_next_start(
    office: Office, hook: Hooks, looks: list[int]
) -> None:
    office.set(alerts={"channels": {}})
    broken = office.config_path.read_text("utf-8")
    office.config_path.write_text("alerts: [broken", "utf-8")
    environ = {"WAMON_STATE_DIR": str(office.state_path.parent), "WAMON_CONFIG": str(office.config_path)}
    done = subprocess.run(
        [*program(), "service", "stopped"],
        check=True,
        capture_output=True,
        text=True,
        env={**os.environ, **environ, "SERVICE_RESULT": "oom-kill"},
    )
    assert "memory" in done.stderr
    office.config_path.write_text(broken, "utf-8")
    office.set(alerts={"channels": hook.channels})
    run_while(office, partial(told, hook, "service alert", "service over"))


def test_a_state_file_that_was_set_aside_is_told(office: Office, hook: Hooks, looks: list[int]) -> None:
    office.state_path.parent.mkdir()
    office.state_path.write_text("{torn")
    run_while(office, partial(told, hook, "state alert"))


@pytest.mark.fault("F33")
def test_a_store_that_the_daemon_had_better_not_open_is_told_for_its_rights_and_not_as_missing(
    office: Office, hook: Hooks, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Root reads the store of a bridge in WAL mode, say."""
    found = access(office.store)._replace(is_owner=False, may_write_folder=True, is_wal=True)
    monkeypatch.setattr("wamon.app.run.access", lambda _: found)
    run_while(office, partial(told, hook, "bridge alert"))
    assert "files that the bridge can't write" in hook.posted[0]["text"]
    assert "No bridge's store is named" not in hook.posted[0]["text"]


@contextmanager
def holding() -> Iterator[tuple[int, threading.Event]]:
    """A host that takes a connection and holds it until the block ends; its port, and whether there is one."""
    held, over = threading.Event(), threading.Event()

    def hold(_: Any) -> None:
        held.set()
        over.wait(60)

    with behaving(hold) as port:
        try:
            yield port, held
        finally:
            over.set()


@pytest.mark.fault("F80")
def test_a_webhook_that_hangs_delays_neither_a_pass_nor_a_look_nor_the_end(
    office: Office, field: Field, looks: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    unhurried = Bounds(connect_seconds=60, answer_seconds=60, answer_bytes=0)
    monkeypatch.setattr("wamon.alerts.notifier.channels", partial(channels, bounds=unhurried))
    office.state_path.parent.mkdir()
    office.state_path.with_name("state.json.bad-1").touch()
    file = AlertsFile(office.state_path.parent)
    with holding() as (port, held):
        office.set(alerts={"channels": {"webhook": {"url": f"http://127.0.0.1:{port}/", "allow_private": True}}})

        def act() -> None:
            eventually("the webhook hangs", held.is_set)
            field.post(LAWLEY, "DR1000002")
            recorded(office, "DR1000002")
            some_more(looks)
            assert file.read().outages == {}

        run_while(office, act)
    assert [one.alert.rule for one in file.read().waiting] == ["state"]


def test_one_that_stands_by_tells_what_is_its_own_and_leaves_the_rest_to_the_one_that_works() -> None:
    """Two hosts that each told everything would tell it twice."""
    from wamon.errors import Busy, DatabaseUnavailable

    checks = [Check("bridge.store", State.BAD, "x"), Check("database.server", State.BAD, "y")]
    taken: list[list[Check]] = []
    passes = Passes(lambda: None)
    one = monitor.Monitor(lambda: checks, lambda found: taken.append(list(found)), passes, monitor.Troubles())
    passes.trouble = Busy("Standing by.")
    one._look_once()
    assert [check.state for check in taken[0]] == [State.UNKNOWN, State.BAD, State.UNKNOWN]
    passes.trouble = DatabaseUnavailable("gone")
    one._look_once()
    assert [check.state for check in taken[1]] == [State.BAD] * 3


def test_fifty_groups_that_fall_silent_are_one_line_and_one_when_it_is_over(caplog: pytest.LogCaptureFixture) -> None:
    silent = [
        Check(
            "bridge.freshness", State.WARN, f"Site {n} is silent.", "Is the bridge connected?", f"Site {n}", f"{n}@g.us"
        )
        for n in range(50)
    ]
    looks = [silent, silent, []]
    one = monitor.Monitor(lambda: looks.pop(0), lambda _: None, Passes(lambda: None), monitor.Troubles())
    with caplog.at_level("INFO", "wamon"):
        for _ in range(3):
            one._look_once()
    assert [record.getMessage() for record in caplog.records] == [
        "Site 0 is silent. The same goes for 49 more groups. Is the bridge connected?",
        "Over: Site 0 is silent. The same goes for 49 more groups.",
    ]
