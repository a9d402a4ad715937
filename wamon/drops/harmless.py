"""What can be part of no near miss: nearly every text, told by two regular expressions. Pure: no I/O, no clock."""

from __future__ import annotations

import re
from string import ascii_uppercase
from typing import TYPE_CHECKING

from wamon.drops.normalization import MARKED_DIGITS, MARKS
from wamon.drops.slips import DROP_WORDS, letter_slips
from wamon.drops.spelling import DASHES, ENDING, POINTS, USUAL_GAP

if TYPE_CHECKING:
    from wamon.drops.shape import Shape

_COMBINING = r"\u0300-\u036f\u0483-\u0489\u1ab0-\u1aff\u1dc0-\u1dff\u20d0-\u20ff\ufe20-\ufe2f"
_BETWEEN_DIGITS = rf"[ _*~\u2800{POINTS}{DASHES}{_COMBINING}]"
_IN_PHONE = r"(?: [ \-./] | \)[ ]? )"
_NOTHING = re.compile("(?!)")
_ANYTHING = re.compile(".*", re.DOTALL)


def harmless(shape: Shape) -> re.Pattern[str]:
    """What is part of no near miss, from a place on: up to the digits that can be, or the prefix before such digits.

    That is, in this order: what is neither a digit nor the prefix's first letter; a number as it should be, where the
    pattern lets it be told by its length, and no ending follows; a first letter, unless digits follow the prefix;
    digits behind a letter that ends nothing which is looked for, as of most serials; too few digits, or too many, at
    once or in the parts of a phone number.
    """
    if not shape.prefix:
        return _ANYTHING
    first, *others = (f"[{letter}{letter.lower()}]" for letter in shape.prefix)
    rest, digit = "".join(others), rf"[0-9{MARKED_DIGITS}]"
    fewest, too_many = shape.lengths[0], shape.lengths[-1] + 2  # one too many may be the prefix's last letter
    lengths = "|".join(rf"[0-9]{{{length}}}+" for length in shape.certain_lengths) or "(?!)"
    return re.compile(
        rf"""
        (?: [^0-9{MARKED_DIGITS}{first[1:-1]}]++
          | (?<! [^\W_] ) {first} {rest} {USUAL_GAP} (?: {lengths} ) (?! [^\W_] | {ENDING} )
          | {first} (?! {rest} {USUAL_GAP} [^\W_]{{0,2}} {digit} )
          | (?<= [{_unending(shape.prefix)}] ) [0-9]++
          | (?! {digit} (?: {_BETWEEN_DIGITS}{{0,2}}+ {digit} ){{{fewest - 1}}} ) {digit}++
          | [0-9]{{{too_many},}}+
          | (?= [0-9]{{1,{fewest - 1}}}+ {_IN_PHONE} ) (?= [0-9] (?: {_IN_PHONE}? [0-9] ){{{too_many - 1}}} )
            [0-9]++ (?: {_IN_PHONE} [0-9]++ )*+
        )*+
        """,
        re.VERBOSE,
    )


def hint(shape: Shape) -> re.Pattern[str]:
    """What a text in capitals, behind a line break, must hold for digits in it to be a near miss, if it has no number.

    That is the prefix or the word drop, at the beginning of a word; letters that are nearly the prefix, before digits;
    the prefix before digits; or digits that begin a line. Each begins with one character, which is what `re` looks for.
    """
    if not shape.prefix:
        return _NOTHING
    digits = rf"[\W_]{{0,40}}+ [0-9]{{{shape.lengths[0]}}}"
    slips = (r"[ .\-]{1,2}".join(shape.prefix), *letter_slips(shape.prefix))
    words = [shape.prefix, *DROP_WORDS, *(rf"{slip} {digits}" for slip in slips)]
    by_first = {word[0]: [other[1:] for other in words if other[0] == word[0]] for word in words}
    begun = "|".join(rf"{first} (?<! [^\W\d_{MARKS}] . ) (?: {'|'.join(rest)} )" for first, rest in by_first.items())
    usual = "|".join(rf"[0-9]{{{length}}}" for length in shape.usual_lengths) or "(?!)"
    return re.compile(
        rf"""
          {begun}
        | {shape.prefix} {USUAL_GAP} [^\W_]{{0,2}} [0-9]
        | \n [^\w\n]*+ (?: (?: [0-9]{{1,2}}[.)] | [{MARKS}] ) [^\w\n]*+ )? (?: {usual} ) (?! [0-9] )
        """,
        re.VERBOSE,
    )


def _unending(prefix: str) -> str:
    """The letters that end neither the prefix, whatever slip is in it, nor a word before a number."""
    ends = {word[-1] for word in (prefix, *letter_slips(prefix))} | set("DENOPRSAM")
    letters = "".join(letter for letter in ascii_uppercase if letter not in ends)
    return letters + letters.lower()
