"""What the host does to a wamon: signals, too little memory, clocks that jump, a log that can't be written."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import psycopg
import pytest

from tests.support.bridges import LAWLEY, MOHADIN, VeryGoodPlugins
from tests.support.checks import assert_whole, recorded
from tests.support.clock import CLOCK, Moved, first_morning
from tests.support.environment import EXAMPLES
from tests.support.office import Daemon, Office, eventually
from tests.support.truth import Field
from wamon.app.commands import opened
from wamon.app.configured import bridge_of, configured
from wamon.capture.scan import scan
from wamon.daemon import loop as tested

Open = Callable[..., Office]
LONG = {"scan": {"interval": "1h"}}


# Signals in the middle of a batch


@contextmanager
def batch_held(office: Office, daemon: Daemon) -> Iterator[None]:
    """The daemon's next batch waits in the middle of its transaction for as long as the block runs."""
    with psycopg.connect(office.dsn) as other:
        other.execute("LOCK TABLE wamon.submission_rows IN SHARE MODE")
        with Field(VeryGoodPlugins(office.store, seed=2, durable=False)) as field:
            field.post(LAWLEY, "DR1000002", message_id="HELD")
        eventually("it waits", lambda: office.query("SELECT 1 FROM pg_locks WHERE NOT granted"), said=daemon.said)
        yield


@pytest.mark.parametrize(
    "signals",
    [
        [signal.SIGTERM],
        [signal.SIGHUP] * 30 + [signal.SIGINT, signal.SIGTERM, signal.SIGHUP],
    ],
    ids=["one", "a storm"],
)
@pytest.mark.fault("F3", "F4")
def test_asked_to_end_in_the_middle_of_a_batch_it_commits_it_and_lets_its_source_go(
    field: Field, open_office: Open, signals: list[signal.Signals]
) -> None:
    office = open_office(field.path, **LONG)
    with office.running() as daemon:
        recorded(office, "DR1000001", daemon.said)
        with batch_held(office, daemon):
            for number in signals:
                daemon.process.send_signal(number)
        assert daemon.process.wait(timeout=20) == 0, daemon.said()
    assert ("Lawley", "DR1000002") in office.drops()
    assert office.query("SELECT count(*) FROM wamon.leases") == [0]
    assert office.verify().clean


@pytest.mark.parametrize("step", ["record.cursor", "state.temporary"])
@pytest.mark.fault("F3")
def test_asked_to_end_where_it_hangs_it_ends_all_the_same_and_the_next_one_completes(
    tmp_path: Path, field: Field, open_office: Open, step: str
) -> None:
    office = open_office(field.path, **LONG)
    hangs = tmp_path / "hangs"
    prologue = (
        "import wamon.daemon.loop, wamon.failpoints, pathlib\n"
        "wamon.daemon.loop._SECONDS_TO_FINISH = 0.2\n"
        "wait = wamon.failpoints.hang\n"
        f"wamon.failpoints.hang = lambda: (pathlib.Path({str(hangs)!r}).touch(), wait())"
    )
    with office.running(prologue=prologue, WAMON_FAILPOINT=f"{step}:1:hang") as daemon:
        eventually("it hangs", hangs.exists, said=daemon.said)
        assert daemon.end() == 0
    assert tested._SECONDS_TO_FINISH < 10, "systemd and people wait that long"
    field.post(LAWLEY, "DR1000002")
    with office.running() as daemon:
        recorded(office, "DR1000002", daemon.said)
        assert daemon.end() == 0
    assert_whole(office, field)


@pytest.mark.fault("F84")
def test_one_that_starts_while_another_takes_long_to_stop_waits_for_its_end(field: Field, open_office: Open) -> None:
    office = open_office(field.path, **LONG)
    patient = "import wamon.daemon.loop; wamon.daemon.loop._SECONDS_TO_FINISH = 90.0"
    with office.running(prologue=patient) as slow, ExitStack() as stack:
        recorded(office, "DR1000001", slow.said)
        with batch_held(office, slow):
            slow.process.terminate()
            next_one = stack.enter_context(office.running("--standby"))
            eventually("the next one stands by", lambda: "Standing by" in next_one.said(), said=next_one.said)
            assert slow.process.poll() is None
        assert slow.process.wait(timeout=20) == 0
        field.post(LAWLEY, "DR1000003")
        recorded(office, "DR1000003", next_one.said)
        assert next_one.end() == 0
    assert ("Lawley", "DR1000002") in office.drops()
    assert office.verify().clean


UNLIMITED = """
import wamon.postgres.connection as ours
ours._LIMITS = ours._LIMITS.replace("'25s'", "'0'").replace("%s || 's'", "left(%s, 0) || '0'")
"""


@pytest.mark.fault("F2")
def test_what_it_waits_for_in_postgresql_when_it_is_killed_keeps_nobody_from_its_source(
    field: Field, open_office: Open
) -> None:
    """The server would wait on for the lock, with the fence in its hands, as long as its limits allow."""
    office = open_office(field.path, **LONG)
    with office.running(prologue=UNLIMITED) as killed, ExitStack() as stack:
        recorded(office, "DR1000001", killed.said)
        with batch_held(office, killed):
            killed.process.kill()
            killed.process.wait()
            next_one = stack.enter_context(office.running())
            eventually("the next one works", lambda: "Loaded state" in next_one.said(), said=next_one.said)
        recorded(office, "DR1000002", next_one.said)
        assert next_one.end() == 0
    assert office.verify().clean


# Too little memory

MIB = 1 << 20
WAVES, WAVE = 2, 10_000 if EXAMPLES else 1_000


@pytest.mark.fault("F6", "F69")
def test_a_backlog_larger_than_the_memory_it_may_use_is_recorded(field: Field, open_office: Open) -> None:
    office = open_office(field.path)
    room = address_space_of_a_scan(office) + 64 * MIB
    fill(field, rows=300, kilobytes=300)
    done = scan_with(office, limited("AS", room))
    assert done.returncode == 0, done.stderr
    assert len(office.drops()) == 301
    assert office.verify().clean


@pytest.mark.fault("F69")
def test_a_storm_is_drained_while_it_lasts_and_holds_up_no_quiet_group(field: Field, open_office: Open) -> None:
    """Two waves, each, in `make chaos`, of as many messages as come in a second of the worst storm thought of."""
    office = open_office(field.path, **LONG)
    with office.running() as daemon:
        recorded(office, "DR1000001", daemon.said)
        for wave in range(WAVES):
            storm(field, first=1_100_000 + wave * WAVE)
            field.post(LAWLEY, f"DR100010{wave}")
            recorded(office, f"DR100010{wave}", daemon.said)
        assert daemon.end() == 0
    assert office.query("SELECT count(*) FROM wamon.submissions") == [1 + WAVES * (1 + WAVE)]
    assert len(office.drops()) == 1 + WAVES * (1 + WAVE)
    assert office.verify().clean


def storm(field: Field, *, first: int) -> None:
    with field.bridge.batch():
        for number in range(first, first + WAVE):
            field.bridge.post(MOHADIN, f"DR{number}")


def fill(field: Field, *, rows: int, kilobytes: int) -> None:
    with field.bridge.batch():
        for n in range(rows):
            field.bridge.post(LAWLEY, f"DR{1_100_000 + n} {'.' * 1024 * kilobytes}")


def limited(what: str, most: int) -> str:
    return f"import resource; resource.setrlimit(resource.RLIMIT_{what}, ({most}, {most}))"


def scan_with(office: Office, prologue: str) -> subprocess.CompletedProcess[str]:
    """A real `wamon scan` whose process does something to itself first."""
    code = f"import sys; from wamon.__main__ import main; sys.argv[0] = 'wamon'\n{prologue}\nmain()"
    command = [sys.executable, "-c", code, "--config", str(office.config_path), "scan"]
    return subprocess.run(command, check=False, capture_output=True, text=True, timeout=100, stdin=subprocess.DEVNULL)


def address_space_of_a_scan(office: Office) -> int:
    """The most that a scan of a small store maps, of which most is shared code."""
    tell = (
        "import atexit, pathlib\n"
        "peak = lambda: next(l for l in pathlib.Path('/proc/self/status').read_text().splitlines() if 'VmPeak' in l)\n"
        "atexit.register(lambda: print(peak().split()[1], file=sys.stderr))"
    )
    done = scan_with(office, tell)
    assert done.returncode == 0, done.stderr
    return int(done.stderr.split()[-1]) * 1024


@pytest.mark.fault("F6")
def test_one_that_runs_out_of_memory_ends_without_a_text_in_its_words_and_the_next_one_completes(
    field: Field, open_office: Open
) -> None:
    office = open_office(field.path)
    room = address_space_of_a_scan(office) + 16 * MIB
    fill(field, rows=1, kilobytes=32 * 1024)
    done = scan_with(office, limited("AS", room))
    assert done.returncode != 0
    assert "...." not in done.stderr
    office.scan()
    assert len(office.drops()) == 2
    assert office.verify().clean


# Clocks


@pytest.mark.parametrize("by", [timedelta(days=1), timedelta(days=-1), timedelta(days=4000)], ids=str)
@pytest.mark.fault("F54")
def test_a_clock_that_is_wrong_changes_neither_what_is_recorded_nor_when_a_message_is_tried_again(
    field: Field, open_office: Open, by: timedelta
) -> None:
    office = open_office(field.path, privacy={"keep_text": "forever"})
    config = configured(office.config_path, {})
    office.scan()
    office.query(
        "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN IF NEW.drop_number = 'DR6666666' THEN RAISE 'no'; END IF; RETURN NEW; END $$"
    )
    office.query(
        "CREATE TRIGGER refuse BEFORE INSERT ON wamon.submission_rows FOR EACH ROW EXECUTE FUNCTION public.refuse()"
    )
    field.post(LAWLEY, "DR1000002")
    field.post(LAWLEY, "DR6666666")
    for _ in range(2):
        with opened(config, bridge_of(config), Moved(CLOCK, by)) as pipeline:
            scan(pipeline)
    assert office.query("SELECT attempts FROM wamon.dead_letters") == [1]
    assert office.query("SELECT next_try_at <= now() + interval '1 minute' FROM wamon.dead_letters") == [True]
    office.query("DROP TRIGGER refuse ON wamon.submission_rows")
    office.query("UPDATE wamon.dead_letters SET next_try_at = now()")
    office.scan()
    assert_whole(office, field)


def last_change_of_its_clocks(zone: str) -> datetime:
    """Within half an hour of it local times are missing, or there twice."""
    at, there = first_morning().replace(minute=30), ZoneInfo(zone)
    while at.astimezone(there).utcoffset() == (at - timedelta(hours=1)).astimezone(there).utcoffset():
        at -= timedelta(hours=1)
    return at


@pytest.mark.parametrize("zone", ["America/St_Johns", "Europe/Berlin"])
@pytest.mark.fault("F55")
def test_the_hosts_zone_changes_nothing_that_is_recorded(
    field: Field, open_office: Open, zone: str, tmp_path: Path
) -> None:
    field.post(MOHADIN, "DR1000001", at=last_change_of_its_clocks(zone))
    office = open_office(field.path)
    assert office.run("scan", TZ=zone).returncode == 0
    before = office.everything()
    office.query("UPDATE wamon.sources SET sweep_due = 'test'")
    office.scan()
    assert office.everything() == before
    assert_whole(office, field)
    sent = {key.message_id: told.at for key, told in field.bridge.sent.items()}
    assert dict(office.query("SELECT message_id, sent_at FROM wamon.ledger")) == sent


# A log that can't be written, and a systemd that doesn't listen

CLOSED = {
    "stderr closed": ("import os; os.close(2)", ["--json"]),
    "stdout and stderr closed": ("import os; os.close(1); os.close(2)", []),
    "the log's disk full": ("import os; os.dup2(os.open('/dev/full', os.O_WRONLY), 2)", []),
    "both disks full, in JSON": (
        "import os; [os.dup2(os.open('/dev/full', os.O_WRONLY), fd) for fd in (1, 2)]",
        ["--json"],
    ),
}


@pytest.mark.parametrize(("prologue", "words"), CLOSED.values(), ids=CLOSED)
@pytest.mark.fault("F82")
def test_a_daemon_lives_on_where_nobody_takes_its_log(
    field: Field, open_office: Open, prologue: str, words: list[str]
) -> None:
    office = open_office(field.path, **LONG)
    with office.running(*words, prologue=prologue) as daemon:
        recorded(office, "DR1000001")
        field.post(LAWLEY, "DR1000002")
        recorded(office, "DR1000002")
        office.config_path.write_text(office.config_path.read_text() + "nonsense: 1\n")
        daemon.process.send_signal(signal.SIGHUP)
        field.post(LAWLEY, "DR1000003")
        recorded(office, "DR1000003")
        assert daemon.process.poll() is None
        assert daemon.end() == 0
    office.set()
    assert office.query("SELECT count(*) FROM wamon.leases") == [0]
    assert_whole(office, field)


@pytest.mark.fault("F82")
def test_a_daemon_outlives_the_reader_of_its_log(tmp_path: Path, field: Field, open_office: Open) -> None:
    """As journald is that reader, and may be restarted."""
    office = open_office(field.path, **LONG)
    log = tmp_path / "log"
    os.mkfifo(log)
    reader = os.open(log, os.O_RDONLY | os.O_NONBLOCK)
    with office.running(prologue=f"import os; os.dup2(os.open({str(log)!r}, os.O_WRONLY), 2)") as daemon:
        recorded(office, "DR1000001")
        os.close(reader)
        for number in ("DR1000002", "DR1000003"):
            field.post(LAWLEY, number)
            recorded(office, number)
        assert daemon.process.poll() is None
        assert daemon.end() == 0
    assert_whole(office, field)


@pytest.mark.parametrize("listener", ["nobody", "one that went"])
@pytest.mark.fault("F80")
def test_where_nobody_hears_how_it_is_it_works_on(
    tmp_path: Path, field: Field, open_office: Open, listener: str
) -> None:
    office = open_office(field.path, **LONG)
    with tempfile.TemporaryDirectory(prefix="wamon-notify-") as folder:
        address = Path(folder, "notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as heard:
            if listener == "one that went":
                heard.bind(str(address))
        with office.running(NOTIFY_SOCKET=str(address)) as daemon:
            for number in ("DR1000002", "DR1000003"):
                field.post(LAWLEY, number)
                recorded(office, number, daemon.said)
            assert daemon.end() == 0
    assert_whole(office, field)


@pytest.mark.fault("F80")
def test_whoever_is_told_how_it_is_and_does_not_read_stops_nothing(field: Field, open_office: Open) -> None:
    office = open_office(field.path, scan={"interval": "1s"})
    with (
        tempfile.TemporaryDirectory(prefix="wamon-deaf-") as folder,
        socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as deaf,
    ):
        deaf.bind(f"{folder}/notify")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as other:
            other.setblocking(False)
            with pytest.raises(BlockingIOError):
                while True:
                    other.sendto(b"x", f"{folder}/notify")
        with office.running(NOTIFY_SOCKET=f"{folder}/notify") as daemon:
            for number in ("DR1000002", "DR1000003"):
                field.post(LAWLEY, number)
                recorded(office, number, daemon.said)
            assert daemon.end() == 0
    assert_whole(office, field)


@pytest.mark.fault("F81")
def test_an_unforeseen_error_of_a_chore_is_told_without_its_words(field: Field, open_office: Open) -> None:
    office = open_office(field.path, **LONG)
    fails = "from wamon.daemon.daily import Daily\ndef run(*_): raise ValueError('the canary sings')\nDaily.run = run"
    with office.running(prologue=fails) as daemon:
        eventually("it is told", lambda: "ValueError" in daemon.said(), said=daemon.said)
        daemon.end()
    assert "canary" not in daemon.said()
