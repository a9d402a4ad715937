"""Validation lists, by which recording accepts numbers, and near misses: as people edit and read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wamon.postgres.connection import UNHURRIED_SECONDS, transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from wamon.postgres.connection import Database

SQL = Queries("wamon.ledger", "allow_list")


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


class Missing(NamedTuple):
    """A planned drop that no live post of its project names."""

    project: str
    drop_number: str
    posted_in: list[str]  # other projects


class Stranger(NamedTuple):
    """A posted drop that isn't on its project's list. Projects without a list have none."""

    project: str
    drop_number: str
    rejected: bool  # each of its live posts is
    first_seen_at: datetime
    last_seen_at: datetime
    submissions: int
    submitted_by: str
    planned_in: list[str]  # other projects


def import_numbers(db: Database, project: str, numbers: Sequence[str]) -> Imported:
    """Add canonical numbers to a project's list, which is made where there is none."""
    with transaction(db, UNHURRIED_SECONDS):
        SQL.run(db, "begin_list", project=project)
        return _added(db, project, numbers, removed=0)


def replace_numbers(db: Database, project: str, numbers: Sequence[str]) -> Imported:
    """Make these canonical numbers a project's whole list."""
    with transaction(db, UNHURRIED_SECONDS):
        SQL.run(db, "begin_list", project=project)
        removed = SQL.run(db, "remove_others", project=project, numbers=list(numbers)).rowcount
        return _added(db, project, numbers, removed)


def _added(db: Database, project: str, numbers: Sequence[str], removed: int) -> Imported:
    added = SQL.run(db, "add", project=project, numbers=list(numbers)).rowcount
    size = int(SQL.value(db, "size", project=project))
    admitted = int(SQL.value(db, "admitted", project=project))
    return Imported(added, removed, size, admitted)


def others(db: Database, project: str, numbers: Sequence[str]) -> list[str]:
    """The numbers of a project's list that aren't among these canonical ones, in order."""
    with transaction(db, UNHURRIED_SECONDS):
        return SQL.rows(db, "others", str, project=project, numbers=list(numbers))


def clear(db: Database, project: str) -> int | None:
    """Remove a project's list; of how many numbers it was, None where there was none."""
    with transaction(db, UNHURRIED_SECONDS):
        size = int(SQL.value(db, "size", project=project))
        return size if SQL.run(db, "clear", project=project).rowcount else None


def numbers(db: Database, project: str) -> list[str] | None:
    """A project's list in order; None where it has none."""
    with transaction(db, UNHURRIED_SECONDS):
        found = SQL.rows(db, "numbers", str, project=project)
        return found if found or SQL.run(db, "exists", project=project).fetchone() else None


def lists(db: Database) -> list[AllowList]:
    """Every project's list, by the project's name."""
    with transaction(db, UNHURRIED_SECONDS):
        return SQL.rows(db, "lists", AllowList)


def missing(db: Database, project: str | None) -> list[Missing]:
    """What is planned and not posted, of a project or of all, by project and number."""
    with transaction(db, UNHURRIED_SECONDS):
        return SQL.rows(db, "missing", Missing, project=project)


def strangers(db: Database, project: str | None) -> list[Stranger]:
    """What is posted and not planned, of a project or of all, the newest posts first."""
    with transaction(db, UNHURRIED_SECONDS):
        return SQL.rows(db, "strangers", Stranger, project=project)


def usual_length(db: Database, project: str) -> int:
    """How many characters most of the numbers that a project's messages posted have; 0 where there are none."""
    with transaction(db, UNHURRIED_SECONDS):
        return int(SQL.value(db, "usual_length", project=project))


def recent_numbers(db: Database, project: str, since: datetime) -> list[str]:
    """The numbers that a project's messages posted since a time."""
    with transaction(db, UNHURRIED_SECONDS):
        return SQL.rows(db, "recent_numbers", str, project=project, since=since)
