"""Times as people say them in a command's options."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import date
    from zoneinfo import ZoneInfo

WORDS = "a date, a time such as 2026-11-10T06:00, today, yesterday, or an age such as 24h"


def since(text: str | None, zone: ZoneInfo, now: datetime) -> datetime | None:
    """The moment from which on something is meant: of a day its first. UsageError for what is no time."""
    return None if text is None else _moment("--since", text, zone, now)[0]


def until(text: str | None, zone: ZoneInfo, now: datetime) -> datetime | None:
    """The moment up to which something is meant: a day counts whole. UsageError for what is no time."""
    return None if text is None else _moment("--until", text, zone, now)[1]


def span(first: str | None, last: str | None, zone: ZoneInfo, now: datetime) -> tuple[datetime | None, datetime | None]:
    """What --since and --until mean. UsageError for what is no time, and where nothing lies between them."""
    from wamon.errors import UsageError

    begins, ends = since(first, zone, now), until(last, zone, now)
    if begins and ends and begins >= ends:
        raise UsageError(f"--since {first!r} isn't before --until {last!r}.", hint="Exchange them, or leave one out.")
    return begins, ends


def day(option: str, text: str, zone: ZoneInfo, now: datetime) -> date:
    """The day that is meant, as people of this zone count days. UsageError for what is none."""
    from wamon.errors import UsageError

    if found := _day(text, zone, now):
        return found.date()
    raise UsageError(f"{option} {text!r} is no day.", hint=f"Say a date, today or yesterday; a day is one of {zone}.")


def _moment(option: str, text: str, zone: ZoneInfo, now: datetime) -> tuple[datetime, datetime]:
    """The first moment of what is said, and the first one after it; they differ for a whole day."""
    from wamon.config.fields import duration
    from wamon.errors import UsageError

    try:
        if day := _day(text, zone, now):
            return day, day + timedelta(days=1)
        moment = _time(text, zone) or now - duration(text)
    except (ValueError, OverflowError):
        raise UsageError(f"{option} {text!r} is no time.", hint=f"Say {WORDS}; a day is one of {zone}.") from None
    return moment, moment


def _day(text: str, zone: ZoneInfo, now: datetime) -> datetime | None:
    """Midnight of a day: the zone's, so that the day after is a wall clock's day later."""
    today = now.astimezone(zone).replace(hour=0, minute=0, second=0, microsecond=0)
    if text in {"today", "yesterday"}:
        return today - timedelta(days=text == "yesterday")
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=zone)
    except ValueError:
        return None


def _time(text: str, zone: ZoneInfo) -> datetime | None:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.replace(tzinfo=zone)
