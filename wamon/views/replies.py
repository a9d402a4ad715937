"""What is said into the groups, and the switch that ends it."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wamon.replies.queue import Listed


@dataclass(frozen=True, slots=True)
class Reply:
    """A reply, and what became of it."""

    message_id: Annotated[str, "the message that it answers"]
    about: Annotated[str | None, "the drop number, or what a near miss says: null for readers of the page"]
    kind: Annotated[str, "`new`, `resubmission`, `rejected` or `near-miss`"]
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
    chat: Annotated[int, "the group's number"]

    def unquoted(self) -> Reply:
        """Without what the message wrote in place of a number."""
        return replace(self, about=None) if self.kind == "near-miss" else self


@dataclass(frozen=True, slots=True)
class Replies:
    """What `wamon replies list` lists."""

    enabled: Annotated[bool, "what the config and WAMON_REPLIES say"]
    off: Annotated[bool, "`wamon replies off` holds"]
    replies: tuple[Reply, ...]


@dataclass(frozen=True, slots=True)
class Switch:
    """Whether replies are on, as `wamon replies on` and `off` left it."""

    enabled: Annotated[bool, "what the config and WAMON_REPLIES say"]
    off: Annotated[bool, "`wamon replies off` holds"]


@dataclass(frozen=True, slots=True)
class Discarded:
    """What `wamon replies discard` did."""

    message_id: Annotated[str, "the message"]
    discarded: Annotated[tuple[str, ...], "what the replies that waited were about"]


def replies(found: Iterable[Listed], *, enabled: bool, off: bool) -> Replies:
    """These replies, in their order, and whether more are sent."""
    return Replies(enabled, off, tuple(Reply(*reply) for reply in found))
