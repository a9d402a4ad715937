"""`wamon status`: one screen, told by real processes while others come and go."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from tests.acceptance.conftest import Run
from tests.support.bridges import LAWLEY, MOHADIN, PROJECTS, VeryGoodPlugins
from tests.support.clock import CLOCK
from tests.support.environment import program
from tests.support.office import Office, eventually
from tests.support.truth import Field
from wamon.cli.main import command


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    """A minute ago: two drops, one of them posted again."""
    now = CLOCK.now()
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        field.post(LAWLEY, "DR1000001", at=now - timedelta(seconds=90))
        field.post(LAWLEY, "DR1000001 and DR1000002", at=now - timedelta(seconds=60))
        yield field


def test_it_tells_what_is_recorded_and_what_is_not(field: Field, open_office: Callable[..., Office]) -> None:
    office = open_office(field.path)
    before = office.answer("status")
    assert [group["messages"] for group in before["groups"]] == [0] * 4
    office.scan()
    field.post(LAWLEY, "DR1000003", at=CLOCK.now() - timedelta(seconds=30))
    answer = office.answer("status")
    lawley = next(group for group in answer["groups"] if group["jid"] == LAWLEY)
    assert (lawley["messages"], lawley["lag"]["messages"], lawley["freshness"]["state"]) == (2, 1, "ok")
    assert 30 <= lawley["lag"]["seconds"] < 100
    assert (answer["source"], answer["bridge"]) == ("main", str(field.path))
    assert answer["last_sweep_at"] is not None
    assert (answer["last_verify_at"], answer["dead"]) == (None, 0)


def test_todays_drops_are_new_or_again(field: Field, open_office: Callable[..., Office]) -> None:
    office = open_office(field.path, timezone=zone_where_it_is_noon(CLOCK.now()))
    office.scan()
    answer = office.answer("status")
    assert answer["today"] == {"new": 2, "resubmission": 1, "usual": None}
    assert "Today: 2 new drops, 1 posted again." in office.run("status").stdout


def test_a_daemon_is_seen_to_run_and_to_die(field: Field, open_office: Callable[..., Office]) -> None:
    office = open_office(field.path)
    with office.running() as daemon:
        eventually("recorded", lambda: len(office.ledger()) == 2, said=daemon.said)
        answer = office.answer("status")["daemon"]
        assert (answer["running"], answer["pid"], answer["state"]) == (True, daemon.process.pid, "ok")
        daemon.end(signal.SIGKILL)
        assert office.answer("status")["daemon"]["state"] == "bad"
    office.query("DELETE FROM wamon.leases")  # as at a good end
    assert office.answer("status")["daemon"] == {
        "state": "warn",
        "running": False,
        "host": None,
        "pid": None,
        "since": None,
        "renewed_at": None,
    }


def test_it_fits_a_terminal_of_80_columns_without_colour(field: Field, open_office: Callable[..., Office]) -> None:
    field.bridge.chat(MOHADIN, "Mohadin")
    office = open_office(field.path)
    office.scan()
    said = on_a_terminal(office, NO_COLOR="1", COLUMNS="80", TERM="xterm")
    lines = said.splitlines()
    assert [line for line in lines if len(line) > 80 and line != str(office.store)] == []
    assert len(lines) <= 24
    assert all(any(name in line for line in lines) for name in PROJECTS.values())
    assert "\x1b" not in said
    assert "\x1b[32musual\x1b[0m" in on_a_terminal(office, NO_COLOR="", COLUMNS="80", TERM="xterm")


def on_a_terminal(office: Office, **environ: str) -> str:
    ours, theirs = pty.openpty()
    command = [*program(), "--config", str(office.config_path), "status"]
    process = subprocess.Popen(command, stdout=theirs, env={**os.environ, **environ})
    os.close(theirs)
    said = b""
    with suppress(OSError):  # the terminal's other end is closed
        while piece := os.read(ours, 65_536):
            said += piece
    os.close(ours)
    assert process.wait(timeout=20) == 0
    return said.decode()


def test_without_a_database_it_shows_what_the_store_knows(field: Field, open_office: Callable[..., Office]) -> None:
    office = open_office(field.path, database={"url": "postgresql://nobody@127.0.0.1:1/none"})
    answer = office.answer("status")
    lawley = next(group for group in answer["groups"] if group["jid"] == LAWLEY)
    assert (lawley["messages"], lawley["lag"]["messages"], answer["today"]["new"]) == (None, None, None)
    assert lawley["last_message_at"] is not None
    assert answer["state"] == "bad"
    said = office.run("status")
    assert said.returncode == 0
    assert "Today: unknown." in said.stdout
    assert "PostgreSQL can't be used now" in said.stdout


def test_without_a_bridge_it_says_what_to_do(wamon: Run) -> None:
    done = wamon("status")
    assert (done.returncode, done.stdout) == (78, "")
    assert "--bridge FILE" in done.stderr


def test_of_very_many_groups_it_shows_a_screenful(tmp_path: Path, open_office: Callable[..., Office]) -> None:
    groups = [{"name": f"Group {n}", "jid": f"1203630000000{n:05}@g.us"} for n in range(50)]
    now = CLOCK.now()
    with VeryGoodPlugins(tmp_path / "messages.db", durable=False) as bridge, bridge.batch():
        for n, group in enumerate(groups):
            bridge.post(group["jid"], "Good morning", at=now - timedelta(days=30 if n == 49 else 0, seconds=n))
    office = open_office(bridge.path, groups=groups)
    office.scan()
    said = office.run("status").stdout
    assert "and 20 more groups" in said
    assert said.index("Group 49 ") < said.index("Group 0 ") < said.index("Group 1 ")
    assert len(json.loads(office.run("status", "--json").stdout)["groups"]) == 50


def test_as_sentences_it_tells_the_same_without_a_table(field: Field, open_office: Callable[..., Office]) -> None:
    office = open_office(field.path)
    office.scan()
    told = office.run("status", "--plain").stdout.splitlines()
    assert any(line.startswith("Lawley: behind by 0 messages;") for line in told)
    assert any(line.startswith("DR1000002 in Lawley, new, ") for line in told)
    assert not any("─" in line or "  " in line for line in told)


def watched(office: Office, *words: str, columns: int = 80) -> tuple[int, int]:
    """A `wamon status --watch` on a terminal: its process and the terminal."""
    child, terminal = pty.fork()
    if child == 0:
        environ = {**os.environ, "COLUMNS": str(columns), "LINES": "40", "TERM": "xterm", "NO_COLOR": "1"}
        command = [*program(), "--config", str(office.config_path), "status", "--watch", *words]
        signal.signal(signal.SIGINT, signal.SIG_DFL)  # whoever runs the tests in the background may ignore it
        os.execve(sys.executable, command, environ)
    return child, terminal


def read_until(terminal: int, wanted: str) -> str:
    said = ""

    def comes() -> bool:
        nonlocal said
        said += os.read(terminal, 65_536).decode("utf-8", "replace")
        return wanted in said

    eventually(f"the screen says {wanted}", comes, said=lambda: said)
    return said


@pytest.mark.parametrize("words", [(), ("--plain",)], ids=["screen", "plain"])
def test_the_live_screen_shows_a_drop_that_came_while_it_stood_there_and_ends_well(
    field: Field, open_office: Callable[..., Office], words: tuple[str, ...]
) -> None:
    office = open_office(field.path)
    office.scan()
    child, terminal = watched(office, *words)
    first = read_until(terminal, "DR1000002")
    assert ("\x1b[?1049h" in first) == (not words)
    field.post(LAWLEY, "DR1000009", at=CLOCK.now() - timedelta(seconds=30))
    office.scan()
    said = read_until(terminal, "DR1000009")
    assert max(len(line) for line in re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", first + said).splitlines()) <= 200
    os.kill(child, signal.SIGINT)
    with suppress(OSError):
        while os.read(terminal, 65_536):
            pass
    _, status = os.waitpid(child, 0)
    assert os.waitstatus_to_exitcode(status) == 0


def test_status_and_the_daily_report_say_the_same_of_what_is_usual(
    field: Field, open_office: Callable[..., Office]
) -> None:
    """A drop posted again makes no day busier, and one day of the six that was too good changes nothing."""
    now = CLOCK.now()
    many = "DR2000001 DR2000002 DR2000003 DR2000004 DR2000005"
    for week, text in enumerate([many, many, "DR2000006"], 1):
        field.post(LAWLEY, text, at=now - timedelta(weeks=week, hours=1))
    office = open_office(field.path, timezone=zone_where_it_is_noon(now))
    office.scan()
    answer = office.answer("status")
    (lawley,) = (group for group in answer["groups"] if group["name"] == "Lawley")
    (reported,) = (row for row in office.answer("report", "daily")["projects"] if row["project"] == "Lawley")
    assert (lawley["today"]["usual"], answer["today"]["usual"], reported["usual"]) == (1, 1, 1)
    assert "By this hour of this weekday it is usually 1 new." in office.run("status").stdout


def zone_where_it_is_noon(now: datetime) -> str:
    """So that a minute ago is today, whenever the tests run. POSIX has the signs of these zones turned round."""
    return f"Etc/GMT{now.hour - 12:+d}"


def test_watched_in_json_each_look_is_one_line(
    scanned: Office, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert watched_here(scanned, monkeypatch, "--json") == 0
    looked = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [one["source"] for one in looked] == ["main", "main"]


def test_watched_as_sentences_what_has_only_become_older_is_no_news(
    scanned: Office, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    assert watched_here(scanned, monkeypatch, "--plain") == 0
    told = capsys.readouterr().out.splitlines()
    assert sum(line.startswith("Lawley: behind by 0 messages; newest ") for line in told) == 1


def watched_here(office: Office, monkeypatch: pytest.MonkeyPatch, *words: str) -> int:
    """How a `status --watch` ends that is interrupted after its second look, an hour after the first."""
    moments = [CLOCK.now(), CLOCK.now() + timedelta(hours=1)]

    def waits(_: float) -> None:
        moments.pop(0)
        if not moments:
            raise KeyboardInterrupt

    monkeypatch.setattr("wamon.cli.status.time.sleep", waits)
    monkeypatch.setattr(CLOCK, "now", lambda: moments[0])
    with pytest.raises(SystemExit) as ended:
        command()(["--config", str(office.config_path), "status", "--watch", *words], obj=CLOCK)
    return int(ended.value.code or 0)
