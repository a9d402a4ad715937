"""The slips that people make when they mean a drop number, and what a finger or an eye makes of its characters.

Pure: no I/O, no clock.
"""

from __future__ import annotations

from typing import NamedTuple

TOO_SHORT = "too-short"
TOO_LONG = "too-long"
LETTERS_APART = "letters-apart"
LETTERS_SWAPPED = "letters-swapped"
LETTER_MISSING = "letter-missing"
LETTER_DOUBLED = "letter-doubled"
LETTER_EXTRA = "letter-extra"
LETTER_WRONG = "letter-wrong"
LETTER_IN_DIGITS = "letter-in-digits"
MARK = "mark"
SPLIT = "split"
SEPARATOR = "separator"
NEXT_LINE = "next-line"
GLUED = "glued"
DROP_WORD = "drop-word"
LISTED = "listed"
NO_LETTERS = "no-letters"

# Letters that look like a digit, then those that a phone's keyboard has on the digit's key (`w` on 2). A letter with
# two such digits (Q, T) says neither.
LOOK_ALIKES = str.maketrans("ODILZSBG" + "WERYUP", "00112586" + "234670")


class Slip(NamedTuple):
    """What is wrong, where it stands in the text, and the number that it becomes by undoing it."""

    start: int
    end: int
    reason: str
    likely: str | None


_KEYS = {
    key: (row, place + row / 2)
    for row, keys in enumerate(("QWERTYUIOP", "ASDFGHJKL", "ZXCVBNM"))
    for place, key in enumerate(keys)
}


DIGITS_ABOVE = dict(zip("QWERTYUIOP", ("12", "23", "34", "45", "56", "67", "78", "89", "90", "0"), strict=True))
"""The digits on the keys above a letter's."""


def _neighbours(letter: str) -> list[str]:
    if letter not in _KEYS:
        return []
    row, place = _KEYS[letter]
    return [key for key, (r, p) in _KEYS.items() if key != letter and abs(r - row) <= 1 and abs(p - place) <= 1]


def letter_slips(word: str) -> dict[str, str]:
    """What one slip makes of a word in capitals, and which it is. Of a single letter, only its doubling."""
    places = range(len(word))
    slips = dict[str, str]()
    if len(word) > 1:
        for n in places:
            slips |= dict.fromkeys((word[:n] + key + word[n + 1 :] for key in _neighbours(word[n])), LETTER_WRONG)
        inserted = ((n, key) for n in places[1:] for key in _neighbours(word[n - 1]) + _neighbours(word[n]))
        slips |= {word[:n] + key + word[n:]: LETTER_EXTRA for n, key in inserted}
        slips |= {word[:n] + word[n + 1 :]: LETTER_MISSING for n in places}
        slips |= {word[:n] + word[n + 1] + word[n] + word[n + 2 :]: LETTERS_SWAPPED for n in places[:-1]}
    slips |= dict.fromkeys((word[:n] + word[n] + word[n:] for n in places), LETTER_DOUBLED)
    slips.pop(word, None)
    return slips


DROP_WORDS = frozenset({"DROP", "DROPS", *letter_slips("DROP")})
"""The word drop, and what one slip makes of it."""

NUMBER_WORDS = "(?:numbers?|nommers?|numb?er|num|nos?|nrs?|nbr|id|code)"
"""What may stand between a number's letters and its digits, as in `DR no. 1752028`; for a pattern that ignores case."""
