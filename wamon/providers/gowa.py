"""GOWA's webhooks. Pure."""

from __future__ import annotations

from base64 import b64encode
from typing import TYPE_CHECKING, Any

from wamon.providers.deliveries import DIRECT, OperatorMessage, PersonMessage, Receipt, Verdict, spoken
from wamon.providers.fields import (
    aliases,
    chat_of,
    each,
    fields,
    first_said,
    items,
    message_id,
    moment,
    parsed,
    shown,
    some,
    word,
)
from wamon.providers.peeks import named, peeked, typed
from wamon.providers.sending import Sent, fields_of, id_of, is_taken, jid_of, not_sent, post
from wamon.providers.signatures import signed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from wamon.net.message import Answer, Request
    from wamon.providers.deliveries import Delivery, Parsed, Part, Peek, ReceiptState
    from wamon.providers.fields import Fields
    from wamon.providers.sending import Judged, Outgoing

_PERSON, _TYPE = named("from", "from_lid"), typed("event")
_STATES: Mapping[str, ReceiptState] = {
    "delivered": "delivered", "read": "read", "read-self": "read", "played": "read", "failed": "failed",
}  # fmt: skip
_MEDIA: Mapping[str, Part] = {
    "image": "photo", "audio": "voice", "video": "file", "video_note": "file", "document": "file", "sticker": "other",
    "contact": "other", "contacts_array": "other", "location": "other", "live_location": "other", "list": "other",
    "order": "other",
}  # fmt: skip


def peek(body: bytes) -> Peek:
    """A person's forms stand in the payload."""
    return peeked(body, _PERSON, _TYPE)


def verify(delivery: Delivery, secrets: Sequence[str]) -> Verdict:
    """By the secret of WHATSAPP_WEBHOOK_SECRET."""
    return signed(delivery, "x-hub-signature-256", secrets, prefix="sha256=")


def parse(delivery: Delivery) -> list[Parsed]:
    """The one event."""
    return parsed(delivery.body, lambda event: each([event], _event))


def _event(event: Fields) -> Iterator[Parsed]:
    if "event" not in event and "message" in event:
        yield from _unnamed(event)
        return
    kind = word(event.get("event"))
    if not kind.startswith("message"):  # others may hold anything
        return
    payload = fields(event.get("payload"), "its payload")
    if kind == "message":
        yield from _said(payload)
    elif kind == "message.edited" and "body" in payload:  # an edited caption comes without: that blanks nothing
        yield _message(payload, edits=message_id(payload.get("original_message_id")))
    elif kind == "message.revoked":
        yield _message(payload, revokes=message_id(payload.get("revoked_message_id")))
    elif kind == "message.ack":
        yield from _receipts(payload)


def _unnamed(event: Fields) -> Iterator[Parsed]:
    """A message as GOWA before version 8 delivers it. Of an edit it doesn't say whose: that says nothing."""
    message, chat = fields(event.get("message"), "its message"), event.get("chat_id")
    who, _, group = word(event.get("from")).partition(" in ")
    payload = event | {
        "id": message.get("id"),
        "body": message.get("text"),
        "chat_id": group or chat,
        "from": who,
        "from_name": event.get("pushname"),
        "is_from_me": not group and event.get("sender_id") != chat,
    }
    if event.get("action") == "message_revoked":
        yield _message(payload, revokes=message_id(event.get("revoked_message_id")))
    elif not (event.get("action") or event.get("reaction")):
        yield from _said(payload)


def _said(payload: Fields) -> Iterator[Parsed]:
    """The message; nothing where a group's comes without content: its next reader's key, a vote, or a pin.

    One-to-one that may be a photo which GOWA couldn't fetch: somebody wrote.
    """
    one = _message(payload)
    if one.chat == DIRECT or one.text or one.part != "other" or _media(payload)[0]:
        yield one


def _message(payload: Fields, **change: str) -> PersonMessage | OperatorMessage:
    part, caption = _media(payload)
    text = first_said(payload.get("body"), caption)
    what: dict[str, Any] = {
        "message_id": message_id(payload.get("id")),
        "chat": chat_of(payload.get("chat_id")),
        "sent_at": moment(payload.get("timestamp")),
        "part": part or ("text" if text else "other"),
        "text": text,
        **change,
    }
    return spoken(
        what,
        is_ours=payload.get("is_from_me") is True,
        to=aliases(payload.get("chat_id"), payload.get("chat_lid")),
        who=aliases(payload.get("from"), payload.get("from_lid")),
        name=shown(payload.get("from_name")),
    )


def _media(payload: Fields) -> tuple[Part | None, object]:
    name = next((name for name in _MEDIA if payload.get(name)), None)
    return (_MEDIA[name], some(payload[name]).get("caption")) if name else (None, None)


def _receipts(payload: Fields) -> Iterator[Parsed]:
    if state := _STATES.get(word(payload.get("receipt_type"))):
        yield from (Receipt(message_id(one), None, state) for one in items(payload.get("ids")))


def request(outgoing: Outgoing) -> Request | None:
    """The request that sends a text. Its token is `user:password`; with several devices the URL ends in ?device_id=."""
    phone = jid_of(outgoing)
    basic = b64encode(outgoing.token.encode()).decode()
    headers = {"Authorization": f"Basic {basic}"} if outgoing.token else {}
    return post(outgoing, {"phone": phone, "message": outgoing.text}, headers) if phone else None


def judged(answer: Answer) -> Judged:
    """What came of it."""
    said = fields_of(answer)
    if is_taken(answer) and said.get("code") == "SUCCESS":
        return Sent(id_of(some(said.get("results")).get("message_id")))
    return not_sent(answer)
