"""What a delivery holds, whoever sent it: what all parsers give, and what proves a sender. Pure."""

from __future__ import annotations

from enum import Enum
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime

DIRECT = "direct"
"""The chat of all one-to-one messages of a hook: a person has several ids there, so that no id can name it."""

AliasKind = Literal["phone", "lid", "bsuid", "subscriber"]
Part = Literal["text", "photo", "voice", "file", "other"]
ReceiptState = Literal["sent", "delivered", "read", "failed", "deleted"]


class Delivery(NamedTuple):
    """One request to a hook, as it was received."""

    headers: Mapping[str, str]  # by their lower-case names
    query: Mapping[str, str]
    suffix: str  # what follows the hook's name in the path
    body: bytes
    received_at: datetime


class Verdict(Enum):
    """What a delivery's proof is worth."""

    PROVEN = "proven"
    MISSING = "no proof"
    WRONG = "a wrong proof"


class Peek(NamedTuple):
    """What the log tells of a delivery before it is proven: found in its first bytes, and perhaps not true."""

    kind: AliasKind | None = None
    value: str = ""
    type: str = "-"
    is_test: bool = False
    only_rings: bool = False  # beside a store that is read it says no more than that there is news


class Alias(NamedTuple):
    """One id of a person. A phone has digits alone."""

    kind: AliasKind
    value: str


class PersonMessage(NamedTuple):
    """A person's message. Two aliases of one delivery are one person; none: nobody knows whose it is."""

    message_id: str | None  # None: its sender gives it none
    chat: str  # DIRECT, or a group's JID
    aliases: tuple[Alias, ...]
    sent_at: datetime | None
    part: Part
    text: str
    name: str = ""
    edits: str | None = None  # the id of the message that says this now
    revokes: str | None = None  # the id of the message that its sender took back
    line: str | None = None  # which of our numbers it was sent to, as the provider names it
    is_standby: bool = False  # somebody else's agent answers
    is_reaction: bool = False  # a thumb under a message: nobody waits for an answer to it


class OperatorMessage(NamedTuple):
    """What went out to a person: a colleague's, or our own come back. The aliases are the person's."""

    message_id: str | None
    chat: str
    aliases: tuple[Alias, ...]
    sent_at: datetime | None
    part: Part
    text: str
    name: str = ""
    edits: str | None = None
    revokes: str | None = None
    line: str | None = None
    local_id: str | None = None
    is_standby: bool = False  # somebody else's agent said it, not a colleague
    is_reaction: bool = False


class Receipt(NamedTuple):
    """What became of a message that went out, found by either id."""

    message_id: str | None
    local_id: str | None
    state: ReceiptState
    code: str | None = None  # why it failed


class IdentityChange(NamedTuple):
    """A person's ids before and after: one person."""

    before: tuple[Alias, ...]
    after: tuple[Alias, ...]


class AccountFault(NamedTuple):
    """The provider tells of a fault of the account."""

    code: str


class Ping(NamedTuple):
    """A test delivery."""


class Broken(NamedTuple):
    """A part that can't be read. `place` counts the delivery's parts; None: all of it."""

    place: int | None
    why: str


def spoken(
    what: Mapping[str, Any], *, is_ours: bool, to: tuple[Alias, ...], who: tuple[Alias, ...], name: str = ""
) -> PersonMessage | OperatorMessage:
    """A message with these fields: ours, to somebody where it is one-to-one, or a person's."""
    if is_ours:
        return OperatorMessage(aliases=to if what["chat"] == DIRECT else (), **what)
    return PersonMessage(aliases=who, name=name, **what)


def change_of(chat: str, who: tuple[Alias, ...], **what: Any) -> PersonMessage:  # noqa: ANN401
    """What was edited or taken back, as a bridge hands on the protocol's key of it.

    One-to-one that key is as its sender's phone has it, and says nothing here of who wrote.
    """
    return PersonMessage(None, chat, () if chat == DIRECT else who, **what)


Parsed = PersonMessage | OperatorMessage | Receipt | IdentityChange | AccountFault | Ping | Broken
