"""`wamon init`: a config from what is there."""

from __future__ import annotations

import json
import re
from datetime import timedelta, timezone
from pathlib import Path

import pytest

from tests.acceptance.conftest import FAMILY, Run
from tests.support.bridges import LAWLEY, MOHADIN, Lharries
from wamon.config import load as configs


def test_the_config_loads_and_enables_the_groups_in_which_drops_were_posted(
    wamon: Run, store: Path, tmp_path: Path
) -> None:
    done = wamon("init", "--bridge", str(store))
    assert done.returncode == 0, done.stderr
    assert str(store) in done.stdout
    config = configs.load(tmp_path / "config/wamon.yaml", {})
    assert config.bridge.path == store
    assert {group.jid for group in config.groups if group.enabled} == {LAWLEY, MOHADIN}
    assert FAMILY in {group.jid for group in config.groups}
    assert all(group.jid.endswith("@g.us") for group in config.groups)
    assert wamon("config", "check").returncode == 0


def test_a_config_is_replaced_only_when_asked(wamon: Run, store: Path, tmp_path: Path) -> None:
    config = tmp_path / "mine.yaml"
    config.write_text("timezone: Africa/Harare\n")
    refused = wamon("init", "--bridge", str(store), "--output", str(config))
    assert refused.returncode == 2
    assert "--force" in refused.stderr
    assert config.read_text() == "timezone: Africa/Harare\n"
    assert wamon("init", "--bridge", str(store), "--output", str(config), "--force").returncode == 0
    assert "Lawley" in config.read_text()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["messages.db", "mine.yaml"]


def test_the_store_is_found_in_a_usual_place(wamon: Run, store: Path, tmp_path: Path) -> None:
    nowhere = wamon("init", HOME=str(tmp_path))
    assert nowhere.returncode == 2
    assert "storages/chatstorage.db" in nowhere.stderr
    (tmp_path / ".wacli").mkdir()
    store.rename(tmp_path / ".wacli/wacli.db")
    found = wamon("--json", "init", "--output", "x.yaml", HOME=str(tmp_path))
    assert json.loads(found.stdout)["bridge"] == str(tmp_path / ".wacli/wacli.db")


def test_whatever_a_group_is_called_its_name_is_read_back(wamon: Run, tmp_path: Path) -> None:
    names = {
        "120363000000000001@g.us": 'Say "hi": ${HOME} # $$ \\',
        "120363000000000002@g.us": "two\nlines\tand \x07bell",
        "120363000000000003@g.us": "Môre 👷🏾 \u2028 x",
        "120363000000000004@g.us": "",
        "120363000000000005@g.us": "long" * 100,
    }
    with Lharries(tmp_path / "messages.db", durable=False) as bridge:
        for jid, name in names.items():
            bridge.chat(jid, name)
    done = wamon("init", "--bridge", "messages.db", "--output", "wamon.yaml")
    assert done.returncode == 0, done.stderr
    read = {group.jid: group.name for group in configs.load(tmp_path / "wamon.yaml", {"HOME": "/x"}).groups}
    assert read == {
        "120363000000000001@g.us": 'Say "hi": ${HOME} # $$ \\',
        "120363000000000002@g.us": "two lines and bell",
        "120363000000000003@g.us": "Môre 👷🏾 x",
        "120363000000000004@g.us": "120363000000000004@g.us",
        "120363000000000005@g.us": "long" * 50,
    }


@pytest.mark.parametrize(
    ("offset", "host", "zone", "because"),
    [
        (2, "UTC", "Africa/Johannesburg", "the store's times have its offset, +02:00"),
        (2, "Africa/Harare", "Africa/Harare", "the store's times have its offset, +02:00"),
        (0, "Europe/Berlin", "Europe/Berlin", "this host's zone, as the store's times tell of none"),
    ],
)
def test_the_zone_is_the_stores_else_the_hosts_and_which_is_said(
    wamon: Run, tmp_path: Path, offset: int, host: str, zone: str, because: str
) -> None:
    with Lharries(tmp_path / "messages.db", zone=timezone(timedelta(hours=offset)), durable=False) as bridge:
        bridge.post(LAWLEY, "DR1752028")
    done = wamon("init", "--bridge", "messages.db", "--output", "wamon.yaml", TZ=host)
    assert f"The timezone in it is {zone}: {because}.\n" in done.stdout, done.stderr
    assert str(configs.load(tmp_path / "wamon.yaml", {"HOME": "/x"}).timezone) == zone


def test_a_file_that_is_no_store_leaves_no_config(wamon: Run, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no SQLite")
    assert wamon("init", "--bridge", "notes.txt").returncode == 69
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


@pytest.mark.parametrize("folder", ["/sys", "/proc/1"])
def test_a_folder_that_may_not_be_written_is_one_paragraph(wamon: Run, store: Path, folder: str) -> None:
    """Not even root may make a file there."""
    done = wamon("init", "--bridge", str(store), "--output", f"{folder}/wamon.yaml")
    assert done.returncode == 2
    assert done.stderr.startswith(f"{folder}/wamon.yaml can't be written: ")
    assert done.stderr.strip().endswith("Name another with --output.")


def test_the_ledger_that_a_first_scan_without_a_config_made_is_kept(
    wamon: Run, store: Path, dsn: str, tmp_path: Path
) -> None:
    around = {"XDG_STATE_HOME": str(tmp_path / "home"), "WAMON_DATABASE_URL": dsn}
    scanned = wamon("scan", "--bridge", str(store), "--group", LAWLEY, **around)
    assert scanned.returncode == 0, scanned.stderr
    done = wamon("init", "--bridge", str(store), "--json", **around)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["ledger"] == configs.defaults(around).state.dir.as_posix()
    again = wamon("scan", "--group", LAWLEY, "--json", **around)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["read"] == 0


def test_alerts_and_replies_can_be_uncommented(wamon: Run, store: Path, tmp_path: Path) -> None:
    assert wamon("init", "--bridge", str(store)).returncode == 0
    config = tmp_path / "config/wamon.yaml"
    sections = re.sub(r"^# (alerts:|replies:|  )", r"\1", config.read_text(), flags=re.MULTILINE)
    config.write_text(sections)
    said = wamon("config", "show")
    assert said.returncode == 0, said.stderr
    assert "host: mail.example.org" in said.stdout
