"""The breaker before what may be away: after too many failures nobody asks it for a while, then one probes it.

One row, which all processes share, by PostgreSQL's clock. All of it runs within transactions; none is open while
somebody asks.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from wamon.postgres.connection import Database

SQL = Queries("wamon.conversations", "breaker")

_MOST_FAILURES = 5
_WITHIN = timedelta(seconds=60)
_REST = timedelta(seconds=60)
_PROBE = timedelta(seconds=15)
"""So long one probes alone; then another may, as the first may have been killed."""


@dataclass(frozen=True, slots=True)
class Breaker:
    """The one of this name. `me`: who asks, one thing at a time."""

    me: UUID
    name: str = "agent"

    def rests_until(self, db: Database) -> datetime | None:
        """Before when it must not be asked; None: it may be, perhaps as the one probe."""
        if not self._open_until(db) or SQL.run(db, "probe", name=self.name, me=self.me, probe=_PROBE).rowcount:
            return None
        return self._open_until(db)

    def _open_until(self, db: Database) -> datetime | None:
        rows = SQL.run(db, "open_until", name=self.name).fetchall()
        return rows[0][0] if rows else None

    def fail(self, db: Database, pause: timedelta | None = None) -> datetime | None:
        """It failed. `pause`: how long it asked to be left alone; then nobody asks it, from now on.

        Until when it is left alone; None: it still may be asked.
        """
        values = {"most": _MOST_FAILURES, "within": _WITHIN, "rest": _REST, "pause": pause}
        until: datetime | None = SQL.value(db, "fail", name=self.name, me=self.me, **values)
        return until

    def succeed(self, db: Database) -> None:
        """It answered: what failed before counts no longer."""
        SQL.run(db, "clear", name=self.name)
