"""What people do to conversations by SQL, under names that they know: workers go on from there, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.clock import HOST
from tests.support.deliveries import MANYCHAT, PHONE
from tests.support.intake import hook, keep, take_in
from tests.support.office import Office, eventually
from tests.support.send_api import TOKEN, send_api
from tests.support.talk import (
    SETTLE,
    advance,
    conversations,
    desk,
    replies,
    talking,
    transitions,
    turns,
    walk,
    write,
)
from wamon.app.configured import configured
from wamon.conversations.model import TRANSITIONS
from wamon.conversations.proof import prove
from wamon.daemon.conversations import Begun, ConversationWorker
from wamon.daemon.passes import Passes
from wamon.postgres.connection import connected


@pytest.fixture
def office(tmp_path: Path, open_office: Callable[..., Office]) -> Office:
    office = talking(open_office(tmp_path / "messages.db"))
    write(office)
    return office


def lock(office: Office) -> bool:
    """As somebody who then goes away."""
    (taken,) = office.query("SELECT wamon.acquire_conversation_lock(uid, %s) FROM wamon.conversations", uuid4())
    return bool(taken)


def is_in_order(office: Office) -> bool:
    """Verify is clean, and each change of state is one that there is, from where the one before it led."""
    with desk(office) as at:
        flaws = prove(at.db, ["wati"]).flaws
    steps = [tuple(one) for one in transitions(office)]
    return not flaws and set(steps) <= set(TRANSITIONS) and walk(steps) == conversations(office, "state")[0]


@pytest.mark.fault("F131")
def test_a_worker_leaves_alone_what_is_locked_by_hand_and_takes_it_over_once_nobody_holds_it(office: Office) -> None:
    assert lock(office)
    with desk(office) as at:
        assert at.claim().is_empty
        assert is_in_order(office)
        advance(office, 121)
        at.finish(at.claim_one())
    assert turns(office, "reason, outcome") == [("due", "lost"), ("takeover", "answered")]
    assert replies(office, "body") == ["an answer"]
    assert is_in_order(office)


def test_what_comes_while_an_idle_one_is_locked_by_hand_is_answered(office: Office) -> None:
    advance(office, 35)
    with desk(office) as at:
        at.finish(at.claim_one())
        assert lock(office)
        write(office, "and now?")
        advance(office, 121)
        at.finish(at.claim_one(), body="another answer")
    assert replies(office, "body") == ["an answer", "another answer"]
    assert is_in_order(office)


def test_a_lock_of_an_idle_one_that_is_left_lying_ends_by_itself(office: Office) -> None:
    advance(office, 35)
    with desk(office) as at:
        at.finish(at.claim_one())
        assert lock(office)
        advance(office, 121)
        assert at.claim().rested == 1
    assert conversations(office, "state") == ["idle"]
    assert is_in_order(office)


def test_a_sweep_makes_due_what_is_stuck(office: Office) -> None:
    config = configured(office.config_path, {})
    advance(office, 35)
    with desk(office) as at:
        at.finish(at.claim_one())
        assert lock(office)
        advance(office, 121)
        leader = ConversationWorker(
            0, config, frozenset(), HOST, lambda _: connected(office.dsn), Passes(lambda: None), Begun()
        )
        leader._sweep(at.db)
    assert office.query("SELECT count(*) FROM wamon.stuck_webhook_conversations") == [0]


PUT = "INSERT INTO wamon.message_buffer (wa_id, content) VALUES (%s, %s)"
DELIVERIES = "SELECT hook, state, messages FROM wamon.webhook_events WHERE hook = 'message_buffer' ORDER BY event"


@pytest.mark.fault("F130")
def test_what_is_put_into_the_buffer_while_nothing_runs_is_answered_once_it_does(office: Office) -> None:
    with send_api(TOKEN) as api:
        api.says = {"message": {"local_message_id": "L1"}}
        office.set(
            bridge={"path": ""},
            groups=[],
            hooks=[hook("wati", send={"url": api.replies["url"], "token": TOKEN})],
            conversations={"direct": {**SETTLE, "settle": "1s", "max_wait": "1s"}, "templates": {"fallback": "Hello."}},
        )
        advance(office, 35)
        office.query(PUT, "+27 82 000 0002", "is anybody there?")
        with office.running() as daemon:
            eventually("both are answered", lambda: replies(office, "state") == ["sent", "sent"], said=daemon.said)
            daemon.end()
    assert {asked["target"] for asked in api.asked} == {PHONE, "27820000002"}
    assert office.query(DELIVERIES) == [("message_buffer", "done", 1)]
    assert "27820000002" not in daemon.said()


@pytest.mark.parametrize("form", [PHONE, f"+{PHONE}", "ZA.19f3k2"])
def test_who_is_known_by_an_id_goes_on_where_they_were(office: Office, form: str) -> None:
    write(office, "it's me", bsuid="ZA.19f3k2")
    office.query(PUT, form, "and this")
    take_in(office)
    assert conversations(office, "last_seq") == [3]
    assert office.query("SELECT content FROM wamon.message_buffer ORDER BY timestamp") == [
        "hello",
        "it's me",
        "and this",
    ]


def test_a_subscriber_is_known_by_a_number_that_could_be_a_phone_s(office: Office) -> None:
    office.set(hooks=[hook("wati"), hook("manychat", of="wati")])
    keep(office, "manychat", {**MANYCHAT, "whatsapp_phone": None, "whatsapp_bsuid": None})
    take_in(office)
    office.query(PUT, MANYCHAT["id"], "once more")
    take_in(office)
    assert sorted(conversations(office, "last_seq")) == [1, 2]


def test_the_same_words_put_twice_are_two_messages_and_a_photo_has_its_caption(office: Office) -> None:
    office.set(bridge={"path": ""}, groups=[])
    for _ in range(2):
        office.query(PUT, PHONE, "hello?")
    office.query("INSERT INTO wamon.message_buffer (wa_id, message_type, caption) VALUES (%s, 'image', 'look')", PHONE)
    take_in(office)
    found = office.query("SELECT message_type, content, caption FROM wamon.message_buffer ORDER BY timestamp")
    assert found == [
        ("text", "hello", None),
        ("text", "hello?", None),
        ("text", "hello?", None),
        ("image", None, "look"),
    ]
    assert office.query("SELECT count(*) FROM wamon.hook_status") == [1]
    (first, *_) = office.query(
        "SELECT message_id FROM wamon.ledger WHERE message_id LIKE %s ORDER BY seen_at", "event:%"
    )
    steps = office.answer("trace", first)["steps"]
    assert ("delivered", "message_buffer") in {(step["what"], step["where"]) for step in steps}
    assert office.answer("verify")["clean"]


def test_what_was_put_there_long_ago_is_too_old(office: Office) -> None:
    office.query(
        "INSERT INTO wamon.message_buffer (wa_id, content, timestamp) VALUES (%s, 'hi', now() - interval '2 hours')",
        "27820000002",
    )
    take_in(office)
    advance(office, 35)
    with desk(office) as at:
        assert {one.ended.outcome for one in at.claim().closed} == {"stale"}


AGAIN = "UPDATE wamon.webhook_dlq SET next_retry_at = now(), resolution_status = 'pending'"


def test_a_burst_that_was_given_up_is_answered_once_its_letter_is_made_pending(office: Office) -> None:
    advance(office, 35)
    with desk(office) as at:
        for minutes in (1, 2, 4, 0):
            at.turns.fail(at.claim_one(), "ValueError", 1.0)
            advance(office, timedelta(minutes=minutes))
        assert office.query("SELECT resolution_status FROM wamon.webhook_dlq") == ["failed"]
        office.query(AGAIN)
        at.finish(at.claim_one())
    assert office.query("SELECT count(*) FROM wamon.webhook_dlq") == [0]
    assert replies(office, "body") == ["an answer"]
    assert is_in_order(office)


def test_a_delivery_that_could_not_be_read_is_taken_in_again(office: Office) -> None:
    keep(office, "wati", b"nonsense")
    take_in(office)
    assert office.query("SELECT resolution_status, retry_count FROM wamon.webhook_dlq") == [("pending", 0)]
    for n in range(3):
        office.query(AGAIN)
        take_in(office)
        assert office.query("SELECT attempts FROM wamon.webhook_events WHERE body = %s", b"nonsense") == [1], n


def test_a_message_that_could_not_be_recorded_is_tried_again(
    tmp_path: Path, open_office: Callable[..., Office]
) -> None:
    with VeryGoodPlugins(tmp_path / "messages.db", durable=False) as bridge:
        bridge.chat(LAWLEY, "Lawley")
        bridge.post(LAWLEY, "DR1000001")
        bridge.post(LAWLEY, "DR1000002")
        office = open_office(bridge.path)
        with office.refusing("%2"):
            office.scan()
            office.query("UPDATE wamon.dead_letters SET next_try_at = NULL, attempts = 4")
            office.scan()
        assert office.query("SELECT resolution_status, retry_count FROM wamon.webhook_dlq") == [("failed", 3)]
        office.query(AGAIN)
        office.scan()
    assert {number for _, number in office.drops()} == {"DR1000001", "DR1000002"}
    assert office.query("SELECT count(*) FROM wamon.webhook_dlq") == [0]
