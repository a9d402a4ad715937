"""Drafts: all that a batch writes where nothing is held of its messages, made while the batch before it is recorded."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cache
from math import inf
from typing import TYPE_CHECKING, NamedTuple

from wamon.ledger.changes import in_row_order, newest_of_each
from wamon.ledger.posts import Posts
from wamon.model import microseconds, moment_at
from wamon.postgres.copy import (
    FALSE,
    NULL,
    SIXTEEN,
    TRUE,
    chunks,
    columns,
    in_chunks,
    int4,
    int8,
    known_text,
    maybe_int8,
    maybe_text,
    text,
    texts,
    timestamptz,
)
from wamon.providers.wamids import stanza_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime, timedelta
    from uuid import UUID

    from wamon.ledger.changes import Key
    from wamon.ledger.posts import Post
    from wamon.model import Group, Label, Message, Reading
    from wamon.postgres.copy import Row
    from wamon.providers.deliveries import Alias, Part

LEDGER, BROUGHT, SUBMISSION = columns(10), columns(13), columns(10)
_AS_POSTED = FALSE + FALSE
SAID = FALSE + _AS_POSTED, TRUE + _AS_POSTED
"""What the row of a new submission ends with, of other people and of us, but for the last field, a `stanza_field`."""


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
    is_reaction: bool = False
    local_id: str | None = None  # the id that whoever sent it gave it


Last = bytes
"""A chat's last message: when it was sent, as a field of a row, and its id."""


class Told(NamedTuple):
    """A chat's last message as it is told."""

    message_id: str
    sent_at: datetime | None


@dataclass(frozen=True, slots=True)
class Draft:
    """What is to be written of a batch. Rows are as COPY takes them."""

    readings: Sequence[Reading] | None  # one for each message, in row order; None where none was made, or is needed
    ledger_rows: list[bytes]
    posts: Posts
    submission_rows: list[bytes]
    near: list[Reading]  # those with near misses
    messages: Counter[str]  # how many of each chat
    last: dict[str, Last]  # of each chat
    lowest_rowid: int = 0  # that of the first of the readings


@dataclass(frozen=True, slots=True)
class Drafter:
    """Makes drafts under one set of rules. It asks nobody, so it may work beside a transaction."""

    rules: int
    keep_text: timedelta | None  # None: for ever
    keep_since: datetime  # a text that was sent before is too old: retention.sent_before
    hands_readings_over: bool = False  # a follower needs each message, whichever process reads it

    def drafted(self, readings: Sequence[Reading], groups: Mapping[str, Group | Label], now: datetime) -> Draft:
        """The draft of a batch's readings, which come in row order. A post without a time is of now."""
        newest = newest_of_each(readings)
        posted = [reading for reading in newest if reading.numbers]
        posts, rows = Posts.of(
            [post for reading in posted for post in posts_of(reading, groups[reading.message.chat_jid], now)]
        )
        return Draft(
            readings if len(newest) == len(readings) else in_row_order(newest),
            list(self.ledger_rows(newest, groups)),
            posts,
            list(in_chunks(rows)),
            [reading for reading in newest if reading.near],
            Counter([reading[0][1] for reading in newest]),
            {reading[0][1]: last_of(reading.message) for reading in readings},
            readings[0].message.rowid if readings else 0,
        )

    def ledger_rows(self, readings: Sequence[Reading], groups: Mapping[str, Group | Label]) -> Iterator[bytes]:
        """The ledger's rows of these readings."""
        return chunks(self.rows(readings, groups))

    def brought_rows(
        self, readings: Sequence[Reading], groups: Mapping[str, Group | Label], origins: Mapping[Key, Origin]
    ) -> Iterator[bytes]:
        """The ledger's rows of these readings, which hooks brought."""
        whence = [origins[reading.message[1:3]] for reading in readings]
        stanzas = [maybe_text(one.stanza_id) for one in whence]
        ends = origin_fields([one.correlation_id.bytes for one in whence], stanzas)
        return chunks((BROUGHT, *row[1:], end) for row, end in zip(self.rows(readings, groups), ends, strict=True))

    def rows(self, readings: Sequence[Reading], groups: Mapping[str, Group | Label]) -> Iterator[Row]:
        """The ledger's rows of these readings, a field at a time."""
        verdict = cache(self.verdict)
        for reading in readings:
            message, numbers, reason, near = reading
            _, jid, message_id, sender, sent_at, _, _, _, content_hash = message
            kept = self.kept_text(reading) if numbers or near else None
            yield (
                LEDGER,
                int4(groups[jid].chat),
                text(message_id),
                verdict(reason),
                int8(content_hash),
                NULL if sent_at is None else timestamptz(sent_at),
                known_text(sender),
                maybe_text(kept),
                texts(numbers) if numbers else NULL,
            )

    def verdict(self, reason: str | None) -> bytes:
        """Of a ledger row: its status, the reason, the rules."""
        status = text("ignored") + text(reason) if reason else text("done") + NULL
        return status + int4(self.rules)

    def kept_text(self, reading: Reading) -> str | None:
        """A message's text, where it says something and is young enough to be kept."""
        message, numbers, _, near = reading
        if not numbers and not near:
            return None
        is_kept = message.sent_at is None or microseconds(message.sent_at) >= self.kept_since()
        return message.text if is_kept and (self.keep_text is None or self.keep_text) else None

    def kept_since(self) -> float:
        """Since when texts are kept, as `microseconds` says."""
        if self.keep_text is None:
            return -inf
        return microseconds(self.keep_since) if self.keep_text else inf


def last_of(message: Message) -> Last:
    """A message as its chat's last."""
    return (NULL if message.sent_at is None else timestamptz(message.sent_at)) + message.message_id.encode()


def told(last: Mapping[str, Last]) -> dict[str, Told]:
    """The last message of each chat, as it is told."""
    return {jid: _told(one) for jid, one in last.items()}


def _told(last: Last) -> Told:
    sent_at, behind = maybe_int8(last)
    return Told(last[behind:].decode(), None if sent_at is None else moment_at(sent_at))


_BY_DELIVERY = text("webhook") + SIXTEEN


def origin_fields(uids: Sequence[bytes], stanzas: Sequence[bytes]) -> list[bytes]:
    """What the ledger's rows of messages end with that hooks brought: by their deliveries' UUIDs, and fields of ids."""
    return [_BY_DELIVERY + uid + stanza for uid, stanza in zip(uids, stanzas, strict=True)]


def stanza_field(message_id: bytes) -> bytes:
    """By what a message of Meta's, or WATI's, is known as the same that a bridge brought; null of any other."""
    return maybe_text(stanza_id(message_id.decode())) if message_id.startswith(b"wamid.") else NULL


def posts_of(reading: Reading, group: Group | Label, now: datetime) -> Iterator[Post]:
    """The posts of a message of this group. One without a time is of now."""
    message = reading.message
    moment = message.sent_at or now
    message_id, has_time = message.message_id.encode(), message.sent_at is not None
    rest = message.rowid, message.chat_jid, message.sender.encode(), microseconds(moment), message.from_me, has_time
    for number in reading.numbers:
        row = submission_row(message, group.chat, group.project, number, moment)
        yield group.project, number, message_id, row, *rest


def submission_row(
    message: Message, chat: int, project: str, number: str, sent_at: datetime, judged: bytes = _AS_POSTED
) -> bytes:
    """A submission as COPY takes it. `judged`: whether it is rejected, and unchecked."""
    return b"".join(
        (
            SUBMISSION,
            int4(chat),
            text(message.message_id),
            text(number),
            known_text(project),
            timestamptz(sent_at),
            known_text(message.sender),
            TRUE if message.from_me else FALSE,
            judged,
            stanza_field(message.message_id.encode()),
        )
    )
