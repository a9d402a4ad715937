"""What Prometheus is told of the database: figures without a person or a chat, the same from every `wamon web`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from wamon.postgres.queries import Queries
from wamon.views import watched
from wamon.views.home import down_names
from wamon.views.snapshot import snapshot
from wamon.views.sources import Source, sources

if TYPE_CHECKING:
    from wamon.postgres.connection import Database

SQL = Queries("wamon.views", "figures")

MOST_PROJECTS = 200
"""Of more, none is told: each is some time series of its own, for ever."""


class Behind(NamedTuple):
    """What of a source's messages isn't recorded yet."""

    messages: int = 0
    seconds: float = 0.0  # age of the oldest


class ProjectToday(NamedTuple):
    """What was posted in a project's watched groups today."""

    project: str
    new: int
    again: int
    rejected: int
    usual: float | None  # new drops that are usual by now


class Events(NamedTuple):
    """The deliveries that are kept, by state."""

    new: int
    done: int
    dead: int
    oldest_seconds: float  # since the oldest new one came


CALLS = ("answered", "failed", "cut-off")
"""What became of asking the agent."""
TOKENS = ("counted", "estimated")
"""What it cost: by its server's own count, or as estimated where that is unknown."""
Quantiles = Sequence[float | None]
"""The median, and what 95 and 99 in a hundred don't exceed, in seconds; None: there was nothing in the last hour."""


@dataclass(frozen=True, slots=True)
class Talks:
    """Conversations, since the beginning where it isn't said otherwise."""

    conversations: Mapping[str, int]  # by state, now
    oldest_waiting_seconds: float  # of those without an answer, now; 0: there are none
    turns: Mapping[str, int]  # by outcome
    follow_ups: int
    missed: int
    orphans: int
    fenced: int
    answered_after: Quantiles  # from the first message of a burst until its answer left
    turns_took: Quantiles
    claimed_after: Quantiles  # from when a turn was due
    guarded: Quantiles  # claim and finish alone
    switches: Mapping[str, bool]  # by what is off
    agent_calls: Mapping[str, int]  # by outcome
    agent_tokens: Mapping[str, int]  # by who counted them
    breakers: Mapping[str, bool]  # whether each is open, by name


@dataclass(frozen=True, slots=True)
class Figures:
    """All of it, of one moment. What stands by source stands by its name."""

    schema: int
    sources: Sequence[Source]
    behind: Mapping[str, Behind]
    dead: Mapping[str, int]
    groups: Mapping[str, int]  # by state
    projects: Sequence[ProjectToday]  # none where there are too many
    replies: Mapping[str, int]  # by state
    events: Events
    joins: int  # persons that turned out to be one, joined
    talks: Talks | None  # None: nobody is answered


def figures(db: Database, *, answers: bool) -> Figures:
    """What is true now; of conversations where anybody is answered. Raises DatabaseUnavailable, SchemaError."""
    with snapshot(db) as moment:
        known = sources(db)
        ((behind, states, projects),) = watched.SQL.run(db, "sums", down=down_names(known), most=MOST_PROJECTS + 1)
        return Figures(
            schema=SQL.value(db, "schema"),
            sources=known,
            behind={source: Behind(messages, seconds) for source, messages, seconds in behind or ()},
            dead=dict(SQL.run(db, "dead").fetchall()),
            groups=dict(states or ()),
            projects=[ProjectToday(*one) for one in projects or ()] if len(projects or ()) <= MOST_PROJECTS else (),
            replies=dict(SQL.run(db, "replies").fetchall()),
            events=SQL.rows(db, "events", Events)[0],
            joins=SQL.value(db, "joins"),
            talks=moment.panel("conversations", _talks, None) if answers else None,
        )


def _talks(db: Database) -> Talks:
    counted = dict(SQL.run(db, "counted").fetchall())
    quantiles = SQL.run(db, "turn_quantiles").fetchone() or (None, None, None)
    off, agent_off = SQL.run(db, "switches").fetchone() or (False, False)
    return Talks(
        conversations=dict(SQL.run(db, "conversations").fetchall()),
        oldest_waiting_seconds=SQL.value(db, "oldest_waiting"),
        turns={name.removeprefix("turns "): n for name, n in counted.items() if name.startswith("turns ")},
        follow_ups=counted.get("follow-ups", 0),
        missed=counted.get("missed", 0),
        orphans=counted.get("orphans", 0),
        fenced=counted.get("fenced", 0),
        answered_after=SQL.value(db, "answer_quantiles") or _NOTHING,
        turns_took=quantiles[0] or _NOTHING,
        claimed_after=quantiles[1] or _NOTHING,
        guarded=quantiles[2] or _NOTHING,
        switches={"replies": bool(off), "agent": bool(agent_off)},
        agent_calls={name: counted.get(f"agent-calls {name}", 0) for name in CALLS},
        agent_tokens={name: counted.get(f"agent-tokens {name}", 0) for name in TOKENS},
        breakers={"agent": False} | dict(SQL.run(db, "breakers").fetchall()),
    )


_NOTHING: Quantiles = (None, None, None)
