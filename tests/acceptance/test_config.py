"""`wamon config`: whether it can be used, and what follows from it."""

from __future__ import annotations

import json
from pathlib import Path

import yaml

from tests.acceptance.conftest import Run

EXAMPLE = Path(__file__).parents[2] / "config/wamon.yaml"


def test_a_config_that_is_fine_is_summed_up(wamon: Run) -> None:
    done = wamon("config", "check", "--config", str(EXAMPLE))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{EXAMPLE} is fine: 4 groups, ")
    said = wamon("config", "check", "--config", str(EXAMPLE), COLUMNS="80").stdout
    assert max(map(len, said.splitlines())) <= 80


def test_everything_wrong_is_named_with_its_line(wamon: Run, tmp_path: Path) -> None:
    config = tmp_path / "wamon.yaml"
    config.write_text("timezone: Moon\ngroups:\n  - name: Lawley\n    jid: 12\n")
    done = wamon("--config", str(config), "config", "check")
    assert done.returncode == 78
    assert done.stdout == ""
    assert f"{config}:1:" in done.stderr
    assert f"{config}:4:" in done.stderr


def test_where_there_is_no_config_nothing_is_called_fine(wamon: Run) -> None:
    done = wamon("config", "check")
    assert done.returncode == 78
    assert "wamon init" in done.stderr


def test_shown_values_hold_and_secrets_are_masked(wamon: Run) -> None:
    secret = {"WAMON_DATABASE_URL": "postgresql://ann:hunter2@db/wamon"}
    text = wamon("config", "show", "--config", str(EXAMPLE), **secret).stdout
    answer = json.loads(wamon("config", "show", "--json", "--config", str(EXAMPLE), **secret).stdout)
    assert yaml.safe_load(text) == answer
    assert answer["database"]["url"] == "postgresql://ann:***@db/wamon"
    assert answer["groups"][0]["name"] == "Lawley"


def test_a_burst_without_a_way_to_send_is_named(wamon: Run, tmp_path: Path) -> None:
    config = tmp_path / "wamon.yaml"
    hook = {"name": "wati", "provider": "wati", "secret": "0123456789abcdef"}
    settings = {"hooks": [hook], "conversations": {"enabled": True, "percentage": 10}}
    config.write_text(yaml.safe_dump(settings))
    done = wamon("config", "check", "--config", str(config), "--json")
    assert (done.returncode, json.loads(done.stdout)["mute"]) == (0, ["wati"])
    said = " ".join(wamon("config", "check", "--config", str(config)).stdout.split())
    assert said.endswith("Bursts can't be answered, for want of a way to send: wati.")


def test_the_sample_config_can_be_written_where_there_is_no_checkout(wamon: Run, tmp_path: Path) -> None:
    sample = wamon("config", "example")
    assert sample.returncode == 0, sample.stderr
    (tmp_path / "wamon.yaml").write_text(sample.stdout, "utf-8")
    checked = wamon("config", "check", "--config", str(tmp_path / "wamon.yaml"))
    assert checked.returncode == 0, checked.stderr
