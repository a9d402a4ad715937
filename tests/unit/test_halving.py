"""Halving: of many items each one that is refused stands alone, and all others are done, in order."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wamon.errors import DatabaseUnavailable, Poison, TimedOut
from wamon.halving import Part, Refusal, bisect


class Doing:
    """Does parts without a refused item, and refuses the others; `last` are the parts that were said to be the last."""

    def __init__(self, *refused: int) -> None:
        self.refused = set(refused)
        self.tried: list[list[int]] = []
        self.done: list[int] = []
        self.last: list[list[int]] = []
        self.alone: list[int] = []

    def act(self, part: Part[int]) -> None:
        self.tried.append(list(part.items))
        if part.is_last:
            self.last.append(list(part.items))
        if self.refused & set(part.items):
            raise Poison("refused")
        self.done += part.items

    def leave(self, item: int, refusal: Refusal) -> None:
        assert str(refusal) == "refused"
        self.alone.append(item)


@given(st.integers(1, 40), st.sets(st.integers(0, 39)))
def test_all_but_the_refused_are_done_in_order_and_each_refused_one_is_left_alone(many: int, refused: set[int]) -> None:
    doing = Doing(*refused)
    bisect(range(many), doing.act, doing.leave)
    assert doing.done == [n for n in range(many) if n not in refused]
    assert doing.alone == [n for n in range(many) if n in refused]


@given(st.integers(1, 40), st.sets(st.integers(0, 39)))
def test_the_last_part_is_the_one_that_ends_with_the_last_item(many: int, refused: set[int]) -> None:
    doing = Doing(*refused)
    bisect(range(many), doing.act, doing.leave)
    assert doing.last == [part for part in doing.tried if part[-1] == many - 1]


def test_without_items_there_is_one_act_which_is_the_last() -> None:
    doing = Doing()
    bisect([], doing.act, doing.leave)
    assert doing.last == [[]]


def test_what_takes_too_long_is_halved_until_it_fits() -> None:
    done: list[list[int]] = []

    def act(part: Part[int]) -> None:
        if len(part.items) > 3:
            raise TimedOut("too many at once")
        done.append(list(part.items))

    bisect(range(10), act, lambda *_: None)
    assert [n for part in done for n in part] == list(range(10))


def test_what_is_no_poison_is_raised_at_once() -> None:
    tried: list[Part[int]] = []

    def act(part: Part[int]) -> None:
        tried.append(part)
        raise DatabaseUnavailable("away")

    with pytest.raises(DatabaseUnavailable):
        bisect([1, 2], act, lambda *_: None)
    assert tried == [([1, 2], True)]
