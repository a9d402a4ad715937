"""People as a page may show them: by what is published of them, never by what is recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wamon.postgres.connection import Database

SQL = Queries("wamon.views", "people")


class Shows(Protocol):
    """How a sender is shown; None: not at all."""

    def shown(self, sender: str, /) -> str | None: ...


class Published(Shows):
    """Senders as each source's `run` published them, each looked up once."""

    def __init__(self, db: Database) -> None:
        self._db = db
        self._known: dict[str, tuple[str | None, str]] = {}

    def shown(self, sender: str, /) -> str | None:
        return self._person(sender)[0]

    def key(self, sender: str, /) -> str:
        """What all forms of a person have in common, as far as that is published."""
        return self._person(sender)[1]

    def learn(self, senders: Iterable[str]) -> None:
        """Look many up at once."""
        wanted = sorted({sender for sender in senders if sender not in self._known})
        with transaction(self._db):
            found = {sender: own for sender, *own in SQL.run(self._db, "shown", senders=wanted)}
        for sender in wanted:
            shown, hashed = found.get(sender, (None, None))
            self._known[sender] = (shown, hashed or sender)

    def _person(self, sender: str) -> tuple[str | None, str]:
        if sender not in self._known:
            self.learn([sender])
        return self._known[sender]
