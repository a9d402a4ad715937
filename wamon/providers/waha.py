"""WAHA. Pure. Its ids wrap the stanza's: `false_<chat>_<stanza>`, with the participant behind it in a group.

Its engines (WEBJS, NOWEB, GOWS) tell the same differently, and each hands on as `_data` what it was told itself.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qs, urlsplit

from wamon.providers.deliveries import DIRECT, OperatorMessage, PersonMessage, Receipt, Verdict, spoken
from wamon.providers.fields import (
    REACTIONS,
    SILENT,
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
    unwrapped,
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
_NOTICES = SILENT | {
    "e2e_notification", "notification", "notification_template", "group_notification", "broadcast_notification", "gp2",
    "call_log", "album", "protocol", "debug",
}  # fmt: skip
"""The latter of the engine WEBJS: what stands between messages on a phone, such as that somebody's key changed."""
_STATES: Mapping[str, ReceiptState] = {
    "ERROR": "failed", "SERVER": "sent", "DEVICE": "delivered", "READ": "read", "PLAYED": "read",
}  # fmt: skip
_MEDIA: Mapping[str, Part] = {
    "image": "photo", "ptt": "voice", "audio": "voice", "video": "file", "ptv": "other", "document": "file",
    "sticker": "other",
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
    if kind in _MESSAGES and not _is_notice(payload):
        yield _message(payload)
    elif kind == "message.edited":
        yield _message(payload, edits=_stanza(payload.get("editedMessageId") or payload.get("id")))
    elif kind == "message.revoked":
        told = some(payload.get("after")) or some(payload.get("before")) or payload
        yield _message(told, revokes=_stanza(_revoked(payload)))
    elif kind == "message.ack" and (state := _STATES.get(word(payload.get("ackName")))):
        yield Receipt(_stanza(payload.get("id")), None, state)


def _is_notice(payload: Fields) -> bool:
    """Whether nobody says anything by it. A chat's setting has no text, of what it has in common with former edits."""
    told = _told(payload)
    return not _NOTICES.isdisjoint(told) or ("protocolMessage" in told and not said(payload.get("body")))


def _message(payload: Fields, **change: str) -> PersonMessage | OperatorMessage:
    is_ours, data, text = payload.get("fromMe") is True, some(payload.get("_data")), said(payload.get("body"))
    peer = _peer(payload)
    chat = chat_of(peer)
    what: dict[str, Any] = {
        "message_id": _stanza(payload.get("id")),
        "chat": chat,
        "sent_at": moment(payload.get("timestamp")),
        "part": _part(payload, text),
        "text": text,
        "is_reaction": not REACTIONS.isdisjoint(_told(payload)),
        **change,
    }
    info, key = some(data.get("Info")), some(data.get("key"))
    name = shown(data.get("notifyName") or data.get("pushName") or info.get("PushName") or payload.get("notifyName"))
    alt = info.get("RecipientAlt" if is_ours else "SenderAlt")
    other = aliases(peer, alt, key.get("remoteJidAlt"), key.get("senderPn"))
    member = aliases(*_members(payload), alt, key.get("participantAlt"), key.get("participantPn"))
    return spoken(what, is_ours=is_ours, to=other, who=other if chat == DIRECT else member, name=name)


def _members(payload: Fields) -> Iterator[object]:
    """Who of a group wrote. The engine WEBJS says it in the id alone, and in what it was told itself."""
    author = some(payload.get("_data")).get("author")
    yield from (payload.get("participant"), _parts(payload.get("id"))[2], author, some(author).get("_serialized"))


def _peer(payload: Fields) -> object:
    """The chat. It stands in the id; in `from` where we wrote, too, of two engines, of which the third has us there."""
    chat = _parts(payload.get("id"))[0] or payload.get("from")
    is_ours_to_one = payload.get("fromMe") is True and chat_of(chat) == DIRECT
    return (payload.get("to") or chat) if is_ours_to_one else chat


def _part(payload: Fields, text: str) -> Part:
    """By what the engine was told: the file itself may not have been fetched."""
    if payload.get("hasMedia") is not True:
        return "text" if text else "other"  # a place, say
    fetched = word(some(payload.get("media")).get("mimetype")).partition("/")[0]
    kinds = [*(name.removesuffix("Message") for name in _told(payload)), fetched]
    return next((_MEDIA[kind] for kind in kinds if kind in _MEDIA), "file")


def _told(payload: Fields) -> list[str]:
    """As what kinds of a message the engine was told of it."""
    data = some(payload.get("_data"))
    return [word(data.get("type")), *unwrapped(data.get("Message")), *unwrapped(data.get("message"))]


def _revoked(payload: Fields) -> object:
    """The id of what was taken back: of two engines it stands alone, the third may know the message no more."""
    after, before = some(payload.get("after")), some(payload.get("before"))
    key = some(some(after.get("_data")).get("protocolMessageKey"))
    return payload.get("revokedMessageId") or key.get("id") or before.get("id") or after.get("id")


def _parts(value: object) -> tuple[str, str, str]:
    """Chat, stanza and participant of an id of WAHA's; an id of another form names no chat, and nobody."""
    found = message_id(value)
    first, _, rest = found.partition("_")
    parts = rest.split("_") if first in {"true", "false"} else []
    return (parts[0], message_id(parts[1]), "".join(parts[2:3])) if len(parts) > 1 else ("", found, "")


def _stanza(value: object) -> str:
    return _parts(value)[1]


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
