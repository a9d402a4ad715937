"""What can't be proven."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, NamedTuple
from zoneinfo import ZoneInfo

from wamon.health import gaps as health
from wamon.ledger.source import Source as Position

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from wamon.postgres.connection import Database
    from wamon.views.sources import Source

_MOST_GROUPS = 500
"""Of a source with more groups, gaps aren't looked for within a page: `wamon gaps` does."""


@dataclass(frozen=True, slots=True)
class Gap:
    """A time of which the bridge's store may lack something."""

    kind: Annotated[str, "`bridge`, `silence`, `gone`, `replaced`, `captions`, `store-missed` or `missed`"]
    start: Annotated[datetime, "when it began"]
    end: Annotated[datetime | None, "when it ended; null: it lasts still"]
    group: Annotated[str | None, "the project's name; null: every group"]
    jid: Annotated[str | None, "the chat's JID"]
    detail: Annotated[str, "how long, or how many"]
    meaning: Annotated[str, "what may be lacking, in a sentence"]


@dataclass(frozen=True, slots=True)
class Gaps:
    """What `wamon gaps` found."""

    since: Annotated[datetime, "gaps before it aren't looked for"]
    gaps: tuple[Gap, ...]


def gaps(since: datetime, found: Iterable[health.Gap]) -> Gaps:
    """The gaps that were found from a time on."""
    return Gaps(since, tuple(map(_gap, found)))


def _gap(gap: health.Gap) -> Gap:
    return Gap(gap.kind, gap.start, gap.end, gap.group, gap.jid, gap.detail, gap.meaning)


class Told(NamedTuple):
    """The gaps that the database tells, in their order, and why they aren't all; None: they are."""

    gaps: Sequence[health.Gap]
    unknown: str | None


def told_by_database(db: Database, known: Sequence[Source], since: datetime, now: datetime, zone: ZoneInfo) -> Told:
    """Of every source, what can be told without its store. Within a snapshot, whose limits hold."""
    found: list[health.Gap] = []
    unknown = None
    for source in known:
        position = Position(db, source.name)
        position.collect()
        groups = [group for group in position.groups.values() if group.enabled]
        if len(groups) > _MOST_GROUPS:
            unknown = f"{source.name} has {len(groups):,} groups: `wamon gaps` looks through them."
            continue
        window = health.Window(since, now, ZoneInfo(source.zone) if source.zone else zone)
        found += health.recorded_gaps(position, groups, window)
    return Told(sorted(found, key=lambda gap: (gap.start, gap.group or "")), unknown)
