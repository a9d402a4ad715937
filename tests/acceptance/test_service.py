"""The units as systemd's own tools judge them, the commands that write them, and what the daemon tells systemd."""

from __future__ import annotations

import json
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.conftest import Run
from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.office import Office, eventually
from tests.support.truth import Field

PROJECT = Path(__file__).parents[2]
SHIPPED = sorted((PROJECT / "systemd").glob("*.*"))
MOST_EXPOSURE = 20  # tenths

needs_systemd_analyze = pytest.mark.skipif(
    shutil.which("systemd-analyze") is None, reason="systemd isn't installed here"
)


def analyzed(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["systemd-analyze", *words], check=False, capture_output=True, text=True, timeout=60)


def verify(units: list[Path]) -> str:
    """What systemd has to say against the units; it may say it and end with 0 all the same."""
    done = analyzed("verify", "--man=no", *map(str, units))
    return done.stdout + done.stderr


def exposure(unit: Path) -> str:
    done = analyzed("security", "--offline=true", f"--threshold={MOST_EXPOSURE}", str(unit))
    return "" if done.returncode == 0 else done.stdout + done.stderr


@pytest.fixture
def installed(wamon: Run, tmp_path: Path) -> Callable[..., list[Path]]:
    """Install into a root of its own; the files that were written."""

    def install(*words: str) -> list[Path]:
        done = wamon("service", "install", "--root", str(tmp_path / "root"), *words)
        assert done.returncode == 0, done.stderr
        return sorted(path for path in (tmp_path / "root").rglob("*") if path.is_file())

    return install


@needs_systemd_analyze
def test_systemd_has_nothing_to_say_against_the_shipped_units() -> None:
    assert len(SHIPPED) == 12
    assert verify(SHIPPED) == ""


@needs_systemd_analyze
@pytest.mark.parametrize("unit", [unit for unit in SHIPPED if unit.suffix == ".service"], ids=lambda unit: unit.name)
def test_a_shipped_service_has_an_exposure_of_two_at_most(unit: Path) -> None:
    assert exposure(unit) == ""


@needs_systemd_analyze
@pytest.mark.parametrize(
    ("words", "many"),
    [
        ((), 3),
        (("--instance", "prod", "--restart-at", "2:30", "--timezone", "Europe/Berlin"), 3),
        (("--web",), 6),
        (("--instance", "dev", "--listen", "127.0.0.1:8007"), 6),
    ],
)
def test_systemd_has_nothing_to_say_against_what_is_installed(
    installed: Callable[..., list[Path]], words: tuple[str, ...], many: int
) -> None:
    units = installed(*words)
    assert len(units) == many
    assert verify(units) == ""
    assert {exposure(unit) for unit in units if unit.suffix == ".service"} == {""}


@pytest.mark.fault("F7", "F8")
def test_every_setting_that_keeps_it_alive_is_there() -> None:
    for unit in (PROJECT / "systemd" / name for name in ("wamon.service", "wamon@.service")):
        lines = unit.read_text().splitlines()
        for line in (
            "StartLimitIntervalSec=0",
            "Type=notify",
            "NotifyAccess=main",
            "Restart=always",
            "RestartSec=5",
            "WatchdogSec=180",
            "KillMode=mixed",
            "TimeoutStopSec=30",
            "ExecReload=/bin/kill -HUP $MAINPID",
            "ExecStopPost=/usr/bin/env wamon service stopped",
        ):
            assert line in lines, f"{unit.name} lacks {line}"
        assert "RestartPreventExitStatus" not in unit.read_text()


def test_an_installed_wheel_carries_units_pages_and_the_sample_config(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path)]
    done = subprocess.run(build, check=False, capture_output=True, text=True, timeout=60, cwd=PROJECT)
    assert done.returncode == 0, done.stderr
    [wheel] = tmp_path.glob("*.whl")
    names = set(zipfile.ZipFile(wheel).namelist())
    assert {f"wamon/units/{path.name}" for path in (PROJECT / "systemd").iterdir()} <= names
    assert {"wamon/docs/wamon.yaml", *(f"wamon/docs/{path.name}" for path in (PROJECT / "docs").iterdir())} <= names


# The commands


def test_a_dry_run_prints_everything_and_writes_nothing(wamon: Run, tmp_path: Path) -> None:
    done = wamon("service", "install", "--root", str(tmp_path / "root"), "--dry-run")
    assert done.returncode == 0, done.stderr
    for name in ("wamon.service", "wamon-restart.service", "wamon-restart.timer"):
        assert f"### {tmp_path}/root/etc/systemd/system/{name}\n" in done.stdout
    assert "OnCalendar=*-*-* 03:00:00 Africa/Johannesburg\n" in done.stdout
    assert "systemctl enable --now wamon.service wamon-restart.timer" in done.stdout
    assert not (tmp_path / "root").exists()


def test_the_config_says_the_store_and_the_zone(office: Office, tmp_path: Path) -> None:
    office.set(timezone="Europe/Berlin")
    root = str(tmp_path / "root")
    answer = office.answer("service", "install", "--root", root)
    assert (answer["config"], answer["timezone"]) == (str(office.config_path), "Europe/Berlin")
    unit = (tmp_path / "root/etc/systemd/system/wamon.service").read_text()
    assert f"Environment=WAMON_CONFIG={office.config_path}\n" in unit
    assert f"ReadOnlyPaths=-{office.store.parent}\n" in unit
    assert {file["state"] for file in answer["files"]} == {"written"}
    assert any("state.dir" in note for note in answer["notes"])


def test_crons_line_is_on_the_hosts_clock_and_tells_how_far_it_is_right(
    wamon: Run, installed: Callable[..., list[Path]], tmp_path: Path
) -> None:
    environ = {"TZ": "UTC"}
    words = ("service", "install", "--root", str(tmp_path / "root"), "--cron")
    steady = wamon(*words, **environ)
    assert "03:00 in Africa/Johannesburg is 01:00 in UTC, all year." in steady.stdout
    line = (tmp_path / "root/etc/cron.d/wamon-restart").read_text().splitlines()[-1]
    assert re.fullmatch(r"0 1 \* \* \* root \S+wamon restart >/dev/null", line)
    changing = wamon(*words, "--timezone", "Europe/Berlin", **environ)
    assert "when clocks have changed: install it again then" in changing.stdout


def test_a_changed_unit_is_refused_and_shown(wamon: Run, installed: Callable[..., list[Path]], tmp_path: Path) -> None:
    unit = next(path for path in installed() if path.name == "wamon.service")
    unit.write_text(unit.read_text() + "Nice=5\n")
    root = ("--root", str(tmp_path / "root"))
    for words in (("install", "--restart-at", "04:00"), ("uninstall",)):
        done = wamon("service", *words, *root)
        assert done.returncode == 1
        assert f"{unit} is not as wamon wrote it; nothing was done." in done.stderr
        assert "systemctl edit wamon.service" in done.stderr
    shown = json.loads(wamon("service", "show", "--json", *root).stdout)
    assert {Path(file["path"]).name: file["state"] for file in shown["files"]} == {
        "wamon.service": "changed",
        "wamon-restart.service": "installed",
        "wamon-restart.timer": "installed",
        "wamon-restart": "missing",
    }
    assert (shown["systemd"], shown["active"], shown["restart_at"]) == (False, None, "03:00")


@pytest.mark.fault("F8")
def test_why_it_stopped_is_kept_even_where_the_config_is_what_was_wrong(wamon: Run, tmp_path: Path) -> None:
    """As systemd runs ExecStopPost: the reason is in the environment."""
    (tmp_path / "wamon.yaml").write_text("groups: [broken")
    environ = {"WAMON_STATE_DIR": str(tmp_path / "state"), "WAMON_CONFIG": str(tmp_path / "wamon.yaml")}
    stops = [
        ({"SERVICE_RESULT": "exit-code", "EXIT_CODE": "exited", "EXIT_STATUS": "78"}, "config"),
        ({"SERVICE_RESULT": "watchdog", "EXIT_CODE": "dumped", "EXIT_STATUS": "ABRT"}, "watchdog"),
        ({"SERVICE_RESULT": "success", "EXIT_CODE": "exited", "EXIT_STATUS": "0"}, "stopped"),
    ]
    for why, reason in stops:
        done = wamon("service", "stopped", **environ, **why)
        assert done.returncode == 0, done.stderr
        assert (reason in done.stderr) is (reason != "stopped")
    config = tmp_path / "other.yaml"
    config.write_text(f"state: {{dir: {tmp_path / 'state'}}}\n")
    answer = json.loads(wamon("--config", str(config), "hygiene", "--json").stdout)
    assert [(one["reason"], one["detail"]) for one in answer["restarts"]] == [
        ("config", "exited 78"),
        ("watchdog", "dumped ABRT"),
        ("stopped", "exited 0"),
    ]
    shown = wamon("--config", str(config), "hygiene").stdout
    assert re.search(r" watchdog +dumped ABRT ", shown)
    assert "doesn't run" in shown


# What the daemon tells systemd


class Listener:
    """systemd's end of NOTIFY_SOCKET."""

    def __init__(self, folder: Path) -> None:
        self.address = str(folder / "notify")
        self.told: list[str] = []
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind(self.address)

    def hear(self, seconds: float) -> bool:
        """Wait for one more message; whether one came."""
        self._socket.settimeout(seconds)
        try:
            self.told += self._socket.recv(65536).decode().splitlines()
        except TimeoutError:
            return False
        return True

    def hear_until(self, what: str, times: int = 1, seconds: float = 30) -> None:
        deadline = time.monotonic() + seconds
        while self.told.count(what) < times:
            left = deadline - time.monotonic()
            assert left > 0, f"{what} didn't come {times} times in {seconds} s: {self.told}"
            self.hear(left)

    def close(self) -> None:
        self._socket.close()


@pytest.fixture
def listener() -> Iterator[Listener]:
    folder = Path(tempfile.mkdtemp(prefix="wamon-notify-"))  # a socket's path must be short
    listener = Listener(folder)
    yield listener
    listener.close()
    shutil.rmtree(folder)


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    """A store without a message."""
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        field.chat(LAWLEY, "Lawley")
        yield field


def drops(office: Office) -> Any:
    return {number for _, number in office.drops()}


def test_an_idle_daemon_is_ready_alive_and_ends_well_when_asked(
    field: Field, open_office: Callable[..., Office], listener: Listener
) -> None:
    office = open_office(field.path, scan={"interval": "1s"})
    with office.running("--standby", NOTIFY_SOCKET=listener.address) as daemon:
        listener.hear_until("READY=1", seconds=30)
        listener.hear_until("WATCHDOG=1", times=3)
        assert any(line.startswith("STATUS=Up to date") for line in listener.told)
        daemon.process.send_signal(signal.SIGTERM)
        assert daemon.process.wait(timeout=10) == 0
        listener.hear_until("STOPPING=1", seconds=1)


@pytest.mark.fault("F7")
def test_a_daemon_that_hangs_in_a_pass_falls_silent_and_loses_nothing_by_being_ended(
    field: Field, open_office: Callable[..., Office], listener: Listener
) -> None:
    office = open_office(field.path, scan={"interval": "1s"})
    hang = {"WAMON_FAILPOINT": "record.ledger:1:hang", "NOTIFY_SOCKET": listener.address}
    with office.running(**hang) as daemon:
        listener.hear_until("READY=1")
        field.post(LAWLEY, "DR1000001")
        eventually("no word for four intervals", lambda: not listener.hear(4))
        assert daemon.process.poll() is None
        assert drops(office) == set()
        daemon.end(signal.SIGABRT)  # as the watchdog does
    with office.running() as daemon:
        eventually("it is recorded", lambda: drops(office) == {"DR1000001"}, said=daemon.said)
        assert daemon.end() == 0
    assert office.verify().clean


@pytest.mark.fault("F9")
def test_a_daemon_without_its_database_is_ready_degraded_and_alive(
    field: Field, open_office: Callable[..., Office], listener: Listener
) -> None:
    """A restart wouldn't help."""
    office = open_office(field.path, database={"url": "postgresql://nobody@127.0.0.1:1/none"})
    with office.running(NOTIFY_SOCKET=listener.address) as daemon:
        listener.hear_until("READY=1", seconds=30)
        listener.hear_until("WATCHDOG=1", times=2)
        assert any(line.startswith("STATUS=Degraded") for line in listener.told)
        assert daemon.end() == 0
