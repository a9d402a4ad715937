"""Anchors against a model of row orders: few, spread, and never a way forward."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support.environment import examples
from wamon.bridge.anchors import advanced, anchor_of, raw, still_standing
from wamon.model import BEGINNING, Anchor, Place, key_hash

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

PAGE = 2_000
CHAT = b"120363418298130331@g.us"

steps = st.lists(st.one_of(st.just(1), st.just(PAGE), st.integers(1, 600)), min_size=1, max_size=60)
gaps = st.lists(st.integers(1, 9), min_size=1, max_size=80)


def rows_at(rowids: Iterable[int]) -> list[tuple[int, bytes, bytes]]:
    return [(rowid, CHAT, b"3A%X" % rowid) for rowid in rowids]


def after(lengths: Iterable[int]) -> Place:
    """The place after pages of these lengths, of rows 1, 2, 3…"""
    place = BEGINNING
    for length in lengths:
        place = advanced(place, rows_at(range(place.rowid + 1, place.rowid + length + 1)))
    return place


def rowids(place: Place) -> list[int]:
    return [anchor.rowid for anchor in place.anchors]


def holds_row_order(place: Place) -> bool:
    return all(newer > older for newer, older in pairwise(rowids(place)))


def next_further_back(place: Place, back: int) -> int:
    """How far back one lands, of the anchors that stand at least so far back; the beginning is always there."""
    return min(
        (place.rowid - rowid for rowid in rowids(place) if place.rowid - rowid >= back),
        default=place.rowid,
    )


# Advancing


@given(steps)
@example([1] * 3_000)
@example([PAGE] * 1_000)
@example([PAGE] * 100 + [1] * 2_000)
@example([1, PAGE, 1, 600] * 100)
@settings(max_examples=examples(40), derandomize=True)
def test_anchors_are_few_and_newest_first_and_begin_with_the_last_row(lengths: Sequence[int]) -> None:
    place = BEGINNING
    for length in lengths:
        place = advanced(place, rows_at(range(place.rowid + 1, place.rowid + length + 1)))

        assert holds_row_order(place)
        assert len(place.anchors) <= 16
    assert place.anchors[0] == anchor_of(rows_at([sum(lengths)])[0])


@given(steps, st.data())
@example([1] * 3_000, None)
@example([PAGE] * 1_000, None)
@example([PAGE] * 100 + [1] * 2_000, None)
@settings(max_examples=examples(40), derandomize=True)
def test_however_far_back_there_is_an_anchor_at_most_eight_times_as_far(
    lengths: Sequence[int], data: st.DataObject | None
) -> None:
    place = after(lengths)
    some = range(1, place.rowid, max(1, place.rowid // 500))
    backs = some if data is None else [data.draw(st.integers(1, max(1, place.rowid - 1)))]

    for back in backs:
        assert next_further_back(place, back) <= 8 * (back + 1)


def test_the_oldest_anchor_stays_for_ever() -> None:
    first = after([1])

    assert after([1] * 2_000).anchors[-1] == first.anchors[0]


@given(gaps, st.integers(1, 20))
@settings(max_examples=examples(60), derandomize=True)
def test_every_anchor_is_a_row_that_was_read(between: Sequence[int], length: int) -> None:
    numbers = [sum(between[: n + 1]) for n in range(len(between))]
    place = BEGINNING
    for n in range(0, len(numbers), length):
        place = advanced(place, rows_at(numbers[n : n + length]))

    assert place.rowid == numbers[-1]
    assert holds_row_order(place)
    assert set(place.anchors) <= set(map(anchor_of, rows_at(numbers)))


def test_no_rows_leave_the_place_as_it_is() -> None:
    place = after([30])

    assert advanced(place, []) is place
    assert advanced(BEGINNING, []) == BEGINNING


# Standing


@given(steps, st.sets(st.integers(0, 15)), st.sets(st.integers(0, 15)))
@settings(max_examples=examples(100), derandomize=True)
def test_a_place_falls_exactly_to_its_newest_anchor_that_matches(
    lengths: Sequence[int], gone: set[int], other: set[int]
) -> None:
    place = after(lengths)
    standing = [a for n, a in enumerate(place.anchors) if n not in gone | other]
    keys = {a.rowid: a.key_hash for a in standing}
    keys |= {a.rowid: "0123456789abcdef" for n, a in enumerate(place.anchors) if n in other - gone}

    fallen = still_standing(place, keys)

    assert fallen.rowid == (standing[0].rowid if standing else 0)
    assert fallen.rowid <= place.rowid
    assert fallen == (Place(place.anchors[place.anchors.index(standing[0]) :]) if standing else BEGINNING)


@pytest.mark.fault("F41")
def test_a_message_that_moved_up_is_never_followed() -> None:
    place = after([10])
    newest = place.anchors[0]
    keys = {a.rowid: a.key_hash for a in place.anchors[1:]} | {newest.rowid + 5: newest.key_hash}

    assert still_standing(place, keys) == Place(place.anchors[1:])


def test_a_place_that_stands_is_the_same_place() -> None:
    place = after([10])

    assert still_standing(place, {a.rowid: a.key_hash for a in place.anchors}) == place
    assert still_standing(BEGINNING, {}) == BEGINNING


def test_a_place_that_fell_advances_again() -> None:
    place = after([600])
    fallen = Place(place.anchors[2:])
    fresh = rows_at(range(fallen.rowid + 1, 700))

    again = advanced(fallen, fresh)

    assert again.rowid == 699
    assert holds_row_order(again)


# Keys


@pytest.mark.parametrize(("held", "bytes_"), [(b"3A", b"3A"), (b"\xff", b"\xff"), (7, b"7"), (None, b"None")])
def test_whatever_a_store_holds_as_a_key_has_bytes(held: object, bytes_: bytes) -> None:
    assert raw(held) == bytes_
    assert anchor_of((3, held, held, "not", "looked at")) == Anchor(3, key_hash(bytes_, bytes_))


def test_the_same_id_in_another_chat_is_another_anchor() -> None:
    assert anchor_of((1, b"a", b"3A")) != anchor_of((1, b"b", b"3A"))
    assert anchor_of((1, b"a", b"b3A")) != anchor_of((1, b"ab", b"3A"))
