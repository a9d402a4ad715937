"""What was meant as a drop number and isn't one. Pure: no I/O, no clock.

One slip is understood at a time; two at once could be anything. Most messages hold none, so what can be part of none is
passed over by one regular expression; only where that stops, the digits are looked at with what stands around them.
Work grows linearly with the text: no repeat gives back what it took, and around digits at most some hundred characters
are read.
"""

from __future__ import annotations

from functools import cached_property
from typing import TYPE_CHECKING

from wamon.drops.harmless import harmless
from wamon.drops.shape import Shape

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from wamon.drops.search import Search
    from wamon.model import NearMiss


class Nearness:
    """Finds the near misses of one configured pattern, whose leading literal letters every number must have."""

    def __init__(self, pattern: str, is_number: Callable[[str], object | None]) -> None:
        """`is_number` tells whether the pattern matches the whole of a canonical form."""
        self._shape = Shape(pattern, is_number)
        self.harmless = harmless(self._shape)
        """What can be part of no near miss."""

    def misses(self, text: str, numbers: Sequence[str]) -> tuple[NearMiss, ...]:
        """The near misses of a normalised text which has these drop numbers, each as written once, in their order."""
        found = self.harmless.match(text)
        return () if found and found.end() == len(text) else self._search.misses(text, numbers)

    @cached_property
    def _search(self) -> Search:
        """Loaded when it is needed: its forty patterns would take a command that reads little a tenth of its time."""
        from wamon.drops.search import Search

        return Search(self._shape, self.harmless)
