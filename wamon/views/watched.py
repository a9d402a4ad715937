"""The watched groups of every source, as they were last published: the worst first, or all of them, page by page."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, NamedTuple, TypeVar

from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wamon.postgres.connection import Database

SQL = Queries("wamon.views", "watched")


@dataclass(frozen=True, slots=True)
class WatchedGroup:
    """A watched group: how it is, and what was posted in it on its source's day."""

    chat: Annotated[int, "its number in the database, in its page's address"]
    source: Annotated[str, "the source's name"]
    jid: Annotated[str, "the chat's JID"]
    project: Annotated[str, "the project's name"]
    state: Annotated[
        str, "the worst of its checks: `ok`, `warn`, `bad`, or `unknown`, such as while its source is down"
    ]
    newest_at: Annotated[datetime | None, "when its newest message was sent"]
    usual_silence_seconds: Annotated[float | None, "how long a silence usually gets at this hour of the week"]
    behind: Annotated[int | None, "messages in the store that aren't recorded yet"]
    behind_seconds: Annotated[float | None, "age of the oldest of them"]
    sentence: Annotated[str, "what is wrong; empty where nothing is"]
    hint: Annotated[str, "what to do; may be empty"]
    why: Annotated[str, "why it is silent: `group` (others talk), `bridge` (none does), `no-chat`; empty: it isn't"]
    new: Annotated[int, "drop numbers posted for the first time today"]
    again: Annotated[int, "drop numbers posted again today"]
    rejected: Annotated[int, "posts that its list turned away today"]
    near: Annotated[int, "near misses of today"]
    usual: Annotated[float | None, "new drop numbers that are usual by now; null where nothing is"]
    messages: Annotated[int, "messages recorded so far"]


@dataclass(frozen=True, slots=True)
class Totals:
    """All watched groups."""

    groups: Annotated[int, "how many"]
    bad: Annotated[int, "of them in state `bad`"]
    warn: Annotated[int, "of them in state `warn`"]
    unknown: Annotated[int, "of them in state `unknown`"]
    new: Annotated[int, "drop numbers posted for the first time today"]
    again: Annotated[int, "drop numbers posted again today"]
    rejected: Annotated[int, "posts that a list turned away today"]
    near: Annotated[int, "near misses of today"]
    usual: Annotated[float | None, "new drop numbers that are usual by now; null where nothing is"]
    behind: Annotated[int, "messages in the stores that aren't recorded yet"]
    behind_seconds: Annotated[float, "age of the oldest of them"]


T = TypeVar("T", WatchedGroup, Totals)

NO_GROUPS = Totals(0, 0, 0, 0, 0, 0, 0, 0, None, 0, 0.0)


class Wanted(NamedTuple):
    """Which groups are meant: of a state, of a project, with a part of a name or JID; after a place in their order."""

    state: str | None = None
    project: str | None = None
    part: str | None = None
    after: int | None = None  # the number of the one before


def worst(db: Database, down: Sequence[str], most: int) -> tuple[tuple[WatchedGroup, ...], Totals]:
    """The worst first, then the busiest. Of sources that are down nothing is known. Within a snapshot."""
    rows = SQL.run(db, "worst", down=list(down), most=most).fetchall()
    own = len(WatchedGroup.__dataclass_fields__)
    groups = tuple(_rounded(WatchedGroup(*row[:own])) for row in rows)
    return groups, _rounded(Totals(*rows[0][own:])) if rows else NO_GROUPS


def page(db: Database, down: Sequence[str], wanted: Wanted, most: int) -> list[WatchedGroup]:
    """Groups by project. Within a snapshot."""
    return list(map(_rounded, SQL.rows(db, "page", WatchedGroup, down=list(down), most=most, **wanted._asdict())))


def one(db: Database, down: Sequence[str], chat: int) -> WatchedGroup | None:
    """The group of this number. Within a snapshot."""
    return next(map(_rounded, SQL.rows(db, "one", WatchedGroup, down=list(down), chat=chat)), None)


def _rounded(counted: T) -> T:
    """What is usual to one digit, as `wamon status` has it."""
    return counted if counted.usual is None else replace(counted, usual=round(counted.usual, 1))
