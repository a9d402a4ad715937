"""`wamon restart` and `wamon hygiene`, with a `systemctl` that really ends and starts the service's process."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.office import Office, eventually
from tests.support.truth import Field

SYSTEMCTL = Path(__file__).parents[1] / "support/systemctl.py"
POST = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.support.bridges import VeryGoodPlugins
with VeryGoodPlugins(Path({store!r}), seed=9) as bridge:
    bridge.post({chat!r}, {text!r})
"""


class Machine:
    """A host that systemd runs, with an office on it and wamon installed as its service."""

    def __init__(self, root: Path, office: Office) -> None:
        self.root = root
        self.office = office
        (root / "run/systemd/system").mkdir(parents=True)
        (root / "bin").mkdir()
        systemctl = root / "bin/systemctl"
        systemctl.write_text(f'#!/bin/sh\nexec {sys.executable} {SYSTEMCTL} "$@"\n')
        systemctl.chmod(0o755)
        self.environ = {"PATH": f"{root / 'bin'}:{os.environ['PATH']}", "SYSTEMCTL_ROOT": str(root)}

    def wamon(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command by hand, which has to find the service's config and state by itself."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("WAMON_")}
        return subprocess.run(
            [sys.executable, "-m", "wamon", *words, "--root", str(self.root)],
            check=False,
            capture_output=True,
            text=True,
            timeout=90,
            cwd=self.root,
            env={**environ, **self.environ},
        )

    def install(self, *words: str) -> None:
        done = self.wamon("--config", str(self.office.config_path), "service", "install", *words)
        assert done.returncode == 0, done.stderr
        folder = self.root / "etc/systemd/system/wamon.service.d"
        folder.mkdir(exist_ok=True)
        (folder / "test.conf").write_text(
            f"[Service]\nUser=root\nEnvironment=WAMON_STATE_DIR={self.state_dir}\n"
            f"LoadCredential=database-url:{self.root / 'database-url'}\n"
        )

    @property
    def state_dir(self) -> Path:
        return self.office.folder / "state"

    def systemctl(self, *words: str) -> None:
        subprocess.run([self.root / "bin/systemctl", *words], check=True, env={**os.environ, **self.environ})

    def calls(self) -> list[str]:
        return (self.root / "calls").read_text().splitlines()

    def pid(self) -> int:
        running = self.root / "running"
        return int(json.loads(running.read_text())["pid"]) if running.exists() else 0

    def change(self, **state: object) -> None:
        """Have systemctl show the unit in another state."""
        running = self.root / "running"
        running.write_text(json.dumps({**json.loads(running.read_text()), **state}))

    def clear(self) -> None:
        if pid := self.pid():
            try:
                os.kill(pid, signal.SIGKILL)
            except ProcessLookupError:
                pass


@pytest.fixture
def machine(tmp_path: Path, open_office: Callable[..., Office]) -> Iterator[Machine]:
    """The database's URL is known only by its credential."""
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        field.chat(LAWLEY, "Lawley")
        field.post(LAWLEY, "DR1000001")
    office = open_office(tmp_path / "messages.db", scan={"interval": "1s"}, database={"url": ""})
    root = Path(tempfile.mkdtemp(prefix="wamon-machine-"))  # a socket's path must be short
    (root / "database-url").write_text(office.dsn + "\n")
    machine = Machine(root, office)
    yield machine
    machine.clear()
    shutil.rmtree(root)


def test_a_drop_posted_during_the_restart_is_recorded_after_it(machine: Machine) -> None:
    machine.install()
    machine.systemctl("start", "wamon.service")
    former = machine.pid()
    root, store = str(Path(__file__).parents[2]), str(machine.office.store)
    (machine.root / "between").write_text(POST.format(root=root, store=store, chat=LAWLEY, text="DR1000002"))

    done = machine.wamon("restart", "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert answer["pid_before"] == former
    assert answer["pid"] == machine.pid() != former
    assert answer["unit"] == "wamon.service"
    assert answer["mirrored"] is True
    assert answer["seq"] > 0
    eventually(
        "the drop is recorded",
        lambda: ("Lawley", "DR1000002") in machine.office.drops(),
        said=(machine.root / "journal").read_text,
    )
    machine.systemctl("stop", "wamon.service")

    hygiene = machine.wamon("hygiene", "--json")
    assert hygiene.returncode == 0, hygiene.stderr
    reasons = [restart["reason"] for restart in json.loads(hygiene.stdout)["restarts"] if restart["reason"]]
    assert reasons[0] == "planned"
    assert reasons[-1] == "stopped"


def test_in_words_it_says_what_it_did(machine: Machine) -> None:
    machine.install()
    machine.systemctl("start", "wamon.service")
    done = machine.wamon("restart")
    assert done.returncode == 0, done.stderr
    assert "of source main was recorded before the restart." in done.stdout
    assert f"wamon.service works again after {'0.'[:0]}" in done.stdout
    assert f"as process {machine.pid()}. Up to date" in done.stdout
    assert done.stderr == ""


def test_nothing_is_restarted_where_the_position_cannot_be_read(machine: Machine) -> None:
    machine.install()
    machine.systemctl("start", "wamon.service")
    former = machine.pid()
    (machine.root / "database-url").write_text("postgresql://nobody@127.0.0.1:1/none\n")
    done = machine.wamon("restart")
    assert done.returncode == 69
    assert "Nothing was restarted, for the state couldn't be looked at. PostgreSQL can't be used now" in done.stderr
    assert machine.pid() == former
    assert not [call for call in machine.calls() if call.startswith("restart")]


def test_a_restart_that_fails_is_told_with_what_systemd_said(machine: Machine) -> None:
    machine.install()
    machine.office.answer("scan", WAMON_DATABASE_URL=machine.office.dsn)
    (machine.root / "running").write_text(json.dumps({"pid": 0, "status": "", "active": "failed"}))
    (machine.root / "broken").touch()
    done = machine.wamon("restart")
    assert done.returncode == 69
    assert "wamon.service didn't come back." in done.stderr
    assert "Job for wamon.service failed." in done.stderr
    assert "journalctl -u wamon.service" in done.stderr


def test_a_service_that_somebody_stopped_is_not_started_at_night(machine: Machine) -> None:
    machine.install()
    done = machine.wamon("restart")
    assert done.returncode == 69
    assert "wamon.service doesn't run, so there is nothing to restart." in done.stderr


def test_without_a_unit_it_names_the_command_that_writes_one(machine: Machine) -> None:
    done = machine.wamon("restart", "--instance", "prod")
    assert done.returncode == 69
    assert "systemd knows no wamon@prod.service. `wamon service install --instance prod` writes it." in done.stderr


def test_without_systemd_it_does_nothing_and_says_what_to_do(machine: Machine) -> None:
    shutil.rmtree(machine.root / "run")
    done = machine.wamon("restart")
    assert done.returncode == 69
    assert "systemd doesn't run this host" in done.stderr
    assert "0 1 * * *" in done.stderr
    assert not (machine.root / "calls").exists()


def test_hygiene_asks_systemd_for_the_next_restart(machine: Machine) -> None:
    machine.install("--restart-at", "04:00")
    next_us = 1_800_000_000_000_000
    (machine.root / "timers").write_text(json.dumps([{"next": next_us, "unit": "wamon-restart.timer"}]))
    answer = json.loads(machine.wamon("hygiene", "--json").stdout)
    assert answer["next_restart_at"] == "2027-01-15T08:00:00Z"
    assert (answer["restart_at"], answer["timezone"]) == ("04:00", "Africa/Johannesburg")
    (machine.root / "timers").write_text("no JSON")
    answer = json.loads(machine.wamon("hygiene", "--json").stdout)
    assert answer["next_restart_at"].endswith("T02:00:00Z")


def test_installing_starts_the_service_where_systemd_runs_the_host(machine: Machine) -> None:
    machine.install()
    calls = machine.calls()
    assert "daemon-reload" in calls
    enabled = "enable --now wamon.service wamon-restart.timer" in calls
    shown = machine.wamon("service", "show", "--json")
    assert json.loads(shown.stdout)["enabled"] == "enabled"
    lacking = json.loads(
        machine.wamon("--config", str(machine.office.config_path), "service", "install", "--json").stdout
    )
    assert enabled is ("systemctl enable --now wamon.service wamon-restart.timer" in lacking["ran"])

    done = machine.wamon("service", "uninstall")
    assert done.returncode == 0, done.stderr
    assert machine.calls()[-2:] == ["disable --now wamon.service wamon-restart.timer", "daemon-reload"]
    assert not (machine.root / "etc/systemd/system/wamon.service").exists()
