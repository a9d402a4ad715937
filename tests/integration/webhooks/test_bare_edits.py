"""Edits that come as the key of their message, as its sender's phone has it: who wrote stands in the message. And
revokes, which may come before it as well.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.bridges import LAWLEY
from tests.support.clock import HOST
from tests.support.deliveries import EVOLUTION, LID, PHONE, WACLI, Json, meta_body, meta_message
from tests.support.intake import events, hook, keep, take_in
from tests.support.office import Office
from tests.support.talk import advance, conversations, talking

JID, OURS = f"{PHONE}@s.whatsapp.net", "27820009999@s.whatsapp.net"
LIVE = "SELECT drop_number, sender FROM wamon.submission_rows WHERE live"


@pytest.fixture
def office(tmp_path: Path, open_office: Callable[..., Office]) -> Office:
    office = talking(open_office(tmp_path / "no-store.db"))
    office.set(hooks=[hook(name, project="Lawley") for name in ("evolution", "wacli")])
    return office


def evolution(chat: str, text: str, *, ours: bool) -> Json:
    key = {"remoteJid": chat, "fromMe": ours, "id": "A", "participant": JID if chat == LAWLEY else None}
    data = {"key": key, "message": {"conversation": text}, "messageTimestamp": int(HOST.now().timestamp())}
    return EVOLUTION | {"data": EVOLUTION["data"] | data}


def evolution_edit(chat: str, text: str) -> Json:
    key = {"remoteJid": chat, "fromMe": True, "id": "A", "participant": f"{LID}@lid" if chat == LAWLEY else None}
    data = {"key": key, "type": "MESSAGE_EDIT", "editedMessage": {"conversation": text}}
    return EVOLUTION | {"event": "messages.edited", "data": data}


def wacli(chat: str, text: str, *, ours: bool) -> Json:
    sender = OURS if ours else JID
    said = {"ID": "A", "Chat": chat, "Text": text, "SenderJID": sender, "FromMe": ours}
    return WACLI | said | {"Timestamp": f"{HOST.now():%Y-%m-%dT%H:%M:%SZ}"}


def wacli_edit(chat: str, text: str) -> Json:
    edit = {"Edited": True, "FromMe": True, "SenderJID": f"{LID}@lid" if chat == LAWLEY else JID}
    return wacli(chat, text, ours=False) | edit


SENDERS = {"evolution": (evolution, evolution_edit), "wacli": (wacli, wacli_edit)}


def said_and_edited(provider: str, chat: str, *, ours: bool = False) -> tuple[Json, Json]:
    """A message, and its edit: one-to-one, its chat is we where a person sends it."""
    message, edit = SENDERS[provider]
    there = OURS if chat == JID and not ours else chat
    return message(chat, "DR1752028", ours=ours), edit(there, "DR1752034")


@pytest.mark.parametrize("provider", SENDERS)
@pytest.mark.parametrize("steps", ["message edit", "message, edit", "edit message", "edit, message"])
@pytest.mark.parametrize("chat", [JID, LAWLEY], ids=["direct", "group"])
def test_whenever_an_edit_comes_its_message_s_sender_said_it(
    office: Office, provider: str, steps: str, chat: str
) -> None:
    """Together or one after the other, in either order."""
    bodies = dict(zip(("message", "edit"), said_and_edited(provider, chat), strict=True))
    for batch in steps.split(", "):
        for one in batch.split():
            keep(office, provider, bodies[one])
        take_in(office)
    advance(office, 6)
    take_in(office)
    assert office.query(LIVE) == [("DR1752034", PHONE)]
    assert office.query("SELECT sender FROM wamon.ledger") == [PHONE]
    if chat == JID:
        assert conversations(office, "state, last_seq") == [("settling", 1)]
        assert office.query("SELECT body FROM wamon.conversation_messages") == ["DR1752034"]


@pytest.mark.parametrize("provider", SENDERS)
@pytest.mark.parametrize("together", [True, False])
def test_what_we_said_one_to_one_is_no_post_however_it_is_edited(office: Office, provider: str, together: bool) -> None:
    for one in said_and_edited(provider, JID, ours=True):
        keep(office, provider, one)
        if not together:
            take_in(office)
    take_in(office)
    assert office.query("SELECT count(*) FROM wamon.submission_rows") == [0]
    assert conversations(office, "state, last_seq") == [("idle", 0)]


@pytest.mark.parametrize("provider", SENDERS)
@pytest.mark.parametrize("chat", [JID, LAWLEY], ids=["direct", "group"])
def test_a_message_that_comes_minutes_after_its_edit_is_its_sender_s(office: Office, provider: str, chat: str) -> None:
    """As its sender tried again after ever longer pauses."""
    message, edit = said_and_edited(provider, chat)
    keep(office, provider, edit)
    for _ in range(3):
        take_in(office)
        advance(office, 70)
    keep(office, provider, message)
    take_in(office)
    assert office.query(LIVE) == [("DR1752034", PHONE)]
    if chat == JID:
        assert conversations(office, "state, last_seq") == [("settling", 1)]


def revoke(provider: str) -> Json:
    """That its sender takes the message back, one-to-one."""
    if provider == "wacli":
        return wacli_edit(OURS, "") | {"Edited": False, "Revoked": True}
    return EVOLUTION | {"event": "messages.delete", "data": {"remoteJid": OURS, "fromMe": True, "id": "A"}}


@pytest.mark.parametrize("provider", SENDERS)
@pytest.mark.parametrize("seconds", [0, 6, 200])
def test_what_was_taken_back_before_it_came_says_nothing(office: Office, provider: str, seconds: int) -> None:
    keep(office, provider, revoke(provider))
    take_in(office)
    assert events(office, "state") == ["new"]
    advance(office, seconds)
    message, _ = said_and_edited(provider, JID)
    keep(office, provider, message)
    take_in(office)
    advance(office, 6)
    take_in(office)
    assert events(office, "state") == ["done", "done"]
    assert office.query("SELECT body FROM wamon.conversation_messages") == [None]


def test_beside_a_revoke_that_waits_all_else_of_its_delivery_is_recorded_at_once(office: Office) -> None:
    office.set(hooks=[hook("meta", project="Lawley")])
    at = str(int(HOST.now().timestamp()))
    first, second = (meta_message(id=f"wamid.{n}", timestamp=at, text={"body": f"DR175202{n}"}) for n in (8, 9))
    taken_back = {**first, "id": "wamid.R", "type": "revoke", "revoke": {"original_message_id": "wamid.8"}}
    keep(office, "meta", meta_body(taken_back, second))
    take_in(office)
    assert office.query("SELECT drop_number FROM wamon.submission_rows WHERE live") == ["DR1752029"]
    assert events(office, "state") == ["new"]
    keep(office, "meta", meta_body(first))
    take_in(office)
    advance(office, 6)
    take_in(office)
    assert events(office, "state") == ["done", "done"]
    bodies = "SELECT message_id, body FROM wamon.conversation_messages ORDER BY 1"
    assert office.query(bodies) == [("wamid.8", None), ("wamid.9", "DR1752029")]


@pytest.mark.parametrize("provider", SENDERS)
def test_a_revoke_of_what_never_comes_waits_four_minutes(office: Office, provider: str) -> None:
    keep(office, provider, revoke(provider))
    take_in(office)
    advance(office, 241)
    take_in(office)
    assert events(office, "state, messages") == [("done", 0)]


@pytest.mark.parametrize("provider", SENDERS)
def test_an_edit_of_what_never_comes_is_recorded_after_four_minutes(office: Office, provider: str) -> None:
    _, edit = said_and_edited(provider, LAWLEY)
    keep(office, provider, edit)
    take_in(office)
    assert events(office, "state") == ["new"]
    advance(office, 241)
    take_in(office)
    assert events(office, "state") == ["done"]
    assert office.query(LIVE) == [("DR1752034", f"{LID}@lid")]
