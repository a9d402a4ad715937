"""For how long a live page rests after a look."""

from __future__ import annotations

import pytest

from wamon.web.live import Rest


def test_a_first_look_that_took_long_delays_no_update() -> None:
    assert Rest().seconds_after(5.0) == 1


def test_the_cheapest_of_the_last_looks_decides_and_others_only_waited() -> None:
    rest = Rest()
    rests = [rest.seconds_after(cost) for cost in (5.0, 0.4, 0.1, 0.4, 0.4, 0.4, 0.4, 0.4)]
    assert rests == [1, 8, 2, 2, 2, 2, 2, 8]


@pytest.mark.parametrize(("cost_seconds", "rest_seconds"), [(0.01, 1), (0.05, 1), (0.1, 2), (60, 15)])
def test_a_look_takes_a_twentieth_of_the_time_at_most_and_one_comes_every_fifteen_seconds(
    cost_seconds: float, rest_seconds: float
) -> None:
    rest = Rest()
    rest.seconds_after(0)
    assert rest.seconds_after(cost_seconds) == rest_seconds
