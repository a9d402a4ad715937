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


def figures(db: Database) -> Figures:
    """What is true now. Raises DatabaseUnavailable, SchemaError."""
    with snapshot(db):
        known = sources(db)
        down = down_names(known)
        behind = {source: Behind(*own) for source, *own in watched.SQL.run(db, "by_source", down=down)}
        projects = watched.SQL.rows(db, "by_project", ProjectToday, down=down, most=MOST_PROJECTS + 1)
        return Figures(
            schema=SQL.value(db, "schema"),
            sources=known,
            behind=behind,
            dead=dict(SQL.run(db, "dead").fetchall()),
            groups=dict(watched.SQL.run(db, "by_state", down=down).fetchall()),
            projects=projects if len(projects) <= MOST_PROJECTS else (),
            replies=dict(SQL.run(db, "replies").fetchall()),
            events=SQL.rows(db, "events", Events)[0],
            joins=SQL.value(db, "joins"),
        )
