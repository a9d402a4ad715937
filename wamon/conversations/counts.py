"""What happened to conversations and left no row: counted for monitors, in the transaction in which it happened."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from wamon.postgres.connection import Database

SQL = Queries("wamon.conversations", "counts")


def add(db: Database, name: str, n: int) -> None:
    """Count more of this, within a transaction; its row is locked until the end.

    `orphans`, `fenced`, `agent-calls <outcome>`, `agent-tokens <kind>`; and of what the turns that are there no longer
    tell: `follow-ups`, `missed`, `turns <outcome>`.
    """
    if n:
        SQL.run(db, "add", name=name, n=n)
