"""From what parsers found in a delivery to messages as the ledger records them. Pure."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from uuid import UUID

from wamon.ledger.drafts import Origin
from wamon.model import Columns, Message, content_hash, microseconds
from wamon.providers.deliveries import Broken, OperatorMessage, PersonMessage
from wamon.providers.wamids import stanza_id

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

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
    """A message that a delivery holds, as it came."""

    message_id: str
    sent_at: datetime  # the message's own time; where that can't be read, when it was received
    said: PersonMessage | OperatorMessage

    @property
    def aliases(self) -> tuple[Alias, ...]:
        return self.said.aliases

    @property
    def is_edit(self) -> bool:
        return self.said.edits is not None

    @property
    def names_nobody(self) -> bool:
        """Whether it is an edit that comes as the key of its message: only that message says who wrote it."""
        return self.is_edit and self.said.message_id is None

    @property
    def from_me(self) -> bool:
        return isinstance(self.said, OperatorMessage)

    @property
    def sender(self) -> str:
        """As the ledger names it."""
        return "" if self.from_me else sender_of(self.said.aliases)

    @property
    def media_type(self) -> str:
        """As the ledger has it."""
        return _MEDIA_TYPES[self.said.part]

    def edited(self, edit: Brought) -> Brought:
        """The same as this edit has it: who wrote it, to whom and when is as it was."""
        changed: dict[str, Any] = {"part": edit.said.part, "text": edit.said.text, "edits": edit.said.edits}
        return self._replace(said=self.said._replace(**changed))

    def message(self, n: int) -> Message:
        """What the ledger records of it: the n-th of a batch."""
        media_type = self.media_type
        text = self.said.text
        return Message(
            n,
            self.said.chat,
            self.message_id,
            self.sender,
            self.sent_at,
            text,
            media_type,
            self.from_me,
            content_hash(text, media_type),
        )


def brought(parts: Iterable[Parsed], uid_bytes: bytes, received_at: datetime) -> Iterator[Brought]:
    """The messages of a delivery, in its order. One without an id has the delivery's: it is the same at each parse.

    What is taken back keeps what it said, as a message does that vanishes from a store.
    """
    for part in parts:
        if isinstance(part, SPOKEN) and part.revokes is None:
            message_id = part.edits or part.message_id or f"{NAMELESS}{UUID(bytes=uid_bytes)}"
            yield Brought(message_id, part.sent_at or received_at, part)


def columns_of(found: Sequence[Brought]) -> Columns:
    """The same messages by columns, in this order."""
    texts = [one.said.text.encode() for one in found]
    return Columns(
        range(1, len(found) + 1),
        [one.said.chat for one in found],
        [one.message_id.encode() for one in found],
        [one.sender.encode() for one in found],
        [microseconds(one.sent_at) for one in found],
        [one.from_me for one in found],
        texts,
        [one.media_type.encode() for one in found],
        b"\0".join(texts),
    )


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
        stanza_id(one.message_id),
        one.is_edit,
        person=persons[alias] if alias else None,
        alias=alias,
        part=said.part,
        name=said.name,
        is_standby=said.is_standby,
        is_reaction=said.is_reaction,
        local_id=said.local_id if isinstance(said, OperatorMessage) else None,
    )


def of_numbers(parts: Sequence[Parsed], numbers: Collection[str]) -> Sequence[Parsed]:
    """The parts, of which a message to another of our numbers than these is broken: it waits for somebody.

    Without any numbers all are meant. A message that names no number of ours is meant, too.
    """
    return [_of_numbers(place, part, numbers) for place, part in enumerate(parts)] if numbers else parts


def _of_numbers(place: int, part: Parsed, numbers: Collection[str]) -> Parsed:
    line = part.line if isinstance(part, SPOKEN) else None
    if line is None or line in numbers:
        return part
    return Broken(place, "it came to a number of ours that the hook's `numbers` don't name")


@lru_cache(maxsize=4096)  # a few people write most
def sender_of(aliases: tuple[Alias, ...]) -> str:
    """Who sent it, as the ledger names senders; "" where nobody knows."""
    known_by = min(aliases, key=lambda alias: _KNOWN_BY.index(alias.kind), default=None)
    if known_by is None:
        return ""
    return f"{known_by.value}@lid" if known_by.kind == "lid" else known_by.value
