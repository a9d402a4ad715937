"""Where events go out to: up to which event all are acknowledged there. It moves on acknowledgements alone."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.events.cursor import Cursor, UnknownCursor
from wamon.events.stream import Looks, begin, checked
from wamon.log import logger
from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wamon.events.model import Event
    from wamon.postgres.connection import Database

SQL = Queries("wamon.events", "outlets")


class Outlet:
    """One of them, by its name, on a connection."""

    def __init__(self, db: Database, name: str) -> None:
        self._db = db
        self._name = name
        self._at: Cursor | None = None
        self._looks = Looks(db)

    def news(self, limit: int) -> Sequence[Event]:
        """The next events that aren't acknowledged yet. Raises DatabaseUnavailable.

        Where the stream can't be gone on from it begins again: what went out before goes out again, under its ids.
        """
        try:
            self._at = self._at or self._place()
            return self._looks.read(self._at, limit)
        except UnknownCursor as error:
            logger.warning("Events go out from the beginning again. %s", error, extra={"action": "events.begun"})
            self._at = self._begun()
            return self._looks.read(self._at, limit)

    def acknowledged(self, cursor: Cursor) -> None:
        """All up to this event are kept there. Raises DatabaseUnavailable."""
        values = {"outlet": self._name, "cursor": str(cursor), "former": str(self._at)}
        with transaction(self._db):
            moved = SQL.run(self._db, "move", **values).fetchone()
        self._at = cursor if moved else None  # None: another moved it, so it is read again

    def fails(self, why: str) -> None:
        """Nothing is acknowledged now. Raises DatabaseUnavailable."""
        with transaction(self._db):
            SQL.run(self._db, "fails", outlet=self._name, why=why)

    def _place(self) -> Cursor:
        with transaction(self._db):
            found = SQL.run(self._db, "place", outlet=self._name).fetchone()
        if found is None:
            return self._begun()
        kept = Cursor.parse(found[0])
        at = checked(self._db, kept)
        if at != kept:  # a promotion took some back
            self._put(at)
        return at

    def _begun(self) -> Cursor:
        at = begin(self._db)
        self._put(at)
        return at

    def _put(self, at: Cursor) -> None:
        with transaction(self._db):
            SQL.run(self._db, "begin", outlet=self._name, cursor=str(at))
