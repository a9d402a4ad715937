"""How long deliveries are kept: the body a day after it was recorded, what couldn't be read or recorded 90 days.

When they came is kept for seven weeks: what is usual is told by six.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from wamon.postgres.connection import Database

SQL = Queries("wamon.webhooks", "events")

_KEEP = {
    "keep_body": timedelta(days=1),
    "keep_dead": timedelta(days=90),
    "keep_row": timedelta(days=30),
    "keep_heard": timedelta(weeks=7),
}


def prune_events(db: Database) -> None:
    """Forget what was kept long enough, a portion a transaction. PostgreSQL's clock says what is old."""
    for name in ("prune_bodies", "prune_rows", "prune_letters", "prune_heard"):
        while True:
            with transaction(db):
                portion = SQL.run(db, name, **_KEEP).rowcount
            if not portion:
                break
