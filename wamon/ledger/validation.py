"""Validation: posts of numbers that aren't on their project's list are rejected, and real once the list has them.

What the list says counts when a post is recorded. Where it can't be read, or there is none, the post passes unchecked:
nothing is lost for a technical reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import DataError, InternalError, ProgrammingError

from wamon.ledger.changes import Candidate
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from collections.abc import Set as AbstractSet

    from wamon.postgres.connection import Database

SQL = Queries("wamon.ledger", "validation")

_UNREADABLE = (DataError, InternalError, ProgrammingError)
"""What is raised where the list is gone, refused or damaged, and not where the server is."""


class Validation:
    """The lists of the projects, for the groups (by JID) that are held to them."""

    def __init__(self, jids: AbstractSet[str]) -> None:
        self._jids = jids

    def is_asked(self, jids: Iterable[str]) -> bool:
        """Whether one of these groups is held to a list."""
        return bool(self._jids) and not self._jids.isdisjoint(jids)

    def judged(self, db: Database, candidates: list[Candidate]) -> list[Candidate]:
        """Within a recording transaction: the same candidates, each with what its project's list says of it."""
        asked = [candidate for candidate in candidates if candidate.message.chat_jid in self._jids]
        if not asked:
            return candidates
        said = dict(zip(asked, self._looked_up(db, asked), strict=True))
        return [said.get(candidate, candidate) for candidate in candidates]

    def _looked_up(self, db: Database, asked: Sequence[Candidate]) -> list[Candidate]:
        values = {"projects": [c.project for c in asked], "drops": [c.drop_number for c in asked]}
        try:
            with db.transaction():
                found = SQL.run(db, "look_up", **values).fetchall()
        except _UNREADABLE:
            found = [(False, False)] * len(asked)
        return [
            candidate._replace(rejected=has_list and not listed, unchecked=not has_list)
            for candidate, (has_list, listed) in zip(asked, found, strict=True)
        ]

    def waiting(self, db: Database, source: str) -> list[Candidate]:
        """Rejected submissions whose numbers are on the list by now, the oldest first."""
        if not self._jids:
            return []
        try:
            with db.transaction():
                return SQL.rows(db, "waiting", Candidate.recorded, source=source)
        except _UNREADABLE:
            return []

    def admit(self, db: Database, source: str, waiting: Sequence[Candidate]) -> set[Candidate]:
        """Within the fence: make these submissions real; those that are live."""
        values = {
            "projects": [candidate.project for candidate in waiting],
            "drops": [candidate.drop_number for candidate in waiting],
            "jids": [candidate.message.chat_jid for candidate in waiting],
            "message_ids": [candidate.message.message_id for candidate in waiting],
        }
        live = set(SQL.run(db, "admit", source=source, **values).fetchall())
        return {c for c in waiting if (c.message.chat_jid, c.message.message_id, c.drop_number) in live}
