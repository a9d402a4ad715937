"""Digits behind letters that are a number's or nearly so: what is wrong with either. Pure: no I/O, no clock."""

from __future__ import annotations

import re
import unicodedata
from typing import TYPE_CHECKING

from wamon.drops.normalization import MARKED_DIGITS
from wamon.drops.slips import (
    DIGITS_ABOVE,
    DROP_WORDS,
    GLUED,
    LETTER_EXTRA,
    LETTER_IN_DIGITS,
    LETTER_MISSING,
    LETTER_WRONG,
    LETTERS_APART,
    LOOK_ALIKES,
    MARK,
    NEXT_LINE,
    NUMBER_WORDS,
    SEPARATOR,
    SPLIT,
    TOO_LONG,
    TOO_SHORT,
    Slip,
    letter_slips,
)
from wamon.drops.spelling import USUAL_GAP

if TYPE_CHECKING:
    from wamon.drops.runs import Run
    from wamon.drops.shape import Shape

_MOST_OFF = 4  # digits too few
_MOST_LETTERS = 2  # among digits
_MOST_IN_RUN = 16  # digits and letters together
_FEWEST_APART = 4  # digits that a space divides from the letters: `Dr 12` is rather a house than a drop
_FEWEST_TOGETHER = 6  # digits behind `R`, which are a price where there are fewer
_CURRENCY = "R"
_PLURAL = "S"

_IS_USUAL = re.compile(USUAL_GAP).fullmatch
_IS_NUMBER_WORD = re.compile(NUMBER_WORDS, re.IGNORECASE).fullmatch
_IS_MARKED = re.compile(f"[{MARKED_DIGITS}]+").fullmatch
_IS_FRACTION = re.compile("[.,][0-9]").match
_HAS_LINE_BREAK = re.compile(r"[\n\r\x0b\x0c\x85\u2028\u2029]").search
_DIGITS_BEFORE = re.compile(r"[0-9]*\Z").search
_LETTERS = re.compile(r"[^\W\d_]*").match
_NO_DIGIT = re.compile("[^0-9]")


def odd_gap(gap: str) -> str:
    """What is wrong with it: the reason of the slip."""
    return NEXT_LINE if _HAS_LINE_BREAK(gap) else SEPARATOR


class Lettered:
    """Judges digits by the letters before them."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._slips = letter_slips(shape.prefix)
        self._own_before = re.compile(rf"(?<![^\W_]){shape.prefix}({USUAL_GAP})\Z", re.IGNORECASE).search

    def judged(self, run: Run) -> Slip | None:
        """What is wrong with it, if its letters are nearly a number's. One that is all right counts as a mark's."""
        prefix, letters = self._shape.prefix, run.letters
        if letters == prefix:
            return self._behind_prefix(run)
        if letters in self._slips or (not letters.isalnum() and letters):
            return self._behind_nearly_prefix(run)
        if letters.startswith(prefix):
            return self._behind_more_letters(run, letters[len(prefix) :])
        if letters.endswith(prefix):
            return self._behind_a_word(run)
        return self._behind_look_alikes(run)

    def _behind_prefix(self, run: Run) -> Slip | None:
        if not _IS_USUAL(run.gap):
            return self._undone(run, odd_gap(run.gap))
        if run.is_touched:
            return self._glued(run)
        if run.tail:
            return self._in_digits(run) or self._glued(run)
        found = run.whole
        if found is None:
            return self._in_length(run)
        return Slip(run.start, found.end, MARK if found.digits == run.digits else SPLIT, found.number)

    def _behind_nearly_prefix(self, run: Run) -> Slip | None:
        reason = self._slips.get(run.letters, LETTERS_APART)
        is_usual = _IS_USUAL(run.gap) or reason == LETTERS_APART
        if not is_usual or run.tail or run.is_touched or _is_money(run, reason) or not self._shape.tells(run.digits):
            return None
        digits = run.digits
        is_key = reason == LETTER_MISSING and digits[0] in DIGITS_ABOVE.get(self._shape.prefix[-1], "")  # `D41752028`
        likely = self._shape.likely(digits, digits[1:] if is_key else None)
        return Slip(run.start, run.end, reason, likely) if likely or self._shape.number(digits) else None

    def _behind_more_letters(self, run: Run, more: str) -> Slip | None:
        if _IS_NUMBER_WORD(more):
            return self._undone(run, SEPARATOR)
        is_word = run.letters in DROP_WORDS and (run.gap or len(more) > 1)  # `DRO752028` is none
        if is_word or not _IS_USUAL(run.gap) or run.is_touched:
            return None
        if not run.gap and (len(more) <= _MOST_LETTERS or _IS_MARKED(more)):  # `DRD752028`
            return self._in_digits(run._replace(body=more + run.body, at=run.at - len(more)))
        return self._undone(run, LETTER_EXTRA) if len(more) == 1 and not run.tail else None

    def _behind_a_word(self, run: Run) -> Slip | None:
        """`doneDR1752028`. In a word of capitals, or with a space, it may be any word, such as `OTDR 1752028`."""
        at = run.start + len(run.letters) - len(self._shape.prefix)
        is_new_word = run.text[at - 1].islower() and run.text[at].isupper()
        if not _IS_USUAL(run.gap) or ((run.gap or run.tail) and not is_new_word):
            return None
        return self._glued(run)

    def _behind_look_alikes(self, run: Run) -> Slip | None:
        """`DR l752028`, where the letters are meant as digits."""
        if run.gap or len(run.letters) > _MOST_LETTERS:
            return None
        own = self._own_before(run.before[: len(run.before) - len(run.letters)])
        if own is None:
            return None
        run = run._replace(at=run.start, start=run.start - len(own[0]), gap=own[1], body=run.letters + run.body)
        return self._in_digits(run)

    def _undone(self, run: Run, reason: str) -> Slip | None:
        found = run.whole
        return Slip(run.start, found.end, reason, found.number) if found and found.number else None

    def _glued(self, run: Run) -> Slip | None:
        """Written with the digits that touch it before, and the letters behind it."""
        number = self._shape.number(run.digits)
        if number is None:
            return None
        touching = _DIGITS_BEFORE(run.text[max(0, run.start - _MOST_IN_RUN) : run.start])
        behind = _LETTERS(run.tail)
        start = run.start - len(touching[0] if touching else "")
        return Slip(start, run.at + len(run.digits) + len(behind[0] if behind else ""), GLUED, number)

    def _in_digits(self, run: Run) -> Slip | None:
        """Letters or marks before, among or behind the digits: they are digits, or nothing."""
        odd = "".join(_NO_DIGIT.findall(run.body))
        if len(run.body) > _MOST_IN_RUN:
            return None
        if not odd.isalpha():
            return self._marked(run)
        if len(odd) > _MOST_LETTERS:
            return None
        replaced, left_out = run.body.translate(LOOK_ALIKES), _NO_DIGIT.sub("", run.body)
        if not self._shape.number(left_out) and not self._shape.number(_NO_DIGIT.sub("0", run.body)):
            return None
        if run.body[0] == _PLURAL and self._shape.number(replaced) and len(left_out) not in self._shape.usual_lengths:
            return Slip(run.start, run.end, LETTER_IN_DIGITS, None)  # `DRs752028`
        likely = self._shape.likely(
            replaced if replaced.isdecimal() else None, left_out if left_out in run.body else None
        )
        is_extra = likely is not None and run.body.endswith(likely[len(self._shape.prefix) :])
        return Slip(run.start, run.end, LETTER_EXTRA if is_extra else LETTER_IN_DIGITS, likely)

    def _marked(self, run: Run) -> Slip | None:
        """A mark is no digit, unless there are too few without it: `DR1752028²`, and `DR①⑦⑤2028`."""
        left_out = _NO_DIGIT.sub("", run.body)
        number = self._shape.number(left_out)
        digits = left_out if number else "".join(str(unicodedata.digit(char, char)) for char in run.body)
        if not self._shape.number(digits):
            return None
        is_usual = len(digits) in (self._shape.usual_lengths or self._shape.lengths)
        is_sure = is_usual and (digits in run.body or not number)
        return Slip(run.start, run.end, MARK, self._shape.number(digits) if is_sure else None)

    def _in_length(self, run: Run) -> Slip | None:
        digits, number = run.digits, self._shape.number
        if len(digits) < _FEWEST_APART and " " in run.gap:
            return None
        if any(number(digits + digit * n) for n in range(1, _MOST_OFF + 1) for digit in "01"):
            return Slip(run.start, run.end, TOO_SHORT, None)
        if any(number(digits[:length]) for length in self._shape.lengths if length < len(digits)):
            return Slip(run.start, run.end, TOO_LONG, None)
        return None


def _is_money(run: Run, reason: str) -> bool:
    """`R 250000`, `R250000.00`: one letter of two is the sign of a currency, or stands before a sum."""
    is_sum = (
        run.digits.endswith("00") or len(run.digits) < _FEWEST_TOGETHER or _IS_FRACTION(run.text, run.end) is not None
    )
    if reason == LETTER_MISSING:
        return " " in run.gap or (run.letters == _CURRENCY and is_sum)
    return reason == LETTER_WRONG and " " in run.gap and is_sum
