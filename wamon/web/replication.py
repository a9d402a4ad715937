"""Which standby PostgreSQL has: its promotion loses nothing that a store feeds, but may lose what hooks alone bring."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal, NamedTuple

from wamon.postgres.connection import Refusal, part_of, transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from wamon.postgres.connection import Database

Kind = Literal["none", "asynchronous", "synchronous", "unknown"]

_QUERIES = Queries("wamon.web", "replication")
_STATEMENT_SECONDS = 3


class Replication(NamedTuple):
    """What PostgreSQL says of its standbys. `is_awaited`: it commits nothing, since the one it waits for is away."""

    kind: Kind
    is_awaited: bool = False

    @property
    def sentence(self) -> str:
        """It, and what it means for deliveries."""
        return f"Replication: {_AWAITED if self.is_awaited else _MEANS[self.kind]}"

    @property
    def hint(self) -> str:
        """What would be better; empty where nothing need be done."""
        return _AWAITED_HINT if self.is_awaited else _HINTS.get(self.kind, "")


_MEANS: dict[Kind, str] = {
    "none": "none. PostgreSQL shows no standby.",
    "asynchronous": "asynchronous. A promotion loses what hooks alone brought in the last moments.",
    "synchronous": "synchronous standby. What was answered with 200 outlives a promotion.",
    "unknown": "unknown. This role may not see pg_stat_replication.",
}
_HINTS: dict[Kind, str] = {
    "asynchronous": "Where hooks bring what no store has, set synchronous_standby_names.",
    "unknown": "GRANT SELECT ON pg_stat_replication, or the role pg_monitor, to it.",
}
_AWAITED = "synchronous standby, which is away. PostgreSQL commits nothing until it is back, and hooks answer 503."
_AWAITED_HINT = "Start it, or take it out of synchronous_standby_names."


def replication(db: Database) -> Replication:
    """Raises DatabaseUnavailable."""
    with transaction(db, _STATEMENT_SECONDS):
        waits = bool(_QUERIES.value(db, "waits_for"))
        found = part_of(db, lambda: _QUERIES.run(db, "standbys").fetchall()[0])
    if isinstance(found, Refusal):
        return Replication("synchronous" if waits else "unknown")
    there, waited_for, unseen = found
    if waits:
        return Replication("synchronous", is_awaited=not waited_for and not unseen)
    return Replication("asynchronous" if there else "none")
