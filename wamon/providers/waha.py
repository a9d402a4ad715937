"""WAHA. Pure. Its ids wrap the stanza's: `false_<chat>_<stanza>`, with the participant behind it in a group."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from wamon.providers.deliveries import DIRECT, OperatorMessage, PersonMessage, Receipt, Verdict, spoken
from wamon.providers.fields import (
    Malformed,
    aliases,
    chat_of,
    each,
    fields,
    message_id,
    moment,
    parsed,
    said,
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

_PERSON, _TYPE = named("participant", "from"), typed("event")
_MESSAGES = {"message", "message.any"}
_STATES: Mapping[str, ReceiptState] = {
    "ERROR": "failed", "SERVER": "sent", "DEVICE": "delivered", "READ": "read", "PLAYED": "read",
}  # fmt: skip


def peek(body: bytes) -> Peek:
    """A person's id stands in the payload."""
    return peeked(body, _PERSON, _TYPE)


def verify(delivery: Delivery, secrets: Sequence[str]) -> Verdict:
    """By the HMAC key."""
    return signed(delivery, "x-webhook-hmac", secrets, digest="sha512")


def parse(delivery: Delivery) -> list[Parsed]:
    """The one event; with `message.any` each message comes twice, under one id."""
    return parsed(delivery.body, lambda event: each([event], _event))


def _event(event: Fields) -> Iterator[Parsed]:
    kind = word(event.get("event"))
    if not kind.startswith("message"):  # others may hold anything
        return
    payload = fields(event.get("payload"), "its payload")
    if kind in _MESSAGES:
        yield _message(payload)
    elif kind == "message.edited":
        yield _message(payload, edits=_stanza(payload.get("editedMessageId")))
    elif kind == "message.revoked":
        after = some(payload.get("after")) or payload
        revoked = payload.get("revokedMessageId") or some(payload.get("before")).get("id")
        yield _message(after, revokes=_stanza(revoked))
    elif kind == "message.ack" and (state := _STATES.get(word(payload.get("ackName")))):
        yield Receipt(_stanza(payload.get("id")), None, state)


def _message(payload: Fields, **change: str) -> PersonMessage | OperatorMessage:
    is_ours = payload.get("fromMe") is True
    peer = payload.get("to") if is_ours and not chat_of(payload.get("from")).endswith("@g.us") else payload.get("from")
    chat = chat_of(peer)
    what: dict[str, Any] = {
        "message_id": _stanza(payload.get("id")),
        "chat": chat,
        "sent_at": moment(payload.get("timestamp")),
        "part": _part(payload),
        "text": said(payload.get("body")),
        **change,
    }
    name = shown(payload.get("notifyName") or some(payload.get("_data")).get("notifyName"))
    who = aliases(payload.get("participant") if chat != DIRECT else peer)
    return spoken(what, is_ours=is_ours, to=aliases(peer), who=who, name=name)


def _part(payload: Fields) -> Part:
    if payload.get("hasMedia") is not True:
        return "text"
    kind = word(some(payload.get("media")).get("mimetype")).partition("/")[0]
    parts: Mapping[str, Part] = {"image": "photo", "audio": "voice"}
    return parts.get(kind, "file")


def _stanza(value: object) -> str:
    """The stanza's id within an id of WAHA's; an id of another form is itself."""
    found = message_id(value)
    first, _, rest = found.partition("_")
    wrapped = rest.split("_") if first in {"true", "false"} else []
    return message_id(wrapped[1]) if len(wrapped) > 1 else found


def request(outgoing: Outgoing) -> Request | None:
    """The request that sends a text. The URL may end in ?session=NAME; without, it is the session `default`."""
    chat = jid_of(outgoing, phones="c.us")
    session = parse_qs(urlsplit(outgoing.url).query).get("session", ["default"])[0]
    headers = {"X-Api-Key": outgoing.token} if outgoing.token else {}
    return post(outgoing, {"session": session, "chatId": chat, "text": outgoing.text}, headers) if chat else None


def judged(answer: Answer) -> Judged:
    """What came of it. Its engines write the id in three ways."""
    said = fields_of(answer)
    given = said.get("id") or some(said.get("key")).get("id")
    sent_id = id_of(some(given).get("_serialized") or some(given).get("id") or given)
    if not is_taken(answer) or sent_id is None:
        return not_sent(answer)
    try:
        return Sent(_stanza(sent_id))
    except Malformed:
        return Sent()
