"""The bench's figures, claims and page, without measuring anything."""

from __future__ import annotations

from random import Random

import pytest

from bench.figures import BEFORE, DLT, FLOOR, WAMON, Figures, Subject, Target
from bench.page import page
from bench.stores import history
from bench.subjects import FULL, QUICK, targets

RATE = Subject("catch-up", "messages/s")
TIME = Subject("an empty pass", "ms")
RATIO = Target("of the floor's speed", RATE, 0.5, (RATE, FLOOR), at_least=True)


def figures(ours: float) -> Figures:
    taken = Figures()
    taken.add(RATE, WAMON, ours)
    taken.add(RATE, FLOOR, 90_000, 100_000, 500_000)
    return taken


def test_of_several_measurements_the_median_counts() -> None:
    assert figures(1).of(RATE, FLOOR) == 100_000


@pytest.mark.parametrize(("ours", "met"), [(50_000, True), (49_000, False)])
def test_a_target_is_a_ratio_of_one_run(ours: float, met: bool) -> None:
    reached = RATIO.reached(figures(ours))
    assert reached is not None
    assert reached == pytest.approx(ours / 100_000)
    assert RATIO.is_met(reached) is met


def test_a_bound_from_above_holds_from_above() -> None:
    assert Target("", TIME, 4).is_met(3.9)
    assert not Target("", TIME, 4).is_met(4.1)


def test_a_figure_without_a_bound_is_neither_met_nor_missed() -> None:
    assert Target("", TIME, None).is_met(1) is None


def test_what_was_not_measured_is_left_out_and_not_claimed() -> None:
    against_dlt = Target("times dlt's speed", RATE, 2.5, (RATE, DLT), at_least=True)
    text = page(figures(60_000), [RATIO, against_dlt], "# Measured\n")
    assert "| of the floor's speed | 0.6 | ≥ 0.5 | met |" in text
    assert "times dlt's speed" not in text
    assert "| catch-up, messages/s | 60,000 | 100,000 |  |  |  |  |" in text


def test_beside_the_build_before_each_line_says_how_much_better_this_one_is() -> None:
    taken = figures(60_000)
    taken.add(RATE, BEFORE, 30_000)
    taken.add(TIME, WAMON, 2)
    taken.add(TIME, BEFORE, 3)
    text = page(taken, [], "# Measured\n")
    assert "| catch-up, messages/s | 60,000 | 30,000 | 100,000 |  |  |  |  | 2 |" in text
    assert "| an empty pass, ms | 2 | 3 |  |  |  |  |  | 1.5 |" in text


def test_a_missed_target_is_said_to_be_missed() -> None:
    assert "| of the floor's speed | 0.4 | ≥ 0.5 | **not met** |" in page(figures(40_000), [RATIO], "# Measured\n")


@pytest.mark.parametrize("plan", [FULL, QUICK], ids=["full", "quick"])
def test_every_claim_has_words_of_its_own(plan: object) -> None:
    words = [target.what for target in targets(FULL if plan is FULL else QUICK)]
    assert len(words) == len(set(words))


def test_a_stores_history_is_the_same_each_time() -> None:
    first, again = (list(history(1_000, 4, Random(1))) for _ in range(2))
    assert first == again
    assert len({row[0] for row in first}) == 1_000
