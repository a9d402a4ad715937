"""Digits without a number's letters: behind the word drop, listed beside a number, or alone on a line.

Pure: no I/O, no clock.
"""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

from wamon.drops.lettered import odd_gap
from wamon.drops.normalization import MARKS
from wamon.drops.runs import is_date
from wamon.drops.slips import DROP_WORD, DROP_WORDS, LISTED, NO_LETTERS, NUMBER_WORDS, Slip
from wamon.drops.spelling import ENDING, LAST_DIGITS, USUAL_GAP

if TYPE_CHECKING:
    from wamon.drops.runs import Run, Whole
    from wamon.drops.shape import Shape

_NEAR = 12  # characters before the digits among which the number of a line, or the sign of a sum, stands
_MOST_BETWEEN = 200  # characters between a number and one that is like it

_DROP = "|".join(sorted(DROP_WORDS, key=len, reverse=True))
# What may stand between the numbers of a list, or behind one that is alone: joining words, and how far the work is.
_LIST_WORDS = (
    "(?:and|en|na|ne|n|plus|then|also|ook|with|to|too|both|done|completed?|finished|installed|ok|okay|klaar|gedoen"
    "|siqedile|kuphelile|live|active|pending|not|yet|nog|nie|good|fixed|sorted)"
)
# What comes before digits of another kind, and what comes behind them.
_LABELS = (
    "(?:acc|account|rek|rekening|bank|branch|amount|total|balance|rands?|zar|r|price|cost|pay|paid|invoice|inv|po|order"
    "|ref|reference|ticket|case|job|quote|req|inc|wo|tt|pin|otp|password|passcode|wifi|serial|s/?n|ont|onu|olt|ups|mac"
    "|imei|sim|router|meter|stand|erf|pole|unit|house|plot|ext|tel|cell|phone|call|bel|whatsapp|fax|date|datum|time"
    "|version|fw|gate|access|alarm|port|vlan|ip|gps|lat|lon|reg|km|budget|spent|left|batch|model|part|barcode|postal)"
)
_UNITS = (
    "(?:rands?|zar|km|m|mm|cm|kg|g|l|mb|gb|tb|kb|hz|mhz|ghz|mbps|kbps|v|w|kw|kwh|people|houses|homes|meters|metres)"
)

_LABEL_BEFORE = re.compile(
    rf"(?<![^\W\d_]){_LABELS}[\W_]*(?:(?<![^\W\d_])(?:{NUMBER_WORDS}|is|was)(?![^\W\d_])[\W_]*)*\Z", re.IGNORECASE
).search
_HAS_COLUMNS = re.compile(r"[^\n]*[|;,\t][^\n]*\n").match
_PART_BEFORE = re.compile(
    r"[+$\u20ac\u00a3\u00a5][ ]?\Z|[0-9](?:[ \-./,]|\)[ \-]?)\Z"
).search  # of a sum or phone number
_IS_MEASURED = re.compile(
    rf"[.,:][0-9]{{1,2}}(?![0-9])|[.][0-9]|[ ]?[%\u00b0@$\u20ac\u00a3]|[ ]?{_UNITS}(?![^\W_])", re.IGNORECASE
).match

_IS_SHORT_DATE = re.compile("[0-9]{2}(?:0[1-9]|1[0-2])[0-9]{2}").fullmatch

_IS_LISTED = re.compile(rf"(?:[\W_]|(?<![^\W_]){_LIST_WORDS}(?![^\W\d_]))*+", re.IGNORECASE).fullmatch
_IS_NAMING = re.compile(rf"(?:[\W_]|(?<![^\W_])(?:{NUMBER_WORDS}|is|was|are)(?![^\W_]))*+", re.IGNORECASE).fullmatch
_IS_JOINED = re.compile(r"(?:[,;&+/|\n]|(?<![^\W_])(?:and|en|na|plus))[^\w\n]*\Z", re.IGNORECASE).search
_ITEM_NUMBER = rf"(?:(?<![^\s,;:])[0-9]{{1,2}}[.)][ ]|[{MARKS}])"
_ITEM = re.compile(rf"{_ITEM_NUMBER}[^\w\n]*\Z").search
_IS_NO_WORD = re.compile(r"[^\w$+@\u20ac\u00a3]*").fullmatch


_ENDINGS = re.compile(
    rf"""
      (?: / {LAST_DIGITS} ){{1,12}}+ (?! / )
    | (?: {ENDING} ){{1,12}}+ (?= [ ]? (?: [.,;!?)\n] | [^\x00-\x7f] | \Z | (?:done|completed?|ok|klaar)\b ) )
    """,
    re.VERBOSE,
).match
_EACH_ENDING = re.compile("([^0-9]+)([0-9]+)").finditer


class Known(NamedTuple):
    """A number that stands before: posted, or meant."""

    digits: str
    end: int


class Bare:
    """Judges digits by what stands around them, where no letters of a number do."""

    def __init__(self, shape: Shape) -> None:
        self._shape = shape
        self._name_before = re.compile(
            rf"""
            (?<![^\W_]) (?: (?P<prefix> {shape.prefix} (?: ['\u2019]?S )? ) | {_DROP} ) {NUMBER_WORDS}? (?![^\W\d_])
            (?P<words> (?: [^0-9] | (?<![0-9]) [0-9]{{1,4}}+ (?![0-9]) ){{0,40}} ) \Z
            """,
            re.VERBOSE | re.IGNORECASE,
        ).search
        self._name_behind = re.compile(
            rf"[^\w\n]{{0,4}}+ (?: {shape.prefix} | {_DROP} ) (?! [^\W_] | [\W_]{{0,4}}[0-9] ) \)?",
            re.VERBOSE | re.IGNORECASE,
        ).match
        self._number_behind = re.compile(
            rf"[\W_]{{0,4}}+ (?: (?:and|en|na|plus) [\W_]{{1,3}}+ )? {shape.prefix} {USUAL_GAP} ([0-9]+)",
            re.VERBOSE | re.IGNORECASE,
        ).match

        length = "|".join(rf"[0-9]{{{length}}}" for length in shape.usual_lengths) or "(?!)"
        self._line_ends = re.compile(
            rf"""
            (?: [^\w\n]*+ (?: (?: {_LIST_WORDS} | {length} ) (?! [^\W_] ) | {_ITEM_NUMBER} ) )*+ [^\w\n]*+ (?: \n | \Z )
            """,
            re.VERBOSE | re.IGNORECASE,
        ).match

    def judged(self, run: Run, last: Known | None) -> Slip | None:
        """What was meant, `last` being the number that stands before it."""
        found = run.whole
        if found is None or found.number is None or not self._shape.tells(found.digits):
            return None
        meant = _Meant(run, found, _before_item(run.before))
        if meant.is_measured:
            return None
        if last and meant.follows(last):
            return self._listed(meant, last.digits)
        if meant.is_glued:
            return self._named(meant)
        slip = self._unglued(meant, last)
        return None if slip is None or meant.is_of_another_kind else slip

    def endings(self, text: str, number: Known) -> list[Slip]:
        """Further numbers of which only the last digits are written, as in `DR1752028/29/30`: rising, and as long."""
        found = _ENDINGS(text, number.end)
        if found is None:
            return []
        endings = list(_EACH_ENDING(found[0]))
        rest = number.digits[: -len(endings[0][2])]
        numbers = [number.digits, *(rest + ending[2] for ending in endings)]
        is_list = len(endings) > 1 or not endings[0][1].isspace()
        is_rising = all(one < other for one, other in pairwise(numbers)) and len(set(map(len, numbers))) == 1
        if not is_list or not is_rising:
            return []
        start = number.end - len(number.digits)
        return [
            Slip(start, number.end + ending.end(), LISTED, self._shape.number(rest + ending[2])) for ending in endings
        ]

    def _unglued(self, meant: _Meant, last: Known | None) -> Slip | None:
        if slip := self._named(meant):
            return slip
        if last and meant.is_like(last):
            return self._listed(meant, last.digits)
        return self._before_name(meant) or self._alone(meant)

    def _named(self, meant: _Meant) -> Slip | None:
        """Behind the word drop or the prefix. What was written leaves out free words between them."""
        found = self._name_before(meant.before_item)
        if found is None:
            return None
        is_whole = _IS_NAMING(found["words"]) and meant.before_item == meant.run.before
        if meant.is_glued and not is_whole:
            return None
        start = meant.run.at - len(meant.run.before) + found.start() if is_whole else meant.run.at
        reason = odd_gap(found["words"]) if found["prefix"] else DROP_WORD
        return Slip(start, meant.found.end, reason, meant.found.number)

    def _listed(self, meant: _Meant, other: str) -> Slip:
        """Beside a number with these digits. One that is shorter or longer, or begins otherwise, may be anything."""
        is_alike = len(meant.digits) == len(other) and meant.digits[0] == other[0]
        return Slip(meant.run.at, meant.found.end, LISTED, meant.found.number if is_alike else None)

    def _before_name(self, meant: _Meant) -> Slip | None:
        """`1752028 DR`, and `1752022, DR1752028`."""
        if meant.is_round or meant.digits != meant.run.digits:
            return None
        if name := self._name_behind(meant.run.text, meant.found.end):
            return Slip(meant.run.at, name.end(), NO_LETTERS, meant.found.number)
        if number := self._number_behind(meant.run.text, meant.found.end):
            return self._listed(meant, number[1])
        return None

    def _alone(self, meant: _Meant) -> Slip | None:
        """On a line with only such numbers and how far the work is: of the usual length, and neither sum nor date."""
        digits = meant.digits
        if len(digits) not in self._shape.usual_lengths or digits != meant.run.digits:
            return None
        if meant.is_round or digits[0] == "0" or _IS_SHORT_DATE(digits):
            return None
        if not meant.begins_line or not self._line_ends(meant.run.text, meant.found.end):
            return None
        return Slip(meant.run.at, meant.found.end, NO_LETTERS, meant.found.number)


class _Meant(NamedTuple):
    """Digits that can be a number's."""

    run: Run
    found: Whole
    before_item: str
    """What stands before them, without the number of their line, as in `2. 1752028`."""

    @property
    def digits(self) -> str:
        return self.found.digits

    @property
    def item_at(self) -> int:
        return self.run.at - len(self.run.before) + len(self.before_item)

    @property
    def is_glued(self) -> bool:
        return bool(self.run.letters) and not self.run.gap

    @property
    def is_round(self) -> bool:
        return self.digits.endswith("000")

    @property
    def is_measured(self) -> bool:
        """A sum, a quantity or a date: the digits or what stands behind them say so."""
        return is_date(self.digits) or _IS_MEASURED(self.run.text, self.found.end) is not None

    @property
    def is_of_another_kind(self) -> bool:
        """A reference, a part of a sum or phone number: what stands before them says so, if need be on a line above."""
        before = self.before_item
        if _PART_BEFORE(before, max(0, len(before) - _NEAR)):
            return True
        label = _LABEL_BEFORE(before)
        return label is not None and not _HAS_COLUMNS(before, before.rfind("\n", 0, label.start()) + 1)

    @property
    def begins_line(self) -> bool:
        before = self.before_item
        line = before[before.rfind("\n") + 1 :]
        return _IS_NO_WORD(line) is not None

    def follows(self, last: Known) -> bool:
        """Whether nothing but joining words stands between them."""
        between = self.item_at - last.end
        return between <= _MOST_BETWEEN and bool(_IS_LISTED(self.run.text[last.end : self.item_at]))

    def is_like(self, last: Known) -> bool:
        """As long as the number before it and with the same first digits, or joined to something as that was."""
        if self.run.at - last.end > _MOST_BETWEEN:
            return False
        is_alike = len(self.digits) == len(last.digits) and self.digits[:2] == last.digits[:2]
        return is_alike or _IS_JOINED(self.before_item) is not None


def _before_item(before: str) -> str:
    item = _ITEM(before, max(0, len(before) - _NEAR))
    return before[: item.start()] if item else before
