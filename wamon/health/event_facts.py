"""What health asks PostgreSQL of events that go out: how long the oldest waits, and why."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from wamon.postgres.connection import Database

SQL = Queries("wamon.health", "event_facts")


class EventFacts(NamedTuple):
    """By the database's clock. `behind_seconds` None: nothing waits."""

    has_begun: bool
    behind_seconds: float | None = None
    failing_seconds: float | None = None  # since when nothing is acknowledged; None: it works
    why: str = ""


def event_facts(db: Database, outlet: str) -> EventFacts:
    """Of this outlet. Raises as `transaction` does."""
    with transaction(db):
        found = SQL.run(db, "outlet", outlet=outlet).fetchone()
    return EventFacts(True, *found) if found else EventFacts(False)
