"""wacli's webhook. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wamon.providers.deliveries import Verdict, spoken
from wamon.providers.fields import (
    aliases,
    chat_of,
    each,
    first_said,
    message_id,
    moment,
    parsed,
    part_of,
    shown,
    word,
)
from wamon.providers.peeks import named, peeked
from wamon.providers.signatures import signed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wamon.providers.deliveries import Delivery, Parsed, Peek
    from wamon.providers.fields import Fields

_PERSON, _TYPE = named("SenderJID"), named("EventType")


def peek(body: bytes) -> Peek:
    """A message names no type."""
    return peeked(body, _PERSON, _TYPE)


def verify(delivery: Delivery, secrets: Sequence[str]) -> Verdict:
    """By the secret of --webhook-secret."""
    return signed(delivery, "x-wacli-signature", secrets, prefix="sha256=")


def parse(delivery: Delivery) -> list[Parsed]:
    """The one message; receipts and presence say nothing that is kept."""
    return parsed(delivery.body, lambda event: each([event], _event))


def _event(event: Fields) -> Iterator[Parsed]:
    if word(event.get("EventType")):
        return
    what: dict[str, Any] = {
        "message_id": message_id(event.get("ID")),
        "chat": chat_of(event.get("Chat")),
        "sent_at": moment(event.get("Timestamp")),
        "part": part_of(event.get("MediaType") or "text"),
        "text": first_said(event.get("Text"), event.get("MediaCaption")),
    }
    yield spoken(
        what,
        is_ours=event.get("FromMe") is True,
        to=aliases(event.get("Chat")),
        who=aliases(event.get("SenderJID")),
        name=shown(event.get("SenderName")),
    )
