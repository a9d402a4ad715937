"""One fault is one alert, whatever flaps, lasts, hides or sets the clock back."""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from wamon.alerts.evaluation import evaluate
from wamon.alerts.model import Firing
from wamon.alerts.rules import Found, Trouble
from wamon.config.alerts import Rule

NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)
HOLD = timedelta(minutes=5)
RULE = Rule(hold=HOLD, repeat=timedelta(days=1))


class Watched:
    """A rule that is looked at, minute by minute."""

    def __init__(self, rule: Rule = RULE) -> None:
        self.rule = rule
        self.firing = Firing()
        self.now = NOON

    def look(
        self,
        *troubles: str,
        unknown: Collection[str] = (),
        after: timedelta = timedelta(minutes=1),
        at_once: bool = False,
    ) -> tuple[str, list[str]] | None:
        """What is told when this is found, this long after the last look: its kind, and of what."""
        self.now += after
        hold = timedelta() if at_once else self.rule.hold
        found = Found({key: Trouble(key, "", key) for key in troubles}, frozenset(unknown), hold)
        self.firing, told = evaluate(self.firing, found, self.rule, self.now)
        return None if told is None else (told.kind, [fault.sentence for fault in told.faults])

    def fire(self, *troubles: str) -> None:
        """Until these are told."""
        assert self.look(*troubles) is None
        assert self.look(*troubles, after=HOLD) == ("alert", list(troubles))


def test_a_fault_is_told_once_it_has_held_and_not_again() -> None:
    rule = Watched()
    told = [rule.look("x") for _ in range(60)]
    assert [one for one in told if one] == [("alert", ["x"])]
    assert told.index(("alert", ["x"])) == 5


def test_a_fault_that_goes_before_it_has_held_is_not_told() -> None:
    rule = Watched()
    for _ in range(10):
        assert [rule.look("x") for _ in range(5)] == [None] * 5
        assert rule.look() is None
    assert rule.firing.faults == {}


def test_what_is_over_is_told_once_when_it_has_been_gone_as_long() -> None:
    rule = Watched()
    rule.fire("x")
    told = [rule.look() for _ in range(60)]
    assert [one for one in told if one] == [("over", ["x"])]
    assert told.index(("over", ["x"])) == 5
    assert rule.firing == Firing()


def test_a_fault_that_flaps_is_one_alert_and_one_all_clear() -> None:
    rule = Watched()
    rule.fire("x")
    flapping = [told for _ in range(20) for told in (rule.look(), rule.look("x"), rule.look())]
    assert set(flapping) == {None}
    assert [told for told in (rule.look() for _ in range(10)) if told] == [("over", ["x"])]


def test_a_fault_that_lasts_is_said_again_each_day_and_not_while_it_seems_gone() -> None:
    rule = Watched()
    rule.fire("x")
    hours = [rule.look("x", after=timedelta(hours=1)) for _ in range(48)]
    assert [hour for hour, told in enumerate(hours, 1) if told] == [24, 48]
    assert hours[23] == ("reminder", ["x"])
    rule.look("x", after=timedelta(hours=23))
    assert rule.look(after=timedelta(minutes=58)) is None
    assert rule.look(after=timedelta(minutes=3)) is None


def test_faults_that_arise_at_once_are_one_alert_that_names_them_all() -> None:
    rule = Watched()
    rule.fire("Lawley", "Mohadin")


def test_one_that_joins_is_told_with_those_that_last_and_one_that_leaves_is_not() -> None:
    rule = Watched()
    rule.fire("Lawley")
    assert rule.look("Lawley", "Mohadin") is None
    assert rule.look("Lawley", "Mohadin", after=HOLD) == ("alert", ["Lawley", "Mohadin"])
    assert rule.look("Mohadin", after=HOLD) is None
    assert rule.look("Mohadin", after=HOLD) is None
    assert rule.look(after=HOLD) is None
    assert rule.look(after=HOLD) == ("over", ["Mohadin"])


def test_what_cannot_be_seen_stays_as_it_was() -> None:
    rule = Watched()
    rule.fire("x")
    assert [rule.look(unknown=["x"], after=timedelta(hours=9)) for _ in range(9)] == [None] * 9
    assert rule.look("x") == ("reminder", ["x"])
    assert rule.look() is None
    assert rule.look(after=HOLD) == ("over", ["x"])


def test_what_cannot_be_seen_is_not_told_though_its_time_has_come() -> None:
    rule = Watched()
    assert rule.look("x") is None
    assert rule.look(unknown=["x"], after=timedelta(hours=1)) is None
    assert rule.look() is None
    assert rule.firing.faults == {}


def test_a_clock_set_back_delays_nothing_for_longer_than_it_would_take_anew() -> None:
    rule = Watched()
    rule.look("x")
    assert rule.look("x", after=-timedelta(days=400)) is None
    assert rule.look("x", after=HOLD) == ("alert", ["x"])
    rule.look("x", after=-timedelta(days=400))
    assert rule.look("x", after=timedelta(days=1)) == ("reminder", ["x"])
    rule.look()
    assert rule.look(after=-timedelta(days=400)) is None
    assert rule.look(after=HOLD) == ("over", ["x"])


def test_what_is_told_at_once_is_over_only_after_its_hold() -> None:
    rule = Watched()
    assert rule.look("crash", at_once=True) == ("alert", ["crash"])
    for _ in range(20):
        assert rule.look() is None
        assert rule.look("crash", at_once=True) is None
    rule.look()
    assert rule.look(after=HOLD) == ("over", ["crash"])


@given(st.lists(st.tuples(st.sampled_from(["there", "gone", "unseen"]), st.integers(0, 30)), max_size=60))
def test_of_any_history_alert_and_all_clear_take_turns(history: list[tuple[str, int]]) -> None:
    rule = Watched()
    kinds = []
    for state, minutes in history:
        troubles = ["x"] if state == "there" else []
        told = rule.look(*troubles, unknown=["x"] if state == "unseen" else [], after=timedelta(minutes=minutes))
        if told and told[0] != "reminder":
            kinds.append(told[0])
    assert kinds == ["alert", "over"] * (len(kinds) // 2) + ["alert"] * (len(kinds) % 2)
