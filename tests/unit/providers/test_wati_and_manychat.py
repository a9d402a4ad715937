"""WATI's events and ManyChat's contacts."""

from __future__ import annotations

import pytest

from tests.support.deliveries import BSUID, MANYCHAT, NOON, PHONE, RFC_3339, SENDERS, WATI, Json
from wamon.providers.deliveries import Alias, Broken, OperatorMessage, Parsed, PersonMessage, Receipt

BY_PHONE = Alias("phone", PHONE)


def wati(**changes: object) -> list[Parsed]:
    return SENDERS["wati"].parse(WATI | changes)


def from_wati(**changes: object) -> PersonMessage:
    [found] = wati(**changes)
    assert isinstance(found, PersonMessage)
    return found


def test_one_message_comes_under_up_to_three_names_with_one_id() -> None:
    forms: list[Json] = [
        {},
        {"eventType": "message_v2"},
        {"eventType": "message_bsuid", "bsuid": BSUID, "waId": None},
        {"eventType": "message_v2_bsuid", "bsuid": BSUID},
    ]
    found = [from_wati(**form) for form in forms]
    assert {one.message_id for one in found} == {"wamid.QUJD"}
    assert {alias for one in found for alias in one.aliases} == {BY_PHONE, Alias("bsuid", BSUID)}


def test_its_assigned_operator_makes_no_message_an_operators() -> None:
    assert isinstance(from_wati(operatorEmail="desk@example.org"), PersonMessage)


@pytest.mark.parametrize("kind", ["sessionMessageSent", "templateMessageSent_v2"])
def test_what_was_sent_is_an_operators_or_ours(kind: str) -> None:
    [found] = wati(eventType=kind, owner=True, localMessageId="L1", text="Noted")
    assert isinstance(found, OperatorMessage)
    assert (found.local_id, found.aliases, found.text) == ("L1", (BY_PHONE,), "Noted")


@pytest.mark.parametrize(
    ("kind", "state"),
    [("sentMessageDELIVERED_v2", "delivered"), ("sentMessageREAD", "read"), ("sentMessageREPLIED", "read")],
)
def test_receipts_carry_no_person(kind: str, state: str) -> None:
    [found] = wati(eventType=kind, waId=None, localMessageId="L1", text=None)
    assert found == Receipt("wamid.QUJD", "L1", state)  # type: ignore[arg-type]


def test_a_failure_says_why() -> None:
    assert wati(eventType="templateMessageFailed", failedCode=131047) == [
        Receipt("wamid.QUJD", None, "failed", "131047")
    ]


@pytest.mark.parametrize("kind", ["newContactMessageReceived", "chatbotTriggered", "accountUpdated", ""])
def test_what_is_no_message_says_nothing(kind: str) -> None:
    assert wati(eventType=kind) == []


@pytest.mark.parametrize(
    "changes",
    [
        {"text": "Yes"},
        {"text": None, "buttonReply": {"text": "Yes"}},
        {"text": None, "interactiveButtonReply": {"title": "Yes"}},
        {"text": "", "listReply": {"title": "Yes", "description": ""}},
        {"text": None, "type": "list_reply", "listReply": {"title": "Yes"}},
        {"text": None, "type": "image", "caption": "Yes", "data": "data/images/1.jpg"},
        {"text": None, "type": "document", "media": {"caption": "Yes", "url": "https://example.org/1"}},
    ],
)
def test_a_button_says_what_stands_on_it_and_a_photo_what_stands_under_it(changes: Json) -> None:
    found = from_wati(**changes)
    parts = {"image": "photo", "document": "file"}
    assert (found.text, found.part) == ("Yes", parts.get(changes.get("type", ""), "text"))


def test_without_the_stanzas_id_its_own_counts_and_without_any_it_is_broken() -> None:
    assert from_wati(whatsappMessageId=None).message_id == "6701aa"
    assert wati(whatsappMessageId=None, id=None) == [Broken(0, "it has no id")]


def test_where_a_time_is_missing_the_other_counts() -> None:
    at = from_wati(timestamp=None).sent_at
    assert at is not None
    assert (at - NOON).total_seconds() == pytest.approx(0.123456)
    assert from_wati(timestamp=None, created=None).sent_at is None


def test_a_sample_is_a_test_by_its_values() -> None:
    peek = SENDERS["wati"].module.peek
    ids = {"id": "message.Id", "whatsappMessageId": "message.WhatsappMessageId"}
    assert peek(SENDERS["wati"].delivery(WATI | ids).body).is_test
    assert not peek(SENDERS["wati"].delivery(WATI | {"listReply": {"id": "message.Id"}}).body).is_test


def manychat(**changes: object) -> PersonMessage:
    [found] = SENDERS["manychat"].parse(MANYCHAT | changes)
    assert isinstance(found, PersonMessage)
    return found


def test_a_subscriber_is_known_by_all_ids_that_come() -> None:
    subscriber = Alias("subscriber", "1500001")
    assert manychat().aliases == (subscriber, BY_PHONE)
    assert manychat(id=1500001).aliases == (subscriber, BY_PHONE)
    assert manychat(whatsapp_phone=None, whatsapp_bsuid=BSUID).aliases == (subscriber, Alias("bsuid", BSUID))


def test_an_author_may_send_the_messages_id_and_its_time() -> None:
    found = manychat(message_id="m1", last_interaction=RFC_3339.replace("Z", "+00:00"))
    assert (found.message_id, found.sent_at) == ("m1", NOON)
    assert manychat(last_interaction=None, ig_last_interaction=RFC_3339).sent_at == NOON


def test_a_contact_that_said_nothing_is_no_text() -> None:
    assert (manychat(last_input_text=None).part, manychat(last_input_text=None).text) == ("other", "")


@pytest.mark.parametrize("given", [None, "", "{{id}}", "{{user_id}}"])
def test_without_a_subscriber_it_is_broken(given: str | None) -> None:
    """A field that the flow didn't fill in would make all who write one person."""
    assert SENDERS["manychat"].parse(MANYCHAT | {"id": given}) == [Broken(0, "it names no subscriber")]
