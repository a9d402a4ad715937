"""What was meant as a drop number and isn't one. Pure: no I/O, no clock.

One slip is understood at a time; two at once could be anything. Most messages hold none, so what can be part of none is
passed over by one regular expression; only where that stops, the digits are looked at with what stands around them.
Work grows linearly with the text: no repeat gives back what it took, and around digits at most some hundred characters
are read.
"""

from __future__ import annotations

import re
from collections import deque
from operator import attrgetter
from typing import TYPE_CHECKING

from wamon.drops.bare import Bare, Known
from wamon.drops.harmless import harmless, hint
from wamon.drops.lettered import Lettered
from wamon.drops.normalization import without_marks
from wamon.drops.runs import USUAL_GAP, RunReader
from wamon.drops.shape import Shape
from wamon.drops.slips import MARK, Slip
from wamon.model import NearMiss

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

_DIGIT = re.compile("[0-9]").search
_DIGITS = re.compile("[0-9]+").match
_UNSTORABLE = re.compile("[\0\ud800-\udfff]")
"""What PostgreSQL can't store."""


class Nearness:
    """Finds the near misses of one configured pattern, whose leading literal letters every number must have."""

    def __init__(self, pattern: str, is_number: Callable[[str], object | None]) -> None:
        """`is_number` tells whether the pattern matches the whole of a canonical form."""
        self._shape = Shape(pattern, is_number)
        prefix = self._shape.prefix
        self._runs = RunReader(self._shape)
        self._lettered = Lettered(self._shape)
        self._bare = Bare(self._shape)
        self._number = re.compile(
            rf"(?<![^\W_]){prefix}{USUAL_GAP}([0-9]{{4,12}}+)(?![^\W_])", re.VERBOSE | re.IGNORECASE
        )
        self._harmless = harmless(self._shape)
        self._hint = hint(self._shape).search

    def misses(self, text: str, numbers: Sequence[str]) -> tuple[NearMiss, ...]:
        """The near misses of a normalised text which has these drop numbers, each as written once, in their order."""
        if self._past_harmless(text, 0) == len(text):
            return ()
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
