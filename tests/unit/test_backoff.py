"""The pauses between tries."""

from __future__ import annotations

import pytest

from wamon.backoff import pause_seconds


def test_pauses_double_from_the_first_to_the_longest() -> None:
    assert [pause_seconds(tries, first=10, most=120) for tries in range(1, 7)] == [10, 20, 40, 80, 120, 120]


@pytest.mark.parametrize(("random", "seconds"), [(0.0, 6.0), (0.5, 8.0), (1.0, 10.0)])
def test_chance_takes_at_most_two_fifths_of_a_pause(random: float, seconds: float) -> None:
    assert pause_seconds(1, first=10, most=120, random=random) == pytest.approx(seconds)


def test_an_outage_of_years_has_the_longest_pause() -> None:
    assert pause_seconds(10_000, first=0.5, most=20) == 20


def test_a_parked_message_is_tried_after_one_two_and_four_minutes() -> None:
    from wamon.ledger.dead_letters import PAUSES_SECONDS

    assert PAUSES_SECONDS == [60, 120, 240]
