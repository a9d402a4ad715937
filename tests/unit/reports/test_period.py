"""A day is the zone's own, also when its clocks change."""

from __future__ import annotations

from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import pytest

from wamon.reports.period import daily, last_over, weekly

BERLIN = ZoneInfo("Europe/Berlin")
LATER = datetime(2030, 1, 1, tzinfo=UTC)


@pytest.mark.parametrize(
    ("day", "hours"), [(date(2026, 3, 29), 23), (date(2026, 10, 25), 25), (date(2026, 11, 20), 24)]
)
def test_a_day_lasts_from_midnight_to_midnight(day: date, hours: int) -> None:
    period = daily(day, BERLIN, LATER)
    assert period.until - period.since == timedelta(hours=hours)
    assert period.since.astimezone(BERLIN).time() == period.until.astimezone(BERLIN).time()


@pytest.mark.parametrize("day", [date(2026, 10, 19), date(2026, 10, 21), date(2026, 10, 25)])
def test_a_week_goes_from_monday_to_sunday(day: date) -> None:
    period = weekly(day, BERLIN, LATER)
    assert (period.first, period.last) == (date(2026, 10, 19), date(2026, 10, 25))
    assert period.until - period.since == timedelta(days=7, hours=1)
    assert str(period) == "19 October to 25 October 2026"


def test_a_day_is_compared_with_the_same_weekday_whatever_its_length() -> None:
    since, until = daily(date(2026, 4, 5), BERLIN, LATER).before()
    assert (since, until - since) == (datetime(2026, 3, 28, 23, tzinfo=UTC), timedelta(hours=23))


def test_a_day_that_isnt_over_is_compared_up_to_the_same_time_on_the_clock() -> None:
    now = datetime(2026, 3, 30, 12, 0, tzinfo=UTC)  # 14:00 in summer time
    period = daily(date(2026, 3, 30), BERLIN, now)
    assert not period.is_over
    assert period.before() == (datetime(2026, 3, 22, 23, tzinfo=UTC), datetime(2026, 3, 23, 13, tzinfo=UTC))
    assert weekly(date(2026, 3, 30), BERLIN, now).before() == period.before()


@pytest.mark.parametrize(
    ("at", "of_the_day", "of_the_week"),
    [
        ("2026-10-26 06:30", "2026-10-25", "2026-10-19"),  # a Monday: both are over
        ("2026-10-26 06:29", "2026-10-24", "2026-10-12"),  # a minute before, those that were due before
        ("2026-10-28 12:00", "2026-10-27", "2026-10-19"),
        ("2026-10-25 23:59", "2026-10-24", "2026-10-12"),
    ],
)
def test_what_was_over_at_a_time_of_day_is_the_last_day_and_the_last_week(
    at: str, of_the_day: str, of_the_week: str
) -> None:
    now = datetime.fromisoformat(at).replace(tzinfo=BERLIN).astimezone(UTC)
    day, week = (last_over(kind, time(6, 30), BERLIN, now) for kind in ("daily", "weekly"))
    assert (str(day.first), str(week.first)) == (of_the_day, of_the_week)
    assert day.is_over
    assert week.is_over
