"""FelixIsaac's bridge. Pure. Body and signature change with each attempt at one message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.providers import bridge
from wamon.providers.bridge import judged
from wamon.providers.fields import each, fields, parsed, said, word
from wamon.providers.flat import Names, read
from wamon.providers.peeks import named, peeked, typed
from wamon.providers.signatures import signed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wamon.net.message import Request
    from wamon.providers.deliveries import Delivery, Parsed, Peek, Verdict
    from wamon.providers.fields import Fields
    from wamon.providers.sending import Outgoing

__all__ = ["judged", "parse", "peek", "request", "verify"]

_PERSON, _TYPE = named("sender"), typed("event_type")
_NAMES = Names("id", "chat_jid", "sender", "timestamp", "is_from_me", "content", "media_type", "push_name")


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
    if word(event.get("event_type")) == "message_received":
        message = fields(event.get("message"), "its message")
        is_reaction = said(message.get("content")).startswith("[Reaction: ")
        yield read(message, _NAMES)._replace(is_reaction=is_reaction)


def request(outgoing: Outgoing) -> Request | None:
    """The request that sends a text, in the bridges' common form."""
    return bridge.request(outgoing, {"X-API-Key": outgoing.token} if outgoing.token else {})
