"""Validation: posts of numbers that aren't on their project's list are rejected, and real once the list has them.

What the list says counts when a post is recorded. Where it can't be read, or there is none, the post passes unchecked:
nothing is lost for a technical reason.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from psycopg import DataError, InternalError, ProgrammingError, sql

from wamon.ledger.changes import Candidate
from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from collections.abc import Set as AbstractSet

    from wamon.postgres.connection import Database

SQL = Queries("wamon.ledger", "validation")

_INVALID = sql.Identifier("public", "invalid_drop_submissions")
_SHAPE = {
    "drop_number": "text",
    "project": "text",
    "sender": "text",
    "group_jid": "text",
    "submitted_at": "timestamptz",
    "reason": "text",
}
_UNREADABLE = (DataError, InternalError, ProgrammingError)
"""What is raised where the list is gone, refused or damaged, and not where the server is."""
_REASON = "not on the project's list"


class Validation:
    """The lists of the projects, for the groups (by JID) that are held to them."""

    def __init__(self, jids: AbstractSet[str]) -> None:
        self._jids = jids
        self._columns: list[str] = []

    def contact(self, db: Database) -> None:
        """Make public.invalid_drop_submissions where it is missing, learn its columns where it isn't."""
        if not self._jids:
            return
        with transaction(db):
            db.execute("SELECT pg_advisory_xact_lock(hashtextextended('wamon review', 0))")
            if not self._found(db):
                shape = sql.SQL(", ").join(
                    sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in _SHAPE.items()
                )
                db.execute(sql.SQL("CREATE TABLE {} ({})").format(_INVALID, shape))
            self._columns = [name for name in _SHAPE if name in self._found(db)]

    def _found(self, db: Database) -> set[str]:
        return set(SQL.rows(db, "columns", str, table=_INVALID.as_string(db)))

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

    def note(self, db: Database, rejected: Sequence[Candidate]) -> None:
        """Within a recording transaction: tell the office of the posts that were rejected."""
        if not rejected or not self._columns:
            return
        rows = [
            {
                "drop_number": candidate.drop_number,
                "project": candidate.project,
                "sender": candidate.message.sender,
                "group_jid": candidate.message.chat_jid,
                "submitted_at": candidate.sent_at,
                "reason": _REASON,
            }
            for candidate in rejected
        ]
        names = sql.SQL(", ").join(map(sql.Identifier, self._columns))
        arrays = sql.SQL(", ").join(sql.SQL(f"%s::{_SHAPE[name]}[]") for name in self._columns)
        query = sql.SQL("INSERT INTO {} ({}) SELECT * FROM unnest({})").format(_INVALID, names, arrays)
        db.execute(query, [[row[name] for row in rows] for name in self._columns])

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
        """Within a turn: make these submissions real, and take back what the office was told; those that are live."""
        values = {
            "projects": [candidate.project for candidate in waiting],
            "drops": [candidate.drop_number for candidate in waiting],
            "jids": [candidate.message.chat_jid for candidate in waiting],
            "message_ids": [candidate.message.message_id for candidate in waiting],
            "sent_ats": [candidate.sent_at for candidate in waiting],
        }
        live = set(SQL.run(db, "admit", source=source, **values).fetchall())
        if {"drop_number", "project", "group_jid", "submitted_at"} <= set(self._columns):
            db.execute(sql.SQL(SQL.sql("forget_invalid")).format(_INVALID), values)
        return {c for c in waiting if (c.message.chat_jid, c.message.message_id, c.drop_number) in live}
