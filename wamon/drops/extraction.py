"""What counts as a drop number: docs/guide.md's section of that name, to the letter. Pure: no I/O, no clock.

Work grows linearly with the text, whatever it says and whatever pattern is configured: the scanner below spends at most
some thirty steps on a place and never reads a text twice, the configured pattern sees only the few characters of a
candidate and runs in RE2, and normalising is linear too.
"""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING, NamedTuple

from wamon.drops.normalization import MARKS, normalise

if TYPE_CHECKING:
    from collections.abc import Callable

EXTRACTION_VERSION = 2
"""Raised whenever the same text and pattern could give others: it is part of the ledger's rules fingerprint."""

# Read backwards, digits first, since messages hold fewer digits than letters: three times as fast as forwards. No
# repeat is nested or unbounded and none gives back what it took (`+`), so a place costs at most 12 + 3 + 8 steps and a
# few; since the digits must be a whole run, and so must the letters, no candidates overlap and none hides another.
# [^\W_] is a letter or number of any script, [^\W\d_] one that is no decimal digit; WhatsApp's * _ ~ ` are neither.
_SEPARATORS = r"[ \-#:.\u2010-\u2015]{0,3}+"  # at most three, none of them a line break
_BACKWARDS = re.compile(
    rf"""
    ( [0-9] (?<! [^\W_] . ) [0-9]{{3,11}}+ )   # four to twelve digits, after which comes no letter or number
    {_SEPARATORS}
    ( [^\W\d_]{{1,8}}+ ) (?! [^\W_] )          # one to eight letters, before which comes no letter or number
    """,
    re.VERBOSE,
)

_LIST_MARKS = re.compile(rf"[{MARKS}]+\Z")
_LETTERS_AND_DIGITS = re.compile(r"([A-Za-z]{1,8})((?:(?:[0-9]|\[[0-9-]+\])(?:\{\d\d?(?:,\d\d?)?\})?)+)")
_FLAT = re.compile(r"(?:(?:[A-Za-z0-9]|\[(?:[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9])+\])(?:\{\d\d?(?:,\d\d?)?\})?)+")


class Extractor:
    """Finds the drop numbers of one configured pattern (`drops.pattern`)."""

    def __init__(self, pattern: str) -> None:
        """Compile the pattern; raise ValueError with RE2's own reason for one that doesn't compile."""
        self.direct = Direct.of(pattern)
        self._letters = self.direct.letters if self.direct else ""
        self._digits: Callable[[str], list[str]] | None = self.direct.scanner().findall if self.direct else None
        self.is_number = _flat(pattern) or _in_linear_time(pattern)
        """Something where a canonical form is a number, else None."""

    def numbers(self, text: str) -> tuple[str, ...]:
        """Every drop number of the text in canonical form, each once, in the order of first appearance."""
        return self.numbers_in(normalise(text))

    def numbers_in(self, plain: str) -> tuple[str, ...]:
        """As `numbers`, of a text that is normalised already."""
        if self._digits and plain.isascii():
            numbers = [self._letters + digits for digits in self._digits(plain)]
            return tuple(dict.fromkeys(numbers)) if len(numbers) > 1 else tuple(numbers)
        found = _candidates_in(plain)
        return tuple([number for number in found if self.is_number(number) is not None]) if found else ()


def candidates(text: str) -> tuple[str, ...]:
    """What stands in the text like a drop number, before any pattern: canonical, each once, in order of appearance."""
    return _candidates_in(normalise(text))


def _candidates_in(plain: str) -> tuple[str, ...]:
    found: list[tuple[str, str]] = _BACKWARDS.findall(plain[::-1])
    if not found:
        return ()
    # isalpha: among Python's word characters are numbers that are no decimal digits, such as U+09F4.
    numbers = [(digits + only)[::-1].upper() for digits, letters in found if (only := _alone(letters)).isalpha()]
    return tuple(dict.fromkeys(reversed(numbers))) if len(numbers) > 1 else tuple(numbers)


def _alone(letters: str) -> str:
    """Without a mark that numbers an item of a list, as in `①DR1752028`; the letters stand backwards."""
    return letters if letters.isalpha() else _LIST_MARKS.sub("", letters)


class Direct(NamedTuple):
    """A pattern that is letters and then digits, whose numbers are found at once in an ASCII text.

    That takes a third of the time of looking at every candidate. Beyond ASCII, other letters may become these in
    capitals, and marks may number the items of a list.
    """

    letters: str  # in capitals
    digits: str  # the pattern's, behind its letters

    @classmethod
    def of(cls, pattern: str) -> Direct | None:
        """What a pattern is, if it is that."""
        found = _LETTERS_AND_DIGITS.fullmatch(pattern) if _flat(pattern) else None
        return cls(found[1].upper(), found[2]) if found else None

    def scanner(self, mark: str = "") -> re.Pattern[str]:
        """Finds the digits of each number, and something empty at each mark that parts texts."""
        first, *others = (f"{letter}{letter.lower()}" for letter in self.letters)
        ends = "(?![A-Za-z0-9])"
        rest = "".join(f"[{other}]" for other in others)
        number = f"(?<![A-Za-z0-9].){rest}{_SEPARATORS}(?=[0-9]{{4,12}}{ends})({self.digits}){ends}"
        return re.compile(f"[{mark}{first}](?:(?<={mark})|{number})" if mark else f"[{first}]{number}")


def _flat(pattern: str) -> Callable[[str], object | None] | None:
    """`re`'s fullmatch of a pattern that `re` can't take long over; None for another, also for one that is none.

    Of literals, classes and at most two bounded repeats, on a candidate's few characters. It takes a quarter of the
    time of RE2's wrapper, which is a twentieth of a cold catch-up.
    """
    if _FLAT.fullmatch(pattern) and pattern.count("{") <= 2:
        with suppress(re.error):
            return re.compile(pattern, re.IGNORECASE | re.ASCII).fullmatch
    return None


def _in_linear_time(pattern: str) -> Callable[[str], object | None]:
    """RE2's fullmatch, ignoring case. Raises ValueError. RE2 takes 3 MB, which few patterns need."""
    import re2

    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = False
    try:
        fullmatch: Callable[[bytes], object | None] = re2.compile(pattern, options).fullmatch
    except re2.error as error:
        reason = error.args[0]
        raise ValueError(reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)) from error
    return lambda number: fullmatch(number.encode())  # its wrapper takes 3 µs for a str, 1 µs for bytes
