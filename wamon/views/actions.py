"""What operators do on the page. Each action is a row: who did what, to what, when and why; a form counts once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries
from wamon.replies import queue
from wamon.views.home import NEAR_MISS_DONE, stale_since
from wamon.views.snapshot import snapshot
from wamon.views.sources import sources

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from uuid import UUID
    from zoneinfo import ZoneInfo

    from wamon.postgres.connection import Database

SQL = Queries("wamon.views", "actions")
REDO_DONE = "redo-done"
REPLY_DONE = "reply-done"

_SHOWN = 100
_STATEMENT_SECONDS = 3

Outcome = Literal["done", "sent before", "not there"]


@dataclass(frozen=True, slots=True)
class Action:
    """What an operator did."""

    at: Annotated[datetime, "when"]
    who: Annotated[str, "`token`, `command`, or `operator` and the beginning of their session's hash"]
    what: Annotated[
        str,
        "`dead-retry`, `dead-discard`, `event-retry`, `event-discard`, `reply-done`, `reply-resend`, `near-miss-done`, "
        "`redo-done`, `conversation-rescue`, `replies-off` or `replies-on`",
    ]
    key: Annotated[str, "what it was done to: a source; or a chat, a message and what was written"]
    reason: Annotated[str, "why, where they said so"]


@dataclass(frozen=True, slots=True)
class ActionsPage:
    """The page `/actions`, for operators: the last 100, the newest first."""

    at: Annotated[datetime, "the moment that it shows, by the database's clock"]
    zone: Annotated[str, "the zone in which its times are to be shown"]
    stale: Annotated[datetime | None, "the last sign of life of the source that is down for longest; null: none is"]
    actions: tuple[Action, ...]


class Kind(NamedTuple):
    """A kind of action. `about` names the query that finds what it is done to; `change` None: the row is all."""

    question: str
    effect: str
    button: str
    back: str
    about: str
    change: Callable[[Database, str], object] | None = None


class About(NamedTuple):
    """What an action is done to."""

    where: str
    what: str


def _run(query: str) -> Callable[[Database, str], object]:
    return lambda db, key: SQL.run(db, query, key=key)


def _rescue(db: Database, key: str) -> None:
    """Answer a conversation's bursts after all, however old: the operator has just said so."""
    from wamon.config.conversations import Conversations
    from wamon.conversations.rescue import reopen_all

    (number,) = SQL.rows(db, "conversation_of", int, key=key)
    reopen_all(db, number, Conversations(), late=True)


KINDS: Mapping[str, Kind] = {
    "dead-retry": Kind(
        "Try this message again?",
        "`wamon run` tries it within a minute; what can't be recorded comes back here.",
        "Try again",
        "/dead",
        "dead_letter",
        _run("try_again"),
    ),
    "dead-discard": Kind(
        "Give this message up?",
        "`wamon run` takes it for read and ignored within a minute. It holds no drop, unless it is edited.",
        "Discard",
        "/dead",
        "dead_letter",
        _run("give_up"),
    ),
    "event-retry": Kind(
        "Take this delivery in again?",
        "`wamon run` takes all of it in once more within seconds, and records nothing twice.",
        "Take in again",
        "/dead",
        "event_letter",
        _run("take_in_again"),
    ),
    "event-discard": Kind(
        "Give this up?",
        "What it holds is never recorded. The delivery's body is kept for a day more.",
        "Discard",
        "/dead",
        "event_letter",
        _run("give_up_event"),
    ),
    REPLY_DONE: Kind(
        "Is this reply settled?",
        "Look into the chat first: it may have been sent. It isn't sent again, and waits for nobody any more.",
        "Settled",
        "/replies",
        "reply",
    ),
    NEAR_MISS_DONE: Kind(
        "Is this near miss done?", "It waits for nobody any more. Nothing is recorded.", "Done", "/", "near_miss"
    ),
    REDO_DONE: Kind(
        "Is this post done?",
        "It stays rejected, and isn't listed among what must be done again.",
        "Done",
        "/redo",
        "rejected_post",
    ),
    "conversation-rescue": Kind(
        "Answer this after all?",
        "As `wamon conversations rescue --late`: what was given up or too old is due now.",
        "Answer",
        "/conversations",
        "conversation",
        _rescue,
    ),
    "replies-off": Kind(
        "Send no replies?",
        "As `wamon replies off`: nothing is sent from now on. What is due meanwhile is skipped.",
        "Replies off",
        "/replies",
        "source",
        partial(queue.switch, off=True),
    ),
    "replies-on": Kind(
        "Send replies again?",
        "As `wamon replies on`: replies must be enabled in the config, too.",
        "Replies on",
        "/replies",
        "source",
        partial(queue.switch, off=False),
    ),
}


def about(db: Database, kind: Kind, key: str) -> About | None:
    """What an action would be done to; None where it isn't there, or nothing is left to do."""
    with transaction(db, _STATEMENT_SECONDS):
        found = SQL.rows(db, kind.about, About, key=key)
    return found[0] if found else None


def act(db: Database, what: str, key: str, form: UUID, who: str, reason: str) -> Outcome:
    """Do it and note it, both or neither. What a form did once it doesn't do again."""
    kind = KINDS[what]
    with transaction(db, _STATEMENT_SECONDS):
        if about(db, kind, key) is None:
            return "not there"
        if not SQL.run(db, "note", who=who, what=what, key=key, reason=reason, form=form).rowcount:
            return "sent before"
        if kind.change:
            kind.change(db, key)
    return "done"


def done(db: Database, since: datetime, *whats: str) -> frozenset[str]:
    """The keys of what was done since then."""
    with transaction(db, _STATEMENT_SECONDS):
        return frozenset(SQL.rows(db, "done", str, whats=list(whats), since=since))


def actions_page(db: Database, zone: ZoneInfo) -> ActionsPage:
    """The last actions. Raises DatabaseUnavailable, SchemaError."""
    with snapshot(db) as moment:
        found = SQL.rows(db, "last", Action, most=_SHOWN)
        return ActionsPage(moment.at, str(zone), stale_since(sources(db)), tuple(found))
