"""What counts as a drop number: docs/guide.md's table, and what people and their keyboards make of it."""

from __future__ import annotations

import sys
import unicodedata

import pytest

from tests.support.environment import EXAMPLES
from wamon.drops.extraction import EXTRACTION_VERSION, Extractor, candidates
from wamon.drops.normalization import normalise

DEFAULT = "DR[0-9]{6,8}"
LONG, HUGE = 60_000, 250_000 if EXAMPLES else 120_000


@pytest.fixture(scope="module")
def extractor() -> Extractor:
    return Extractor(DEFAULT)


@pytest.mark.parametrize(
    "text",
    [
        "DR1752028",
        "dr 1752028 done",
        "*DR-1752028*",
        "_Dr#1752028_",
        "DR \u2013 1752028",
        "\uff24\uff32\uff11\uff17\uff15\uff12\uff10\uff12\uff18",
        "DR17\u200b52028",
    ],
)
def test_every_spelling_of_the_contract_s_first_row_is_the_same_number(extractor: Extractor, text: str) -> None:
    assert extractor.numbers(text) == ("DR1752028",)


def test_every_number_of_a_message_counts(extractor: Extractor) -> None:
    assert extractor.numbers("DR1752028, DR1752034 & dr1752040") == ("DR1752028", "DR1752034", "DR1752040")
    assert extractor.numbers("DR1752028/DR1752034") == ("DR1752028", "DR1752034")


@pytest.mark.parametrize(
    "text", ["ADDR1752028X", "DR1234", "DR123456789", "drive 1752 km", "Dr 0712345678", "1DR1752028"]
)
def test_every_text_of_the_contract_s_last_row_has_no_number(extractor: Extractor, text: str) -> None:
    assert extractor.numbers(text) == ()


def test_a_number_counts_once_where_it_appears_first(extractor: Extractor) -> None:
    assert extractor.numbers("dr-1752034 DR1752028 DR 1752034 Dr1752028") == ("DR1752034", "DR1752028")


@pytest.mark.parametrize("mark", ["*", "_", "~", "`", "```", "*_~", "_*"])
def test_whatsapp_s_marks_around_a_number_do_not_belong_to_it(extractor: Extractor, mark: str) -> None:
    assert extractor.numbers(f"{mark}DR1752028{mark[::-1]}") == ("DR1752028",)
    assert extractor.numbers(f"done{mark}DR 1752028{mark[::-1]}done") == ("DR1752028",)


@pytest.mark.parametrize("text", ["*DR*1752028", "DR_1752028", "DR*1752028*", "DR~1752028", "DR17*52028*"])
def test_whatsapp_s_marks_inside_a_number_are_no_separators(extractor: Extractor, text: str) -> None:
    assert extractor.numbers(text) == ()


@pytest.mark.parametrize(
    "separator",
    [*" -#:.", *map(chr, range(0x2010, 0x2016)), "\u00a0", "\u202f", "\uff03", "\uff1a", " - ", "...", "\u2026", "#: "],
)
def test_up_to_three_separators_are_left_out(extractor: Extractor, separator: str) -> None:
    assert extractor.numbers(f"DR{separator}1752028") == ("DR1752028",)


@pytest.mark.parametrize(
    "between",
    [
        *("----", "    ", "\u2026.", "\n", " \n", "\r", "\r\n", "\x0b", "\x0c", "\x85", "\u2028", "\u2029", "\u200f\n"),
        *("\t", "/", ",", "+", "\u2212", "\u2016", "\ufffd", "\x00", "\u20dd", "\u2800"),
    ],
)
def test_nothing_else_may_stand_between_letters_and_digits(extractor: Extractor, between: str) -> None:
    assert extractor.numbers(f"DR{between}1752028") == ()


@pytest.mark.parametrize(
    "neighbour", ["a", "Z", "7", "\u00e9", "\u0416", "\u5b8c", "\u0663", "\uff11", "\u09f4", "\u2122"]
)
def test_a_letter_or_number_of_any_script_touching_it_disqualifies(extractor: Extractor, neighbour: str) -> None:
    assert extractor.numbers(f"{neighbour}DR17520281") == ()
    assert extractor.numbers(f"DR17520281{neighbour}") == ()
    assert extractor.numbers(f"{neighbour} DR17520281 {neighbour}") == ("DR17520281",)


@pytest.mark.parametrize("neighbour", [*"/&,;!?()[]<>@+='\"|\\\n\t\0", "\U0001f44d", "\ufffd", "\u2705", "\u33a1"])
def test_anything_else_touching_it_does_not_disqualify(extractor: Extractor, neighbour: str) -> None:
    assert extractor.numbers(f"{neighbour}DR1752028{neighbour}") == ("DR1752028",)


@pytest.mark.fault("F63")
def test_a_lone_surrogate_is_just_another_character(extractor: Extractor) -> None:
    assert extractor.numbers("\ud800DR1752028\udfff") == ("DR1752028",)
    assert extractor.numbers("DR\ud8001752028") == ()
    assert extractor.numbers("\ud800" * LONG) == ()


def test_two_numbers_run_together_are_none(extractor: Extractor) -> None:
    assert extractor.numbers("DR1752028DR1752034") == ()
    assert extractor.numbers("DR1752028 DR1752034DR1752040") == ("DR1752028",)


def test_a_number_ends_where_the_message_ends_or_a_separator_follows(extractor: Extractor) -> None:
    assert extractor.numbers("DR1752028.") == ("DR1752028",)
    assert extractor.numbers("DR1752028 1752034") == ("DR1752028",)
    assert extractor.numbers("house 12 DR1752028-2") == ("DR1752028",)


def test_a_word_and_its_number_may_stand_before_a_drop_number(extractor: Extractor) -> None:
    assert candidates("Stand 1234-DR1752028") == ("STAND1234", "DR1752028")
    assert extractor.numbers("Stand 1234-DR1752028") == ("DR1752028",)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("A1234", ("A1234",)),
        ("ABCDEFGH1234", ("ABCDEFGH1234",)),
        ("ABCDEFGHI1234", ()),
        ("THEFINALDR1752028", ()),
        ("\u0416" * 8 + "1234", ("\u0416" * 8 + "1234",)),
        ("\u0416" * 9 + "1234", ()),
        ("D1234", ("D1234",)),
        ("D123", ()),
        ("D123456789012", ("D123456789012",)),
        ("D1234567890123", ()),
        ("1752028", ()),
        ("", ()),
    ],
)
def test_one_to_eight_letters_and_four_to_twelve_digits_are_a_candidate(text: str, found: tuple[str, ...]) -> None:
    assert candidates(text) == found
    assert candidates(f"({text})") == found


def test_candidates_come_once_each_in_order_whatever_the_pattern() -> None:
    assert candidates("pole 4432, DR1752028, Pole-4432 and dr 123") == ("POLE4432", "DR1752028")


@pytest.mark.parametrize("zero", [0x0660, 0x06F0, 0x0966, 0x1D7D8, 0xFF10, 0x1E950])
@pytest.mark.fault("F67")
def test_decimal_digits_of_any_script_are_digits(extractor: Extractor, zero: int) -> None:
    assert extractor.numbers("DR " + "".join(chr(zero + int(digit)) for digit in "1752028")) == ("DR1752028",)


@pytest.mark.parametrize(
    "mark", ["\u00b2", "\u00bd", "\u2460", "\u2474", "\u2488", "\u2776", "\u3251", "1\ufe0f\u20e3", "7\u20e3"]
)
def test_a_mark_is_no_digit_of_a_number_and_may_stand_before_it_in_a_list(extractor: Extractor, mark: str) -> None:
    assert extractor.numbers(f"{mark}DR1752028 {mark} DR1752034 {mark}") == ("DR1752028", "DR1752034")
    assert extractor.numbers(f"{mark}{mark}DR1752028") == ("DR1752028",)
    for text in (f"DR1752028{mark}", f"DR17{mark}52028", f"DR{mark}1752028", f"1{mark}DR1752028", f"a{mark}DR1752028"):
        assert extractor.numbers(text) == ()


def test_a_text_whose_only_digits_are_marks_has_no_number(extractor: Extractor) -> None:
    assert extractor.numbers("DR\u2776\u2777\u2778\u2779\u277a\u277b") == ()
    assert candidates("D\u27761752028") == ()


@pytest.mark.parametrize("cap", ["\ufe0f\u20e3", "\u20e3"])
def test_keycaps_in_a_row_are_a_number_and_fewer_than_four_a_mark(extractor: Extractor, cap: str) -> None:
    keycaps = cap.join("1752028") + cap
    assert extractor.numbers(f"DR{keycaps} DR {keycaps}, DR#{cap}1752034") == ("DR1752028", "DR1752034")
    assert extractor.numbers(f"1{cap}0{cap}DR1752028") == ("DR1752028",)
    for text in (f"DR1752028{keycaps}", f"DR{keycaps}1", f"DR17520281{cap}", f"DR1{cap}7{cap}52028"):
        assert extractor.numbers(text) == ()


@pytest.mark.parametrize(
    "unseen", ["\ufe0f", "\ufe00", "\U000e0100", "\u034f", "\u115f", "\u1160", "\u3164", "\uffa0", "\u180b"]
)
def test_joiners_fillers_and_variation_selectors_anywhere_change_nothing(extractor: Extractor, unseen: str) -> None:
    assert extractor.numbers(unseen + unseen.join("*DR - 1752028* DR1752034") + unseen) == ("DR1752028", "DR1752034")
    assert extractor.numbers(f"ad{unseen}DR1752028") == ()


@pytest.mark.parametrize("invisible", ["\u200b", "\u200d", "\u200e", "\u202a", "\u2060", "\u2068", "\u00ad", "\ufeff"])
@pytest.mark.fault("F66")
def test_format_characters_anywhere_change_nothing(extractor: Extractor, invisible: str) -> None:
    assert extractor.numbers(invisible + invisible.join("*DR - 1752028* DR1752034") + invisible) == (
        "DR1752028",
        "DR1752034",
    )


def test_format_characters_do_not_part_a_word(extractor: Extractor) -> None:
    assert extractor.numbers("ad\u200bDR1752028") == ()
    assert extractor.numbers("DR1752028\u200b9999") == ()


def test_a_format_character_does_not_part_a_letter_from_its_accent(extractor: Extractor) -> None:
    # Else the letter would count as one after a second normalising only, and replay would differ.
    assert normalise("A\u200b\u0301") == "\u00c1"
    assert extractor.numbers("A\u200b\u0301DR1752028") == ()


def test_combining_marks_are_neither_letters_nor_separators(extractor: Extractor) -> None:
    assert extractor.numbers("D\u0301R1752028") == ()
    assert extractor.numbers("DR\u03011752028") == ()
    assert extractor.numbers("DR17\u030152028") == ()
    assert extractor.numbers("DR1752028\u0301") == ("DR1752028",)


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("\u00df1234", "SS1234"),
        ("\u0149 1234", "\u02bcN1234"),
        ("\ufb01 1234", "FI1234"),
        ("d\u01311234", "DI1234"),
        ("\u0434\u0440-1234", "\u0414\u04201234"),
        ("\u00df" * 8 + "1234", "S" * 16 + "1234"),
    ],
)
def test_upper_case_may_be_longer_and_of_any_script(text: str, canonical: str) -> None:
    assert candidates(text) == (canonical,)
    assert Extractor(r"\pL+[0-9]+").numbers(text) == (canonical,)


def test_the_pattern_must_match_the_whole_canonical_form() -> None:
    assert Extractor("DR[0-9]{6}").numbers("DR1752028") == ()
    assert Extractor("R[0-9]+").numbers("DR1752028") == ()
    assert Extractor("DR1|DR1752028").numbers("DR1752028") == ("DR1752028",)
    assert Extractor("^DR[0-9]+$").numbers("dr 1752028") == ("DR1752028",)


def test_the_pattern_ignores_case_in_every_script() -> None:
    assert Extractor("dr[0-9]{7}").numbers("Dr 1752028") == ("DR1752028",)
    assert Extractor("\u0434\u0440[0-9]{7}").numbers("\u0414\u0440 1752028") == ("\u0414\u04201752028",)


def test_one_extractor_does_not_change_another() -> None:
    drops, poles = Extractor(DEFAULT), Extractor("POLE[0-9]{4}")
    assert drops.numbers("pole 4432 DR1752028") == ("DR1752028",)
    assert poles.numbers("pole 4432 DR1752028") == ("POLE4432",)


@pytest.mark.parametrize(
    ("pattern", "reason"),
    [
        ("DR(", "missing ): DR("),
        ("(?=DR)", "invalid perl operator: (?="),
        (r"(D)\1", r"invalid escape sequence: \1"),
        ("\u0414(", "missing ): \u0414("),
        ("((a{100}){100}){100}", "invalid repetition size: {100}"),
    ],
)
def test_a_pattern_that_does_not_compile_is_refused_in_re2_s_words(
    pattern: str, reason: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ValueError) as refused:
        Extractor(pattern)
    assert str(refused.value) == reason
    assert capfd.readouterr().err == ""  # RE2 would log it by itself


def test_a_pattern_that_is_no_unicode_is_a_value_error_too() -> None:
    with pytest.raises(ValueError):
        Extractor("DR\ud800")


def test_ascii_is_normal_already() -> None:
    text = "".join(map(chr, range(128)))
    assert normalise(text) is text


def test_normalise_removes_every_format_character_of_this_python() -> None:
    characters = [char for char in map(chr, range(sys.maxunicode + 1)) if unicodedata.category(char) == "Cf"]
    assert len(characters) > 150
    assert [hex(ord(char)) for char in characters if normalise(f"D{char}R") != "DR"] == []


@pytest.mark.fault("F67")
def test_normalise_makes_every_decimal_digit_ascii() -> None:
    digits = [char for char in map(chr, range(128, sys.maxunicode + 1)) if unicodedata.category(char) == "Nd"]
    assert len(digits) > 600
    assert [hex(ord(char)) for char in digits if normalise(char) != str(unicodedata.decimal(char))] == []


@pytest.fixture(scope="module")
def others() -> list[str]:
    """Every character that is no decimal digit; an older Python doesn't know yet what a newer one calls Cf."""
    return [
        c for c in map(chr, range(128, sys.maxunicode + 1)) if unicodedata.category(c) not in {"Cn", "Co", "Cf", "Nd"}
    ]


@pytest.fixture(scope="module")
def marks(others: list[str]) -> list[str]:
    return [char for char in others if set(unicodedata.normalize("NFKC", char)) & set("0123456789")]


def test_normalise_keeps_every_mark_of_which_nfkc_would_make_digits(marks: list[str]) -> None:
    assert len(marks) > 200
    assert [hex(ord(char)) for char in marks if normalise(f"{char}\uff21{char}") != f"{char}A{char}"] == []


def test_normalise_is_plain_nfkc_for_every_other_character_that_is_seen(others: list[str], marks: list[str]) -> None:
    changed = {ord(char) for char in others if normalise(char) != unicodedata.normalize("NFKC", char)}
    unseen = [0x34F, 0x115F, 0x1160, 0x17B4, 0x17B5, *range(0x180B, 0x180E), 0x180F, 0x3164, *range(0xFE00, 0xFE10)]
    assert changed - set(map(ord, marks)) == {*unseen, 0xFFA0, *range(0xE0100, 0xE01F0)}


def test_only_marks_and_two_letters_begin_with_what_cpython_has_to_sort() -> None:
    # What cutting piles of marks relies on: nothing else can be part of a pile.
    sorted_ones = [
        char
        for char in map(chr, range(128, sys.maxunicode + 1))
        if unicodedata.combining(unicodedata.normalize("NFKD", char)[0])
    ]
    disguised = [char for char in sorted_ones if not unicodedata.category(char).startswith("M")]
    assert disguised == ["\uff9e", "\uff9f"]
    assert not any(char.isalnum() for char in sorted_ones if char not in disguised)


@pytest.mark.parametrize("marks", [1, 29, 30, 31, 32, 300, 5000])
@pytest.mark.parametrize("pair", ["\u0301\u0323", "\uff9e\u0334", "\u0f73\u0301", "\u20dd\u20e0"])
def test_a_pile_of_marks_of_any_height_parts_what_it_stands_between(marks: int, pair: str) -> None:
    pile = pair * marks
    assert candidates(f"DR1752028{pile} DR{pile}1752034 dr{pile}dr1752040 A{pile}B1752046") == (
        "DR1752028",
        "DR1752040",
        "B1752046",
    )


@pytest.mark.parametrize("unit", ["\U0001f44d", "\U0001f44d\ufe0f", "\u2764\ufe0f\u20e3"], ids=ascii)
def test_cutting_piles_of_marks_takes_nothing_else_from_a_long_text(extractor: Extractor, unit: str) -> None:
    circled = "\u24b9\u24c7"  # symbols, as emoji are, until NFKC makes them letters
    assert extractor.numbers(f"{unit * 600}{circled}1752028") == ("DR1752028",)


def filled(unit: str, size: int) -> str:
    return unit * (size // len(unit))


# Each line of work is a constant per character by construction (see the module); here each such text has to end, and to
# say what a short one says. The timeout is generous: it is fifty times as long, and what it stops is longer still.
@pytest.mark.timeout(8)
@pytest.mark.parametrize(
    "unit",
    [
        *("a", "1", " ", "-#:.", "DR", "D1", "DR1", "D 1", "DR---", "DR----1752028", "DRDRDRDRD1752028", "1DR1752028"),
        *("DR123 ", "D1234567890123 ", "1234567890123", "*", "_", "\n", "\0", "\ufffd", "\u00e9", "\u0416", "\u5b8c"),
        *("\u0661", "D\u0661", "\u2776", "\u200b", "a\u200b", "\u0301", "\u0301\u0323", "\uff9e\u0334", "\u0f73\u0301"),
        *("\U0001f44d", "\ufdfa", "\u1100\u1161\u11a8"),
    ],
    ids=ascii,
)
def test_a_huge_text_without_a_number_has_none(extractor: Extractor, unit: str) -> None:
    assert extractor.numbers(filled(unit, HUGE)) == ()


@pytest.mark.timeout(8)
@pytest.mark.parametrize(
    "unit", ["a", "1", "-", "DR", "\n", "\u0301\u0323", "\uff9e\u0334", "\U0001f44d", "\u200b"], ids=ascii
)
def test_a_number_is_found_behind_and_before_a_huge_text(extractor: Extractor, unit: str) -> None:
    text = filled(unit, HUGE)
    assert extractor.numbers(f"DR1752028/{text}/DR1752034") == ("DR1752028", "DR1752034")


@pytest.mark.timeout(8)
def test_as_many_numbers_are_found_as_stand_there(extractor: Extractor) -> None:
    numbers = tuple(f"DR{1_000_000 + n}" for n in range(HUGE // 10))
    assert extractor.numbers(" ".join(numbers)) == numbers
    assert extractor.numbers(filled("dr 1752028\n", HUGE)) == ("DR1752028",)
    assert len(candidates(filled("A1234 ", HUGE))) == 1


@pytest.mark.timeout(8)
@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("(a+)+$", False),
        ("(x|x|x)*", False),
        ("([A-Z0-9]+)+!", False),
        ("([A-Z0-9]+)+", True),
        ("(.*)*(.*)*(.*)*", True),
        ("((([A-Z]*)*)*[0-9]?)*", True),
        ("(?:A?){500}[A-Z0-9]{4,20}", True),
    ],
)
@pytest.mark.fault("F68")
def test_no_pattern_is_slow(pattern: str, *, matches: bool) -> None:
    numbers = tuple(f"AAAAAAAA{100_000_000_000 + n}" for n in range(LONG // 21))
    assert Extractor(pattern).numbers(" ".join(numbers)) == (numbers if matches else ())


def test_a_change_of_meaning_raises_the_version() -> None:
    # Whoever changes what these texts give raises EXTRACTION_VERSION with it: the ledger then reads old messages again.
    assert EXTRACTION_VERSION == 2
    assert candidates(
        "*DR - 1752028* ADDR1752028X pole\u20114432 \uff24\uff32\u0661\u0662\u0663\u0664 \u2460dr\ufe0f1752034\u2461"
    ) == (
        "DR1752028",
        "POLE4432",
        "DR1234",
    )
