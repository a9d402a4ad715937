"""Rejections: the office is told in public.invalid_drop_submissions which posts were rejected, and which no longer are.

Where the table exists, only the columns that are there are written. What it doesn't take now waits (effects).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from psycopg import sql

from wamon.ledger.effects import Effects, Written
from wamon.ledger.waits import Effect, Waits
from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wamon.bridge.people import Aliases
    from wamon.clock import Clock
    from wamon.ledger.changes import Candidate, Drop
    from wamon.ledger.following import Conflict, Posted, Renamed
    from wamon.model import Reading
    from wamon.postgres.connection import Database

SQL = Queries("wamon.ledger", "rejections")

NAME = "public.invalid_drop_submissions"

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
_OF_A_POST = frozenset({"drop_number", "project", "group_jid", "submitted_at"})
"""The columns by which a post's row is known again."""


def rename(db: Database, source: str, renamed: Sequence[Renamed]) -> None:
    """Within a transaction: have what waits of renamed groups follow, and rows, where there are such columns."""
    Waits(NAME).rename(db, source, renamed)
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
    """Follows recordings of one source: the office's table of rejected posts, as it was found at first contact."""

    name: ClassVar[str] = NAME
    shares_rows: ClassVar[bool] = False

    def __init__(self, source: str, aliases: Aliases, clock: Clock) -> None:
        self._aliases = aliases
        self._clock = clock
        self._columns: list[str] = []
        self._defers = False
        self.effects = Effects(NAME, source, self._write)

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
            self._defers = bool(SQL.value(db, "defers", table=_INVALID.as_string(db)))

    def prepare(self, db: Database, readings: Sequence[Reading]) -> None:
        """Nothing: rejections are of submissions."""

    def follow(self, db: Database, posted: Posted) -> Sequence[Conflict]:
        """Tell the office of the posts that were rejected, and take back what it was told of those that are real."""
        rejected = [one.candidate for one in posted.submissions if one.candidate.rejected]
        if not rejected and not posted.admitted:
            return ()
        now = self._clock.now()
        effects = [Effect("rejected", candidate, None, now) for candidate in rejected]
        return self.effects.follow(db, effects + [Effect("admitted", one, None, now) for one in posted.admitted])

    def _write(self, db: Database, effects: Sequence[Effect]) -> Written:
        """Write effects but for those of drops whose rows are locked. What was admitted is never rejected again."""
        locked = self._locked(db, [effect.candidate for effect in effects if effect.what == "admitted"])
        ready = [effect for effect in effects if effect.drop not in locked]
        self._tell(db, [effect.candidate for effect in ready if effect.what == "rejected"])
        self._take_back(db, [effect.candidate for effect in ready if effect.what == "admitted"])
        if self._defers:
            db.execute("SET CONSTRAINTS ALL IMMEDIATE")
        return Written((), dict.fromkeys(locked, f"Another session has locked the row in {NAME}."))

    def _locked(self, db: Database, admitted: Sequence[Candidate]) -> set[Drop]:
        """The drops of those whose rows another session has locked; the others' are ours to take back then."""
        if not admitted or not self._knows_posts:
            return set()
        free, there = (
            {n for (n,) in db.execute(sql.SQL(SQL.sql(query)).format(_INVALID), _posts(admitted))}
            for query in ("lock_free", "told")
        )
        return {(admitted[n - 1].project, admitted[n - 1].drop_number) for n in there - free}

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
        if admitted and self._knows_posts:
            db.execute(sql.SQL(SQL.sql("take_back")).format(_INVALID), _posts(admitted))

    @property
    def _knows_posts(self) -> bool:
        return set(self._columns) >= _OF_A_POST


def _posts(candidates: Sequence[Candidate]) -> dict[str, list[object]]:
    """What their rows are known by, as queries take it."""
    return {
        "projects": [candidate.project for candidate in candidates],
        "drops": [candidate.drop_number for candidate in candidates],
        "jids": [candidate.message.chat_jid for candidate in candidates],
        "sent_ats": [candidate.sent_at for candidate in candidates],
    }
