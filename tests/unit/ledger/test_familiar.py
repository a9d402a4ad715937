"""The filter of drops that may be known: it forgets none, and nearly all others need no look-up."""

from __future__ import annotations

from wamon.ledger.familiar import Familiar

KNOWN = [("Lawley", f"DR{1_700_000 + n}") for n in range(2_000)]


def test_a_drop_that_was_met_may_be_known_ever_after() -> None:
    familiar = Familiar(len(KNOWN))
    familiar.meet(KNOWN[:1_000])
    familiar.meet(KNOWN[1_000:])
    assert familiar.meet(KNOWN) == list(range(2_000))


def test_a_drop_that_comes_twice_at_once_is_asked_for_the_second_time() -> None:
    assert Familiar(2).meet([KNOWN[0], KNOWN[0]]) == [1]


def test_nearly_no_other_drop_is_taken_for_a_known_one() -> None:
    others = [("Mohadin", number) for _, number in KNOWN]
    familiar = Familiar(1_000_000)
    familiar.meet(KNOWN)
    assert len(familiar.meet(others)) < 20
