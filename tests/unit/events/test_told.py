"""Of what the log tells, who may know what: ids that stay, and persons as hashes."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from wamon.events.cursor import Cursor
from wamon.events.model import Event, line
from wamon.events.told import Told, event_id, shown_jid, shown_sender

PAGE = (Path(__file__).parents[3] / "docs/events.md").read_text("utf-8")
AT = datetime(2026, 11, 29, 8, 0, 0, 250_000, tzinfo=UTC)
GROUP = "120363000000000001@g.us"
SENDER = "27820000001"


def told(kind: str = "posted", version: int = 0, **changed: Any) -> Event:
    row: dict[str, Any] = {
        "place": 7,
        "timeline": 1,
        "of_base": False,
        "at": AT,
        "element": 3,
        "kind": kind,
        "is_again": False,
        "source": "main",
        "jid": GROUP,
        "message_id": "3EB0",
        "drop_number": "DR1752028",
        "project": "Lawley",
        "sent_at": AT,
        "sender": SENDER,
        "version": version,
        "other": None,
    }
    return Told("0123456789ab", b"key").event(**{**row, **changed})


def test_a_post_has_the_same_id_wherever_it_lies_in_the_log_and_whether_it_was_the_drop_s_first() -> None:
    first = told()
    again = told(place=9, timeline=2, of_base=True, element=1, is_again=True, at=AT.replace(hour=9))
    assert first.id == again.id
    assert (first.type, again.type) == ("wamon.drop.posted", "wamon.drop.posted_again")
    assert first.cursor == Cursor("0123456789ab", 1, 7, 3)


@pytest.mark.parametrize(
    "other",
    [
        {"version": 1},
        {"kind": "rejected"},
        {"kind": "retracted"},
        {"source": "east"},
        {"jid": "direct"},
        {"message_id": "3EB1"},
        {"drop_number": "DR1752034"},
        {"project": "Mohadin"},
    ],
)
def test_something_else_has_another_id(other: dict[str, Any]) -> None:
    assert told(**other).id != told().id


def test_parts_of_an_id_do_not_run_into_each_other() -> None:
    assert event_id("ab", "c") != event_id("a", "bc")


def test_a_line_is_a_cloudevent_without_a_person_s_number() -> None:
    event = json.loads(line(told(source="east/2 é")))
    assert event["source"] == "/wamon/east%2F2%20%C3%A9"
    assert event["time"] == "2026-11-29T08:00:00.250000Z"
    assert event["cursor"] == "0123456789ab-1-7-3"
    assert all(re.fullmatch("[a-z0-9]{1,20}", name) for name in event)
    assert SENDER not in line(told())


def test_who_sent_it_is_the_hash_by_which_logs_know_the_person() -> None:
    assert shown_sender(b"key", SENDER) == shown_sender(b"key", f"{SENDER}:12@s.whatsapp.net")
    assert shown_sender(b"key", f"{SENDER}@lid") != shown_sender(b"key", SENDER)
    assert shown_sender(b"key", f"{SENDER}@lid") == shown_sender(b"key", f"{SENDER}:99@hosted.lid")
    assert shown_sender(b"key", "") is None


@pytest.mark.parametrize("jid", [f"{SENDER}-1512345678@g.us", f"{SENDER}@s.whatsapp.net", f"{SENDER}@lid"])
def test_a_jid_that_holds_a_number_is_hashed(jid: str) -> None:
    shown = shown_jid(b"key", jid)
    assert SENDER not in shown
    assert shown.partition("@")[2] == jid.partition("@")[2]
    assert shown_jid(b"key", GROUP) == GROUP


def test_the_page_names_each_field_of_a_post() -> None:
    documented = set(re.findall(r"^\| `(\w+)` \|", PAGE, re.MULTILINE))
    assert set(told().data) <= documented
