"""What was meant as a drop number and isn't one."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Annotated

from wamon.drops.likely import likeliest
from wamon.ledger import allow_list
from wamon.ledger.near_misses import recorded, recorded_as

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wamon.ledger.near_misses import NearMiss as Recorded
    from wamon.postgres.connection import Database
    from wamon.views.people import Shows

_RECENT = timedelta(days=30)


@dataclass(frozen=True, slots=True)
class NearMiss:
    """What a message says that was meant as a drop number."""

    sent_at: Annotated[datetime, "when it was sent"]
    project: Annotated[str, "the project's name"]
    submitted_by: Annotated[str | None, "who sent it, as far as `privacy.show` allows"]
    written: Annotated[
        str | None, "what was meant as a number, in capitals, with ` / ` for a line break; null for readers of the page"
    ]
    reason: Annotated[
        str,
        "`too-short`, `too-long`, `letters-apart`, `letters-swapped`, `letter-missing`, `letter-doubled`, "
        "`letter-extra`, `letter-wrong`, `letter-in-digits`, `mark`, `split`, `separator`, `next-line`, `glued`, "
        "`drop-word`, `listed` or `no-letters`",
    ]
    likely: Annotated[str | None, "the number that was likely meant; null where it would be a guess"]
    source: Annotated[str, "the bridge's name"]
    jid: Annotated[str, "the chat's JID"]
    message_id: Annotated[str, "the message"]

    def unquoted(self) -> NearMiss:
        """Without what the message wrote in place of a number."""
        return replace(self, written=None)


@dataclass(frozen=True, slots=True)
class NearMisses:
    """What `wamon drops near` lists.

    The newest first. None is recorded as a drop.
    """

    near_misses: tuple[NearMiss, ...]


def near_misses(
    db: Database,
    people: Shows,
    project: str | None,
    span: tuple[datetime | None, datetime | None],
    now: datetime,
) -> NearMisses:
    """The near misses of a time, of a project or of all."""
    likely = _likely(db, now)
    found = recorded(db, project, *span)
    return NearMisses(tuple(_near_miss(miss, likely(miss), people) for miss in found))


def meant_as(
    db: Database, people: Shows, written: Sequence[str], number: str | None, now: datetime
) -> tuple[NearMiss, ...]:
    """What was written in one of these ways, then what was likely meant as the canonical number; the newest first."""
    likely = _likely(db, now)

    def may_be(miss: Recorded) -> bool:
        """Whether the list need be looked at, which may be long."""
        return bool(miss.likely or (number and likeliest(miss.written, [number])))

    found = recorded_as(db, written, number)
    meant = [(miss, likely(miss)) for miss in found if miss.written in written or may_be(miss)]
    return tuple(_near_miss(miss, one, people) for miss, one in meant if miss.written in written or one == number)


def _likely(db: Database, now: datetime) -> Callable[[Recorded], str | None]:
    """Which number each was meant as; what projects accept or posted is read once."""

    @cache
    def numbers_of(project: str) -> Sequence[str]:
        return allow_list.numbers(db, project) or allow_list.recent_numbers(db, project, now - _RECENT)

    return lambda miss: miss.likely or likeliest(miss.written, numbers_of(miss.project))


def _near_miss(miss: Recorded, likely: str | None, people: Shows) -> NearMiss:
    return NearMiss(
        sent_at=miss.sent_at,
        project=miss.project,
        submitted_by=people.shown(miss.sender),
        written=miss.written,
        reason=miss.reason,
        likely=likely,
        source=miss.source,
        jid=miss.jid,
        message_id=miss.message_id,
    )
