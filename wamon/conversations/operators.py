"""An operator talks to a person: what is pending is theirs to answer, and nobody else answers for a while."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.conversations.turns import SQL as TURNS
from wamon.conversations.turns import Transition, note
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from wamon.postgres.connection import Database

SQL = Queries("wamon.conversations", "operators")


def leave_to_human(
    db: Database, conversations: Sequence[int], *, human_for: timedelta | None = None, until: datetime | None = None
) -> None:
    """Within a transaction: leave these conversations to an operator, for so long or until then.

    What is pending is closed, whoever works on it is out, what is unsent is skipped.
    """
    rows = SQL.run(db, "take_over_by_human", conversations=list(conversations)).fetchall()
    if not rows:
        return
    numbers = [row[0] for row in rows]
    TURNS.run(db, "lose", conversations=numbers)
    SQL.run(db, "close_for_human", conversations=numbers)
    SQL.run(db, "leave_to_human", conversations=numbers, human_for=human_for, until=until)
    SQL.run(db, "skip_unsent", conversations=numbers)
    note(db, [Transition(uid, was, "human", "operator-message", by) for _, uid, was, by in rows if was != "human"])
