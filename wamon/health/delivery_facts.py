"""What health asks PostgreSQL of deliveries: what came to each hook, what was refused, what waits. By its clock."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from wamon.health.baseline import moments, usual
from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from wamon.postgres.connection import Database

SQL = Queries("wamon.health", "delivery_facts")

LATELY = timedelta(minutes=10)
_NEWEST = 2_000
"""Deliveries, of all hooks: whether those of a hook hold anything shows among these."""


@dataclass(frozen=True, slots=True)
class HookFacts:
    """What came to one hook. `last_at`: the last that was kept, or rang; None: none ever."""

    hook: str
    refused_today: int = 0
    refused_lately: int = 0  # in the last ten minutes; more than ten aren't counted
    refused_at: datetime | None = None  # the last one
    last_at: datetime | None = None
    parked: int = 0  # deliveries, or parts of them, that couldn't be read or recorded
    empty: int = 0  # the deliveries of late that were taken in, where none of them held a message that counts
    usual_seconds: float | None = None  # how long nothing comes at this hour of the week


class WaitingDeliveries(NamedTuple):
    """Deliveries to one hook that aren't taken in yet."""

    hook: str
    deliveries: int
    since: datetime


@dataclass(frozen=True, slots=True)
class DeliveryFacts:
    """Of every hook, also of those that the config had once."""

    hooks: Mapping[str, HookFacts] = field(default_factory=dict)
    waiting: Sequence[WaitingDeliveries] = ()  # for more than five minutes


def delivery_facts(db: Database, now: datetime, zone: ZoneInfo) -> DeliveryFacts:
    """All of it, `now` by the database's clock. Raises as `transaction` does."""
    with transaction(db):
        hooks = SQL.rows(db, "hooks", HookFacts, zone=str(zone), lately=LATELY)
        empty = empty_deliveries(db)
        silences = _silences(db, [one.hook for one in hooks if one.last_at], now, zone)
        waiting = SQL.rows(db, "waiting", WaitingDeliveries)
    known = {
        one.hook: replace(one, empty=empty.get(one.hook, 0), usual_seconds=usual(silences.get(one.hook, [])))
        for one in hooks
    }
    return DeliveryFacts(known, waiting)


def empty_deliveries(db: Database) -> dict[str, int]:
    """Within a transaction: of each hook whose deliveries of late held no message that counts, how many they are."""
    return dict(SQL.run(db, "empty", newest=_NEWEST))


def _silences(db: Database, hooks: Sequence[str], now: datetime, zone: ZoneInfo) -> dict[str, list[float]]:
    """Of each hook the longest silence, in seconds, of each of the last weeks at this hour."""
    if not hooks:
        return {}
    weeks, at = zip(*moments(now, zone), strict=True)
    found: dict[str, list[float]] = {}
    for hook, _, seconds in SQL.run(db, "silences", hooks=list(hooks), weeks=list(weeks), moments=list(at)):
        found.setdefault(hook, []).append(seconds)
    return found
