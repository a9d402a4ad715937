"""Meta's deliveries: batches, persons in every shape, edits, echoes, receipts and tests."""

from __future__ import annotations

from base64 import b64encode
from typing import Any

import pytest

from tests.support.deliveries import BSUID, GROUP, NOON, PHONE, SECONDS, SENDERS, Json, meta_body, meta_message
from wamon.providers.deliveries import (
    DIRECT,
    AccountFault,
    Alias,
    Broken,
    IdentityChange,
    OperatorMessage,
    Parsed,
    PersonMessage,
    Receipt,
)

META = SENDERS["meta"]
PARENT = "ZA.ENT.7g2"
BY_PHONE, BY_BSUID, BY_PARENT = Alias("phone", PHONE), Alias("bsuid", BSUID), Alias("bsuid", PARENT)


def without(message: Json, *names: str) -> Json:
    return {name: value for name, value in message.items() if name not in names}


def one(*messages: Json, **value: Any) -> PersonMessage:
    [found] = META.parse(meta_body(*messages, **value))
    assert isinstance(found, PersonMessage)
    return found


@pytest.mark.parametrize(
    ("contact", "message", "aliases"),
    [
        ({"wa_id": PHONE}, {"from": PHONE}, {BY_PHONE}),
        (
            {"wa_id": PHONE, "user_id": BSUID, "profile": {"name": "T. One", "username": "@tone"}},
            {"from": PHONE, "from_user_id": BSUID},
            {BY_PHONE, BY_BSUID},
        ),
        (
            {"user_id": BSUID, "parent_user_id": PARENT},
            {"from_user_id": BSUID, "from_parent_user_id": PARENT},
            {BY_BSUID, BY_PARENT},
        ),
        ({"wa_id": BSUID}, {"from": BSUID}, {BY_BSUID}),
        ({"profile": {"name": "T. One"}}, {}, set()),
    ],
    ids=["classic", "both", "no phone", "through a re-seller", "nothing"],
)
def test_a_person_is_known_in_every_shape(contact: Json, message: Json, aliases: set[Alias]) -> None:
    named = {"profile": {"name": "T. One"}, **contact}
    found = one(without(meta_message(), "from", "from_user_id") | message, contacts=[named])
    assert set(found.aliases) == aliases
    assert found.name == "T. One"


def test_of_several_contacts_each_message_has_its_own() -> None:
    other = "27820000002"
    contacts = [{"profile": {"name": "Two"}, "wa_id": other}, {"profile": {"name": "One"}, "wa_id": PHONE}]
    messages = [meta_message(), meta_message(**{"from": other, "from_user_id": None, "id": "wamid.Two"})]
    found = [m for m in META.parse(meta_body(*messages, contacts=contacts)) if isinstance(m, PersonMessage)]
    assert [(m.name, m.aliases[0].value) for m in found] == [("One", PHONE), ("Two", other)]


def test_two_of_our_numbers_in_one_delivery_are_told_apart() -> None:
    body = meta_body(meta_message())
    second = meta_body(meta_message(id="wamid.B"), metadata={"phone_number_id": "900333"})
    body["entry"] += second["entry"]
    assert [(m.message_id, m.line) for m in META.parse(body) if isinstance(m, PersonMessage)] == [
        ("wamid.QUJD", "900222"),
        ("wamid.B", "900333"),
    ]


def test_a_thousand_updates_are_a_thousand_and_the_same_twice_is_told_twice() -> None:
    messages = [meta_message(id=f"wamid.{n}") for n in range(999)]
    found = META.parse(meta_body(*messages, messages[0]))
    assert len(found) == 1000
    assert found[0] == found[-1]


def filled_in(form: object) -> Json:
    """The answer that a form of a flow gives."""
    return {"type": "interactive", "interactive": {"type": "nfm_reply", "nfm_reply": {"response_json": form}}}


@pytest.mark.parametrize(
    ("content", "part", "text"),
    [
        ({"type": "image", "image": {"id": "1", "caption": "DR1752028"}}, "photo", "DR1752028"),
        ({"type": "image", "image": {"id": "1"}}, "photo", ""),
        ({"type": "video", "video": {"caption": "DR1752028"}}, "file", "DR1752028"),
        ({"type": "document", "document": {"filename": "a.pdf"}}, "file", ""),
        ({"type": "audio", "audio": {"voice": True}}, "voice", ""),
        ({"type": "button", "button": {"text": "Yes", "payload": "y"}}, "text", "Yes"),
        ({"type": "interactive", "interactive": {"button_reply": {"id": "1", "title": "Yes"}}}, "text", "Yes"),
        ({"type": "interactive", "interactive": {"list_reply": {"title": "First"}}}, "text", "First"),
        (filled_in('{"flow_token": "t", "no": "DR1752028", "at": {"by": [7, true, null]}}'), "text", "DR1752028\n7"),
        (filled_in('"DR1752028"'), "text", "DR1752028"),
        (filled_in("[7"), "other", ""),
        (filled_in("[" * 100_000), "other", ""),
        (filled_in("9" * 5_000), "other", ""),
        (filled_in({"number": "DR1752028"}), "other", ""),
        ({"type": "reaction", "reaction": {"message_id": "wamid.A", "emoji": "\U0001f44d"}}, "other", ""),
        ({"type": "reaction", "reaction": {"message_id": "wamid.A"}}, "other", ""),
        ({"type": "location", "location": {"latitude": -26.1, "longitude": 28.0}}, "other", ""),
        ({"type": "contacts", "contacts": [{}]}, "other", ""),
        ({"type": "order", "order": {"text": "two please"}}, "other", "two please"),
        ({"type": "unsupported", "errors": [{"code": 131051}]}, "other", ""),
        ({"type": "something_new", "something_new": []}, "other", ""),
        ({}, "other", ""),
    ],
)  # fmt: skip
def test_each_type_says_what_it_says(content: Json, part: str, text: str) -> None:
    found = one(without(meta_message(), "type", "text") | content)
    assert (found.part, found.text) == (part, text)


def test_who_opens_the_chat_has_said_nothing() -> None:
    assert META.parse(meta_body(without(meta_message(), "text") | {"type": "request_welcome"})) == []


@pytest.mark.parametrize(
    ("given", "at"),
    [
        (str(SECONDS), NOON),
        (SECONDS, NOON),
        (str(SECONDS * 1000), NOON),
        (SECONDS * 1000, NOON),
        ("soon", None),
        (None, None),
        ("", None),
        (0, None),
        ("9" * 15, None),
        ("9" * 19, None),
        ("9" * 4_400, None),
    ],
    ids=[
        "text",
        "number",
        "ms as text",
        "ms",
        "a word",
        "none",
        "empty",
        "zero",
        "after the calendar",
        "far ahead",
        "endless",
    ],
)
def test_a_time_comes_in_seconds_or_in_milliseconds(given: object, at: object) -> None:
    assert one(meta_message(timestamp=given)).sent_at == at


def test_an_edit_names_the_message_that_says_something_else_now() -> None:
    edit = {"original_message_id": "wamid.A", "message": {"type": "image", "image": {"caption": "DR1752034"}}}
    found = one(meta_message(id="wamid.E", type="edit", edit=edit))
    assert (found.message_id, found.edits, found.text, found.part) == ("wamid.E", "wamid.A", "DR1752034", "photo")


def test_a_revoke_names_the_message_that_was_taken_back() -> None:
    found = one(meta_message(id="wamid.R", type="revoke", revoke={"original_message_id": "wamid.A"}))
    assert (found.message_id, found.revokes, found.text) == ("wamid.R", "wamid.A", "")


def test_a_group_is_its_own_chat() -> None:
    assert one(meta_message(group_id="Y2FwaQ")).chat == "Y2FwaQ"
    made = b64encode(f"capi_group:27110000000:{GROUP.partition('@')[0]}".encode()).decode().rstrip("=")
    assert one(meta_message(group_id=f"{made}ZD")).chat == GROUP
    assert one(meta_message(group_id="\u00e9" * 8)).chat == "\u00e9" * 8
    assert one(meta_message()).chat == DIRECT


@pytest.mark.parametrize(
    ("system", "message", "change"),
    [
        (
            {"type": "user_changed_number", "wa_id": "27820000002", "user_id": "ZA.new1"},
            {"from": PHONE},
            IdentityChange((BY_PHONE,), (Alias("phone", "27820000002"), Alias("bsuid", "ZA.new1"))),
        ),
        (
            {"type": "user_changed_user_id", "user_id": "ZA.new1", "previous_user_id": BSUID},
            {},
            IdentityChange((BY_BSUID,), (Alias("bsuid", "ZA.new1"),)),
        ),
    ],
)
def test_who_changes_the_number_stays_the_same_person(system: Json, message: Json, change: IdentityChange) -> None:
    sent = without(meta_message(), "from", "from_user_id", "text") | {"type": "system", "system": system} | message
    body = meta_body(sent)
    del body["entry"][0]["changes"][0]["value"]["contacts"]
    assert META.parse(body) == [change]


def test_a_new_bsuid_is_the_same_persons_also_where_only_a_field_of_its_own_names_the_former_one() -> None:
    update: Json = {"wa_id": PHONE, "user_id": {"previous": BSUID, "current": "ZA.new1"}, "timestamp": str(SECONDS)}
    parent = {"previous": "ZA.ENT.old", "current": "ZA.ENT.new"}
    both = [update, update | {"wa_id": None, "parent_user_id": parent}, {"user_id": {"current": "ZA.new1"}}, "x"]
    one, two, broken = META.parse(meta_body(field="user_id_update", user_id_update=both))
    assert one == IdentityChange((BY_BSUID,), (Alias("bsuid", "ZA.new1"), BY_PHONE))
    assert two == IdentityChange(
        (BY_BSUID, Alias("bsuid", "ZA.ENT.old")), (Alias("bsuid", "ZA.new1"), Alias("bsuid", "ZA.ENT.new"))
    )
    assert broken == Broken(3, "an update of an id is no object")


@pytest.mark.parametrize("name", ["message_echoes", "messages"])
def test_what_somebody_answers_by_the_business_app_is_an_operators(name: str) -> None:
    echo: Json = {"from": "27110000000", "to": PHONE, "id": "wamid.O", "timestamp": str(SECONDS), "type": "text"}
    echo |= {"text": {"body": "Noted"}}
    [found] = META.parse(meta_body(field="smb_message_echoes", **{name: [echo]}, contacts=[]))
    assert found == OperatorMessage("wamid.O", DIRECT, (BY_PHONE,), NOON, "text", "Noted", line="900222")


def test_what_a_phones_history_brings_is_not_said_anew() -> None:
    """Its texts stand in threads, its photos among the messages; both sides' of up to half a year."""
    photo = meta_message(type="image", image={"id": "1", "caption": "DR1752028"})
    threads = [{"metadata": {"phase": 0}, "threads": [{"id": PHONE, "messages": [meta_message()]}]}]
    assert META.parse(meta_body(photo, field="history", history=threads)) == []


def test_where_metas_own_agent_answers_it_is_standby() -> None:
    echo = {"from": "27110000000", "to": PHONE, "id": "wamid.O", "type": "text", "text": {"body": "Hello"}}
    said, answered = META.parse(meta_body(meta_message(), field="standby", message_echoes=[echo]))
    assert isinstance(said, PersonMessage)
    assert isinstance(answered, OperatorMessage)
    assert said.is_standby
    assert answered.is_standby


def test_receipts_and_faults_are_told_with_their_codes() -> None:
    statuses = [
        {"id": "wamid.S", "status": "delivered", "recipient_user_id": BSUID},
        {"id": "wamid.S", "status": "failed", "recipient_id": PHONE, "errors": [{"code": 131047, "title": "Closed"}]},
        {"id": "wamid.S", "status": "warming up"},
        {"status": "read"},
    ]
    expected: list[Parsed] = [
        Receipt("wamid.S", None, "delivered"),
        Receipt("wamid.S", None, "failed", "131047"),
        Broken(3, "it has no id"),
        AccountFault("130429"),
    ]
    assert META.parse(meta_body(statuses=statuses, errors=[{"code": 130429}])) == expected


def test_the_dashboards_button_is_a_test_and_an_unknown_number_is_none() -> None:
    answered = meta_message(timestamp="1504902988", text={"body": "0"})
    body = meta_body(answered, metadata={"phone_number_id": "123456123"})
    assert not META.module.peek(META.delivery(body).body).is_test
    body["entry"][0]["id"] = "0"
    assert META.module.peek(META.delivery(body).body).is_test
    assert not META.module.peek(META.delivery(meta_body(meta_message())).body).is_test


def test_of_an_unknown_field_nothing_is_read() -> None:
    assert (
        META.parse({"entry": [{"changes": [{"field": "phone_number_quality_update", "value": {"event": "x"}}]}]}) == []
    )
