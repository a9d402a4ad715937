"""Extraction against texts nobody thought of, and against a second, slow reading of the contract."""

from __future__ import annotations

import unicodedata
from itertools import groupby
from typing import TYPE_CHECKING

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.environment import examples
from wamon.drops.extraction import Extractor, candidates
from wamon.drops.normalization import normalise

if TYPE_CHECKING:
    from collections.abc import Sequence

EXTRACTOR = Extractor("DR[0-9]{6,8}")
SEPARATORS = " -#:.\u2010\u2011\u2012\u2013\u2014\u2015"
FILLERS = "\u034f\ufe0f\u3164"
INVISIBLE = FILLERS + "\u200b\u200c\u200d\u200e\u200f\u202a\u202c\u2060\u2066\u2069\u00ad\ufeff\U000e0061"
ZEROS = (0x30, 0x30, 0x30, 0x0660, 0x06F0, 0x0966, 0xFF10, 0x1D7CE)

repeatable = settings(max_examples=examples(300), derandomize=True, database=None)


# The second reading: runs of characters of one kind, without a regular expression.


def kind(char: str) -> str:
    if char.isalpha():
        return "letters"
    if char.isdecimal():
        return "digits"
    if char.isalnum():
        return "marks" if is_mark(char) else "other numbers"
    return "separators" if char in SEPARATORS else "else"


def is_mark(char: str) -> bool:
    made = unicodedata.normalize("NFKC", char)
    return char == "\u2776" or (not char.isdecimal() and any(digit in made for digit in "0123456789"))


def read_slowly(text: str) -> list[str]:
    seen = "".join(char for char in text if unicodedata.category(char) != "Cf" and char not in FILLERS)
    # Marks are kept apart from their neighbours, since NFKC would make digits of them.
    pieces = [(is_a_mark, "".join(piece)) for is_a_mark, piece in groupby(seen, is_mark)]
    plain = "".join(piece if is_a_mark else unicodedata.normalize("NFKC", piece) for is_a_mark, piece in pieces)
    runs = [("else", "")] + [(name, "".join(run)) for name, run in groupby(plain, kind)] + [("else", "")]
    found = [canonical for at in range(1, len(runs) - 1) if (canonical := candidate_at(runs, at))]
    return list(dict.fromkeys(found))


def candidate_at(runs: Sequence[tuple[str, str]], at: int) -> str | None:
    name, letters = runs[at]
    (before, marks), (further, _) = runs[at - 1], runs[at - 2]
    if before == "marks":
        before, letters_and_marks = further, marks + letters
    else:
        letters_and_marks = letters
    if name != "letters" or len(letters_and_marks) > 8 or before in {"letters", "digits", "other numbers"}:
        return None
    if runs[at + 1][0] == "separators" and len(runs[at + 1][1]) <= 3:
        at += 1
    name, digits = runs[at + 1]
    if name != "digits" or not 4 <= len(digits) <= 12 or runs[at + 2][0] in {"letters", "marks", "other numbers"}:
        return None
    return letters.upper() + "".join(str(unicodedata.decimal(digit)) for digit in digits)


def is_default(number: str) -> bool:
    digits = number.removeprefix("DR")
    return number.startswith("DR") and 6 <= len(digits) <= 8 and set(digits) <= set("0123456789")


# Texts with numbers planted in any spelling, between neutral words.

planted_numbers = st.text("0123456789", min_size=6, max_size=8).map("DR".__add__)


@st.composite
def spellings(draw: st.DrawFn, number: str) -> str:
    letters = [draw(st.sampled_from([c, c.lower(), chr(ord(c) + 0xFEE0), chr(ord(c) + 0x1D3BF)])) for c in number[:2]]
    zero = draw(st.sampled_from(ZEROS))
    digits = [chr(zero + int(digit)) for digit in number[2:]]
    separators = draw(st.lists(st.sampled_from(SEPARATORS + "\u00a0\u2007\u3000\uff03\uff0d\uff1a"), max_size=3))
    characters = [*letters, *separators, *digits]
    for _ in range(draw(st.integers(0, 4))):
        characters.insert(draw(st.integers(0, len(characters))), draw(st.sampled_from(INVISIBLE)))
    marks = draw(st.text("*_~`", max_size=3))
    return marks + "".join(characters) + marks[::-1]


words = st.one_of(
    st.sampled_from(["done", "Good morning", "house 12", "km", "caf\u00e9", "\u5b8c\u6210", "@\u2068Sipho\u2069"]),
    st.sampled_from(["\U0001f44d\U0001f3fd", "\u2705", "1\ufe0f\u20e3", "\u2026"]),
    st.text("abcXYZ\u00e9\u0416\u00df", min_size=1, max_size=12),
    st.integers(0, 999).map(str),
    st.text(".,;!?()/-_*~\n", max_size=5),
)
gaps = st.sampled_from([" ", "\n", ", ", " / ", "/", " & ", "(", ") ", "\U0001f44d", "\u2705 ", "\t", "\u2028"])


@st.composite
def posts(draw: st.DrawFn) -> tuple[str, tuple[str, ...]]:
    numbers = draw(st.lists(planted_numbers, max_size=6))
    pieces = [draw(words)]
    for number in numbers:
        pieces += [draw(gaps), draw(spellings(number)), draw(gaps), draw(words)]
    return "".join(pieces), tuple(dict.fromkeys(numbers))


@repeatable
@given(posts())
def test_every_planted_number_comes_out_once_and_nothing_else(post: tuple[str, tuple[str, ...]]) -> None:
    text, numbers = post
    assert EXTRACTOR.numbers(text) == numbers


@repeatable
@given(posts())
def test_a_post_repeated_says_nothing_new(post: tuple[str, tuple[str, ...]]) -> None:
    text, numbers = post
    assert EXTRACTOR.numbers(f"{text}\n{text}") == numbers


@repeatable
@given(posts())
def test_numbers_touched_by_letters_on_both_sides_are_none(post: tuple[str, tuple[str, ...]]) -> None:
    _, numbers = post
    assert EXTRACTOR.numbers(" ".join(f"x{number}" for number in numbers)) == ()
    assert EXTRACTOR.numbers(" ".join(f"{number}x" for number in numbers)) == ()


# Texts made of what matters, so that candidates and almost-candidates are dense.

pieces = ["DR", "dr", "D", "R", "ABCDEFGH", "1752028", "123", "4567", "123456", " ", "-", "\u2013", " - "]
odd = "aZ\u00e9\u00df\u0416\u0149\u5b8c19\u0663\u2776\u2460\u00bd\u33a1\u09f4\u2122\u2026\u00b4_*~`\n\t/#:.,\0\ufffd"
clinging = "\u0301\u0323\u034f\ufe0f\u3164\u20dd\uff9e\u200b\u2068\u00ad\ud83d\U0001f44d"
dense = st.lists(st.one_of(*map(st.sampled_from, (pieces, list(odd), list(clinging)))), max_size=14).map("".join)
anything = st.one_of(dense, st.text(st.characters(), max_size=60))


@repeatable
@given(anything)
def test_candidates_are_what_a_slow_reading_of_the_contract_finds(text: str) -> None:
    assert list(candidates(text)) == read_slowly(text)


@repeatable
@given(anything, st.sampled_from(["\u0301\u0323", "\uff9e\u0334", "\u0344"]), st.integers(200, 400))
def test_a_text_too_long_for_plain_nfkc_reads_the_same(text: str, pair: str, height: int) -> None:
    longer = f"{text} A{pair * height}{text}"
    assert list(candidates(longer)) == read_slowly(longer)


@repeatable
@given(anything)
def test_normalising_first_changes_no_number(text: str) -> None:
    plain = normalise(text)
    assert candidates(plain) == candidates(text)
    assert EXTRACTOR.numbers(plain) == EXTRACTOR.numbers(text)


@repeatable
@given(anything)
def test_every_number_matches_the_pattern_and_comes_once(text: str) -> None:
    numbers = EXTRACTOR.numbers(text)
    assert all(is_default(number) for number in numbers)
    assert len(set(numbers)) == len(numbers)


@repeatable
@given(anything)
def test_numbers_are_the_candidates_that_match_in_their_order(text: str) -> None:
    assert list(EXTRACTOR.numbers(text)) == [number for number in read_slowly(text) if is_default(number)]


@repeatable
@given(planted_numbers)
def test_a_canonical_number_is_its_own_canonical_form(number: str) -> None:
    assert EXTRACTOR.numbers(number) == (number,)


letters_and_digits = st.builds(
    str.__add__,
    st.text("DRdrFT\u00c4\u017f\u0130", min_size=1, max_size=8),
    st.text("0123456789", min_size=4, max_size=12),
)


@repeatable
@given(
    st.one_of(letters_and_digits, dense),
    st.sampled_from(
        ["DR[0-9]{6,8}", "[A-F]R[0-9]{7}", "dr[0-9]{4,12}", "[DFs]{1,2}T17[0-9]{4}", "DR17[0-9]{2,3}[0-8]{1,9}", "DR12"]
    ),
)
def test_a_pattern_reads_alike_in_whichever_way_it_is_looked_for(written: str, pattern: str) -> None:
    assert Extractor(pattern).numbers(written) == Extractor(f"(?:{pattern})").numbers(written)
