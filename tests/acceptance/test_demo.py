"""`wamon demo`: the whole way, from a store to PostgreSQL, on a machine that has nothing."""

from __future__ import annotations

import json
import re
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

from tests.acceptance.conftest import Run
from tests.support.clock import CLOCK
from tests.support.truth import drops_in


@pytest.fixture(autouse=True)
def _by_postgresqls_clock() -> Iterator[None]:
    """By which its answers were sent."""
    with CLOCK.as_hosts():
        yield


def command_lines() -> Iterator[str]:
    """Of every process of this host."""
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):
            yield file.read_text("utf-8", "replace").replace("\0", " ")


def senders_in(store: Path) -> list[str]:
    with closing(sqlite3.connect(store)) as db:
        return [sender for (sender,) in db.execute("SELECT DISTINCT sender FROM messages")]


def test_it_finds_the_truth_about_made_up_people_once_begun_again_after_a_kill_and_run_again_the_same(
    wamon: Run, tmp_path: Path, embedded_in: Callable[..., Path]
) -> None:
    folder = tmp_path / "demo"
    embedded_in(folder / "state", is_new=True)
    killed = wamon("demo", "--dir", str(folder), WAMON_FAILPOINT="pass.begin:1:kill")
    assert killed.returncode == -9
    assert all(re.fullmatch(r"2782000\d{4}", sender) for sender in senders_in(folder / "messages.db"))
    first = wamon("demo", "--dir", str(folder))
    assert first.returncode == 0, first.stderr
    again = wamon("demo", "--dir", str(folder), "--json", WAMON_DATABASE_URL="postgresql://nobody@127.0.0.1:1/none")
    assert again.returncode == 0, again.stderr
    answer = json.loads(again.stdout)
    drops = {(drop["project"], drop["drop_number"]) for drop in answer["drops"]}
    assert drops == drops_in(folder / "messages.db")
    assert (answer["read"], answer["clean"]) == (0, True)
    assert set(re.findall(r"DR\d{7}", first.stdout)) == {number for _, number in drops}
    assert {"DR1752028", "DR1752034", "DR1752040", "DR1752011", "DR1752039"} <= {number for _, number in drops}
    assert str(folder / "wamon.yaml") in first.stdout
    assert "All recorded." in first.stdout
    assert f"{folder / 'wamon.yaml'} web" in first.stdout
    assert answer["page"][0] == "All recorded."
    assert "They got one answer: “Good morning! A colleague will tell you.”" in first.stdout
    assert not any(str(folder) in words for words in command_lines())
    sent = wamon("--config", str(folder / "wamon.yaml"), "replies", "list", "--json")
    assert [reply["state"] for reply in json.loads(sent.stdout)["replies"]] == ["sent"] * 2, "one a run"
    listed = wamon("--config", str(folder / "wamon.yaml"), "drops", "list", "--json")
    assert len(json.loads(listed.stdout)["drops"]) == len(drops)


def test_somebodys_own_config_is_left_alone(wamon: Run, tmp_path: Path) -> None:
    config = tmp_path / "wamon.yaml"
    config.write_text("timezone: Africa/Harare\n")
    done = wamon("demo", "--dir", str(tmp_path))
    assert done.returncode == 2
    assert "--dir DIR" in done.stderr
    assert config.read_text() == "timezone: Africa/Harare\n"
    assert [path.name for path in tmp_path.iterdir()] == ["wamon.yaml"]
