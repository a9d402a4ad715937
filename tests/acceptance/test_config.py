"""`wamon config`: whether it can be used, and what follows from it."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import yaml

from tests.acceptance.conftest import Run
from tests.support.bridges import LAWLEY
from tests.support.environment import environment, program

EXAMPLE = Path(__file__).parents[2] / "config/wamon.yaml"


def test_a_config_that_is_fine_is_summed_up(wamon: Run) -> None:
    done = wamon("config", "check", "--no-look", "--config", str(EXAMPLE))
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith(f"{EXAMPLE} is fine: 4 groups, ")
    said = wamon("config", "check", "--no-look", "--config", str(EXAMPLE), COLUMNS="80").stdout
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
    checked = wamon("config", "check", "--no-look", "--config", str(tmp_path / "wamon.yaml"))
    assert checked.returncode == 0, checked.stderr


def test_what_the_sample_names_and_the_config_does_not_is_listed(wamon: Run, tmp_path: Path) -> None:
    config = tmp_path / "wamon.yaml"
    config.write_text(
        EXAMPLE.read_text("utf-8").replace("    daily:\n", "").replace("  token: ${WAMON_WEB_TOKEN:-}\n", "")
    )
    check = ("config", "check", "--no-look", "--config", str(config))
    done = wamon(*check, "--against-sample")
    assert done.returncode == 0, done.stderr
    rows = [line.split() for line in done.stdout.splitlines() if line.startswith((" alerts.", " web."))]
    assert [row[:3] for row in rows] == [
        ["alerts.reports.daily", "(empty)", "Reports"],
        ["web.token", "${WAMON_WEB_TOKEN:-}", "At"],
    ]
    new = json.loads(wamon(*check, "--against-sample", "--json").stdout)["new_keys"]
    assert [(each["key"], each["default"]) for each in new] == [
        ("alerts.reports.daily", ""),
        ("web.token", "${WAMON_WEB_TOKEN:-}"),
    ]
    assert json.loads(wamon(*check, "--json").stdout)["new_keys"] == []
    config.write_text(wamon("config", "example").stdout, "utf-8")
    assert wamon(*check, "--against-sample").stdout.endswith("\nIt names every key of the sample config.\n")


def test_a_config_that_comes_by_a_pipe_is_compared_with_the_sample(tmp_path: Path) -> None:
    text = EXAMPLE.read_text("utf-8").replace("    daily:\n", "")
    words = ("config", "check", "--no-look", "--against-sample", "--json", "--config", "/dev/stdin")
    done = subprocess.run(
        [*program(), *words], check=False, input=text, capture_output=True, text=True, env=environment(), cwd=tmp_path
    )
    assert done.returncode == 0, done.stderr
    assert [each["key"] for each in json.loads(done.stdout)["new_keys"]] == ["alerts.reports.daily"]


def test_what_the_config_names_and_the_host_lacks_is_told_together(wamon: Run, store: Path, tmp_path: Path) -> None:
    config = tmp_path / "wamon.yaml"
    group = {"name": "Lawley", "jid": LAWLEY}
    alerts = {"channels": {"webhook": {"url": "http://127.0.0.1:9/hook?token=secret"}}}
    config.write_text(yaml.safe_dump({"bridge": {"path": "gone.db"}, "groups": [], "alerts": alerts}))
    done = wamon("config", "check", "--config", str(config))
    assert (done.returncode, done.stdout) == (78, "")
    assert "secret" not in done.stderr
    assert "\n\n" not in done.stderr
    for words in ("No group is watched", "gone.db", "alerts.channels.webhook: 127.0.0.1 is an address of a private"):
        assert words in done.stderr
    assert wamon("config", "check", "--no-look", "--config", str(config)).returncode == 0
    config.write_text(yaml.safe_dump({"bridge": {"path": str(store)}, "groups": [group]}))
    assert wamon("config", "check", "--config", str(config)).returncode == 0
