"""wacli's webhook. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.providers.bridge import judged, request
from wamon.providers.deliveries import change_of
from wamon.providers.fields import aliases, each, parsed, receipts, some, word
from wamon.providers.flat import Names, read
from wamon.providers.peeks import named, peeked, typed
from wamon.providers.signatures import signed

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wamon.providers.deliveries import Delivery, OperatorMessage, Parsed, Peek, PersonMessage, Verdict
    from wamon.providers.fields import Fields

__all__ = ["judged", "parse", "peek", "request", "verify"]

_PERSON, _TYPE = named("SenderJID"), typed("EventType")
_NAMES = Names("ID", "Chat", "SenderJID", "Timestamp", "FromMe", "Text", "Type", "PushName", "ReactionToID")
_CHANGES = {"Revoked": "revokes", "Edited": "edits"}
_SAYS_SOMETHING = ("Text", "Media", "ReactionToID", *_CHANGES)
_VOTES = ("PollVote", "PollAdd")


def peek(body: bytes) -> Peek:
    """A message names no type."""
    return peeked(body, _PERSON, _TYPE)


def verify(delivery: Delivery, secrets: Sequence[str]) -> Verdict:
    """By the secret of --webhook-secret."""
    return signed(delivery, "x-wacli-signature", secrets, prefix="sha256=")


def parse(delivery: Delivery) -> list[Parsed]:
    """The one message, or the receipts; presence says nothing that is kept."""
    return parsed(delivery.body, lambda event: each([event], _event))


def _event(event: Fields) -> Iterator[Parsed]:
    kind = word(event.get("EventType"))
    if kind == "receipt":
        yield from receipts(event.get("Type"), event)
    if kind or not any(event.get(name) for name in _SAYS_SOMETHING):
        return  # without any of these it is what WhatsApp's programs say to one another: a chat's setting, a key
    one = read({**event, "Type": some(event.get("Media")).get("Type")}, _NAMES)
    is_vote = any(event.get(name) for name in _VOTES)
    yield _change(event, one) or one._replace(is_reaction=one.is_reaction or is_vote)


def _change(event: Fields, one: PersonMessage | OperatorMessage) -> PersonMessage | None:
    """What it changes, where its id is that of an earlier message."""
    name = next((name for what, name in _CHANGES.items() if event.get(what) is True), None)
    if name is None:
        return None
    what = {"sent_at": one.sent_at, "part": one.part, "text": one.text, name: one.message_id}
    return change_of(one.chat, aliases(event.get("SenderJID")), **what)
