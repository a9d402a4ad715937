"""Looks for near misses around the digits of a text that may hold one. Pure: no I/O, no clock."""

from __future__ import annotations

import re
from collections import deque
from operator import attrgetter
from typing import TYPE_CHECKING

from wamon.drops.bare import Bare, Known
from wamon.drops.harmless import hint
from wamon.drops.lettered import Lettered
from wamon.drops.normalization import without_marks
from wamon.drops.runs import RunReader
from wamon.drops.slips import MARK, Slip
from wamon.drops.spelling import USUAL_GAP
from wamon.model import NearMiss

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wamon.drops.shape import Shape

_DIGIT = re.compile("[0-9]").search
_DIGITS = re.compile("[0-9]+").match
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
"""What PostgreSQL can't store."""


class Search:
    """Finds the near misses of numbers of one shape, where `harmless` stops."""

    def __init__(self, shape: Shape, harmless: re.Pattern[str]) -> None:
        self._shape = shape
        self._harmless = harmless
        self._runs = RunReader(shape)
        self._lettered = Lettered(shape)
        self._bare = Bare(shape)
        self._number = re.compile(
            rf"(?<![^\W_]){shape.prefix}{USUAL_GAP}([0-9]{{4,12}}+)(?![^\W_])", re.VERBOSE | re.IGNORECASE
        )
        self._hint = hint(shape).search

    def misses(self, text: str, numbers: Sequence[str]) -> tuple[NearMiss, ...]:
        """As `Nearness.misses`, of a text that isn't harmless as a whole."""
        plain, places = without_marks(text)
        if not numbers and self._hint(f"\n{plain.upper()}") is None:
            return ()
        posted = self._numbers_in(plain) if numbers or plain is not text else []
        known = frozenset(numbers)
        near = {}
        for slip in sorted([*posted, *self._slips(plain, posted)], key=attrgetter("start")):
            if slip.likely is None or slip.likely not in known:
                written = written_form(text[places[slip.start] : places[slip.end - 1] + 1])
                near[written] = NearMiss(written, slip.reason, slip.likely)
        return tuple(near.values())

    def _past_harmless(self, text: str, at: int) -> int:
        found = self._harmless.match(text, at)
        return found.end() if found else at

    def _numbers_in(self, text: str) -> list[Slip]:
        """Those that are all right, as if a mark had been taken off each."""
        found = self._number.finditer(text)
        return [Slip(n.start(), n.end(), MARK, number) for n in found if (number := self._shape.number(n[1]))]

    def _slips(self, text: str, posted: Sequence[Slip]) -> Iterator[Slip]:
        """Those of a text, beside its numbers that are all right; some of these are among them."""
        upcoming = deque(posted)
        last, at = None, 0
        while digit := _DIGIT(text, begin := at if last and last.end == at else self._past_harmless(text, at)):
            run = self._runs.read(text, digit.start(), only_whole=digit.start() == begin)
            if run is None:
                at = _past_digits(text, digit.start())
                continue
            while upcoming and upcoming[0].end <= run.at:
                last = self._known(upcoming.popleft())
            slip = None if run.is_in_link else self._lettered.judged(run) or self._bare.judged(run, last)
            at = slip.end if slip else run.at + len(run.digits)
            if slip:
                yield slip
            if slip and slip.likely:
                last = self._known(slip)
                for ending in self._bare.endings(text, last):
                    yield ending
                    at = ending.end

    def _known(self, slip: Slip) -> Known:
        return Known((slip.likely or "")[len(self._shape.prefix) :], slip.end)


def _past_digits(text: str, at: int) -> int:
    found = _DIGITS(text, at)
    return found.end() if found else at


def written_form(text: str) -> str:
    """A normalised text as near misses are kept: in capitals on one line, with ` / ` for a line break.

    Without that mark, letters and digits on two lines would read like a number that is all right.
    """
    lines = [" ".join(line.split()) for line in _UNSTORABLE.sub("?", text).upper().splitlines()]
    return " / ".join(filter(None, lines))
