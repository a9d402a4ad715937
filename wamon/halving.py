"""Halving: many items at once, and one that PostgreSQL refuses alone, so that it keeps back no other.

What takes too long is halved as well, until what is left fits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Generic, NamedTuple, TypeVar

from wamon.errors import Poison, TimedOut

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

T = TypeVar("T")
Refusal = Poison | TimedOut


class Part(NamedTuple, Generic[T]):
    """Some of the items, in their order."""

    items: Sequence[T]
    is_last: bool  # nothing follows it


def bisect(items: Sequence[T], act: Callable[[Part[T]], object], alone: Callable[[T, Refusal], object]) -> None:
    """Act on all items; where that raises Poison or TimedOut, on each half of them, and so on, in order.

    `alone` takes each item that is refused by itself, and why. Raises what either raises, but for those two from `act`.
    """
    _bisect(Part(items, is_last=True), act, alone)


def _bisect(part: Part[T], act: Callable[[Part[T]], object], alone: Callable[[T, Refusal], object]) -> None:
    try:
        act(part)
    except (Poison, TimedOut) as refusal:
        items, is_last = part
        if len(items) <= 1:
            for item in items:
                alone(item, refusal)
            return
        half = len(items) // 2
        _bisect(Part(items[:half], is_last=False), act, alone)
        _bisect(Part(items[half:], is_last), act, alone)
