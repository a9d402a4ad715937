"""What operators do on the page. Each action is a row: who did what, to what, when and why; a form counts once."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Literal, NamedTuple

from wamon.errors import UsageError
from wamon.ledger.dead_letters import discard_turns
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
    from wamon.replies.queue import Patience

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
        "`dead-retry`, `dead-discard`, `event-retry`, `event-discard`, `turn-retry`, `turn-discard`, `reply-done`, "
        "`reply-resend`, `near-miss-done`, `redo-done`, `conversation-rescue`, `replies-off`, "
        "`replies-on`, `agent-off` or `agent-on`",
    ]
    key: Annotated[str, "what it was done to: a source; a reply's number; or a chat, a message and what was written"]
    reason: Annotated[str, "why, where they said so"]


@dataclass(frozen=True, slots=True)
class ActionsPage:
    """The page `/actions`, for operators: the last 100, the newest first."""

    at: Annotated[datetime, "the moment that it shows, by the database's clock"]
    zone: Annotated[str, "the zone in which its times are to be shown"]
    stale: Annotated[datetime | None, "the last sign of life of the source that is down for longest; null: none is"]
    actions: tuple[Action, ...]


class Terms(NamedTuple):
    """On which something is done: the moment by the host's clock, and for how long what is sent again is worth it."""

    now: datetime
    patience: Patience


class Kind(NamedTuple):
    """A kind of action. `about` names the query that finds what it is done to; `change` None: the row is all."""

    question: str
    effect: str
    button: str
    back: str
    about: str
    change: Callable[[Database, str, Terms], object] | None = None


class About(NamedTuple):
    """What an action is done to."""

    where: str
    what: str


def _run(query: str) -> Callable[[Database, str, Terms], object]:
    return lambda db, key, _: SQL.run(db, query, key=key)


def _switch(*, off: bool) -> Callable[[Database, str, Terms], object]:
    return lambda db, source, _: queue.switch(db, source, off=off)


def _switch_agent(*, off: bool) -> Callable[[Database, str, Terms], object]:
    return lambda db, source, _: queue.switch_agent(db, source, off=off)


def _send_again(db: Database, key: str, terms: Terms) -> None:
    queue.send_again(db, int(key), terms.now, terms.patience)


def _answer_letter(db: Database, key: str, _: Terms) -> None:
    """Answer a burst that was given up after all, however old: the operator has just said so."""
    from wamon.config.conversations import Conversations
    from wamon.conversations.rescue import retry_letters

    letter = _letter(key)
    if not retry_letters(db, [letter], Conversations(), late=True):
        raise UsageError(f"Nothing is kept of {letter} that could be answered.")


def _discard_letter(db: Database, key: str, _: Terms) -> None:
    discard_turns(db, [_letter(key)])


def _letter(key: str) -> str:
    _, _, letter = key.partition(" ")
    return letter


def _rescue(db: Database, key: str, _: Terms) -> None:
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
    "turn-retry": Kind(
        "Answer this after all?",
        "As `wamon dead retry --late`: what was given up is due now, however old it is.",
        "Answer",
        "/dead",
        "turn_letter",
        _answer_letter,
    ),
    "turn-discard": Kind(
        "Give this up?",
        "As `wamon dead discard`: nobody answers it. What it says is kept as long as other messages.",
        "Discard",
        "/dead",
        "turn_letter",
        _discard_letter,
    ),
    "reply-resend": Kind(
        "Send this again?",
        "Look into the chat first: it may have been sent. As `wamon replies resend`, `wamon run` sends it once more.",
        "Send again",
        "/replies",
        "unknown_reply",
        _send_again,
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
        _switch(off=True),
    ),
    "replies-on": Kind(
        "Send replies again?",
        "As `wamon replies on`: replies must be enabled in the config, too.",
        "Replies on",
        "/replies",
        "source",
        _switch(off=False),
    ),
    "agent-off": Kind(
        "Send nothing of the agent's?",
        "As `wamon replies off --agent`: nobody asks it from now on, and what it said meanwhile is skipped.",
        "Agent off",
        "/replies",
        "source",
        _switch_agent(off=True),
    ),
    "agent-on": Kind(
        "Ask the agent again?",
        "As `wamon replies on --agent`: it must be enabled in the config, too.",
        "Agent on",
        "/replies",
        "source",
        _switch_agent(off=False),
    ),
}


def about(db: Database, kind: Kind, key: str) -> About | None:
    """What an action would be done to; None where it isn't there, or nothing is left to do."""
    with transaction(db, _STATEMENT_SECONDS):
        found = SQL.rows(db, kind.about, About, key=key)
    return found[0] if found else None


def act(db: Database, what: str, key: str, form: UUID, who: str, reason: str, terms: Terms) -> Outcome:
    """Do it and note it, both or neither. What a form did once it doesn't do again.

    Raises UsageError where what it is done to no longer allows it.
    """
    kind = KINDS[what]
    with transaction(db, _STATEMENT_SECONDS):
        if about(db, kind, key) is None:
            return "not there"
        if not SQL.run(db, "note", who=who, what=what, key=key, reason=reason, form=form).rowcount:
            return "sent before"
        if kind.change:
            kind.change(db, key, terms)
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
