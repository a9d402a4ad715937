"""The Evolution API, and Evolution Go, which tells of a message as whatsmeow does. Pure.

The former's `date_time` is local time that says it were UTC: nothing reads it.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from wamon.providers.deliveries import DIRECT, Receipt, Verdict, change_of, spoken
from wamon.providers.fields import (
    REACTIONS,
    SILENT,
    aliases,
    answers,
    chat_of,
    each,
    fields,
    first_said,
    items,
    message_id,
    moment,
    parsed,
    receipts,
    said,
    shown,
    some,
    unwrapped,
    word,
)
from wamon.providers.peeks import named, peeked, typed
from wamon.providers.sending import Sent, alias_of, fields_of, id_of, is_taken, jid_of, not_sent, post
from wamon.providers.signatures import bearer, json_web_token, told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

    from wamon.net.message import Answer, Request
    from wamon.providers.deliveries import Alias, Delivery, Parsed, Part, Peek, PersonMessage, ReceiptState
    from wamon.providers.fields import Fields
    from wamon.providers.sending import Judged, Outgoing

_PERSON, _TYPE = named("participant", "remoteJid", "Sender"), typed("event")
_MESSAGES = {"messages.upsert", "send.message", "message", "sendmessage"}
"""The latter two are Evolution Go's."""
_CHANGES = {"messages.edited": False, "send.message.update": True}
"""Those that tell of edits and revokes, and whether they are ours."""
_STATES: Mapping[str, ReceiptState] = {
    "SERVER_ACK": "sent", "DELIVERY_ACK": "delivered", "READ": "read", "PLAYED": "read", "ERROR": "failed",
    "DELETED": "deleted",
}  # fmt: skip
_PARTS: Mapping[str, Part] = {
    "conversation": "text", "extendedTextMessage": "text", "imageMessage": "photo", "audioMessage": "voice",
    "videoMessage": "file", "documentMessage": "file",
}  # fmt: skip
_SAID: Mapping[str, Sequence[str]] = {
    "buttonsResponseMessage": ("selectedDisplayText",),
    "templateButtonReplyMessage": ("selectedDisplayText",),
    "listResponseMessage": ("title", "description"),
    "interactiveResponseMessage": ("body",),
    "interactiveMessage": ("body",),
    "pollCreationMessage": ("name",), "pollCreationMessageV2": ("name",), "pollCreationMessageV3": ("name",),
    "pollCreationMessageV5": ("name",),
    "eventMessage": ("name", "description"),
    "buttonsMessage": ("contentText",),
    "listMessage": ("description", "title"),
    "liveLocationMessage": ("caption",),
    "groupInviteMessage": ("caption",),
    "ptvMessage": ("caption",),
}  # fmt: skip
"""What else somebody may say, and in which of its fields the words stand: the first that has any."""
_SILENT = SILENT | {"protocolMessage"}
"""As far as it is neither an edit nor a revoke, the latter is a chat's setting, or a key."""
_REVOKE, _EDIT = {0, "REVOKE"}, {14, "MESSAGE_EDIT"}


def peek(body: bytes) -> Peek:
    """A person's JID stands in the key."""
    return peeked(body, _PERSON, _TYPE)


def verify(delivery: Delivery, secrets: Sequence[str]) -> Verdict:
    """By a header of the webhook's: X-Wamon-Secret, or Authorization, which may hold a token of ten minutes.

    Evolution Go sends no headers: there it is the secret in the query.
    """
    given = delivery.headers.get("x-wamon-secret") or bearer(delivery) or delivery.query.get("secret")
    by_secret = told(given, secrets)
    may_be_a_token = by_secret is Verdict.WRONG and bearer(delivery) is not None
    return json_web_token(delivery, secrets) if may_be_a_token else by_secret


def parse(delivery: Delivery) -> list[Parsed]:
    """The one event, which may hold a list of messages."""
    return parsed(delivery.body, _event)


def _event(event: Fields) -> Iterator[Parsed]:
    kind, data = word(event.get("event")).lower().replace("_", "."), event.get("data")
    parts = data if isinstance(data, list) else [data]
    if kind in _MESSAGES:
        yield from each(parts, _message)
    elif kind in _CHANGES:
        yield from each(parts, partial(_changed, is_ours=_CHANGES[kind]))
    elif kind == "messages.delete":
        yield from each(parts, _deleted)
    elif kind == "messages.update":
        yield from each(parts, _receipt)
    elif kind == "receipt":
        yield from each([event], lambda told: receipts(told.get("state"), fields(told.get("data"), "its data")))


def _message(part: object) -> Iterator[Parsed]:
    data = fields(part, "its data")
    if "Info" in data:
        data = _of_go(data, fields(data["Info"], "its info"))
    key, message = fields(data.get("key"), "its key"), unwrapped(data.get("message"))
    chat = chat_of(key.get("remoteJid"))
    content, change = _content(message)
    if not _SILENT.isdisjoint(content):
        return
    what: dict[str, Any] = {
        "message_id": message_id(key.get("id")),
        "chat": chat,
        "sent_at": _sent_at(data.get("messageTimestamp")),
        **_says(content),
        "is_reaction": not REACTIONS.isdisjoint(content),
        **change,
    }
    other = _other(key)
    yield spoken(
        what,
        is_ours=key.get("fromMe") is True,
        to=other,
        who=other if chat == DIRECT else _members(key),
        name=shown(data.get("pushName")),
    )


def _of_go(data: Fields, info: Fields) -> Fields:
    """A message of Evolution Go in the Evolution API's words."""
    is_ours = info.get("IsFromMe")
    key = {
        "id": info.get("ID"),
        "remoteJid": info.get("Chat"),
        "remoteJidAlt": info.get("RecipientAlt" if is_ours is True else "SenderAlt"),
        "fromMe": is_ours,
        "participant": info.get("Sender"),
        "participantAlt": info.get("SenderAlt"),
    }
    rest = {"message": data.get("Message"), "messageTimestamp": info.get("Timestamp"), "pushName": info.get("PushName")}
    return {"key": key, **rest}


def _changed(part: object, *, is_ours: bool) -> Iterator[Parsed]:
    """An edit or a revoke as Evolution tells it: what it changes, and nothing of the message that brought it."""
    data = fields(part, "its data")
    key, (content, change) = some(data.get("key")), _content({"protocolMessage": data})
    what = {"sent_at": _sent_at(data.get("timestampMs")), **_says(content), **change}
    if change and is_ours:
        own = {"message_id": None, "chat": chat_of(key.get("remoteJid")), **what}
        yield spoken(own, is_ours=True, to=_other(key), who=())
    elif change:
        yield _change_of(key, **what)


def _deleted(part: object) -> Iterator[Parsed]:
    """What was taken back: its key alone, or a message with its key."""
    data = fields(part, "its data")
    key = some(data.get("key")) or data
    yield _change_of(key, sent_at=None, **_says({}), revokes=message_id(key.get("id")))


def _change_of(key: Fields, **what: Any) -> PersonMessage:  # noqa: ANN401
    return change_of(chat_of(key.get("remoteJid")), _members(key), **what)


def _other(key: Fields) -> tuple[Alias, ...]:
    """With whom a one-to-one chat is."""
    return aliases(key.get("remoteJid"), key.get("remoteJidAlt"), key.get("senderPn"), key.get("senderLid"))


def _members(key: Fields) -> tuple[Alias, ...]:
    """Who wrote it, of a group's members."""
    return aliases(key.get("participant"), key.get("participantAlt"), key.get("participantPn"))


def _sent_at(value: object) -> datetime | None:
    """A message's time. Where a phone's history or a message sent anew brings it, it may come in two halves."""
    low, high = some(value).get("low"), some(value).get("high")
    if isinstance(low, int) and isinstance(high, int):
        return moment((high << 32) + low % (1 << 32))
    return moment(value)


def _says(content: Fields) -> dict[str, Any]:
    """Which part of a conversation this is, and its text."""
    kind = next((name for name in (*_PARTS, *_SAID) if name in content), "")
    text = _text(content, kind)
    return {"part": _PARTS.get(kind, "text" if text else "other"), "text": text}


def _content(message: Fields) -> tuple[Fields, dict[str, str]]:
    """What the message says, and which it edits or revokes."""
    protocol = some(message.get("protocolMessage"))
    key = some(protocol.get("key"))
    changed = key.get("id") or key.get("ID")
    kind = protocol.get("type")
    if isinstance(kind, int | str) and kind in _REVOKE and protocol:
        return {}, {"revokes": message_id(changed)}
    if isinstance(kind, int | str) and kind in _EDIT:
        return unwrapped(protocol.get("editedMessage")), {"edits": message_id(changed)}
    return message, {}


def _text(content: Fields, kind: str) -> str:
    found = content.get(kind)
    if isinstance(found, str):
        return said(found)
    inner = some(found)
    if kind in _SAID:
        values = [inner.get(name) for name in _SAID[kind]]
        words = first_said(*(some(value).get("text") if isinstance(value, dict) else value for value in values))
        return "\n".join([words, *_options(inner), *_filled_in(inner)]).strip()
    return first_said(inner.get("text"), inner.get("caption"))


def _options(poll: Fields) -> list[str]:
    return [said(some(option).get("optionName")) for option in items(poll.get("options"))]


def _filled_in(response: Fields) -> list[str]:
    """What somebody wrote into a form."""
    return answers(some(response.get("nativeFlowResponseMessage")).get("paramsJson"))


def _receipt(part: object) -> Iterator[Parsed]:
    data = fields(part, "its data")
    state = _STATES.get(word(data.get("status")))
    if state and data.get("fromMe") is not False:
        yield Receipt(message_id(data.get("keyId") or some(data.get("key")).get("id")), None, state)


def request(outgoing: Outgoing) -> Request | None:
    """The request that sends a text, to a phone's digits or a JID."""
    phone = None if outgoing.chat != DIRECT else alias_of(outgoing, "phone")
    number = phone.value if phone else jid_of(outgoing)
    headers = {"apikey": outgoing.token} if outgoing.token else {}
    return post(outgoing, {"number": number, "text": outgoing.text}, headers) if number else None


def judged(answer: Answer) -> Judged:
    """What came of it."""
    given = fields_of(answer)
    sent_id = id_of(some(given.get("key")).get("id") or some(some(given.get("data")).get("Info")).get("ID"))
    if is_taken(answer) and sent_id:
        return Sent(sent_id)
    return not_sent(answer)
