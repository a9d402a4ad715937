"""`wamon groups`: what the store has, without a database, and without people's private chats."""

from __future__ import annotations

import json
from pathlib import Path

from tests.acceptance.conftest import FAMILY, PRIVATE_CHAT, Run
from tests.support.bridges import LAWLEY, MAMELODI, PROJECTS
from tests.support.clock import first_morning
from tests.support.office import Office


def test_configured_groups_come_first_and_private_chats_are_only_counted(office: Office) -> None:
    office.set(database={"url": "postgresql://nobody@127.0.0.1:1/none"})
    answer = office.answer("groups")
    assert {group["jid"] for group in answer["groups"][:4]} == set(PROJECTS)
    assert [group["jid"] for group in answer["groups"][4:]] == [FAMILY]
    assert answer["hidden"] == 1
    assert answer["flavour"] == "whatsapp-mcp"
    first = next(group for group in answer["groups"] if group["jid"] == LAWLEY)
    assert first["messages"] == 4
    assert first["last_message_at"] == f"{first_morning():%Y-%m-%d}T06:00:28Z"
    assert (first["configured"], first["enabled"]) == (True, True)


def test_those_who_ask_for_all_chats_see_all(office: Office) -> None:
    done = office.run("groups", "--all")
    assert PRIVATE_CHAT in done.stdout
    assert "aren't shown" not in done.stdout
    assert PRIVATE_CHAT not in office.run("groups").stdout


def test_a_configured_group_that_the_store_lacks_stands_out(office: Office) -> None:
    silent = {"name": "Silent", "jid": "120363999999999999@g.us"}
    office.set(groups=[{"name": "Mamelodi", "jid": MAMELODI, "enabled": False}, silent])
    lines = office.run("groups").stdout.splitlines()
    assert any("Silent" in line and "yes, but has no messages" in line for line in lines)
    assert any("Mamelodi" in line and "not enabled" in line for line in lines)
    assert any("Family" in line and line.rstrip().endswith("no") for line in lines)


def test_a_store_can_be_looked_at_without_any_config(wamon: Run, store: Path) -> None:
    done = wamon("groups", "--bridge", str(store), "--json")
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert {group["name"] for group in answer["groups"]} == {*PROJECTS.values(), "Family"}
    assert not any(group["configured"] for group in answer["groups"])


def test_without_a_store_it_says_what_to_do(wamon: Run, tmp_path: Path) -> None:
    nowhere = wamon("groups")
    assert nowhere.returncode == 78
    assert "--bridge FILE" in nowhere.stderr
    missing = wamon("--json", "groups", "--bridge", str(tmp_path / "none.db"))
    assert missing.returncode == 69
    assert (missing.stdout, missing.stderr.count("\n")) == ("", 1)


def test_without_a_config_a_chat_is_scanned_by_the_name_that_it_has_in_the_store(
    wamon: Run, store: Path, dsn: str, tmp_path: Path
) -> None:
    around = {"WAMON_DATABASE_URL": dsn, "WAMON_STATE_DIR": str(tmp_path / "state")}
    done = wamon("scan", "--bridge", str(store), "--group", "Lawley", "--json", **around)
    assert done.returncode == 0, done.stderr
    [group] = json.loads(done.stdout)["groups"]
    assert (group["name"], group["jid"], group["submissions"]["new"]) == ("Lawley", LAWLEY, 3)
    misspelt = wamon("scan", "--bridge", str(store), "--group", "Lawly", **around)
    assert (misspelt.returncode, misspelt.stdout) == (2, "")
    assert misspelt.stderr.startswith(f"The store {store} has no chat Lawly. Near ones: Lawley")
