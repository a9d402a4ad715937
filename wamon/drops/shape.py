"""How the numbers of the configured pattern look: which letters, how many digits. Pure: no I/O, no clock."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

_DIGITS = "0123456789"
_ANY_LENGTH = range(4, 13)  # what extraction takes for a candidate
_OF_ANY = range(6, 10)  # of a pattern that allows any length, those that are no time, house or phone number
_MOST_SPREAD = 4  # a pattern of more lengths than that says nothing about the usual one


class Shape:
    """The shape of the numbers that one pattern matches."""

    def __init__(self, pattern: str, is_number: Callable[[str], object | None]) -> None:
        """`is_number` tells whether the pattern matches the whole of a canonical form."""
        self._is_number = is_number
        self.prefix = prefix_of(pattern)
        """The letters that every number begins with, in capitals; empty where the pattern begins with none."""
        self.certain_lengths = tuple(length for length in _ANY_LENGTH if all(self._repeated(length)))
        """How many digits make a number, whichever they are."""
        self.lengths = self._possible_lengths(pattern) if self.prefix else ()
        """How many digits a number may have, in rising order."""
        self.usual_lengths = self._middle(self.lengths)
        """Those in the middle, where the pattern allows for a digit more or less; none where it allows any length."""

    def number(self, digits: str) -> str | None:
        """The canonical form with these digits, if it is a number."""
        number = self.prefix + digits
        return number if len(digits) in _ANY_LENGTH and self._is_number(number) else None

    def tells(self, digits: str) -> bool:
        """Whether so many digits may be a number's where its letters are missing or others."""
        return bool(self.usual_lengths) or len(digits) in _OF_ANY

    def likely(self, *readings: str | None) -> str | None:
        """The number meant, of several readings of its digits: the only number, or the only one of usual length."""
        numbers = {number for digits in readings if digits and (number := self.number(digits))}
        if len(numbers) > 1:
            numbers = {number for number in numbers if len(number) - len(self.prefix) in self.usual_lengths}
        return numbers.pop() if len(numbers) == 1 else None

    def _repeated(self, length: int, head: str = "") -> list[bool]:
        return [self.number(head + digit * (length - len(head))) is not None for digit in _DIGITS]

    def _possible_lengths(self, pattern: str) -> tuple[int, ...]:
        head = re.match("[0-9]*", _without_anchor(pattern)[len(self.prefix) :])
        literal = head[0] if head else ""
        found = tuple(n for n in _ANY_LENGTH if any(self._repeated(n)) or any(self._repeated(n, literal)))
        return found or tuple(_ANY_LENGTH)

    @staticmethod
    def _middle(lengths: tuple[int, ...]) -> tuple[int, ...]:
        if not lengths or lengths[-1] - lengths[0] > _MOST_SPREAD:
            return ()
        return tuple({lengths[(len(lengths) - 1) // 2], lengths[len(lengths) // 2]})


def prefix_of(pattern: str) -> str:
    """The literal letters with which a pattern begins, in capitals; none where it begins with anything else."""
    found = re.match(r"([A-Za-z]*)([?*+{]?)", _without_anchor(pattern))
    letters, repeat = found.groups() if found else ("", "")
    return (letters[:-1] if repeat else letters).upper()


def _without_anchor(pattern: str) -> str:
    return re.sub(r"^(?:\^|\\A|\(\?i\))*", "", pattern)
