"""What came to each hook today: counted in memory, and added to its row about once a second."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Mapping
    from zoneinfo import ZoneInfo

    from wamon.postgres.connection import Database

SQL = Queries("wamon.webhooks", "counts")

MOST_REFUSALS = 10
"""Of which a hook's row knows the times."""
_STATEMENT_SECONDS = 3


@dataclass(slots=True)
class Counts:
    """Of one hook, since its row was last written. `came`: whether one was stored, or rang."""

    source: str
    came: bool = False
    stored: int = 0
    refused: int = 0
    tests: int = 0

    def add(self, other: Counts) -> None:
        """Count what another counted, too."""
        self.came |= other.came
        self.stored += other.stored
        self.refused += other.refused
        self.tests += other.tests


def write(db: Database, counts: Mapping[str, Counts], zone: ZoneInfo) -> None:
    """Add to each hook's counts of today in this zone. Raises DatabaseUnavailable, SchemaError."""
    with transaction(db, _STATEMENT_SECONDS):
        SQL.run(
            db,
            "add",
            zone=str(zone),
            hooks=list(counts),
            sources=[one.source for one in counts.values()],
            came=[one.came for one in counts.values()],
            stored=[one.stored for one in counts.values()],
            refused=[one.refused for one in counts.values()],
            tests=[one.tests for one in counts.values()],
            most=MOST_REFUSALS,
        )
        if heard := [hook for hook, one in counts.items() if one.came]:
            SQL.run(db, "hear", hooks=heard)


def person_key(db: Database) -> bytes:
    """The key by which the log hashes persons. Raises DatabaseUnavailable, SchemaError."""
    with transaction(db, _STATEMENT_SECONDS):
        return bytes(SQL.value(db, "person_key"))
