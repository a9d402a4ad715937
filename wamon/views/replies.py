"""What is said in groups and to persons, and the switch that ends it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from wamon.replies.queue import Listed, Switches


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply, and what became of it."""

    message_id: Annotated[str, "the message that it answers"]
    about: Annotated[str | None, "the drop number, `burst`, or what a near miss says: null for readers of the page"]
    kind: Annotated[
        str, "`new`, `resubmission`, `rejected` or `near-miss`; `burst` or `digest` for answers of conversations"
    ]
    state: Annotated[str, "`due`, `sending`, `sent`, `unknown` (perhaps sent, never again), `failed` or `skipped`"]
    project: Annotated[str, "the project"]
    jid: Annotated[str, "the chat"]
    reason: Annotated[str | None, "why it failed, is unknown, was skipped or is tried again"]
    attempts: Annotated[int, "how often it was tried"]
    sent_at: Annotated[datetime, "when the message was posted"]
    queued_at: Annotated[datetime, "when its reply was queued"]
    tried_at: Annotated[datetime | None, "when it was sent, or perhaps was"]
    changed_at: Annotated[datetime, "when its state last changed"]
    next_try_at: Annotated[datetime | None, "not before then is it tried; null: never again"]
    reply_id: Annotated[str | None, "its own message id, where the bridge tells or stores it"]
    chat: Annotated[int, "the chat's number"]
    reply: Annotated[int, "its number, as `wamon replies resend` takes it"]
    delivered_at: Annotated[datetime | None, "when it reached a phone, where its provider tells"]
    read_at: Annotated[datetime | None, "when it was read, where its provider tells"]
    person: Annotated[str | None, "whom an answer of a conversation is for, as privacy.show says; else a hash"]

    def unquoted(self) -> Reply:
        """Without what the message wrote in place of a number."""
        return replace(self, about=None) if self.kind == "near-miss" else self


@dataclass(frozen=True, slots=True)
class Replies:
    """What `wamon replies list` lists."""

    enabled: Annotated[bool, "what the config and WAMON_REPLIES say"]
    off: Annotated[bool, "`wamon replies off` holds"]
    agent_off: Annotated[bool, "`wamon replies off --agent` holds"]
    replies: tuple[Reply, ...]


@dataclass(frozen=True, slots=True)
class Switch:
    """Whether replies are on, as `wamon replies on` and `off` left it."""

    enabled: Annotated[bool, "what the config and WAMON_REPLIES say"]
    off: Annotated[bool, "`wamon replies off` holds"]
    agent_off: Annotated[bool, "`wamon replies off --agent` holds"]


@dataclass(frozen=True, slots=True)
class Discarded:
    """What `wamon replies discard` did."""

    message_id: Annotated[str, "the message"]
    discarded: Annotated[tuple[str, ...], "what the replies that waited were about"]


@dataclass(frozen=True, slots=True)
class Resent:
    """What `wamon replies resend` did."""

    reply: Annotated[int, "the reply's number"]
    source: Annotated[str, "the source of whose it is"]


def nobody(sender: str) -> None:
    """Shows no person: a hash stands for each."""


def reply_of(one: Listed, shown: Callable[[str], str | None] = nobody) -> Reply:
    """A reply as people may see it."""
    fields = one._asdict()
    sender: str | None = fields.pop("sender")
    return Reply(**fields | {"person": (shown(sender) if sender else None) or one.person})


def replies(
    found: Iterable[Listed], shown: Callable[[str], str | None], switches: Switches, *, enabled: bool
) -> Replies:
    """These replies, in their order, and whether more are sent."""
    return Replies(enabled, *switches, tuple(reply_of(one, shown) for one in found))
