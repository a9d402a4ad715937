"""What counts as a drop number: INTERFACE.md's section of that name, to the letter. Pure: no I/O, no clock.

Work grows linearly with the text, whatever it says and whatever pattern is configured: the scanner below spends at most
some thirty steps on a place and never reads a text twice, the configured pattern sees only the few characters of a
candidate and runs in RE2, and normalising is kept from CPython's quadratic case (see `_without_piles`).
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

import re2

if TYPE_CHECKING:
    from collections.abc import Callable

EXTRACTION_VERSION = 1
"""Raised whenever the same text and pattern could give other numbers: it is part of the ledger's rules fingerprint."""

# Read backwards, digits first, since messages hold fewer digits than letters: three times as fast as forwards. No
# repeat is nested or unbounded and none gives back what it took (`+`), so a place costs at most 12 + 3 + 8 steps and a
# few; since the digits must be a whole run, and so must the letters, no candidates overlap and none hides another.
# [^\W_] is a letter or number of any script, [^\W\d_] one that is no decimal digit; WhatsApp's * _ ~ ` are neither.
_BACKWARDS = re.compile(
    r"""
    ( [0-9] (?<! [^\W_] . ) [0-9]{3,11}+ )   # four to twelve digits, after which comes no letter or number
    [ \-#:.\u2010-\u2015]{0,3}+              # at most three separators, none of them a line break
    ( [^\W\d_]{1,8}+ ) (?! [^\W_] )          # one to eight letters, before which comes no letter or number
    """,
    re.VERBOSE,
)

# Category Cf (of Unicode 15 and later), and decimal digits beyond ASCII. The ranges are written out since asking
# unicodedata about every code point would cost each start 0.1 s; a test compares them with it.
_UNPLAIN = re.compile(
    r"[\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f"
    r"\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001"
    r"\U000e0020-\U000e007f]|[^\D0-9]"
)

_MOST_MARKS = 30  # UAX 15's stream-safe format; no letter takes up more than three
_LONG = 512  # below it CPython's quadratic case costs less than looking for it
_FLAT = re.compile(r"(?:(?:[A-Za-z0-9]|\[(?:[A-Za-z0-9]-[A-Za-z0-9]|[A-Za-z0-9])+\])(?:\{\d\d?(?:,\d\d?)?\})?)+")
_PILE = re.compile(rf"[^\w\x00-\x7f]{{{_MOST_MARKS + 1},}}+")


class Extractor:
    """Finds the drop numbers of one configured pattern (`drops.pattern`)."""

    def __init__(self, pattern: str) -> None:
        """Compile the pattern; raise ValueError with RE2's own reason for one that doesn't compile."""
        in_linear_time = _compiled(pattern)
        self.is_number = _flat(pattern) or (lambda number: in_linear_time(number.encode()))
        """Something where a canonical form is a number, else None."""

    def numbers(self, text: str) -> tuple[str, ...]:
        """Every drop number of the text in canonical form, each once, in the order of first appearance."""
        return self.numbers_in(normalise(text))

    def numbers_in(self, plain: str) -> tuple[str, ...]:
        """As `numbers`, of a text that is normalised already."""
        found = _candidates_in(plain)
        return tuple([number for number in found if self.is_number(number) is not None]) if found else ()


def candidates(text: str) -> tuple[str, ...]:
    """What stands in the text like a drop number, before any pattern: canonical, each once, in order of appearance."""
    return _candidates_in(normalise(text))


def _candidates_in(plain: str) -> tuple[str, ...]:
    found: list[tuple[str, str]] = _BACKWARDS.findall(plain[::-1])
    if not found:
        return ()
    # isalpha: among Python's word characters are numbers that are no decimal digits, such as U+2776.
    numbers = [(digits + letters)[::-1].upper() for digits, letters in found if letters.isalpha()]
    return tuple(dict.fromkeys(reversed(numbers))) if len(numbers) > 1 else tuple(numbers)


def normalise(text: str) -> str:
    """The text in NFKC, without format characters (category Cf), with every decimal digit (category Nd) in ASCII.

    The result has the same candidates as the text. NFKC comes last, so that it also joins what a format character kept
    apart; it makes no new format characters or foreign digits. Of more than thirty combining marks in a row, the rest
    may be cut off.
    """
    if text.isascii():
        return text
    plain = _UNPLAIN.sub(_plain, text)
    return unicodedata.normalize("NFKC", plain if len(plain) < _LONG else _without_piles(plain))


def _plain(unplain: re.Match[str]) -> str:
    return str(unicodedata.decimal(unplain[0], ""))


def _without_piles(text: str) -> str:
    """Cut piles of combining marks, which CPython's NFKC sorts in quadratic time: a megabyte of them takes minutes.

    No candidate depends on it: marks are neither letters, digits nor separators, and thirty of them never dissolve into
    the letter before them. U+FF9E and U+FF9F are the only letters that NFKC turns into marks.
    """
    return _PILE.sub(_cut, text.replace("\uff9e", "\u3099").replace("\uff9f", "\u309a"))


def _cut(pile: re.Match[str]) -> str:
    kept: list[str] = []
    marks = 0
    for char in pile[0]:
        marks = marks + 1 if unicodedata.category(char).startswith("M") else 0
        if marks <= _MOST_MARKS:
            kept.append(char)
    return "".join(kept)


def _flat(pattern: str) -> Callable[[str], object | None] | None:
    """`re`'s fullmatch of a pattern that `re` can't take long over; None for another.

    Of literals, classes and at most two bounded repeats, on a candidate's few characters. It takes a quarter of the
    time of RE2's wrapper, which is a twentieth of a cold catch-up.
    """
    if not _FLAT.fullmatch(pattern) or pattern.count("{") > 2:
        return None
    return re.compile(pattern, re.IGNORECASE | re.ASCII).fullmatch


def _compiled(pattern: str) -> Callable[[bytes], object | None]:
    """RE2's fullmatch, ignoring case, for UTF-8 bytes: its wrapper takes 3 µs for a str, 1 µs for bytes."""
    options = re2.Options()
    options.log_errors = False
    options.case_sensitive = False
    try:
        fullmatch: Callable[[bytes], object | None] = re2.compile(pattern, options).fullmatch
    except re2.error as error:
        reason = error.args[0]
        raise ValueError(reason.decode(errors="replace") if isinstance(reason, bytes) else str(reason)) from error
    return fullmatch
