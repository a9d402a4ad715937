"""`wamon restart` and `wamon hygiene`, with a `systemctl` that really ends and starts the service's process."""

from __future__ import annotations

import json
import re
import shutil
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.bridges import LAWLEY
from tests.support.clock import CLOCK
from tests.support.machine import Machine
from tests.support.office import eventually

POST = """
import sys
sys.path.insert(0, {root!r})
from pathlib import Path
from tests.support.bridges import VeryGoodPlugins
with VeryGoodPlugins(Path({store!r}), seed=9) as bridge:
    bridge.post({chat!r}, {text!r})
"""


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

    (machine.root / "between").unlink()
    done = machine.wamon("restart")
    assert done.returncode == 0, done.stderr
    assert re.fullmatch(
        r"Everything up to position \d+ of source main was recorded before the restart\.\n"
        rf"wamon\.service works again after [\d.]+ s, as process {machine.pid()}\. \w.*\n",
        done.stdout,
    )
    machine.systemctl("stop", "wamon.service")

    hygiene = machine.wamon("hygiene", "--json")
    assert hygiene.returncode == 0, hygiene.stderr
    reasons = [restart["reason"] for restart in json.loads(hygiene.stdout)["restarts"]]
    assert reasons == ["planned", "planned", "stopped"]


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
    tonight = (CLOCK.now() + timedelta(hours=9)).replace(microsecond=0)
    next_us = int(tonight.timestamp()) * 1_000_000
    (machine.root / "timers").write_text(json.dumps([{"next": next_us, "unit": "wamon-restart.timer"}]))
    answer = json.loads(machine.wamon("hygiene", "--json").stdout)
    assert answer["next_restart_at"] == f"{tonight:%Y-%m-%dT%H:%M:%SZ}"
    assert (answer["restart_at"], answer["timezone"]) == ("04:00", "Africa/Johannesburg")
    (machine.root / "timers").write_text("no JSON")
    answer = json.loads(machine.wamon("hygiene", "--json").stdout)
    assert answer["next_restart_at"].endswith("T02:00:00Z")


def test_installing_tells_systemd_and_uninstalling_takes_it_back(machine: Machine) -> None:
    """What can't start yet, for there is no account for it, is not started."""
    machine.install()
    account_is_there = machine.calls()[1:] == ["enable --now wamon.service wamon-restart.timer"]
    assert machine.calls()[0] == "daemon-reload"
    assert account_is_there or machine.calls()[1:] == []
    shown = json.loads(machine.wamon("service", "show", "--json").stdout)
    assert (shown["systemd"], shown["enabled"], shown["active"]) == (True, "enabled", "inactive")

    done = machine.wamon("service", "uninstall")
    assert done.returncode == 0, done.stderr
    assert machine.calls()[-2:] == ["disable --now wamon.service wamon-restart.timer", "daemon-reload"]
    assert not (machine.root / "etc/systemd/system/wamon.service").exists()


@pytest.mark.parametrize("how", ["systemctl disable", "--no-restart", "--restart-at never", "a comment"])
def test_a_nightly_restart_that_is_switched_off_is_said_to_be_and_nothing_warns_of_it(
    machine: Machine, how: str
) -> None:
    machine.install(*{"a comment": ["--cron"]}.get(how, how.split() if how.startswith("--") else []))
    if how == "a comment":
        cron = machine.root / "etc/cron.d/wamon-restart"
        cron.write_text(re.sub(r"^(?=\d)", "#", cron.read_text(), flags=re.MULTILINE))
    if how == "systemctl disable":
        machine.systemctl("disable", "--now", "wamon-restart.timer")
    long_ago = CLOCK.now() - timedelta(days=3)
    machine.state_dir.mkdir(exist_ok=True)
    (machine.state_dir / "restarts.jsonl").write_text(json.dumps({"at": f"{long_ago:%FT%TZ}", "what": "started"}))
    answer = json.loads(machine.wamon("hygiene", "--json").stdout)
    assert answer["switched_off"]
    assert (answer["next_restart_at"], answer["last_happened"]) == (None, None)
    assert f"The nightly restart is switched off: {answer['switched_off']}." in re.sub(
        r"\s+", " ", machine.wamon("hygiene").stdout
    )


def test_what_was_switched_off_stays_off_over_an_install_until_an_hour_is_said(machine: Machine) -> None:
    machine.install()
    machine.systemctl("disable", "--now", "wamon-restart.timer")
    machine.install()
    timer = machine.root / "etc/systemd/system/wamon-restart.timer"
    assert not timer.exists()
    machine.install()
    assert not timer.exists()
    machine.install("--restart-at", "03:00")
    assert timer.exists()
