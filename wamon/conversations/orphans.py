"""What waits for an answer and is over a minute overdue: nobody came to it. Finding it makes it due."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wamon.conversations import counts
from wamon.failpoints import failpoint
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from wamon.postgres.connection import Database

SQL = Queries("wamon.conversations", "orphans")


class Waiting(NamedTuple):
    """A conversation that waits, and whose it is."""

    conversation: int
    source: str
    person: int


def orphans(db: Database) -> list[Waiting]:
    """Those of every source, the longest overdue first; within a transaction."""
    return SQL.rows(db, "orphans", Waiting)


def make_due(db: Database) -> list[Waiting]:
    """The same, due now: whoever works the source claims them next, and a second call finds none.

    One that somebody claims at this moment is left to them.
    """
    made = SQL.rows(db, "make_due", Waiting)
    counts.add(db, "orphans", len(made))
    failpoint("sweep.orphans")
    return made


def clean_up_stuck(db: Database) -> int:
    """Make due what is stuck otherwise, such as a lock that was taken by hand; how many. Within a transaction."""
    return int(SQL.value(db, "clean_up_stuck"))


def settling(db: Database) -> list[Waiting]:
    """Those that wait for quiet, or for somebody to claim them."""
    return SQL.rows(db, "settling", Waiting)
