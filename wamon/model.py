"""The nouns that every room shares. Times are aware and UTC; rowids are the bridge's own row order."""

from __future__ import annotations

import re
from _blake2 import blake2b  # as hashlib's, which loads OpenSSL: 3 MB of a process
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Sequence

_BSUID = re.compile(r"[A-Z]{2}\.(?:ENT\.)?[A-Za-z0-9]{1,128}")

MAIN = "main"
"""The tail that serves every group of a source which has no tail of its own."""


class Message(NamedTuple):
    """One row of the bridge's store. Its identity is (chat_jid, message_id); rowid is only where it stands today.

    A named tuple and not a dataclass, since a million of them are made in a cold catch-up.
    """

    rowid: int
    chat_jid: str
    message_id: str
    sender: str
    sent_at: datetime | None  # None where the store's time can't be read
    text: str
    media_type: str
    from_me: bool
    content_hash: int  # of text and media type only: live and history paths disagree on everything else


class Columns(NamedTuple):
    """Messages by columns, of which nothing is odd: what a store holds as bytes is that here."""

    rowids: Sequence[int]
    jids: Sequence[str]
    message_ids: Sequence[bytes]  # ASCII
    senders: Sequence[bytes]
    sent_ats: Sequence[int]  # as `microseconds` says
    from_me: Sequence[bool]
    texts: Sequence[bytes]  # UTF-8 without NUL
    media_types: Sequence[bytes]
    joined: bytes  # the texts, with NUL between


class Anchor(NamedTuple):
    """A row that was seen: where it stood, and a hash of its chat and id (16 hex digits)."""

    rowid: int
    key_hash: str


@dataclass(frozen=True, slots=True)
class Place:
    """A position in the bridge's row order: its anchors, newest first. Everything up to `rowid` is recorded."""

    anchors: tuple[Anchor, ...] = ()

    @property
    def rowid(self) -> int:
        return self.anchors[0].rowid if self.anchors else 0


BEGINNING = Place()


@dataclass(frozen=True, slots=True)
class Start:
    """A set of rows, not a position: those that stood in the store when a group joined, and were sent before a time."""

    rowid: int = 0  # nothing beyond this row stood there; 0 once the group's tail has passed it
    before: datetime | None = None  # None: whenever they were sent

    def excludes(self, message: Message) -> bool:
        """Whether the message stood before the start. One without a readable time is excluded only by its row."""
        if message.rowid > self.rowid:
            return False
        return self.before is None or (message.sent_at is not None and message.sent_at < self.before)


FROM_THE_BEGINNING = Start()


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much of a store is read at once. One value goes from the composition root to all that reads.

    The bridge's writer waits while a page is read; and that waits for each row where another thread computes.
    """

    page_rows: int = 1_000
    page_bytes: int = 8 * 1024 * 1024  # of text; a batch's, too
    pages_a_batch: int = 8
    pages_a_drained_batch: int = 16  # sorted, the more rows go together, the less an index takes for each
    overlap_rows: int = 500
    recent_rows: int = (
        5_000  # before a cursor, its overlap among them: as far as edits of the last half hour are sought
    )
    long_backlog_rows: int = 50_000  # a process that reads so many is worth its start


USUAL_SIZES = Sizes()


@dataclass(slots=True)
class Group:
    """A watched chat of one source, as PostgreSQL knows it."""

    chat: int  # its number there, which stands for (source, jid) in every key
    jid: str
    project: str
    tail: str  # the tail that serves it
    enabled: bool
    start: str  # in words: `beginning`, `now`, a time, or `after <message id>`
    start_before: datetime | None
    start_place: Place  # the end of the store when it joined
    start_passed: bool
    messages: int
    last_message_id: str | None
    last_sent_at: datetime | None


class Label(NamedTuple):
    """What the rows of a group's messages and posts say of it."""

    chat: int
    project: str


class NearMiss(NamedTuple):
    """What a message says that was meant as a drop number and isn't one."""

    written: str  # as it stands there, normalised, in capitals on one line, such as `D R1752028`
    reason: str  # constant, such as `too-short`
    likely: str | None  # the number that it becomes by undoing the slip, where that is one


BEFORE_START = "before-start"
"""The reason why a message counts for nothing that stood before its group's start."""


class Reading(NamedTuple):
    """What a message's text says under today's rules: its drop numbers, or why it has none."""

    message: Message
    numbers: tuple[str, ...]
    reason: str | None  # None where there are numbers; else `no-drop`, `near-miss`, `before-start`, `reply`, …
    near: tuple[NearMiss, ...] = ()

    @property
    def status(self) -> str:
        return "ignored" if self.reason else "done"


def sender_parts(sender: str) -> tuple[str, str]:
    """A sender's user, without agent and device, and server: of `+2782….0:12@lid` they are (`2782…`, `lid`)."""
    user, _, server = sender.strip().partition("@")
    user = user.partition(":")[0].strip()
    number = user.lstrip("+").replace(" ", "").partition(".")[0]
    return (number if is_number(number) else user), server


def is_number(user: str) -> bool:
    """Whether a user is the digits of a phone, a LID or a group, and no name."""
    return user.isascii() and user.isdigit()


def is_bsuid(user: str) -> bool:
    """Whether a user is an id by which Meta tells one business of a person, such as `ZA.19f3k2`, and no name."""
    return _BSUID.fullmatch(user) is not None


_NOTHING_HASHED = blake2b(digest_size=8)
_SIGNED = Struct(">q")


def content_hash(text: str, media_type: str) -> int:
    """The signed 64-bit hash of a message's content, as the ledger keeps it."""
    hashed = _NOTHING_HASHED.copy()  # in half the time of making it
    hashed.update(f"{media_type}\0{text}".encode())
    signed: int = _SIGNED.unpack(hashed.digest())[0]
    return signed


def content_hasher(media_type: bytes) -> blake2b:
    """What has hashed a content's media type, in UTF-8, and is copied to hash its text: in big-endian bytes."""
    hasher = _NOTHING_HASHED.copy()
    hasher.update(media_type + b"\0")
    return hasher


def key_hash(chat_jid: bytes, message_id: bytes) -> str:
    """The hash by which an anchor knows a message again, from the store's raw bytes."""
    return blake2b(chat_jid + b"\0" + message_id, digest_size=8).hexdigest()


_EPOCH = datetime(2000, 1, 1, tzinfo=UTC)


def microseconds(moment: datetime) -> int:
    """An aware time as PostgreSQL counts: in microseconds since 2000."""
    since = moment - _EPOCH
    return (since.days * 86_400 + since.seconds) * 1_000_000 + since.microseconds


def moment_at(micros: int) -> datetime:
    """The time that this is, so many microseconds since 2000."""
    return _EPOCH + timedelta(microseconds=micros)
