"""Embedded servers beside one another: each is found with what it belongs to, and goes only once nothing reaches it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from typing import Any

import pytest

from tests.support.clock import CLOCK
from tests.support.hosts import Host
from wamon.cli.clusters import name_database
from wamon.cli.main import command
from wamon.config import load as configs
from wamon.errors import Busy, UsageError
from wamon.postgres.embedded import server as embedded
from wamon.postgres.embedded.clusters import clusters, remove

only_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can have a server outside of its state directory")


Asked = Callable[..., Any]


@pytest.fixture
def asked(capsys: pytest.CaptureFixture[str]) -> Asked:
    """What a command answers."""

    def ask(*words: str) -> Any:
        with pytest.raises(SystemExit) as ended:
            command()([*words, "--json"], obj=CLOCK)
        assert ended.value.code == 0
        return json.loads(capsys.readouterr().out)

    return ask


def test_each_server_is_listed_with_the_config_that_names_it(host: Host, asked: Asked) -> None:
    data = host.cluster("state")
    config = host.config(dir=str(host.folder / "state"))
    (found,) = asked("db", "list", "--config", str(config))["clusters"]
    assert (found["data"], found["state_dir"]) == (str(data), str(host.folder / "state"))
    assert (found["config"], found["running"], found["gone"]) == (str(config), False, False)
    assert found["bytes"] > 1024**2


@only_root
def test_a_server_whose_folder_has_gone_is_removed_and_its_room_told(host: Host, asked: Asked) -> None:
    kept, going = host.cluster("kept"), host.cluster("going")
    (host.folder / "going").rmdir()
    answer = asked("db", "prune", "--yes")
    assert [one["data"] for one in answer["removed"]] == [str(going)]
    assert answer["freed_bytes"] == answer["removed"][0]["bytes"] > 1024**2
    assert [path.name for path in embedded.ROOT_HOME.iterdir() if path.is_dir()] == [kept.name]
    assert not list(embedded.ROOT_HOME.glob(f"{going.name}*"))


@only_root
@pytest.mark.parametrize("why", ["a config names it", "it serves without a config", "nobody knows whose it is"])
def test_a_server_that_may_still_be_reached_stays(host: Host, asked: Asked, why: str) -> None:
    state = configs.defaults(os.environ).state.dir if "without" in why else host.folder / "state"
    data = host.cluster(str(state), noted="nobody" not in why)
    state.rmdir()
    words = ["--config", str(host.config(dir=str(state)))] if "config names" in why else []
    assert asked("db", "prune", "--yes", *words)["removed"] == []
    assert data.is_dir()


@only_root
def test_a_server_that_runs_stays_though_its_folder_has_gone(host: Host, asked: Asked) -> None:
    data = host.cluster("going")
    with embedded.running(host.folder / "going"):
        shutil.rmtree(host.folder / "going")
        answer = asked("db", "prune", "--yes")
        assert (answer["removed"], [one["data"] for one in answer["running"]]) == ([], [str(data)])
        (cluster,) = clusters([], embedded.ROOT_HOME)
        with pytest.raises(Busy, match="runs"):
            remove(cluster)
    assert data.is_dir()


@only_root
def test_nothing_goes_where_nobody_can_be_asked(host: Host) -> None:
    data = host.cluster("going")
    (host.folder / "going").rmdir()
    with pytest.raises(UsageError, match="Remove 1 embedded server"):
        command()(["db", "prune"], obj=CLOCK)
    assert data.is_dir()


@only_root
def test_a_server_that_ran_knows_its_folder(host: Host) -> None:
    state = host.folder / "state"
    host.cluster("state", noted=False)
    assert [one.state_dir for one in clusters([], embedded.ROOT_HOME)] == [None]
    with embedded.running(state):
        pass
    assert [one.state_dir for one in clusters([], embedded.ROOT_HOME)] == [state]


@pytest.mark.parametrize("beside", [True, False], ids=["with another", "alone"])
def test_a_list_on_a_terminal_names_its_database_where_there_is_another(
    host: Host, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, *, beside: bool
) -> None:
    own = configs.defaults(os.environ).state.dir
    if beside:
        host.cluster(str(own))
    url = "postgresql://wamon:hunter2@db.example/wamon"
    (host.folder / "wamon.yaml").write_text(json.dumps({"database": {"url": url}}))
    config = configs.load(host.folder / "wamon.yaml", os.environ)
    name_database(config)
    assert capsys.readouterr().out == ""
    monkeypatch.setattr("sys.stdout.isatty", lambda: True)
    name_database(config)
    told = " ".join(capsys.readouterr().out.split())
    assert ("From postgresql://wamon:***@db.example/wamon of database.url." in told) is beside
    assert "hunter2" not in told
