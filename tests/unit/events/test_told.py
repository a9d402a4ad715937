"""Of what the log tells, who may know what: ids that stay, and persons as hashes."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.support.events import told
from wamon.events.cursor import Cursor
from wamon.events.model import Event
from wamon.events.told import Row, Told, event_id, shown_jid, shown_sender

PAGE = (Path(__file__).parents[3] / "docs/events.md").read_text("utf-8")
AT = datetime(2026, 11, 29, 8, 0, 0, 250_000, tzinfo=UTC)
GROUP = "120363000000000001@g.us"
SENDER = "27820000001"


POST: dict[str, Any] = {
    "kinds": "posted",
    "again": False,
    "chats": 1,
    "message_ids": "3EB0",
    "drop_numbers": "DR1752028",
    "projects": "Lawley",
    "sent_ats": "2026-11-29 08:00:00.25+00",
    "senders": SENDER,
    "versions": 0,
}


def event(row: dict[str, Any] | None = None, source: str = "main", jid: str = GROUP, **changed: Any) -> Event:
    """The event of a row that holds one post, but for what is changed."""
    columns: dict[str, Any] = {name: [value] for name, value in (POST | changed).items()}
    whole: dict[str, Any] = {"place": 7, "timeline": 1, "of_base": False, "at": AT, "first": 3, "others": None} | (
        row or {}
    )
    (found,) = Told("0123456789ab", b"key", {1: (source, jid)}).events(Row(**whole, **columns))
    return found


def test_a_post_has_the_same_id_wherever_it_lies_in_the_log_and_whether_it_was_the_drop_s_first() -> None:
    elsewhere = {"place": 9, "timeline": 2, "of_base": True, "at": AT.replace(hour=9), "first": 1}
    first, again = event(), event(elsewhere, again=True)
    assert first.id == again.id
    assert [told(one)["type"] for one in (first, again)] == ["wamon.drop.posted", "wamon.drop.posted_again"]
    assert (first.cursor, again.cursor) == (Cursor("0123456789ab", 1, 7, 3), Cursor("0123456789ab", 2, 9, 1, True))


def test_ids_stay_as_they_are() -> None:
    assert event().id == "31b35cc67ed4ea1d76eb226636376341"
    assert event(kinds="review.created").id == "5b6cbf98cde0074cf95a5680f1f98abf"


@pytest.mark.parametrize(
    "other",
    [
        {"versions": 1},
        {"kinds": "rejected"},
        {"kinds": "retracted"},
        {"kinds": "review.created"},
        {"source": "east"},
        {"jid": "direct"},
        {"message_ids": "3EB1"},
        {"drop_numbers": "DR1752034"},
        {"projects": "Mohadin"},
    ],
)
def test_something_else_has_another_id(other: dict[str, Any]) -> None:
    assert event(**other).id != event().id


def test_parts_of_an_id_do_not_run_into_each_other() -> None:
    assert event_id("ab", "c") != event_id("a", "bc")


def test_a_line_is_a_cloudevent_without_a_person_s_number() -> None:
    found = event(source="east/2 é")
    line = told(found)
    assert line["source"] == "/wamon/east%2F2%20%C3%A9"
    assert line["time"] == line["data"]["sent_at"] == "2026-11-29T08:00:00.250000Z"
    assert line["cursor"] == found.at == "0123456789ab-1-7-3"
    assert all(re.fullmatch("[a-z0-9]{1,20}", name) for name in line)
    assert SENDER not in found.line


def test_a_line_holds_whatever_a_bridge_or_a_config_names() -> None:
    odd = 'é"\\\n\u2028\x7f\x00{}'
    line = told(event(source=odd, jid=odd, message_ids=odd, projects=odd))
    assert "\n" not in event(source=odd, jid=odd, message_ids=odd, projects=odd).line
    assert (line["data"]["source"], line["data"]["message_id"], line["data"]["project"]) == (odd, odd, odd)
    assert line["subject"] == f"{odd}/DR1752028"


def test_a_line_is_json_as_python_writes_it() -> None:
    for one in (event(), event(kinds="review.reopened"), event(senders=None, again=True)):
        assert json.dumps(told(one), ensure_ascii=False) == one.line


@pytest.mark.parametrize(
    ("sent", "written"),
    [
        ("2026-11-29 08:00:00+00", "2026-11-29T08:00:00Z"),
        ("2026-11-29 08:00:00.5+00", "2026-11-29T08:00:00.500000Z"),
        ("2026-11-29 08:00:00.000001+00", "2026-11-29T08:00:00.000001Z"),
        ("0001-01-01 00:00:00+00", "0001-01-01T00:00:00Z"),
    ],
)
def test_times_are_written_as_rfc_3339_has_them(sent: str, written: str) -> None:
    assert told(event(sent_ats=sent))["time"] == written


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
    assert set(told(event())["data"]) <= documented
    assert set(told(event(kinds="review.created"))["data"]) <= documented
