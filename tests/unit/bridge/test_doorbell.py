"""What the file system says of a store: when equal stamps mean that nothing was written."""

from __future__ import annotations

import pytest

from wamon.bridge.doorbell import Stamp

NOW = 1_800_000_000_000_000_000
MS = 1_000_000


def file(at_ns: int) -> tuple[int, ...]:
    return 1, 2, 4096, at_ns, at_ns


@pytest.mark.parametrize("age_ms", [0, 10, 50, -50])
def test_a_file_written_just_now_is_not_trusted_since_a_further_write_may_leave_its_time(age_ms: int) -> None:
    assert not Stamp(file(NOW - age_ms * MS), None).settled(NOW)
    assert not Stamp(file(NOW - 3_600_000 * MS), file(NOW - age_ms * MS)).settled(NOW)


@pytest.mark.parametrize("age_ms", [51, 3_600_000, -3_600_000])
def test_a_file_whose_time_is_far_from_now_is_trusted_on_either_side_of_it(age_ms: int) -> None:
    assert Stamp(file(NOW - age_ms * MS), None).settled(NOW)


def test_where_there_is_no_file_there_is_nothing_to_trust() -> None:
    assert not Stamp(None, None).settled(NOW)
