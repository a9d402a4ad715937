"""The weekly rhythm: how long a group is usually silent at this hour of the week, and what comes in. Pure."""

from __future__ import annotations

from datetime import UTC, timedelta
from itertools import accumulate
from statistics import median
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

WEEKS = 6
HALF_HOURS = 48
_SHIFTS = (timedelta(hours=-1), timedelta(), timedelta(hours=1))
"""People begin and end their day an hour sooner or later."""
_FEWEST_WEEKS = 3
_WEEKS_THAT_ALLOW_FOR_ONE_OUTAGE = 5

PATIENCE_SECONDS = 3_600.0
"""A silence this short is never unusual."""
_LONGER_THAN_USUAL = 1.5
PATIENCE_WITHOUT_RHYTHM_SECONDS = 3 * 86_400.0


def moments(now: datetime, zone: ZoneInfo) -> list[tuple[int, datetime]]:
    """The same hour in each of the last weeks by the zone's wall clock, as (weeks ago, moment)."""
    wall = now.astimezone(zone)
    return [
        (week, (wall - timedelta(weeks=week) + shift).astimezone(UTC))
        for week in range(1, WEEKS + 1)
        for shift in _SHIFTS
    ]


def weekdays(now: datetime, zone: ZoneInfo) -> list[tuple[datetime, datetime]]:
    """The same weekday of each of the last weeks, from midnight to midnight by the zone's wall clock."""
    midnight = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    days = [midnight - timedelta(weeks=week) for week in range(1, WEEKS + 1)]
    return [(day.astimezone(UTC), (day + timedelta(days=1)).astimezone(UTC)) for day in days]


def usual_curve(weeks: Sequence[Sequence[int]]) -> list[float] | None:
    """How many new drops are usual by the end of each part of a day, by what came in that part in each of the weeks.

    The median of the weeks, the last one first; None where there was none. Weeks before the first one with any don't
    count: the group may not have been there.
    """
    there = max((week for week, counts in enumerate(weeks, 1) if any(counts)), default=0)
    if not there:
        return None
    return [median(so_far) for so_far in zip(*map(accumulate, weeks[:there]), strict=True)]


def half_hours(now: datetime, zone: ZoneInfo) -> float:
    """How far the zone's wall clock is into its day: 20.5 at 10:15."""
    wall = now.astimezone(zone)
    return (wall.hour * 3600 + wall.minute * 60 + wall.second + wall.microsecond / 1e6) / 1800


def usual_by(curve: Sequence[float], place: float) -> float:
    """How many new drops are usual by this place in the day, in half hours: between two ends of them their share.

    views/watched.sql has the same rule for pages.
    """
    whole = int(place)
    if whole >= HALF_HOURS:
        return curve[-1]
    share = place - whole
    return curve[whole] * share + (curve[whole - 1] if whole else 0.0) * (1 - share)


def usual(silences: Sequence[float]) -> float | None:
    """How long a silence at this hour usually gets, from each week's; None where too few weeks tell.

    With enough weeks the longest is left out: it may have been an outage, which must not hide the next one.
    """
    if len(silences) < _FEWEST_WEEKS:
        return None
    longest_first = sorted(silences, reverse=True)
    return longest_first[len(silences) >= _WEEKS_THAT_ALLOW_FOR_ONE_OUTAGE]


def patience(usual_seconds: float | None) -> float:
    """How long a silence may get before it is unusual."""
    if usual_seconds is None:
        return PATIENCE_WITHOUT_RHYTHM_SECONDS
    return max(PATIENCE_SECONDS, _LONGER_THAN_USUAL * usual_seconds)
