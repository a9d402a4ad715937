"""A run of digits in a text, with what stands around it. Pure: no I/O, no clock."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

from wamon.drops.normalization import MARKS
from wamon.drops.spelling import DASHES, POINTS

if TYPE_CHECKING:
    from wamon.drops.shape import Shape

_BEFORE = 64  # characters before the digits that are looked at

# Digits in groups: with one and the same point, comma, apostrophe or slash between them; in thousands with commas and
# spaces; else with spaces, dashes or marks, where the last is no time, date or decimal fraction.
_GROUPS = re.compile(
    rf"""
      (?P<point> [{POINTS}] ) [0-9]{{1,8}}+ (?: (?P=point) [0-9]{{1,8}}+ ){{0,8}}+ (?! [^\W_] )
    | (?: [.,][ ] [0-9]{{3}} ){{2}} (?! [^\W_] )
    | (?: (?: [ _*~\u2800{DASHES}] | [ ][{DASHES}][ ] ) [0-9]{{1,8}}+ (?! [^\W_] | [:.,/][0-9] ) ){{1,12}}+
    """,
    re.VERBOSE,
)
_IS_IN_LINK = re.compile(r"(?:://|www\.)\S*\Z", re.IGNORECASE).search
_GROUP = re.compile("[^0-9]+([0-9]+)")

_BODY = re.compile(r"([0-9]{1,40}+)([^\W_]{0,40}+)").match
_NUMBERS_ITEM = re.compile(f"[{MARKS}]+").match
_DAY, _MONTH, _YEAR = "(?:0?[1-9]|[12][0-9]|3[01])", "(?:0?[1-9]|1[0-2])", "(?:20)?[0-9]{2}"
_IS_DATE = re.compile(
    "20[0-9]{2}(?:0[1-9]|1[0-2])(?:0[1-9]|[12][0-9]|3[01])|(?:0[1-9]|[12][0-9]|3[01])(?:0[1-9]|1[0-2])20[0-9]{2}"
).fullmatch
_IS_DATE_IN_PARTS = re.compile(rf"{_DAY}[^0-9]{_MONTH}[^0-9]{_YEAR}|{_YEAR}[^0-9]{_MONTH}[^0-9]{_DAY}").fullmatch


class Whole(NamedTuple):
    """Digits that make a number, where they end, and the number, if it can be only that one."""

    digits: str
    end: int
    number: str | None


class Run(NamedTuple):
    """Digits in a text, and the letters before them."""

    text: str
    before: str
    """The last characters before the digits."""
    start: int
    """Where the letters begin; `at` where none stand there."""
    letters: str
    """The last letters before the digits, in capitals; the prefix with points or spaces in it counts as letters."""
    gap: str
    """What stands between those and the digits."""
    is_touched: bool
    """Whether a digit stands right before the letters."""
    at: int
    """Where the digits begin."""
    digits: str
    body: str
    """The digits, and the letters and numbers that follow them without a gap, in capitals."""
    whole: Whole | None
    """The digits, or they and as many of the groups behind them as a number can have."""

    @property
    def is_in_link(self) -> bool:
        return _IS_IN_LINK(self.before) is not None

    @property
    def end(self) -> int:
        return self.at + len(self.body)

    @property
    def tail(self) -> str:
        """What is left of the body behind its digits."""
        return self.body[len(self.digits) :]


class RunReader:
    """Reads the runs of digits of a text whose numbers have one shape."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._backwards = _letters_backwards(shape.prefix)

    def read(self, text: str, at: int, *, only_whole: bool) -> Run | None:
        """The run whose digits begin at this place. With `only_whole`, None where they can't be all of a number."""
        digits, tail = _BODY(text, at).groups()  # type: ignore[union-attr]  # a digit stands there
        whole = self._whole(text, at + len(digits), digits, tail)
        if only_whole and whole is None and len(digits) - 1 not in self._shape.lengths:
            return None
        before = text[max(0, at - _BEFORE) : at]
        found = self._backwards.match(before[::-1])
        letters, gap = (found[2][::-1], found[1][::-1]) if found else ("", "")
        if item := _NUMBERS_ITEM(letters):
            letters = letters[item.end() :]
        start = at - len(gap) - len(letters)
        is_touched = text[start - 1 : start].isdecimal()
        return Run(text, before, start, letters.upper(), gap, is_touched, at, digits, digits + tail.upper(), whole)

    def _whole(self, text: str, end: int, digits: str, tail: str) -> Whole | None:
        if number := self._shape.number(digits):
            return Whole(digits, end, number)
        found = None if tail else _GROUPS.match(text, end)
        if found is None:
            return None
        groups = [(group[1], group.end()) for group in _GROUP.finditer(found[0])]
        joined, wholes = digits, list[tuple[str, int]]()
        for more, ends in groups:
            joined += more
            if self._shape.number(joined):
                wholes.append((joined, end + ends))
        if not wholes or is_date(joined) or _IS_DATE_IN_PARTS(digits + found[0]):
            return None
        last, last_end = wholes[-1]
        is_spelled = all(len(group) == 1 for group, _ in groups)  # `1 7 5 2 0 2 8`
        is_usual = found["point"] is None or all(len(group) == 3 for group, _ in groups) or self._is_usual(last)
        is_all = last_end == found.end() and (len(wholes) == 1 or is_spelled)  # else it may be `Dr 082 000 1234`
        return Whole(last, last_end, self._shape.number(last) if is_all and is_usual else None)

    def _is_usual(self, digits: str) -> bool:
        return len(digits) in self._shape.usual_lengths


def _letters_backwards(prefix: str) -> re.Pattern[str]:
    """What stands before digits, read from there: the gap, then letters. The prefix may have points or spaces in it."""
    spaced = r"[ .\-]{0,2}".join(reversed(prefix))
    apart = rf"(?= [^\W\d_]{{1,{len(prefix) - 1}}} [ .\-] ) {spaced} (?! [^\W_] ) |" if len(prefix) > 1 else ""
    return re.compile(rf"( [\W_]{{0,40}}+ ) ( {apart} [^\W\d_]{{1,16}}+ )", re.VERBOSE | re.IGNORECASE)


def is_date(digits: str) -> bool:
    """Whether eight digits are a date's."""
    return _IS_DATE(digits) is not None
