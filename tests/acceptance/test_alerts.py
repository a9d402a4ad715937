"""`wamon alerts`, and what systemd has wamon tell when it stopped."""

from __future__ import annotations

import json
import re
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.acceptance.conftest import Run
from tests.support.office import Office
from tests.support.receivers import Hooks, Mails, hanging, hooks, mails

CRASHED = {"SERVICE_RESULT": "exit-code", "EXIT_CODE": "exited", "EXIT_STATUS": "1"}
MEANT = {"SERVICE_RESULT": "success", "EXIT_CODE": "exited", "EXIT_STATUS": "0"}


@pytest.fixture
def hook() -> Iterator[Hooks]:
    with hooks() as found:
        yield found


@pytest.fixture
def mail() -> Iterator[Mails]:
    with mails() as found:
        yield found


def test_a_test_goes_by_every_channel_and_says_what_came_of_each(office: Office, hook: Hooks, mail: Mails) -> None:
    office.set(alerts={"channels": {**hook.channels, **mail.channels}})
    done = office.run("alerts", "test")
    assert (done.returncode, done.stdout) == (0, "webhook by 127.0.0.1: sent.\nmail by 127.0.0.1: sent.\n"), done.stderr
    assert (hook.posted[0]["kind"], len(mail.took)) == ("test", 1)
    hook.status = 404
    done = office.run("alerts", "test")
    assert done.returncode == 1
    assert "webhook by 127.0.0.1: 127.0.0.1 answered with status 404. Is the webhook's address right" in done.stdout
    assert "mail by 127.0.0.1: sent." in done.stdout
    assert "hunter2" not in done.stdout + done.stderr
    assert not (office.state_path.parent / "alerts.json").exists()


def test_a_test_without_a_channel_says_where_to_set_one(office: Office) -> None:
    done = office.run("alerts", "test")
    assert done.returncode == 78
    assert done.stderr == "No channel is configured. Set alerts.channels: config/wamon.yaml explains them.\n"


def test_the_list_shows_rules_channels_what_fires_and_what_waits_and_no_secret(office: Office, hook: Hooks) -> None:
    office.set(alerts={"channels": hook.channels, "rules": {"lag": {"more_than": "10m"}, "dead": {"enabled": False}}})
    hook.status = 500
    office.run("service", "stopped", **CRASHED)
    done = office.run("alerts", "list")
    assert done.returncode == 0, done.stderr
    lines = {line.split()[0]: line for line in done.stdout.splitlines() if line.split()}
    assert re.split(r"  +", lines["Rule"].strip()) == ["Rule", "Tells", "More than", "Hold", "Repeat", "State"]
    assert "10m" in lines["lag"]
    assert lines["lag"].split()[-1] == "on"
    assert lines["dead"].split()[-1] == "off"
    assert "answered with status 500" in lines["webhook"]
    assert "wamon's service stopped: crash" in done.stdout
    assert "1 alert waits" in done.stdout
    assert "hunter2" not in done.stdout
    shown = office.answer("alerts", "list")
    assert [fault["rule"] for fault in shown["firing"]] == ["service"]
    assert shown["channels"][0]["works"] is False
    assert shown["waiting"][0]["channels"] == ["webhook"]


def test_the_list_of_a_new_office_says_that_nobody_is_told(office: Office) -> None:
    done = office.run("alerts", "list")
    assert "No channel is configured, so nobody is told" in done.stdout
    assert "Nothing is firing." in done.stdout


@pytest.mark.fault("F8")
def test_a_crash_loop_is_one_alert(office: Office, hook: Hooks) -> None:
    office.set(alerts={"channels": hook.channels})
    for _ in range(3):
        assert office.run("service", "stopped", **CRASHED).returncode == 0
    assert [posted["kind"] for posted in hook.posted] == ["alert"]
    assert "wamon's service stopped: crash (exit-code exited 1)." in hook.posted[0]["text"]


def test_a_stop_that_was_meant_is_no_alert(office: Office, hook: Hooks) -> None:
    office.set(alerts={"channels": hook.channels})
    office.run("service", "stopped", **MEANT)
    assert hook.posted == []
    assert not (office.state_path.parent / "alerts.json").exists()


@pytest.mark.fault("F8", "F70")
def test_a_config_that_is_wrong_elsewhere_still_tells_that_it_keeps_wamon_from_starting(
    wamon: Run, hook: Hooks, tmp_path: Path
) -> None:
    config = tmp_path / "wamon.yaml"
    config.write_text(yaml.safe_dump({"groups": 5, "alerts": {"channels": hook.channels}}))
    environ = {"WAMON_STATE_DIR": str(tmp_path / "state"), "WAMON_CONFIG": str(config)}
    done = wamon("service", "stopped", **environ, **(CRASHED | {"EXIT_STATUS": "78"}))
    assert done.returncode == 0, done.stderr
    assert "wamon's service stopped: config" in hook.posted[0]["text"]


@pytest.mark.fault("F8", "F70")
def test_where_not_even_the_channels_can_be_read_the_next_start_tells(wamon: Run, hook: Hooks, tmp_path: Path) -> None:
    config = tmp_path / "wamon.yaml"
    config.write_text("groups: [broken")
    environ = {"WAMON_STATE_DIR": str(tmp_path / "state"), "WAMON_CONFIG": str(config)}
    assert wamon("service", "stopped", **environ, **CRASHED).returncode == 0
    [waiting] = json.loads((tmp_path / "state/alerts.json").read_text())["waiting"]
    assert waiting["alert"]["rule"] == "service"
    assert stat.S_IMODE((tmp_path / "state/alerts.json").stat().st_mode) == 0o600
    assert hook.posted == []


@pytest.mark.fault("F80")
def test_a_channel_that_hangs_holds_a_stop_up_for_seconds_only(office: Office) -> None:
    """systemd waits for it; what isn't sent by then waits for the next start."""
    with hanging() as port:
        office.set(alerts={"channels": {"webhook": {"url": f"http://127.0.0.1:{port}/", "allow_private": True}}})
        assert office.run("service", "stopped", **CRASHED).returncode == 0
    kept: dict[str, Any] = json.loads((office.state_path.parent / "alerts.json").read_text())
    assert [one["alert"]["rule"] for one in kept["waiting"]] == ["service"]
