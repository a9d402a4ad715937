"""docs/guide.md's upgrade by doing: an installation of the first version, taken over by today's wamon."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.bridges import LAWLEY, mattn_time
from tests.support.bridges.forms import SAST
from tests.support.clock import HOST
from tests.support.earlier import laid_out
from tests.support.machine import Machine
from tests.support.office import Office, eventually
from tests.support.send_api import StandIn, send_api

PAGE = (Path(__file__).parents[2] / "docs/guide.md").read_text("utf-8")
BEFORE = {
    "ledger": "SELECT chat_jid, message_id, status, reason, revision, sender, sent_at, seen_at FROM wamon.ledger",
    "submissions": "SELECT chat_jid, message_id, drop_number, project, kind, live, sent_at FROM wamon.submissions",
    "near misses": "SELECT chat_jid, message_id, written, likely FROM wamon.near_misses",
    "replies": "SELECT chat, message_id, about, state, attempts, sent_at FROM wamon.replies",
    "reviews": "SELECT * FROM qa_photo_reviews",
    "rejected": "SELECT * FROM invalid_drop_submissions",
    "list": "SELECT project, drop_number FROM wamon.allowed_numbers",
}
"""What an installation has, by names that were there before."""
SINCE = {("Mohadin", "DR1770002"), ("Lawley", "DR1752099")}
"""Posted while the first version was stopped, and after the upgrade."""


@pytest.fixture
def api() -> Iterator[StandIn]:
    with send_api() as api:
        yield api


@pytest.fixture
def office(tmp_path: Path, empty_dsn: str, api: StandIn) -> Office:
    return laid_out(tmp_path, empty_dsn, api)


def standing(office: Office) -> dict[str, set[Any]]:
    return {name: {tuple(map(str, row)) for row in office.query(sql)} for name, sql in BEFORE.items()}


def post(office: Office, text: str) -> None:
    row = ("3AUPGRADE", LAWLEY, "27820000002", text, mattn_time(HOST.now(), SAST), "")
    with closing(sqlite3.connect(office.store)) as db, db:
        db.execute(
            "INSERT INTO messages (id, chat_jid, sender, content, timestamp, is_from_me, media_type) "
            "VALUES (?, ?, ?, ?, ?, 0, ?)",
            row,
        )


def lines() -> list[str]:
    """The commands of the guide's upgrade, in its order."""
    (steps,) = re.findall(r"^\*\*Upgrade\.\*\*.*?(^1\. .*?)\n\n", PAGE, re.DOTALL | re.MULTILINE)
    return re.findall(r"^\d\. `([^`]+)`", steps, re.MULTILINE)


@pytest.mark.fault("F132")
def test_the_guides_lines_take_over_all_that_the_first_version_left(
    tmp_path: Path, office: Office, api: StandIn
) -> None:
    backup, install, units, proof = lines()
    assert install.startswith("pipx install")
    before = standing(office)
    assert office.run(*backup.replace("before.dump", str(tmp_path / "before.dump")).split()[1:]).returncode == 0
    checked = office.run("config", "check")
    assert checked.returncode == 0, checked.stderr
    machine = Machine(tmp_path / "host", office, office.state_path.parent)
    try:
        assert units == "wamon service install"
        machine.install()
        machine.systemctl("start", "wamon.service")
        post(office, "DR1752099 done")
        eventually("the new drop is answered", lambda: len(api.asked) == 1)
        eventually("what came meanwhile is recorded", lambda: office.drops() >= SINCE)
    finally:
        machine.clear()
    proven = office.run(*proof.split()[1:])
    assert proven.returncode == 0, proven.stdout + proven.stderr
    after = standing(office)
    for what, rows in before.items():
        assert rows <= after[what], what
    assert {(row[2], row[1]) for row in after["reviews"] - before["reviews"]} == SINCE
    assert ["1752099" in text for text in api.texts] == [True]
