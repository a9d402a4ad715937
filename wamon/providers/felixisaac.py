"""FelixIsaac's bridge. Pure. Body and signature change with each attempt at one message."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wamon.providers.deliveries import Verdict, spoken
from wamon.providers.fields import (
    aliases,
    chat_of,
    each,
    fields,
    message_id,
    moment,
    parsed,
    part_of,
    said,
    shown,
    word,
)
from wamon.providers.peeks import named, peeked
from wamon.providers.signatures import signed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wamon.providers.deliveries import Delivery, Parsed, Peek
    from wamon.providers.fields import Fields

_PERSON, _TYPE = named("sender"), named("event_type")


def peek(body: bytes) -> Peek:
    """Sender and type by their fields."""
    return peeked(body, _PERSON, _TYPE)


def verify(delivery: Delivery, secrets: Sequence[str]) -> Verdict:
    """By the webhook's own secret."""
    return signed(delivery, "x-webhook-signature", secrets, prefix="sha256=")


def parse(delivery: Delivery) -> list[Parsed]:
    """The one message."""
    return parsed(delivery.body, lambda event: each([event], _event))


def _event(event: Fields) -> Iterator[Parsed]:
    if word(event.get("event_type")) != "message_received":
        return
    message = fields(event.get("message"), "its message")
    what: dict[str, Any] = {
        "message_id": message_id(message.get("id")),
        "chat": chat_of(message.get("chat_jid")),
        "sent_at": moment(message.get("timestamp"), event.get("timestamp")),
        "part": part_of(message.get("media_type") or "text"),
        "text": said(message.get("content")),
    }
    yield spoken(
        what,
        is_ours=message.get("is_from_me") is True,
        to=aliases(message.get("chat_jid")),
        who=aliases(message.get("sender")),
        name=shown(message.get("sender_name")),
    )
