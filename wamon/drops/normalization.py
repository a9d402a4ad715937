"""A text in the form that the scanners read: one spelling for all that looks alike. Pure: no I/O, no clock.

Work grows linearly with the text: normalising is kept from CPython's quadratic case (see `_without_piles`).
"""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

# Ranges are written out since asking unicodedata about every code point would cost each start 0.1 s; a test compares
# them with it. Category Cf (of Unicode 15 and later), then variation selectors, joiners and fillers:
_UNSEEN = (
    r"\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u202a-\u202e\u2060-\u2064\u2066-\u206f"
    r"\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0001"
    r"\U000e0020-\U000e007f"
    r"\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180d\u180f\u3164\ufe00-\ufe0f\uffa0\U000e0100-\U000e01ef"
)
# Digits that are raised, lowered or circled; then larger numbers in circles or brackets, fractions, units, dates. NFKC
# would make digits of nearly all of them.
MARKED_DIGITS = (
    r"\u00b2\u00b3\u00b9\u2070\u2074-\u2079\u2080-\u2089\u2460-\u2468\u24ea\u24f5-\u24fd\u24ff\u2776-\u277e\u2780-\u2788"
    r"\u278a-\u2792"
)
MARKS = (
    rf"{MARKED_DIGITS}\u00bc-\u00be\u2150-\u215f\u2189\u2469-\u249b\u24eb-\u24f4\u24fe\u277f\u2789\u2793\u3251-\u325f"
    r"\u32b1-\u32cb\u3358-\u3370\u3378\u3379\u339f-\u33a6\u33a8\u33af\u33e0-\u33fe\U0001f100-\U0001f10c"
)
_CAP = "\u20e3"
_EMOJI_STYLE = "\ufe0f"
"""The most frequent of all unseen characters."""

# \d: decimal digits of every script. One class and a look back at what it found: alternatives take four times as long.
_ODD = re.compile(rf"[{_UNSEEN}{MARKS}{_CAP}\d](?<![0-9])")
_MARKED = re.compile(rf"([{MARKS}]+)")
_IS_UNSEEN = re.compile(f"[{_UNSEEN}]").match

# Four keycaps and more in a row, which touch no other digit, are a number; fewer are a mark as `①` is, and become it.
_KEYCAPS = re.compile(rf"(?<![0-9{_CAP}])(?<!{_CAP}[ ])(?:[0-9]{_CAP}(?:[ ](?=[0-9]{_CAP}))?){{4,}}+(?![0-9])")
_KEYCAP = re.compile(rf"([0-9#*]){_CAP}")
_CIRCLED = str.maketrans("0123456789", "⓪①②③④⑤⑥⑦⑧⑨")

_ALL_MARKED = re.compile(
    rf"(?<![0-9{MARKED_DIGITS}])(?<![{MARKED_DIGITS}][ ])[{MARKED_DIGITS}](?:[ ]?[{MARKED_DIGITS}]){{3,}}+(?![0-9])"
)

_MOST_MARKS = 30  # UAX 15's stream-safe format; no letter takes up more than three
_LONG = 512  # below it CPython's quadratic case costs less than looking for it
_PILE = re.compile(rf"[^\w\x00-\x7f]{{{_MOST_MARKS + 1},}}+")


def normalise(text: str) -> str:
    """The text in NFKC, without characters that nobody sees, with every decimal digit (category Nd) in ASCII.

    The result has the same candidates as the text. NFKC comes last, so that it also joins what a format character kept
    apart; it makes no new format characters or foreign digits. Marks that look like digits stay as they are, lest it
    should make digits that nobody wrote. Of more than thirty combining marks in a row, the rest may be cut off.
    """
    if text.isascii():
        return text
    plain, odd = _ODD.subn(_plain, text.replace(_EMOJI_STYLE, ""))
    if not odd:
        return _nfkc(plain)
    if _CAP in plain:
        plain = _KEYCAP.sub(_circled, _KEYCAPS.sub(_uncapped, plain))
    return "".join([part if n % 2 else _nfkc(part) for n, part in enumerate(_MARKED.split(plain))])


def _nfkc(text: str) -> str:
    return unicodedata.normalize("NFKC", text if len(text) < _LONG else _without_piles(text))


def _plain(odd: re.Match[str]) -> str:
    digit = unicodedata.decimal(odd[0], None)
    if digit is not None:
        return str(digit)
    return "" if _IS_UNSEEN(odd[0]) else odd[0]


def _uncapped(keycaps: re.Match[str]) -> str:
    return keycaps[0].replace(_CAP, "")


def _circled(keycap: re.Match[str]) -> str:
    return keycap[1].translate(_CIRCLED)


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


def without_marks(text: str) -> tuple[str, Sequence[int]]:
    """A normalised text without what clings to its characters, and where in it each character stands.

    Letters lose their accents. Raised, lowered and circled digits are digits where four and more stand in a row.
    """
    if text.isascii():
        return text, range(len(text))
    bases = map(_base, _ALL_MARKED.sub(_digits, text))
    kept = [(base, place) for place, base in enumerate(bases) if base]
    return "".join(base for base, _ in kept), [place for _, place in kept]


def _digits(marked: re.Match[str]) -> str:
    return "".join(char if char == " " else str(unicodedata.digit(char)) for char in marked[0])


def _base(char: str) -> str:
    if char.isascii():
        return char
    return "" if unicodedata.category(char).startswith("M") else unicodedata.normalize("NFD", char)[0]
