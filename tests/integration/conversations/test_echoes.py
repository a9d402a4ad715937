"""Our own answers come back as deliveries: none passes for a colleague's, and what is unknown is closed by its echo."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.deliveries import PHONE, WATI
from tests.support.intake import events, hook, keep, take_in
from tests.support.office import Office
from tests.support.replies import answer
from tests.support.send_api import TOKEN, Behaviour, StandIn, send_api
from tests.support.talk import advance, conversations, desk, operator_writes, replies, said, talking, write
from wamon.net.message import Bounds
from wamon.replies import sender

Opened = Callable[..., Office]
PATIENT, HURRIED = Bounds(30.0, 60.0, 65_536), Bounds(30.0, 0.5, 65_536)
"""What a test does before the answer takes as long as the machine needs; only who waits for none is hurried."""
OURS: dict[str, Any] = {"eventType": "sessionMessageSent", "owner": True}


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    monkeypatch.setattr(sender, "BOUNDS", PATIENT)
    with send_api(TOKEN) as api:
        api.says = {"message": {"id": "6701bb", "local_message_id": "L1"}}
        yield api


@pytest.fixture
def office(tmp_path: Path, open_office: Opened, api: StandIn) -> Office:
    office = talking(open_office(tmp_path / "messages.db"), human_for="1h")
    office.set(hooks=[hook("wati", send={"url": api.replies["url"], "token": TOKEN})])
    return office


def answered(office: Office, body: str = "Noted", send: bool = True) -> None:
    """A person's burst is answered with this, which is sent."""
    write(office)
    advance(office, 35)
    with desk(office) as worker:
        worker.finish(worker.claim_one(), body=body)
    if send:
        answer(office, "wati")


def echo(office: Office, text: str = "Noted", **more: Any) -> None:
    """Our answer comes back, and is taken in."""
    keep(office, "wati", said(text, **OURS, **more))
    take_in(office)


def colleagues(office: Office) -> int:
    (number,) = office.query("SELECT count(*) FROM wamon.conversation_messages WHERE role = 'operator'")
    return int(number)


def test_case_19_an_echo_that_overtakes_the_answer_to_our_call_waits_for_it(office: Office, api: StandIn) -> None:
    api.before_answer = lambda: echo(office, "Noted (Desk)", whatsappMessageId="wamid.OURS", localMessageId="L1")
    answered(office)
    assert replies(office, "state, local_id") == [("sent", "L1")]
    assert events(office)[-1] == ("new", None)
    advance(office, 5)
    take_in(office)
    assert colleagues(office) == 0
    assert replies(office, "state, reply_id") == [("sent", "wamid.OURS")]
    assert {state for state, _ in events(office)} == {"done"}


def test_case_19_an_echo_with_altered_text_closes_what_is_unknown(office: Office, api: StandIn) -> None:
    api.behaviours = ["dropped"]
    answered(office)
    assert replies(office, "state") == ["unknown"]
    echo(office, "Noted (Desk)", whatsappMessageId="wamid.OURS")
    assert (colleagues(office), replies(office, "state, reply_id")) == (0, [("sent", "wamid.OURS")])
    [(out, tried)] = office.query("SELECT last_out_at, tried_at FROM wamon.conversations, wamon.replies")
    assert out == tried
    answer(office, "wati")
    assert len(api.asked) == 1


ANSWER = "1752028: recorded (Lawley). Thank you!"


@pytest.mark.parametrize(
    "altered",
    [
        "1752028: recorded (Law…",
        "*Desk*\n\n1752028: RECORDED",
        "1752028\u200b recorded Lawley Thank\u00a0you :)",
        "👍",
        "",
    ],
    ids=["cut", "signed", "respelt", "no words", "nothing"],
)
def test_case_19_no_alteration_of_what_is_unknown_makes_it_a_colleague_s(
    office: Office, api: StandIn, altered: str
) -> None:
    api.behaviours = ["dropped"]
    answered(office, ANSWER)
    echo(office, altered, whatsappMessageId="wamid.OURS")
    assert (colleagues(office), replies(office, "state")) == (0, ["sent"])


def test_what_clearly_says_something_else_than_what_is_unknown_is_a_colleague_s(office: Office, api: StandIn) -> None:
    api.behaviours = ["dropped"]
    answered(office, ANSWER)
    operator_writes(office, "I take this one")
    assert (colleagues(office), conversations(office, "state")) == (1, ["human"])
    assert replies(office, "state") == ["unknown"]
    echo(office, ANSWER)
    assert (colleagues(office), replies(office, "state")) == (1, ["sent"])


@pytest.mark.parametrize("behaviour", ["no answer's end", "late", "500"])
def test_case_19_an_answer_that_was_cut_is_closed_by_its_echo_within_the_hour(
    office: Office, api: StandIn, monkeypatch: pytest.MonkeyPatch, behaviour: Behaviour
) -> None:
    monkeypatch.setattr(sender, "BOUNDS", HURRIED)
    api.behaviours = [behaviour]
    answered(office)
    advance(office, timedelta(minutes=50))
    echo(office, "  Noted\u200b ")
    assert (colleagues(office), replies(office, "state")) == (0, ["sent"])


def test_requirement_15_our_echo_is_no_colleague_under_any_of_its_names(office: Office) -> None:
    answered(office)
    for name in ("sessionMessageSent", "sessionMessageSent_v2", "sessionMessageSent_v2_bsuid"):
        keep(office, "wati", said("Noted", **OURS | {"eventType": name}, whatsappMessageId="wamid.OURS"))
        take_in(office)
    assert (colleagues(office), conversations(office, "state")) == (0, ["idle"])


def test_a_colleague_who_writes_the_same_words_twice_is_one_the_second_time(office: Office) -> None:
    answered(office)
    echo(office, whatsappMessageId="wamid.OURS")
    operator_writes(office, "Noted")
    assert (colleagues(office), conversations(office, "state")) == (1, ["human"])


@pytest.mark.parametrize(
    ("text", "later"), [("I take this one", 0), ("Noted", 3_700), ("I take this one", 61)], ids=["now", "late", "after"]
)
def test_what_is_not_ours_is_a_colleague_s(office: Office, api: StandIn, text: str, later: float) -> None:
    api.behaviours = ["500"] if later == 61 else ["sent"]
    answered(office)
    advance(office, later)
    operator_writes(office, text)
    assert (colleagues(office), conversations(office, "state")) == (1, ["human"])


def test_what_another_person_was_told_is_nothing_of_ours(office: Office) -> None:
    answered(office)
    operator_writes(office, "Noted", by="27820000002")
    assert colleagues(office) == 1


def receipt(office: Office, kind: str, **more: Any) -> None:
    keep(office, "wati", {**WATI, "eventType": kind, "waId": None, "text": None, **more})
    take_in(office)


def became(office: Office) -> list[Any]:
    return replies(office, "state, delivered_at IS NOT NULL, read_at IS NOT NULL, reason")


@pytest.mark.parametrize("ids", [{"localMessageId": "L1"}, {"whatsappMessageId": "wamid.OURS", "localMessageId": None}])
def test_receipts_find_the_answer_by_either_id_and_only_move_forward(office: Office, ids: dict[str, Any]) -> None:
    answered(office)
    echo(office, whatsappMessageId="wamid.OURS")
    receipt(office, "sentMessageREAD_v2", **ids)
    assert became(office) == [("sent", True, True, None)]
    receipt(office, "sentMessageDELIVERED_v2", **ids)
    receipt(office, "sessionMessageFailed", failedCode=131026, **ids)
    assert became(office) == [("sent", True, True, None)]


def test_what_its_provider_gave_up_has_failed_with_its_code(office: Office) -> None:
    answered(office)
    receipt(office, "sessionMessageFailed", failedCode="131047", localMessageId="L1")
    assert became(office) == [("failed", False, False, "its provider could not deliver it, code 131047")]


@pytest.mark.parametrize("code", ["the very words", f"+{PHONE}", "x" * 30])
def test_a_code_that_may_be_anything_is_not_repeated(office: Office, code: str) -> None:
    answered(office)
    receipt(office, "sessionMessageFailed", failedCode=code, localMessageId="L1")
    assert became(office) == [("failed", False, False, "its provider could not deliver it")]


def test_a_receipt_that_overtakes_the_answer_to_our_call_waits_for_it(office: Office, api: StandIn) -> None:
    api.before_answer = lambda: receipt(office, "sentMessageDELIVERED_v2", localMessageId="L1")
    answered(office)
    assert became(office) == [("sent", False, False, None)]
    advance(office, 5)
    take_in(office)
    assert became(office) == [("sent", True, False, None)]


def test_a_receipt_of_what_is_not_ours_is_over_at_once(office: Office) -> None:
    answered(office)
    receipt(office, "sentMessageREAD", whatsappMessageId="wamid.OTHERS")
    assert {state for state, _ in events(office)} == {"done"}
    assert became(office) == [("sent", False, False, None)]
