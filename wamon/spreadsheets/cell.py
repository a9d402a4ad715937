"""Reads a cell as a drop number of one pattern. Pure: no I/O, no clock."""

from __future__ import annotations

import re
from functools import cache
from typing import TYPE_CHECKING

from wamon.drops.extraction import Extractor, candidates
from wamon.drops.normalization import normalise
from wamon.drops.shape import prefix_of

if TYPE_CHECKING:
    from collections.abc import Callable

_GROUPED = re.compile(r"\d{1,3}([ ,.'])\d{3}\1\d{3}")
_WHOLE = re.compile(r"(\d+)\.0+")


class NumberReader:
    """Reads cells by one pattern; `prefix` is the letters with which its numbers begin."""

    def __init__(self, pattern: str) -> None:
        self._is_number = Extractor(pattern).is_number
        self.prefix = prefix_of(pattern)
        self.number: Callable[[str], str | None] = cache(self._number)
        """The number that a cell holds, and nothing beside it; digits alone get the pattern's own letters."""

    def _number(self, cell: str) -> str | None:
        if not cell:
            return None
        plain = _plain(cell)
        digits = _digits(plain)
        number = self.prefix + digits if digits else "".join(filter(str.isalnum, plain)).upper()
        return number if (digits or candidates(plain) == (number,)) and self._is_number(number) else None

    def is_bare(self, cell: str) -> bool:
        """Whether a cell holds digits alone."""
        return _digits(_plain(cell)) is not None

    def padded(self, cell: str, length: int) -> str | None:
        """The number of so many characters that a cell's digits are without their leading zeros; None for another."""
        digits = _digits(_plain(cell)) or ""
        number = self.prefix + digits.zfill(length - len(self.prefix))
        return number if digits and len(self.prefix + digits) < length and self._is_number(number) else None


def _plain(cell: str) -> str:
    return normalise(cell).strip(" \t'\"=")


def _digits(plain: str) -> str | None:
    """The digits of a text that holds nothing else; groups of thousands and decimals of nought are digits, too."""
    if found := _WHOLE.fullmatch(plain):
        return found[1]
    if _GROUPED.fullmatch(plain):
        return re.sub(r"\D", "", plain)
    return plain if plain.isascii() and plain.isdigit() else None
