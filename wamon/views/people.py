"""People as a page may show them: by what is published of them, never by what is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from wamon.postgres.connection import Database

SQL = Queries("wamon.views", "people")


class Shows(Protocol):
    """How a sender is shown; None: not at all."""

    def shown(self, sender: str, /) -> str | None: ...


class Published(Shows):
    """Senders as each source's `run` published them, each looked up once."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[str, str | None] = {}

    def shown(self, sender: str, /) -> str | None:
        if sender not in self._known:
            with transaction(self._db):
                row = SQL.run(self._db, "shown", sender=sender).fetchone()
            self._known[sender] = row[0] if row else None
        return self._known[sender]
