"""Times as people say them in options."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

import pytest

from wamon.cli import times
from wamon.errors import UsageError

ZONE = ZoneInfo("Africa/Johannesburg")
NOW = datetime(2026, 11, 20, 23, 30, tzinfo=UTC)  # already the 21st there


@pytest.mark.parametrize(
    ("said", "since", "until"),
    [
        ("2026-11-20", "2026-11-19T22:00", "2026-11-20T22:00"),
        ("today", "2026-11-20T22:00", "2026-11-21T22:00"),
        ("yesterday", "2026-11-19T22:00", "2026-11-20T22:00"),
        ("2026-11-20T06:00", "2026-11-20T04:00", "2026-11-20T04:00"),
        ("2026-11-20 06:00Z", "2026-11-20T06:00", "2026-11-20T06:00"),
        ("24h", "2026-11-19T23:30", "2026-11-19T23:30"),
    ],
)
def test_a_day_counts_whole_and_a_time_is_the_zones_own(said: str, since: str, until: str) -> None:
    assert times.since(said, ZONE, NOW) == datetime.fromisoformat(f"{since}Z")
    assert times.until(said, ZONE, NOW) == datetime.fromisoformat(f"{until}Z")


def test_a_day_is_as_long_as_its_clocks_say() -> None:
    berlin = ZoneInfo("Europe/Berlin")
    assert times.until("2026-10-25", berlin, NOW) == datetime(2026, 10, 25, 23, 0, tzinfo=UTC)


def test_nothing_said_is_no_bound() -> None:
    assert times.since(None, ZONE, NOW) is None
    assert times.until(None, ZONE, NOW) is None


@pytest.mark.parametrize("said", ["", "Tuesday", "2026-13-01", "1000000d", "99999999999999999999h"])
def test_what_is_no_time_is_a_usage_error(said: str) -> None:
    with pytest.raises(UsageError, match="--since"):
        times.since(said, ZONE, NOW)
