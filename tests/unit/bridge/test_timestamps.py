"""Every form of time that a bridge was seen to write, to UTC, or to None; never to an error."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.bridges import SAST, go_string_time, mattn_time
from tests.support.environment import examples
from wamon.bridge.timestamps import utc

MORNING = datetime(2026, 11, 21, 8, 0, tzinfo=UTC)
SECONDS = int(MORNING.timestamp())

whole_seconds = st.integers(4 * 366 * 86_400, 32_500_000_000).map(lambda s: datetime.fromtimestamp(s, UTC))
offsets = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


# The forms


@pytest.mark.parametrize(
    "stored",
    [
        b"2026-11-21 10:00:00+02:00",  # mattn's driver
        b"2026-11-21 08:00:00+00:00",
        b"2026-11-21 08:00:00Z",
        b"2026-11-21T08:00:00Z",
        b"2026-11-21T10:00:00+02:00",
        b"2026-11-21 02:30:00-05:30",
        b"2026-11-21 08:00:00",  # SQLite's own CURRENT_TIMESTAMP, and drivers of old
        b"2026-11-21T08:00:00",
        b"2026-11-21 08:00",
        b"2026-11-21 10:00:00 +0200 SAST",  # modernc's driver: Go's String()
        b"2026-11-21 10:00:00 +0200 +0200",
        b"2026-11-21 10:00:00 +0200",
        b"2026-11-21 08:00:00 +0000 UTC",
        b"2026-11-21 03:00:00 -0500 EST",
        b"2026-11-21 10:00:00 +0200 SAST m=+0.120000001",
        b"2026-11-21 10:00:00 +0200 +0200 m=-3.5",
        b"2026-11-21 10:00:00 +0200 m=+0.12",
        b"2026-11-21T08:00:00.000Z",  # JavaScript
        SECONDS,
        SECONDS * 10**3,
        SECONDS * 10**6,
        SECONDS * 10**9,
        float(SECONDS),
        float(SECONDS * 10**3),
        str(SECONDS).encode(),
        str(SECONDS * 10**3).encode(),
        str(SECONDS * 10**6).encode(),
        str(SECONDS * 10**9).encode(),
        f"{SECONDS}.0".encode(),
    ],
    ids=repr,
)
@pytest.mark.fault("F55")
def test_every_form_of_one_moment_is_that_moment_in_utc(stored: bytes | float) -> None:
    moment = utc(stored)

    assert moment == MORNING
    assert moment is not None
    assert moment.tzinfo is UTC


@pytest.mark.parametrize("digits", range(1, 10))
@pytest.mark.parametrize("form", ["2026-11-21 10:00:00.{}+02:00", "2026-11-21 10:00:00.{} +0200 SAST m=+0.1"])
def test_a_fraction_of_up_to_nine_digits_is_cut_to_microseconds(form: str, digits: int) -> None:
    fraction = "123456789"[:digits]

    assert utc(form.format(fraction).encode()) == MORNING + timedelta(microseconds=int(fraction.ljust(6, "0")[:6]))


@pytest.mark.parametrize(
    "stored",
    [b"2026-11-21T08:00:00.250Z", SECONDS + 0.25, SECONDS * 10**3 + 250, SECONDS * 10**9 + 250 * 10**6],
)
def test_a_fraction_counts_in_every_unit(stored: bytes | float) -> None:
    assert utc(stored) == MORNING + timedelta(milliseconds=250)


@pytest.mark.parametrize("year", [2038, 2999])
def test_a_year_far_ahead_is_a_time_like_any_other(year: int) -> None:
    far = datetime(year, 2, 3, 4, 5, 6, tzinfo=UTC)
    seconds = int(far.timestamp())

    assert utc(mattn_time(far, SAST).encode()) == far
    assert [utc(seconds * unit) for unit in (1, 10**3, 10**6)] == [far] * 3
    assert utc(str(seconds).encode()) == far


@given(whole_seconds, offsets)
@example(datetime(2024, 4, 3, 4, 55, 0, tzinfo=UTC), SAST)  # 1712120100000 ms begins with a date, 1712-12-01
@example(datetime(2027, 1, 27, tzinfo=UTC), SAST)
@settings(max_examples=examples(150), derandomize=True)
def test_two_spellings_of_one_moment_are_equal(moment: datetime, zone: timezone) -> None:
    seconds = int(moment.timestamp())
    counts: list[float] = [seconds * unit for unit in (1, 10**3, 10**6, 10**9)]
    texts = [
        mattn_time(moment, zone),
        go_string_time(moment, zone),
        go_string_time(moment, zone, running_for=0.12),
        moment.isoformat(timespec="milliseconds").replace("+00:00", "Z"),
        moment.astimezone(zone).isoformat(),
        *map(str, counts),
    ]

    assert {utc(text.encode()) for text in texts} == {moment}
    assert {utc(count) for count in [*counts, float(seconds)]} == {moment}


@given(st.lists(st.tuples(whole_seconds, offsets), min_size=2, max_size=2))
@settings(max_examples=examples(60), derandomize=True)
@pytest.mark.fault("F55")
def test_times_keep_their_order_across_zones(moments: list[tuple[datetime, timezone]]) -> None:
    read = [utc(mattn_time(moment, zone).encode()) for moment, zone in moments]

    assert read == [moment for moment, _ in moments]


# What is no time


@pytest.mark.parametrize(
    "stored",
    [
        None,
        b"",
        b" ",
        b"junk",
        b"null",
        b"0",
        b"-",
        b"nan",
        b"inf",
        b"-inf",
        b"1e400",
        b"abcd-ef-gh",
        b"2026-13-01 00:00:00+02:00",
        b"2026-11-21 25:00:00+02:00",
        b"2026-11-21 10:00:00 +9900 XXX",
        b"2026-11-21 10:00:00+02:00 and more",
        b"9999-12-31 23:59:59-02:00",
        b"0001-01-01 00:00:00+00:00",  # Go's zero time
        b"0001-01-01 00:00:00+02:00",
        b"0001-01-01 00:00:00 +0000 UTC",
        b"1970-01-01 00:00:00+00:00",
        b"\xff\xfe",
        b"2026-11-21 10:00:00\xff+02:00",
        0,
        0.0,
        -1,
        -SECONDS,
        -62135596800,  # Go's zero time in seconds
        10**30,
        10**400,
        -(10**400),
        float("nan"),
        float("inf"),
        float("-inf"),
        1.7e308,
    ],
    ids=lambda stored: repr(stored)[:40],
)
def test_what_is_no_time_is_none(stored: bytes | float | None) -> None:
    assert utc(stored) is None


@given(st.one_of(st.none(), st.binary(), st.text().map(str.encode), st.integers(), st.floats()))
@example(b"9" * 5000)
@settings(max_examples=examples(300), derandomize=True)
@pytest.mark.fault("F53")
def test_nothing_that_a_store_can_hold_is_an_error(stored: bytes | float | None) -> None:
    moment = utc(stored)

    assert moment is None or moment.tzinfo is UTC


@given(st.from_regex(rb"\A[0-9]{4}-[0-9:T .+Zm=-]{0,40}\Z"))
@settings(max_examples=examples(200), derandomize=True)
def test_nothing_that_begins_like_a_time_is_an_error(stored: bytes) -> None:
    moment = utc(stored)

    assert moment is None or moment.tzinfo is UTC
