"""One moment of the database, of which a page is made: panels that are read one by one, and fail alone."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, TypeVar

from wamon.postgres.connection import Refusal, part_of
from wamon.postgres.connection import snapshot as read_only

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wamon.postgres.connection import Database

T = TypeVar("T")

_SECONDS = 3


@dataclass(frozen=True, slots=True)
class Failed:
    """A part of the page that couldn't be read; the others are of this moment."""

    panel: Annotated[str, "which one"]
    why: Annotated[str, "such as `couldn't be read: 57014`"]


class Snapshot:
    """Reads panels at one moment, by the database's clock."""

    def __init__(self, db: Database, at: datetime) -> None:
        self.db = db
        self.at = at
        self._failed: list[Failed] = []

    @property
    def failed(self) -> tuple[Failed, ...]:
        return tuple(self._failed)

    def panel(self, name: str, read: Callable[[Database], T], otherwise: T) -> T:
        """What this reads; where the server refuses it, `otherwise`, and the panel is marked."""
        found = part_of(self.db, lambda: read(self.db))
        if isinstance(found, Refusal):
            self._failed.append(Failed(name, f"couldn't be read: {found.sqlstate}"))
            return otherwise
        return found


@contextmanager
def snapshot(db: Database) -> Iterator[Snapshot]:
    """One moment. Raises DatabaseUnavailable, SchemaError."""
    with read_only(db, _SECONDS):
        ((at,),) = db.execute("SELECT now()")
        yield Snapshot(db, at)
