"""Rejections: the office is told in public.invalid_drop_submissions which posts were rejected, and which no longer are.

Where the table exists, only the columns that are there are written.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from psycopg import sql

from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wamon.bridge.people import Aliases
    from wamon.ledger.changes import Candidate
    from wamon.ledger.following import Conflict, Posted
    from wamon.ledger.renaming import Renamed
    from wamon.model import Reading
    from wamon.postgres.connection import Database

SQL = Queries("wamon.ledger", "rejections")

_INVALID = sql.Identifier("public", "invalid_drop_submissions")
_SHAPE = {
    "drop_number": "text",
    "project": "text",
    "sender": "text",
    "group_jid": "text",
    "submitted_at": "timestamptz",
    "reason": "text",
}
_REASON = "not on the project's list"


def rename(db: Database, renamed: Sequence[Renamed]) -> None:
    """Within a transaction: have the rows of renamed groups follow, where there is such a table with such columns."""
    if not {"project", "group_jid"} <= _found(db):
        return
    values = {
        "jids": [one.jid for one in renamed],
        "was": [one.was for one in renamed],
        "now": [one.now for one in renamed],
    }
    db.execute(sql.SQL(SQL.sql("rename")).format(_INVALID), values)


def _found(db: Database) -> set[str]:
    return set(SQL.rows(db, "columns", str, table=_INVALID.as_string(db)))


class Rejections:
    """Follows recordings: the office's table of rejected posts, as it was found at first contact."""

    shares_rows: ClassVar[bool] = False

    def __init__(self, aliases: Aliases) -> None:
        self._aliases = aliases
        self._columns: list[str] = []

    def contact(self, db: Database) -> None:
        """Make the table where it is missing, learn its columns where it isn't."""
        with transaction(db):
            db.execute("SELECT pg_advisory_xact_lock(hashtextextended('wamon review', 0))")
            if not _found(db):
                shape = sql.SQL(", ").join(
                    sql.SQL("{} {}").format(sql.Identifier(name), sql.SQL(kind)) for name, kind in _SHAPE.items()
                )
                db.execute(sql.SQL("CREATE TABLE {} ({})").format(_INVALID, shape))
            self._columns = [name for name in _SHAPE if name in _found(db)]

    def prepare(self, db: Database, readings: Sequence[Reading]) -> None:
        """Nothing: rejections are of submissions."""

    def follow(self, db: Database, posted: Posted) -> Sequence[Conflict]:
        """Tell the office of the posts that were rejected, and take back what it was told of those that are real."""
        self._tell(db, [one.candidate for one in posted.submissions if one.candidate.rejected])
        self._take_back(db, posted.admitted)
        return ()

    def _tell(self, db: Database, rejected: Sequence[Candidate]) -> None:
        if not rejected or not self._columns:
            return
        forms = self._aliases.one_form({candidate.message.sender for candidate in rejected})
        rows = [
            {
                "drop_number": candidate.drop_number,
                "project": candidate.project,
                "sender": forms[candidate.message.sender],
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

    def _take_back(self, db: Database, admitted: Sequence[Candidate]) -> None:
        if not admitted or not {"drop_number", "project", "group_jid", "submitted_at"} <= set(self._columns):
            return
        values = {
            "projects": [candidate.project for candidate in admitted],
            "drops": [candidate.drop_number for candidate in admitted],
            "jids": [candidate.message.chat_jid for candidate in admitted],
            "sent_ats": [candidate.sent_at for candidate in admitted],
        }
        db.execute(sql.SQL(SQL.sql("take_back")).format(_INVALID), values)
