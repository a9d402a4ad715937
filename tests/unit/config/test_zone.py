"""The zone in which a store's times were written, from their offsets."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from wamon.config.zone import zone_of

WINTER, SUMMER = datetime(2026, 1, 15, tzinfo=UTC), datetime(2026, 7, 15, tzinfo=UTC)
BERLIN, UTC_ZONE = ZoneInfo("Europe/Berlin"), ZoneInfo("UTC")


def hours(number: float) -> timedelta:
    return timedelta(hours=number)


@pytest.mark.parametrize(
    ("times", "host", "found"),
    [
        ([(WINTER, hours(2))], UTC_ZONE, "Africa/Johannesburg"),
        ([(WINTER, hours(2)), (SUMMER, hours(2))], BERLIN, "Africa/Johannesburg"),
        ([(WINTER, hours(1)), (SUMMER, hours(2))], BERLIN, "Europe/Berlin"),
        ([(SUMMER, hours(2))], BERLIN, "Europe/Berlin"),
        ([(WINTER, hours(2))], ZoneInfo("Africa/Harare"), "Africa/Harare"),
    ],
)
def test_the_hosts_zone_goes_first_where_it_has_the_offsets_and_the_operators_second(
    times: list[tuple[datetime, timedelta]], host: ZoneInfo, found: str
) -> None:
    assert str(zone_of(times, host)) == found


def test_of_other_zones_one_is_found_that_has_every_offset() -> None:
    times = [(WINTER, hours(-5)), (SUMMER, hours(-4))]
    found = zone_of(times, UTC_ZONE)
    assert found
    assert [moment.astimezone(found).utcoffset() for moment, _ in times] == [offset for _, offset in times]
    assert found.key.startswith("America/")


@pytest.mark.parametrize(
    "times",
    [[], [(WINTER, hours(0)), (SUMMER, hours(0))], [(WINTER, hours(2)), (WINTER, hours(3))], [(WINTER, hours(2.1))]],
    ids=["none", "a server's", "two at once", "nobody's"],
)
def test_where_the_times_tell_of_no_zone_none_is_found(times: list[tuple[datetime, timedelta]]) -> None:
    assert zone_of(times, BERLIN) is None
