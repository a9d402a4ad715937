"""From what parsers found in a delivery to messages as the ledger records them. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wamon.ledger.drafts import Origin
from wamon.model import Message, content_hash
from wamon.providers.deliveries import Broken, OperatorMessage, PersonMessage
from wamon.providers.wamids import stanza_id

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping
    from datetime import datetime
    from uuid import UUID

    from wamon.ledger.changes import Key
    from wamon.providers.deliveries import Alias, AliasKind, Parsed, Part

NAMELESS = "event:"
"""What the id of a message begins with that its sender gave none."""

_MEDIA_TYPES: Mapping[Part, str] = {
    "text": "",
    "photo": "image",
    "voice": "audio",
    "file": "document",
    "other": "other",
}
SPOKEN = (PersonMessage, OperatorMessage)
"""What is said, by a person or to one."""
_KNOWN_BY: tuple[AliasKind, ...] = ("phone", "lid", "bsuid", "subscriber")
"""By which of a person's ids a message names its sender: the first that is there."""


class Brought(NamedTuple):
    """A message that a delivery holds, and as what it came."""

    message: Message
    said: PersonMessage | OperatorMessage

    @property
    def aliases(self) -> tuple[Alias, ...]:
        return self.said.aliases

    @property
    def is_edit(self) -> bool:
        return self.said.edits is not None


def brought(parts: Iterable[Parsed], uid: UUID, received_at: datetime) -> Iterator[Brought]:
    """The messages of a delivery, in its order. One without an id has the delivery's: it is the same at each parse.

    What is taken back keeps what it said, as a message does that vanishes from a store.
    """
    for part in parts:
        if isinstance(part, SPOKEN) and part.revokes is None:
            message_id = part.edits or part.message_id or f"{NAMELESS}{uid}"
            yield Brought(_message(part, message_id, received_at), part)


def revoked(parts: Iterable[Parsed]) -> Iterator[Key]:
    """The messages that a delivery takes back."""
    for part in parts:
        if isinstance(part, SPOKEN) and part.revokes is not None:
            yield part.chat, part.revokes


def origin_of(one: Brought, uid: UUID, persons: Mapping[Alias, int]) -> Origin:
    """Whence this message comes: by which delivery, and who said it, of these persons."""
    said = one.said
    alias = said.aliases[0] if said.aliases else None
    return Origin(
        uid,
        stanza_id(one.message.message_id),
        one.is_edit,
        person=persons[alias] if alias else None,
        alias=alias,
        part=said.part,
        name=said.name,
        is_standby=isinstance(said, PersonMessage) and said.is_standby,
        local_id=said.local_id if isinstance(said, OperatorMessage) else None,
    )


def of_numbers(parts: Iterable[Parsed], numbers: Collection[str]) -> Iterator[Parsed]:
    """The parts, of which a message to another of our numbers than these is broken: it waits for somebody.

    Without any numbers all are meant. A message that names no number of ours is meant, too.
    """
    for place, part in enumerate(parts):
        line = part.line if isinstance(part, PersonMessage | OperatorMessage) else None
        if numbers and line is not None and line not in numbers:
            yield Broken(place, "it came to a number of ours that the hook's `numbers` don't name")
        else:
            yield part


def _message(part: PersonMessage | OperatorMessage, message_id: str, received_at: datetime) -> Message:
    from_me = isinstance(part, OperatorMessage)
    media_type = _MEDIA_TYPES[part.part]
    return Message(
        0,
        part.chat,
        message_id,
        "" if from_me else sender_of(part.aliases),
        part.sent_at or received_at,
        part.text,
        media_type,
        from_me,
        content_hash(part.text, media_type),
    )


def sender_of(aliases: Iterable[Alias]) -> str:
    """Who sent it, as the ledger names senders; "" where nobody knows."""
    known_by = min(aliases, key=lambda alias: _KNOWN_BY.index(alias.kind), default=None)
    if known_by is None:
        return ""
    return f"{known_by.value}@lid" if known_by.kind == "lid" else known_by.value
