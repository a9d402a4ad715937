"""WATI. Pure.

A hook that subscribes to all gets each event two or three times, under names that end in _v2 and _bsuid. Nothing signs
them: the secret is a part of the address.
"""

from __future__ import annotations

import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from wamon.net.message import Request
from wamon.providers.deliveries import DIRECT, OperatorMessage, PersonMessage, Receipt, Verdict
from wamon.providers.fields import (
    Malformed,
    aliases,
    each,
    first_said,
    items,
    maybe_id,
    message_id,
    moment,
    parsed,
    part_of,
    said,
    shown,
    some,
    word,
)
from wamon.providers.peeks import MOST_BYTES, named, peeked, typed
from wamon.providers.sending import Refused, Sent, alias_of, fields_of, id_of, is_taken, not_sent, post
from wamon.providers.signatures import told

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from pydantic import SecretStr

    from wamon.net.message import Answer
    from wamon.providers.deliveries import Alias, Delivery, Parsed, Part, Peek, ReceiptState
    from wamon.providers.fields import Fields
    from wamon.providers.sending import Judged, Outgoing

_PERSON, _TYPE = named("waId", "bsuid"), typed("eventType")
_IDS = {named("id"): b"message.Id", named("whatsappMessageId"): b"message.WhatsappMessageId"}
"""Those of a sample: a row of a list may well have one of them."""
_RECEIPTS: Mapping[str, ReceiptState] = {
    "sentMessageDELIVERED": "delivered",
    "sentMessageREAD": "read",
    "sentMessageREPLIED": "read",  # what the person said is an event of its own
    "sessionMessageFailed": "failed",
    "templateMessageFailed": "failed",
}
_MOST_PAST = 100
_SENT = {"sessionMessageSent", "templateMessageSent"}


def peek(body: bytes) -> Peek:
    """A sample's values are the names of their fields."""
    beginning = body[:MOST_BYTES]
    is_test = all(any(found[1] == its for found in name.finditer(beginning)) for name, its in _IDS.items())
    return peeked(body, _PERSON, _TYPE)._replace(is_test=is_test)


def verify(delivery: Delivery, secrets: Sequence[str]) -> Verdict:
    """By the secret in the path, else in the query."""
    return told(delivery.suffix or delivery.query.get("secret"), secrets)


def parse(delivery: Delivery) -> list[Parsed]:
    """The one event."""
    return parsed(delivery.body, lambda event: each([event], _event))


def _event(event: Fields) -> Iterator[Parsed]:
    kind = _name(word(event.get("eventType")))
    if state := _RECEIPTS.get(kind):
        yield _receipt(event, state)
    elif kind in _SENT or (kind == "message" and event.get("owner") is True):
        local_id = maybe_id(event.get("localMessageId"))
        yield OperatorMessage(*_message(event), **_beside(event), local_id=local_id)
    elif kind == "message":
        yield PersonMessage(*_message(event), shown(event.get("senderName")), **_beside(event))


@lru_cache(maxsize=64)
def _name(event_type: str) -> str:
    """An event's name in any of its forms."""
    return event_type.removesuffix("_bsuid").removesuffix("_v2")


def _message(event: Fields) -> tuple[str, str, tuple[Alias, ...], datetime | None, Part, str]:
    """What a message of either kind begins with."""
    text, part = _text(event), part_of(event.get("type"))
    return (
        message_id(event.get("whatsappMessageId") or event.get("id")),
        DIRECT,
        aliases(event.get("waId"), event.get("bsuid"), event.get("parentBsuid")),
        moment(event.get("timestamp"), event.get("created"), event.get("createdDateTime")),
        "text" if part == "other" and text else part,  # a list's answer, say
        text,
    )


def _beside(event: Fields) -> dict[str, Any]:
    """What is known of a message of either kind beside that."""
    line = word(event.get("channelPhoneNumber")) or None
    return {"line": line, "is_reaction": event.get("type") == "reaction"}


def _text(event: Fields) -> str:
    """What was written beside a photo or alone, or chosen."""
    if written := said(event.get("text")):
        return written
    replies = [some(event.get(name)) for name in ("buttonReply", "listReply", "interactiveButtonReply")]
    chosen = (reply.get(name) for reply in replies for name in ("text", "title"))
    media = some(event.get("media"))
    return first_said(event.get("caption"), media.get("caption"), *chosen)


class Past(NamedTuple):
    """A message of a conversation's history."""

    message_id: str
    is_ours: bool
    sent_at: datetime | None
    part: Part
    text: str
    name: str


def history_request(send_url: str, token: SecretStr | None, phone: str) -> Request:
    """The request for one page of what was said with a phone; the send API's address tells whose."""
    base = send_url.partition("/api/")[0].rstrip("/")
    headers = {"Authorization": f"Bearer {token.get_secret_value()}"} if token else {}
    return Request("GET", f"{base}/api/v1/getMessages/{quote(phone, safe='')}?pageSize={_MOST_PAST}", None, headers)


def history(answer: Answer, phones: AbstractSet[str]) -> list[Past] | None:
    """What a page of history holds, without what can't be read; None where it is none, or of another person."""
    try:
        found = json.loads(answer.body)
    except (ValueError, RecursionError):
        return None
    rows = items(some(some(found).get("messages")).get("items"))
    if not isinstance(found, dict) or "messages" not in found or len(rows) > _MOST_PAST:
        return None
    if any(isinstance(row, dict) and str(row.get("waId") or "") not in {"", *phones} for row in rows):
        return None
    past = [_past(row) for row in rows if isinstance(row, dict)]
    return [one for one in past if one is not None]


def _past(row: Fields) -> Past | None:
    """One of its messages; None where it is none, as an assignment is none."""
    is_ours, given = row.get("owner"), row.get("whatsappMessageId") or row.get("id")
    if not isinstance(is_ours, bool):
        return None
    try:
        sent_at = moment(row.get("created"), row.get("createdDateTime"), row.get("timestamp"))
        name = shown(row.get("operatorName" if is_ours else "senderName"))
        return Past(message_id(given), is_ours, sent_at, part_of(row.get("type")), said(row.get("text")), name)
    except (Malformed, TypeError):
        return None


def _receipt(event: Fields, state: ReceiptState) -> Receipt:
    """Receipts carry no person, and some only one of the two ids."""
    ours, local = maybe_id(event.get("whatsappMessageId")), maybe_id(event.get("localMessageId"))
    if not (ours or local):
        raise Malformed("it has no id")
    code = event.get("failedCode")
    return Receipt(ours, local, state, str(code) if isinstance(code, int) else maybe_id(code))


def request(outgoing: Outgoing) -> Request | None:
    """The request that sends a text (API v3), by the person's phone, else their BSUID. None where there is neither."""
    alias = alias_of(outgoing, "phone", "bsuid")
    return post(outgoing, {"target": alias.value, "text": outgoing.text}) if alias else None


def judged(answer: Answer) -> Judged:
    """What came of it. The message's id at WhatsApp comes only with the events: until then they go by a local one."""
    said = fields_of(answer)
    if is_taken(answer) and said.get("result") is False:
        return Refused("The send API said that it failed.", "Is the conversation open?")
    message = some(said.get("message"))
    local_id = (
        id_of(message.get("local_message_id")) or id_of(message.get("localMessageId")) or id_of(message.get("id"))
    )
    if is_taken(answer) and local_id:
        return Sent(local_id=local_id)
    return not_sent(answer)
