"""The lists of numbers that projects accept, and what they lack or don't know."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from wamon.drops.likely import likeliest
from wamon.ledger import allow_list

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wamon.config.schema import Config
    from wamon.postgres.connection import Database
    from wamon.privacy import Directory


@dataclass(frozen=True, slots=True)
class Bad:
    """A row without a drop number."""

    sheet: Annotated[str | None, "the sheet of a row without a drop number; null in a CSV"]
    row: Annotated[int, "which row"]
    why: Annotated[str, "its cell, and what is wrong with it"]
    lost_zeros: Annotated[bool, "it holds digits, and fewer than usual"]


@dataclass(frozen=True, slots=True)
class Imported:
    """What `wamon drops allow import` did."""

    project: Annotated[str, "the project's name"]
    path: Annotated[str, "the file"]
    columns: Annotated[tuple[str, ...], "where the numbers stood, such as `column B of sheet Zone 1`"]
    added: Annotated[int, "numbers that are new on the list"]
    removed: Annotated[int, "numbers that `--replace` took off it"]
    numbers: Annotated[int, "numbers on the list now"]
    admitted: Annotated[int, "rejected posts whose number is on the list now; the next pass admits them"]
    repeated: Annotated[int, "rows whose number stood above already"]
    bad: tuple[Bad, ...]
    unseen_zeros: Annotated[int, "numbers of an XLS file that may show leading zeros: it doesn't tell"]


@dataclass(frozen=True, slots=True)
class AllowList:
    """A project's list."""

    project: Annotated[str, "the project's name"]
    numbers: Annotated[int, "numbers on its list"]
    imported_at: Annotated[datetime, "when it was last imported"]
    rejected: Annotated[int, "rejected posts that wait for their number to be listed"]
    validate: Annotated[bool, "the config has `validate: true` for it"]


@dataclass(frozen=True, slots=True)
class Lists:
    """What `wamon drops allow list` lists."""

    lists: tuple[AllowList, ...]
    lacking: Annotated[tuple[str, ...], "projects with `validate: true` and no list"]


@dataclass(frozen=True, slots=True)
class MissingDrop:
    """A drop that is planned and not posted."""

    project: Annotated[str, "the project's name"]
    drop_number: Annotated[str, "in canonical form"]
    posted_in: Annotated[tuple[str, ...], "other projects in which it was posted"]


@dataclass(frozen=True, slots=True)
class Missing:
    """What `wamon drops allow missing` lists.

    What is planned and not posted, by project and number. Projects without a list are left out.
    """

    planned: Annotated[int, "numbers on the lists"]
    missing: tuple[MissingDrop, ...]


@dataclass(frozen=True, slots=True)
class Stranger:
    """A drop that is posted and not planned."""

    project: Annotated[str, "the project's name"]
    drop_number: Annotated[str, "in canonical form"]
    rejected: Annotated[bool, "each of its posts was rejected; else it counts as a drop"]
    first_seen_at: Annotated[datetime, "when the first post was sent"]
    last_seen_at: Annotated[datetime, "when the last post was sent"]
    submissions: Annotated[int, "messages that posted it"]
    submitted_by: Annotated[str | None, "who posted it first, as far as `privacy.show` allows"]
    planned_in: Annotated[tuple[str, ...], "other projects whose list has it"]
    likely: Annotated[
        str | None, "the planned number, not posted, that was likely meant; null where it would be a guess"
    ]


@dataclass(frozen=True, slots=True)
class Strangers:
    """What `wamon drops allow strangers` lists.

    What is posted and not planned, the newest posts first. Projects without a list are left out.
    """

    planned: Annotated[int, "numbers on the lists"]
    strangers: tuple[Stranger, ...]


@dataclass(frozen=True, slots=True)
class Numbers:
    """What `wamon drops allow export` prints.

    Where no file is named:
    """

    project: Annotated[str, "the project's name"]
    numbers: Annotated[tuple[str, ...], "the list"]


@dataclass(frozen=True, slots=True)
class Exported:
    """What `wamon drops allow export` wrote.

    Where one is named:
    """

    project: Annotated[str, "the project's name"]
    path: Annotated[str, "the file that was written"]
    written: Annotated[int, "how many numbers it holds"]


@dataclass(frozen=True, slots=True)
class Cleared:
    """What `wamon drops allow clear` did."""

    project: Annotated[str, "the project's name"]
    removed: Annotated[int, "how many numbers its list had"]


def lists(db: Database, config: Config) -> Lists:
    """Every project's list, and the projects that validate without one."""
    wanted = validated(config)
    found = tuple(AllowList(*row, validate=row.project in wanted) for row in allow_list.lists(db))
    return Lists(found, tuple(sorted(wanted - {row.project for row in found})))


def validated(config: Config) -> set[str]:
    """The projects with `validate: true`."""
    return {group.name for group in config.groups if group.validate_}


def missing(planned: int, found: Iterable[allow_list.Missing]) -> Missing:
    """These drops, of so many planned."""
    return Missing(planned, tuple(MissingDrop(one.project, one.drop_number, tuple(one.posted_in)) for one in found))


def strangers(
    planned: int,
    found: Iterable[allow_list.Stranger],
    unposted: Sequence[allow_list.Missing],
    people: Directory,
) -> Strangers:
    """These drops, each with that of the unposted ones of its project that was likely meant."""
    of_project: dict[str, list[str]] = {}
    for drop in unposted:
        of_project.setdefault(drop.project, []).append(drop.drop_number)
    return Strangers(planned, tuple(_stranger(one, of_project.get(one.project, []), people) for one in found))


def _stranger(one: allow_list.Stranger, unposted: Sequence[str], people: Directory) -> Stranger:
    return Stranger(
        project=one.project,
        drop_number=one.drop_number,
        rejected=one.rejected,
        first_seen_at=one.first_seen_at,
        last_seen_at=one.last_seen_at,
        submissions=one.submissions,
        submitted_by=people.shown(one.submitted_by),
        planned_in=tuple(one.planned_in),
        likely=likeliest(one.drop_number, unposted),
    )
