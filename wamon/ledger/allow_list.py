"""Validation lists, by which recording accepts numbers, and near misses: as people edit and read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

from wamon.postgres.connection import UNHURRIED_SECONDS, transaction
from wamon.postgres.queries import queries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from psycopg import Cursor

    from wamon.postgres.connection import Database

SQL = queries("wamon.ledger", "allow_list")


class Imported(NamedTuple):
    """What an import changed."""

    added: int
    removed: int
    numbers: int  # on the list now
    admitted: int  # rejected submissions whose number is on the list now


class AllowList(NamedTuple):
    """A project's list."""

    project: str
    numbers: int
    imported_at: datetime
    rejected: int  # live submissions that wait for their number to be listed


class Missed(NamedTuple):
    """A near miss as it is recorded."""

    sent_at: datetime
    project: str
    sender: str
    written: str
    reason: str
    likely: str | None
    source: str
    jid: str
    message_id: str


def import_numbers(db: Database, project: str, numbers: Sequence[str]) -> Imported:
    """Add canonical numbers to a project's list, which is made where there is none."""
    with transaction(db, UNHURRIED_SECONDS):
        _run(db, "begin_list", project=project)
        return _added(db, project, numbers, removed=0)


def replace_numbers(db: Database, project: str, numbers: Sequence[str]) -> Imported:
    """Make these canonical numbers a project's whole list."""
    with transaction(db, UNHURRIED_SECONDS):
        _run(db, "begin_list", project=project)
        removed = _run(db, "remove_others", project=project, numbers=list(numbers)).rowcount
        return _added(db, project, numbers, removed)


def _added(db: Database, project: str, numbers: Sequence[str], removed: int) -> Imported:
    added = _run(db, "add", project=project, numbers=list(numbers)).rowcount
    ((size,),) = _run(db, "size", project=project).fetchall()
    ((admitted,),) = _run(db, "admitted", project=project).fetchall()
    return Imported(added, removed, size, admitted)


def clear(db: Database, project: str) -> int | None:
    """Remove a project's list; of how many numbers it was, None where there was none."""
    with transaction(db, UNHURRIED_SECONDS):
        ((size,),) = _run(db, "size", project=project).fetchall()
        return size if _run(db, "clear", project=project).rowcount else None


def numbers(db: Database, project: str) -> list[str] | None:
    """A project's list in order; None where it has none."""
    with transaction(db, UNHURRIED_SECONDS):
        found = [number for (number,) in _run(db, "numbers", project=project)]
        return found if found or _run(db, "exists", project=project).fetchone() else None


def lists(db: Database) -> list[AllowList]:
    """Every project's list, by the project's name."""
    with transaction(db, UNHURRIED_SECONDS):
        return [AllowList(*row) for row in _run(db, "lists")]


def recent_numbers(db: Database, project: str, since: datetime) -> list[str]:
    """The numbers that a project's messages posted since a time."""
    with transaction(db, UNHURRIED_SECONDS):
        return [number for (number,) in _run(db, "recent_numbers", project=project, since=since)]


def near_misses(db: Database, project: str | None, since: datetime | None, until: datetime | None) -> list[Missed]:
    """What messages of this time meant as drop numbers, the newest first. Of a project, or of all."""
    with transaction(db, UNHURRIED_SECONDS):
        return [Missed(*row) for row in _run(db, "near_misses", project=project, since=since, until=until)]


def _run(db: Database, name: str, **values: object) -> Cursor[Any]:
    return db.execute(SQL[name], values)
