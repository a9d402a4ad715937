"""Drafts: all that a batch writes where nothing is held of its messages, made while the batch before it is recorded."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from itertools import repeat
from typing import TYPE_CHECKING, Any, NamedTuple

from wamon.ledger.changes import in_row_order, newest_of_each
from wamon.model import Message
from wamon.postgres.copy import (
    NULL,
    chunks,
    columns,
    int4,
    int8,
    known_text,
    maybe_text,
    text,
    texts,
    timestamptz,
    uuid,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime, timedelta
    from uuid import UUID

    from wamon.ledger.changes import Key
    from wamon.model import Group, Reading
    from wamon.postgres.copy import Row
    from wamon.providers.deliveries import Alias, Part

_LEDGER, _BROUGHT = columns(10), columns(13)


class Origin(NamedTuple):
    """Whence a message comes that a hook brought."""

    correlation_id: UUID  # the delivery's
    stanza_id: str | None = None  # the id that a bridge on the same phone gives it
    is_edit: bool = False
    person: int | None = None  # who said it, or to whom it went; None where nobody knows
    alias: Alias | None = None  # by which that person is known there
    part: Part = "text"
    name: str = ""
    is_standby: bool = False  # somebody else's agent answers
    local_id: str | None = None  # the id that whoever sent it gave it


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be written of a batch. Rows are as COPY takes them."""

    readings: Sequence[Reading] | None  # one for each message, in row order; None where another process holds them
    ledger_rows: list[bytes]
    posts: list[tuple[Message, str]]  # each of their drop numbers
    near: list[Reading]  # those with near misses
    messages: Counter[str]  # how many of each chat
    last: dict[str, Message]  # of each chat
    lowest_rowid: int
    hands_readings_over: bool = False  # to another process, too

    def __reduce__(self) -> tuple[Callable[..., Draft], tuple[Any, ...]]:
        """Another process gets no readings, unless a follower needs them, and posts by columns, which takes a quarter
        of the time.
        """
        readings = self.readings if self.hands_readings_over else None
        messages = [message for message, _ in self.posts]
        by_column = (
            [message.rowid for message in messages],
            [message.chat_jid for message in messages],
            [message.message_id for message in messages],
            [message.sender for message in messages],
            [message.sent_at for message in messages],
            [message.from_me for message in messages],
            [number for _, number in self.posts],
        )
        rest = (self.near, self.messages, self.last, self.lowest_rowid, self.hands_readings_over)
        return _received, (readings, by_column, self.ledger_rows, *rest)


def _received(
    readings: Sequence[Reading] | None,
    by_column: tuple[list[Any], ...],
    ledger_rows: list[bytes],
    *others: Any,  # noqa: ANN401
) -> Draft:
    *of_messages, from_me, numbers = by_column
    said, hashes = repeat(""), repeat(0)  # nobody asks any more
    messages = map(Message, *of_messages, said, said, from_me, hashes)
    return Draft(readings, ledger_rows, list(zip(messages, numbers, strict=True)), *others)


@dataclass(frozen=True, slots=True)
class Drafter:
    """Makes drafts under one set of rules. It asks nobody, so it may work beside a transaction."""

    rules: int
    keep_text: timedelta | None  # None: for ever
    keep_since: datetime  # a text that was sent before is too old: retention.sent_before
    hands_readings_over: bool = False  # a follower needs each message, whichever process reads it

    def drafted(self, readings: Sequence[Reading], groups: Mapping[str, Group]) -> Draft:
        """The draft of a batch's readings, which come in row order."""
        newest = newest_of_each(readings)
        near = [reading for reading in newest if reading.near]
        return Draft(
            readings if len(newest) == len(readings) else in_row_order(newest),
            list(self.ledger_rows(newest, groups)),
            [(message, number) for message, numbers, _, _ in newest if numbers for number in numbers],
            near,
            Counter([reading[0][1] for reading in newest]),
            {reading[0][1]: reading[0] for reading in readings},
            readings[0].message.rowid if readings else 0,
            self.hands_readings_over,
        )

    def ledger_rows(self, readings: Sequence[Reading], groups: Mapping[str, Group]) -> Iterator[bytes]:
        """The ledger's rows of these readings."""
        return chunks(self._ledger_rows(readings, groups))

    def brought_rows(
        self, readings: Sequence[Reading], groups: Mapping[str, Group], origins: Mapping[Key, Origin]
    ) -> Iterator[bytes]:
        """The ledger's rows of these readings, which hooks brought."""
        webhook = text("webhook")
        rows = zip(readings, self._ledger_rows(readings, groups), strict=True)
        found = ((origins[reading.message[1:3]], row) for reading, row in rows)
        return chunks(
            (_BROUGHT, *row[1:], webhook, uuid(origin.correlation_id), maybe_text(origin.stanza_id))
            for origin, row in found
        )

    def _ledger_rows(self, readings: Sequence[Reading], groups: Mapping[str, Group]) -> Iterator[Row]:
        @cache
        def verdict(reason: str | None) -> bytes:
            status = text("ignored") + text(reason) if reason else text("done") + NULL
            return status + int4(self.rules)

        for reading in readings:
            message, numbers, reason, near = reading
            _, jid, message_id, sender, sent_at, _, _, _, content_hash = message
            kept = self.kept_text(reading) if numbers or near else None
            yield (
                _LEDGER,
                int4(groups[jid].chat),
                text(message_id),
                verdict(reason),
                int8(content_hash),
                NULL if sent_at is None else timestamptz(sent_at),
                known_text(sender),
                maybe_text(kept),
                texts(numbers) if numbers else NULL,
            )

    def kept_text(self, reading: Reading) -> str | None:
        """A message's text, where it says something and is young enough to be kept."""
        message, numbers, _, near = reading
        if not numbers and not near:
            return None
        if self.keep_text is None:
            return message.text
        is_young = message.sent_at is None or message.sent_at >= self.keep_since
        return message.text if self.keep_text and is_young else None
