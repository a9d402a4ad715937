"""What was missed is what was missed: all that was said since our last answer, in order, and nothing of ours."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

from tests.support.clock import HOST
from tests.support.deliveries import PHONE
from tests.support.intake import hook
from tests.support.office import Office
from tests.support.talk import Desk, advance, desk, operator_writes, talking, write
from wamon.app.configured import configured
from wamon.conversations.missed import Missed, combined, in_words, missed
from wamon.conversations.turns import Ended, Turn

Opened = Callable[..., Office]


@pytest.fixture
def office(tmp_path: Path, open_office: Opened) -> Office:
    return talking(open_office(tmp_path / "messages.db"))


def looked(at: Desk, turn: Turn) -> Missed:
    config = configured(at.office.config_path, {})
    asked = next((one for one in config.hooks if one.history), None)
    return missed(at.db, turn, config.conversations, asked)


def bodies(found: Missed) -> list[str]:
    return [one.body for one in found.messages or ()]


def answered(at: Desk) -> None:
    """A first burst, its answer, and the answer's sending."""
    write(at.office, "first")
    advance(at.office, 35)
    at.finish(at.claim_one())
    at.office.query("UPDATE wamon.conversations SET last_out_at = now()")


def test_case_4_requirement_11_missed_all_of_the_gap_no_more(office: Office) -> None:
    """Our reply, two of an operator's, one of the person's that only history has."""
    with desk(office) as at:
        answered(at)
        advance(office, 330)
        operator_writes(office, "one")
        advance(office, 180)
        operator_writes(office, "two")
        advance(office, 120)
        write(office, "three")
        office.query("UPDATE wamon.conversation_messages SET seq = NULL, role = 'history' WHERE body = 'three'")
        office.query(
            "UPDATE wamon.conversations SET last_seq = 1, state = 'idle', due_at = NULL,"
            " last_in_at = now() - interval '1005 s'"
        )
        advance(office, 983)
        write(office, "back again")
        advance(office, 35)
        found = looked(at, at.claim_one())
    assert bodies(found) == ["one", "two", "three"]


def test_case_5_the_cutoff_is_that_of_the_burst_s_begin(office: Office) -> None:
    """Also where something is sent before anybody looks, and the first worker is killed."""
    with desk(office) as at:
        answered(at)
        advance(office, 110)
        operator_writes(office, "one")
        advance(office, 9)
        operator_writes(office, "two")
        advance(office, 251)
        write(office, "back again")
        office.query("UPDATE wamon.conversations SET last_out_at = now()")
        advance(office, 35)
        at.claim_one()
        advance(office, 121)
        taken_over = at.claim_one()
        assert bodies(looked(at, taken_over)) == ["one", "two"]


def test_case_6_replies_and_receipts_never_shorten_the_gap(office: Office) -> None:
    with desk(office) as at:
        answered(at)
        advance(office, 37_200 - 35)
        write(office, "good morning")
        advance(office, 35)
        turn = at.claim_one()
    assert turn.gap_seconds == pytest.approx(37_200, abs=5)


def test_requirement_12_follow_ups_look_for_none(office: Office) -> None:
    with desk(office) as at:
        answered(at)
        advance(office, 600)
        write(office, "back again")
        advance(office, 35)
        turn = at.claim_one()
        write(office, "and this")
        at.finish(turn)
        advance(office, 35)
        assert looked(at, at.claim_one()).messages is None


def test_a_threshold_of_one_s_own_comes_before_the_usual(office: Office) -> None:
    office.set(conversations={"missed_after": "1h", "missed_after_for": {f"+{PHONE}": "2m"}})
    with desk(office) as at:
        answered(at)
        advance(office, 150)
        write(office, "back again")
        advance(office, 35)
        assert looked(at, at.claim_one()).messages == []


def test_what_was_closed_as_stale_is_missed_by_the_next_turn(office: Office) -> None:
    with desk(office) as at:
        answered(at)
        advance(office, 600)
        write(office, "nobody came")
        advance(office, 3600)
        at.claim()
        write(office, "hello?")
        advance(office, 35)
        assert bodies(looked(at, at.claim_one())) == ["nobody came"]


def test_what_was_missed_is_told_in_lines_before_the_burst(office: Office) -> None:
    config = configured(office.config_path, {})
    with desk(office) as at:
        answered(at)
        advance(office, 600)
        operator_writes(office, "one", operatorName="Desk")
        operator_writes(office, "", type="image")
        write(office, "back again")
        advance(office, 35)
        found = looked(at, at.claim_one())
    said = combined(in_words(found.messages or (), config.conversations.labels, config.timezone), [])
    first, second, third, *_ = said.splitlines()
    assert first == "Said between our last answer and this:"
    assert second.endswith("] Agent: one")
    assert third.endswith("] Agent: (photo)")


@contextmanager
def past(answer: bytes) -> Iterator[tuple[str, list[str]]]:
    """A provider that answers history requests so; where it is, and what was asked for."""
    asked: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            asked.append(self.path)
            self.send_response(200)
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/77/api/ext/v3/conversations/messages/text", asked
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def item(message_id: str, text: str, *, owner: bool, ago: float, **more: Any) -> dict[str, Any]:
    at = HOST.now() - timedelta(seconds=ago)
    return {"id": message_id, "text": text, "owner": owner, "type": "text", "created": at.isoformat(), **more}


def page(*items: dict[str, Any]) -> bytes:
    return json.dumps({"result": "success", "messages": {"items": list(items)}}).encode()


@pytest.mark.parametrize(
    ("answer", "history", "found", "left_out"),
    [
        (
            lambda: page(item("H1", "from history", owner=False, ago=100), item("H2", "desk", owner=True, ago=90)),
            "asked",
            2,
            0,
        ),
        (lambda: page(item("H1", "no time", owner=False, ago=1, created="soon")), "asked", 0, 1),
        (lambda: page(item("H1", "an answer", owner=True, ago=590)), "asked", 0, 0),
        (
            lambda: page(item("KNOWN", "swapped", owner=True, ago=600), item("H1", "new", owner=False, ago=90)),
            "failed",
            0,
            0,
        ),
        (lambda: page(item("H1", "of another", owner=False, ago=90, waId="27820000009")), "failed", 0, 0),
        (lambda: page(*[item(f"H{n}", "many", owner=False, ago=90) for n in range(10_000)]), "failed", 0, 0),
        (lambda: b"", "failed", 0, 0),
        (lambda: b"{}", "failed", 0, 0),
        (page, "asked", 0, 0),
    ],
    ids=["both", "without a time", "our own", "swapped", "another person", "10,000 rows", "empty", "none", "nothing"],
)
def test_case_22_a_history_is_asked_once_and_distrusted(
    office: Office,
    answer: Callable[[], bytes],
    history: str,
    found: int,
    left_out: int,
    caplog: pytest.LogCaptureFixture,
) -> None:
    with desk(office) as at, past(answer()) as (url, asked), caplog.at_level(logging.DEBUG, "wamon"):
        office.set(hooks=[hook("wati", history=True, send={"url": url, "token": "a-token-of-the-api"})])
        answered(at)
        office.query("UPDATE wamon.conversation_messages SET message_id = 'KNOWN'")
        office.query("UPDATE wamon.replies SET tried_at = now(), state = 'sent'")
        advance(office, 600)
        write(office, "back again")
        advance(office, 1)
        office.query("UPDATE wamon.conversations SET due_at = now()")
        turn = at.claim_one()
        got = looked(at, turn)
        at.turns.finish([Ended(turn, "answered", "yes", history=got.history, found=got.found)])
        assert asked == [f"/77/api/v1/getMessages/{PHONE}?pageSize=100"]
    assert (got.history, len(got.found), got.left_out) == (history, found, left_out)
    kept = office.query("SELECT role FROM wamon.conversation_messages WHERE message_id LIKE 'H%%' ORDER BY message_id")
    assert kept == ["history", "operator"][:found]
    assert "from history" not in caplog.text
    assert PHONE not in caplog.text


def test_a_history_that_can_t_be_asked_holds_no_answer_up(office: Office) -> None:
    url = "http://127.0.0.1:9/77/api/ext/v3/conversations/messages/text"
    office.set(hooks=[hook("wati", history=True, send={"url": url})])
    with desk(office) as at:
        answered(at)
        advance(office, 600)
        write(office, "back again")
        advance(office, 35)
        got = looked(at, at.claim_one())
    assert (got.history, got.messages) == ("failed", [])
