"""The daemon in this process: what can only be seen with its beats, its clocks or its server in the test's hand."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from pkgutil import resolve_name
from typing import NoReturn

import pytest

from tests.support.bridges import LAWLEY, MOHADIN, VeryGoodPlugins, WacliJanuary
from tests.support.clock import CLOCK, HOST, Moved
from tests.support.half_commit import half_committed
from tests.support.leases import leases_let_go, tell_of_leases_let_go
from tests.support.office import Office, eventually, run_while
from tests.support.truth import Field
from wamon.app.configured import configured
from wamon.app.run import plan
from wamon.bridge.doorbell import Doorbell
from wamon.bridge.stamp import StoreFile
from wamon.config.schema import Config
from wamon.daemon import loop, monitor
from wamon.daemon.beats import beats
from wamon.errors import Busy
from wamon.health.check import Check, State
from wamon.ledger import allow_list
from wamon.model import Sizes
from wamon.postgres import leases
from wamon.postgres.connection import connected
from wamon.postgres.migrations import migrate

Open = Callable[..., Office]


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        field.post(LAWLEY, "DR1000001")
        yield field


def recorded(office: Office, number: str) -> None:
    eventually(f"{number} recorded", lambda: ("Lawley", number) in office.drops())


def silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a beat nor the doorbell rings."""
    monkeypatch.setattr(loop, "beats", lambda *_: nullcontext(lambda: None))
    monkeypatch.setattr(Doorbell, "listen", lambda _: None)


def test_a_write_that_leaves_the_files_time_as_it_was_is_found_where_that_time_is_too_young_to_be_trusted(
    field: Field, open_office: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file's time moves in ticks: two writes within one have the same."""
    silence(monkeypatch)
    one = StoreFile(field.path).stamp()
    monkeypatch.setattr(StoreFile, "stamp", lambda _: one)
    monkeypatch.setattr("wamon.bridge.stamp._TRUSTED_AFTER_SECONDS", 3600)
    office = open_office(field.path, scan={"interval": "1h"})
    office.scan()  # so that no sweep is due
    field.post(LAWLEY, "DR1000002")

    def act() -> None:
        recorded(office, "DR1000002")
        field.post(LAWLEY, "DR1000003")
        recorded(office, "DR1000003")

    run_while(office, act)


def test_one_whose_lease_another_took_speaks_for_its_source_no_more(field: Field, open_office: Open) -> None:
    office = open_office(field.path)

    def taken(_: Config) -> NoReturn:
        raise Busy("Another wamon works on source main.")

    def load() -> Config:
        return configured(office.config_path, {})

    daemon = loop.Daemon(replace(plan(load, CLOCK), session=taken), CLOCK, standby=True)
    daemon._passes.source, daemon._passes.holder = "main", "the name by which it was held"
    daemon._bell.stop()
    daemon._work_while_connected(loop._Pause())
    assert daemon._passes.holder_of("main") is None


@pytest.mark.fault("F17")
def test_its_lease_is_kept_while_postgresql_has_no_room_so_that_who_looks_knows_that_it_runs(
    field: Field, open_office: Open
) -> None:
    office = open_office(field.path)
    office.query("CREATE SEQUENCE public.tries")
    office.query(
        "CREATE FUNCTION public.no_room() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN PERFORM nextval('public.tries'); RAISE 'full' USING ERRCODE = '53100'; END $$"
    )
    office.query(
        "CREATE TRIGGER no_room BEFORE INSERT ON wamon.ledger_rows FOR EACH ROW EXECUTE FUNCTION public.no_room()"
    )
    tell_of_leases_let_go(office)

    def act() -> None:
        eventually("it tries again", lambda: office.query("SELECT last_value FROM public.tries")[0] > 1)
        assert leases_let_go(office) == 0
        assert office.query("SELECT count(*) FROM wamon.leases") == [1]
        office.query("DROP TRIGGER no_room ON wamon.ledger_rows")
        recorded(office, "DR1000001")

    run_while(office, act)
    assert leases_let_go(office) == 1


@pytest.mark.fault("F85")
def test_a_commit_that_shows_only_after_its_last_write_is_found_though_nothing_rings_then(
    tmp_path: Path, open_office: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    passes: list[object] = []
    silence(monkeypatch)
    counting(monkeypatch, "wamon.daemon.rounds.catch_up", passes)
    with Field(WacliJanuary(tmp_path / "wacli.db", durable=False)) as field:
        field.post(LAWLEY, "DR1000001")
        office = open_office(field.path, scan={"interval": "1h"})
        office.scan()  # so that no sweep is due

        def act() -> None:
            eventually("the first read", lambda: passes)
            with half_committed(field.path, _ONE_MORE) as show:
                before = len(passes)
                eventually("reads that can't see it", lambda: len(passes) >= before + 2)
                show()
                recorded(office, "DR1000002")

        run_while(office, act)


_ONE_MORE = """
    INSERT INTO messages (chat_jid, msg_id, sender_jid, ts, from_me, text)
    SELECT chat_jid, 'ONEMORE', sender_jid, ts, from_me, 'DR1000002' FROM messages
"""


def test_where_nothing_rings_the_second_interval_finds_the_message(
    field: Field, open_office: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    silence(monkeypatch)
    office = open_office(field.path, scan={"interval": "1s"})

    def act() -> None:
        recorded(office, "DR1000001")
        field.post(LAWLEY, "DR1000002")
        recorded(office, "DR1000002")

    run_while(office, act)


@pytest.mark.parametrize("jump", [timedelta(days=1), timedelta(days=-1)], ids=["forward", "back"])
@pytest.mark.fault("F54")
def test_a_clock_that_jumps_stalls_nothing_and_spins_nothing(
    field: Field, open_office: Open, monkeypatch: pytest.MonkeyPatch, jump: timedelta
) -> None:
    passes: list[object] = []
    office = open_office(field.path, scan={"interval": "1h"})
    counting(monkeypatch, "wamon.daemon.rounds.catch_up", passes)

    def act() -> None:
        recorded(office, "DR1000001")
        eventually("the passes' end", idle(passes))
        field.post(LAWLEY, "DR1000002")
        recorded(office, "DR1000002")

    run_while(office, act, Moved(CLOCK, jump))


@pytest.mark.fault("F54")
@pytest.mark.parametrize("jump", [timedelta(), timedelta(days=-2)], ids=["steady", "set back"])
def test_beats_go_on_while_the_hosts_clock_is_set_back(monkeypatch: pytest.MonkeyPatch, jump: timedelta) -> None:
    """The lease is renewed at one of them. APScheduler goes by the host's clock, `keep_up` by the monotonic one."""
    seconds = [0.0]
    rung: list[str] = []

    class Host(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return HOST.now().astimezone(tz) + (jump if rung else timedelta())

    monkeypatch.setattr("apscheduler.schedulers.base.datetime", Host)
    monkeypatch.setattr("apscheduler.triggers.interval.datetime", Host)
    with beats(rung.append, {"renew": 0.05}, lambda: seconds[0]) as keep_up:
        eventually("the first", lambda: rung)
        for n in range(2, 6):
            seconds[0] += 30
            keep_up()
            eventually(f"{n} of them", lambda n=n: len(rung) >= n)  # type: ignore[misc]


def counting(monkeypatch: pytest.MonkeyPatch, name: str, calls: list[object]) -> None:
    """Have each call of what has this name noted."""
    original = resolve_name(name)

    def counted(*args: object, **named: object) -> object:
        calls.append(args)
        return original(*args, **named)

    monkeypatch.setattr(name, counted)


def idle(passes: list[object]) -> Callable[[], bool]:
    """Whether several looks at the passes, each after several times what a fresh file is looked at, find no new one."""
    seen: list[int] = []

    def holds() -> bool:
        threading.Event().wait(0.3)
        seen.append(len(passes))
        return len(seen) > 2 and len(set(seen[-3:])) == 1

    return holds


def test_our_own_reads_wake_nobody(field: Field, open_office: Open, monkeypatch: pytest.MonkeyPatch) -> None:
    rung: list[object] = []
    counting(monkeypatch, "wamon.daemon.beats.Bell.ring", rung)
    monkeypatch.setattr(loop, "beats", lambda *_: nullcontext(lambda: None))
    office = open_office(field.path, scan={"interval": "1h"})

    def act() -> None:
        recorded(office, "DR1000001")
        office.verify()
        assert office.run("status").returncode in {0, 1}
        eventually("silence", idle(rung))

    run_while(office, act)
    by_the_doorbell = [args for args in rung if isinstance(args, tuple) and len(args) == 1]
    assert len(by_the_doorbell) <= 1, "the store was written once, before it"


def test_a_lease_is_renewed_during_a_long_catch_up(
    field: Field, open_office: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    renewed: list[int] = []
    silence(monkeypatch)
    for number in range(1_000_002, 1_000_012):
        field.post(LAWLEY, f"DR{number}")
    office = open_office(field.path, Sizes(page_rows=1, pages_a_batch=1), scan={"interval": "1h"})

    @contextmanager
    def always(ring: Callable[[str], None], *_: object) -> Iterator[Callable[[], None]]:
        original = leases.Lease.renew

        def renew(lease: leases.Lease) -> None:
            original(lease)
            renewed.append(1)
            ring("renew")

        monkeypatch.setattr(leases.Lease, "renew", renew)
        ring("renew")
        yield lambda: None

    monkeypatch.setattr(loop, "beats", always)
    run_while(office, lambda: recorded(office, "DR1000011"))
    assert len(renewed) >= 10


def test_the_state_file_follows_a_pass_that_came_too_soon_after_a_write(
    field: Field, open_office: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    office = open_office(field.path, scan={"interval": "1h"})

    def act() -> None:
        recorded(office, "DR1000001")
        field.post(LAWLEY, "DR1000002")
        recorded(office, "DR1000002")
        field.post(LAWLEY, "DR1000003")
        recorded(office, "DR1000003")
        seq = office.query("SELECT seq FROM wamon.cursors WHERE tail = 'main'")[0]
        eventually("the state file's write", lambda: f'"seq": {seq}' in office.state_path.read_text("utf-8"))

    run_while(office, act)


def test_a_pass_is_told_with_its_messages_and_one_id_for_all_its_records(
    field: Field, open_office: Open, caplog: pytest.LogCaptureFixture
) -> None:
    office = open_office(field.path, scan={"interval": "1h"})
    with caplog.at_level(logging.INFO, "wamon"):
        posted: list[str] = []

        def act() -> None:
            recorded(office, "DR1000001")
            posted.append(field.post(LAWLEY, "DR1000002"))
            recorded(office, "DR1000002")

        run_while(office, act)
    told = [record for record in caplog.records if getattr(record, "action", "") == "pass"]
    assert [record.__dict__["message_ids"] for record in told][-1] == posted
    assert all(record.__dict__["seconds"] > 0 for record in told)


def test_it_says_what_it_loads_watches_finds_and_saves(
    field: Field, open_office: Open, caplog: pytest.LogCaptureFixture
) -> None:
    office = open_office(
        field.path,
        scan={"interval": "1h"},
        groups=[
            {"name": "Lawley", "jid": LAWLEY, "validate": True},
            {"name": "Mohadin", "jid": MOHADIN},
        ],
    )
    with connected(office.dsn) as db:
        migrate(db)
        allow_list.import_numbers(db, "Lawley", ["DR1000009"])
    with caplog.at_level(logging.INFO, "wamon"):

        def act() -> None:
            eventually("the first pass", lambda: "pass" in actions(caplog))
            field.bridge.post(MOHADIN, "DR1000003 DR1000004, and DR100O005")
            eventually("the second pass", lambda: actions(caplog).count("pass") == 2)

        run_while(office, act)
    told = [record.getMessage() for record in caplog.records if getattr(record, "action", "") in SPOKEN]
    assert told == [
        "Loaded state from state.json: 2 groups tracked",
        f"Watching {field.path}: Lawley, Mohadin.",
        "Recorded 1 message: 1 rejected.",
        "Recorded 1 message: 2 new drops, 1 near miss.",
        "Stopped; state saved.",
    ]


SPOKEN = {"state.loaded", "watching", "pass", "stopped"}


def actions(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [getattr(record, "action", "") for record in caplog.records]


def test_a_state_file_that_is_torn_while_it_runs_is_set_aside_and_told(
    field: Field, open_office: Open, caplog: pytest.LogCaptureFixture
) -> None:
    office = open_office(field.path, scan={"interval": "1h"})

    def act() -> None:
        recorded(office, "DR1000001")
        eventually("the state file", office.state_path.exists)
        office.state_path.write_text("{torn", "utf-8")
        field.post(LAWLEY, "DR1000002")
        eventually("it is written anew", lambda: set_aside(office) and office.state_path.exists())

    run_while(office, act)
    assert [path.read_text("utf-8") for path in set_aside(office)] == ["{torn"]
    assert json.loads(office.state_path.read_text("utf-8"))["instance_id"]
    assert "state.set_aside" in actions(caplog)


def set_aside(office: Office) -> list[Path]:
    return list(office.state_path.parent.glob("state.json.bad-*"))


def test_once_a_day_it_verifies_and_status_says_how_that_ended(field: Field, open_office: Open) -> None:
    office = open_office(field.path, scan={"interval": "1h"})
    office.scan()
    office.query("UPDATE wamon.sources SET last_verify_at = now() - interval '25 hours', last_verify_clean = false")

    def act() -> None:
        clean = "SELECT last_verify_clean AND last_verify_at > now() - interval '1 hour' FROM wamon.sources"
        eventually("the daily verify", lambda: office.query(clean) == [True])

    run_while(office, act)
    assert office.answer("status")["last_verify_clean"]


def test_a_group_that_falls_silent_against_its_rhythm_is_told_once_and_again_when_it_is_over(
    field: Field, open_office: Open, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    silent = [Check("bridge.freshness", State.WARN, "Lawley is silent.", jid=LAWLEY)]
    looks = [silent, silent, []]
    monkeypatch.setattr("wamon.app.run.unwell", lambda _: looks.pop(0) if looks else [])
    office = open_office(field.path, scan={"interval": "1h"})
    caplog.set_level(logging.INFO, "wamon")
    monkeypatch.setattr(monitor, "_LEAST_SECONDS", 0.02)
    monkeypatch.setattr(monitor, "_LARGEST_SHARE", 1.0)
    run_while(office, lambda: eventually("the third look", lambda: not looks))
    told = [record.getMessage() for record in caplog.records if getattr(record, "action", "").startswith("health")]
    assert told == ["Lawley is silent. ", "Over: Lawley is silent."]
