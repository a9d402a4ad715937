"""What was meant as a drop number and isn't one: the slips that people make when they type one. Pure: no I/O, no clock.

One slip is understood at a time; two at once could be anything. Work grows linearly with the text, whatever it says:
the scanner spends at most some sixty steps on a place, and no repeat in it is unbounded.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from wamon.model import NearMiss

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence

TOO_SHORT = "too-short"
TOO_LONG = "too-long"
LETTERS_APART = "letters-apart"
LETTERS_SWAPPED = "letters-swapped"
LETTER_MISSING = "letter-missing"
LETTER_DOUBLED = "letter-doubled"
LETTER_IN_DIGITS = "letter-in-digits"
SPLIT = "split"
SEPARATOR = "separator"

_MOST_OFF = 4  # digits too few or too many
_MOST_LETTERS = 2  # among digits
_FEWEST_APART = 4  # digits that a space divides from the letters: `Dr 12` is rather a house than a drop
_MOST_DIGITS = 12

LOOK_ALIKES = str.maketrans("OQDILZSBGT", "0001125867")
_DASHES = r"\-\u2010-\u2015"
_USUAL = rf"[ \#:.{_DASHES}]{{0,3}}+"  # what extraction itself allows between letters and digits
_UNUSUAL = rf"[ \t\#:./\\_=*~`,;|+()\[\]{_DASHES}]"  # nothing that PostgreSQL can't store
_NO_DIGIT = re.compile("[^0-9]")
_IS_USUAL = re.compile(_USUAL).fullmatch


class _Slip(NamedTuple):
    """What is wrong, where in the text it ends, and the number that it becomes by undoing it."""

    end: int
    reason: str
    likely: str | None


class Nearness:
    """Finds the near misses of one configured pattern, whose leading literal letters every number must have."""

    def __init__(self, pattern: str, is_number: Callable[[str], object | None]) -> None:
        """`is_number` tells whether the pattern matches the whole of a canonical form."""
        self.prefix = prefix_of(pattern)
        self._is_number = is_number
        self._letters = _letter_slips(self.prefix)
        self._scan = _scanner(self.prefix, self._usual_lengths()).search if self.prefix else None

    def misses(self, text: str, numbers: Sequence[str]) -> tuple[NearMiss, ...]:
        """The near misses of a normalised text which has these drop numbers, each as written once, in their order."""
        scan = self._scan
        if scan is None or (found := scan(text)) is None:
            return ()
        slips = self._slips(scan, text, found)
        known = frozenset(numbers)
        near = [miss for miss in slips if miss.likely is None or miss.likely not in known]
        return tuple({miss.written: miss for miss in near}.values())

    def _usual_lengths(self) -> list[int]:
        """Of how many digits, whatever they are, a number may be: with so many, none is a slip."""
        return [
            length
            for length in range(1, _MOST_DIGITS + 1)
            if all(self._is_number(self.prefix + digit * length) for digit in "0123456789")
        ]

    def _slips(
        self, scan: Callable[[str, int], re.Match[str] | None], text: str, found: re.Match[str] | None
    ) -> Iterator[NearMiss]:
        while found:
            slip = self._judged(found)
            if slip:
                yield NearMiss(" ".join(text[found.start() : slip.end].upper().split()), slip.reason, slip.likely)
            found = scan(text, slip.end if slip else found.start() + 1)

    def _judged(self, found: re.Match[str]) -> _Slip | None:
        letters, gap, run = found["letters"].upper(), found["gap"], found["run"].upper()
        if letters not in self._letters and letters.startswith(self.prefix) and not gap:
            letters, run = self.prefix, letters[len(self.prefix) :] + run  # `DRD752028`
        if letters != self.prefix:
            return self._in_letters(found, letters)
        if not _IS_USUAL(gap):
            return self._undone(found, SEPARATOR, run)
        if not run.isdigit():
            return self._in_digits(found, run)
        return self._in_groups(found) or self._in_length(found)

    def _whole(self, digits: str) -> str | None:
        number = self.prefix + digits
        return number if self._is_number(number) else None

    def _undone(self, found: re.Match[str], reason: str, digits: str) -> _Slip | None:
        likely = self._whole(digits)
        return _Slip(found.end("run"), reason, likely) if likely else None

    def _in_letters(self, found: re.Match[str], letters: str) -> _Slip | None:
        reason = self._letters.get(letters) or (LETTERS_APART if _joined(letters) == self.prefix else None)
        gap, run = found["gap"], found["run"]
        if reason is None or not _IS_USUAL(gap) or (reason == LETTER_MISSING and " " in gap):
            return None  # `R 250000` is money
        return self._undone(found, reason, run)

    def _in_digits(self, found: re.Match[str], run: str) -> _Slip | None:
        letters = _NO_DIGIT.findall(run)
        if len(letters) > _MOST_LETTERS or not all(map(str.isalpha, letters)):
            return None
        digits = run.translate(LOOK_ALIKES)
        if slip := self._undone(found, LETTER_IN_DIGITS, digits):
            return slip
        if digits[0].isalpha() and not found["gap"]:
            return None  # then the letters are others: `DRX1752028`
        is_near = self._whole(_NO_DIGIT.sub("0", run)) or self._whole(_NO_DIGIT.sub("", run))
        return _Slip(found.end("run"), LETTER_IN_DIGITS, None) if is_near else None

    def _in_groups(self, found: re.Match[str]) -> _Slip | None:
        """Digits in groups: as many of the groups as a number can have. Which it is, only where no others are one."""
        joined, wholes, end = found["run"], list[str](), found.end("run")
        if self._whole(joined):
            return None
        for group in _GROUP.finditer(found["groups"]):
            joined += group[1]
            if whole := self._whole(joined):
                wholes.append(whole)
                end = found.start("groups") + group.end()
        if not wholes:
            return None
        is_all = len(wholes) == 1 and end == found.end("groups")  # else it may be `Dr 082 000 1234`
        return _Slip(end, SPLIT, wholes[0] if is_all else None)

    def _in_length(self, found: re.Match[str]) -> _Slip | None:
        digits, end = found["run"], found.end("run")
        if self._whole(digits) or (len(digits) < _FEWEST_APART and " " in found["gap"]):
            return None
        if any(self._whole(digits + digit * n) for n in range(1, _MOST_OFF + 1) for digit in "01"):
            return _Slip(end, TOO_SHORT, None)
        if any(self._whole(digits[:-n]) for n in range(1, min(_MOST_OFF, len(digits) - 1) + 1)):
            return _Slip(end, TOO_LONG, None)
        return None


def prefix_of(pattern: str) -> str:
    """The literal letters with which a pattern begins, in capitals; none where it begins with anything else."""
    found = re.match(r"(?:\^|\\A|\(\?i\))*([A-Za-z]*)([?*+{]?)", pattern)
    letters, repeat = found.groups() if found else ("", "")
    return (letters[:-1] if repeat else letters).upper()


def _letter_slips(prefix: str) -> dict[str, str]:
    """What one slip makes of the letters, and which it is."""
    places = range(len(prefix))
    missing = [prefix[:n] + prefix[n + 1 :] for n in places] if len(prefix) > 1 else []
    doubled = [prefix[:n] + prefix[n] + prefix[n:] for n in places]
    swapped = [prefix[:n] + prefix[n + 1] + prefix[n] + prefix[n + 2 :] for n in places[:-1]]
    slips = dict.fromkeys(doubled, LETTER_DOUBLED) | dict.fromkeys(missing, LETTER_MISSING)
    slips |= dict.fromkeys(swapped, LETTERS_SWAPPED)
    slips.pop(prefix, None)
    return slips


def _joined(letters: str) -> str:
    return "".join(filter(str.isalpha, letters))


_SPACING = rf"(?: [ _*~{_DASHES}] | [ ][{_DASHES}][ ] )"
_GROUP_END = r"(?! [^\W_] | [:.,/][0-9] )"  # no time, date or decimal fraction
_GROUP = re.compile(rf"{_SPACING} ([0-9]+)", re.VERBOSE)


def _scanner(prefix: str, usual_lengths: Sequence[int]) -> re.Pattern[str]:
    """What begins like a slip. The first letter stands first, alone, since `re` then looks for nothing else.

    Numbers as they should be are most of what begins so: they are passed over where the pattern lets them be told by
    their length alone.
    """
    any_letter, size = _either(prefix), len(prefix)
    first, *others = map(_either, prefix)
    lengths = "|".join(rf"[0-9]{{{length}}}" for length in usual_lengths)
    usual = rf"(?! (?<={first}) {''.join(others)} {_USUAL} (?:{lengths}) (?! [^\W_] ) )" if lengths else ""
    spaced = rf"(?= {any_letter}{{0,{size - 2}}} [ .\-] )" + "".join(rf"[ .\-]{{0,2}}{letter}" for letter in others)
    apart = rf"(?<={first}) {spaced} |" if others else ""
    return re.compile(
        rf"""
        (?P<letters> {any_letter} (?<! [^\W_] . ) {usual}
                     (?: {apart} {any_letter}{{0,{size}}}+ ) )
        (?P<gap> {_UNUSUAL}{{0,5}}+ (?: (?i:number|num|no|nr) [ .:\#]{{0,3}}+ )? )
        (?P<run> (?= [^\W_]{{0,{_MOST_LETTERS}}} [0-9] ) [^\W_]{{1,{_MOST_DIGITS + _MOST_OFF}}}+ ) (?! [^\W_] )
        (?P<groups> (?: {_SPACING} [0-9]{{1,8}}+ {_GROUP_END} ){{0,3}}+ )
        """,
        re.VERBOSE | re.DOTALL,
    )


def _either(letters: str) -> str:
    return f"[{letters}{letters.lower()}]"
