"""Near misses: the slips of the field, and what is none however like one it looks."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from wamon.drops.extraction import Extractor, normalise
from wamon.drops.near import Nearness, prefix_of
from wamon.drops.reading import Rules
from wamon.model import Message, NearMiss, Start

DEFAULT = "DR[0-9]{6,8}"
MB = 1_000_000


def misses(text: str, pattern: str = DEFAULT) -> list[tuple[str, str, str | None]]:
    extractor = Extractor(pattern)
    plain = normalise(text)
    found = Nearness(pattern, extractor.is_number).misses(plain, extractor.numbers_in(plain))
    return [(miss.written, miss.reason, miss.likely) for miss in found]


def message(text: str, *, from_me: bool = False, sender: str = "27820000001") -> Message:
    return Message(1, "1@g.us", "A", sender, datetime(2026, 11, 20, tzinfo=UTC), text, "", from_me, 0)


@pytest.mark.parametrize(
    ("text", "reason", "likely"),
    [
        ("DR1234", "too-short", None),
        ("*dr-1234* done", "too-short", None),
        ("DR12", "too-short", None),
        ("DR17520288812", "too-long", None),
        ("Dr 0712345678", "too-long", None),
        ("D R1752028", "letters-apart", "DR1752028"),
        ("D-R 1752028", "letters-apart", "DR1752028"),
        ("D.R. 1752028", "letters-apart", "DR1752028"),
        ("rd 1752028", "letters-swapped", "DR1752028"),
        ("D1752028", "letter-missing", "DR1752028"),
        ("R-1752028", "letter-missing", "DR1752028"),
        ("DDR1752028", "letter-doubled", "DR1752028"),
        ("drr1752028", "letter-doubled", "DR1752028"),
        ("DR175202B", "letter-in-digits", "DR1752028"),
        ("DR175O28", "letter-in-digits", "DR175028"),
        ("DRl752o28", "letter-in-digits", "DR1752028"),
        ("DRO752028", "letter-in-digits", "DR0752028"),
        ("DRD752028", "letter-in-digits", "DR0752028"),
        ("DR17X2028", "letter-in-digits", None),
        ("DR1752028x", "letter-in-digits", None),
        ("DR1752 028", "split", "DR1752028"),
        ("DR 175-2028", "split", "DR1752028"),
        ("DR17*52*028", "split", "DR1752028"),
        ("DR 17 52 028", "split", "DR1752028"),
        ("DR 175 202 8", "split", None),
        ("Dr 082 000 1234", "split", None),
        ("DR_1752028", "separator", "DR1752028"),
        ("DR/1752028", "separator", "DR1752028"),
        ("DR=1752028", "separator", "DR1752028"),
        ("DR (1752028)", "separator", "DR1752028"),
        ("dr no. 1752028", "separator", "DR1752028"),
        ("DR number: 1752028", "separator", "DR1752028"),
        ("\uff24\uff32\u200b \u0661\u0667\u0665\u0662", "too-short", None),
    ],
)
def test_a_slip_of_the_field_is_known(text: str, reason: str, likely: str | None) -> None:
    assert [(found, meant) for _, found, meant in misses(text)] == [(reason, likely)]
    assert [(found, meant) for _, found, meant in misses(f"Good day ({text}), done.")] == [(reason, likely)]


def test_what_was_written_is_kept_as_it_stands_in_capitals_and_once() -> None:
    assert [written for written, _, _ in misses("d\u00a0r1752028, *dr_1752028*; D R1752028 dr\t1752028")] == [
        "D R1752028",
        "DR_1752028",
        "DR 1752028",
    ]


@pytest.mark.parametrize(
    "text",
    [
        *("DR1752028", "*DR-1752028*", "DR1752028, DR1752034 & dr1752040", "DR1752028 20 min", "DR1752028-2"),
        *("drive 1752 km", "ADDR1752028X", "1DR1752028", "Dr Smith", "Dr 12 Main road", "DR", "DRX1752028"),
        *("2026-11-22", "22/11/2026", "14:30", "0712345678", "+27 82 000 1234", "R 250000", "R500", "r2d2"),
        *("ONT ALCLB1234567F", "Stand 1752", "pole P.B123", "OTDR 1752028", "Good road 1752028", "DRl75Zo28"),
        *("DR1 2 3 4 5", "DR\n1752028", "DR1752028DR1752034", "dr \u27761752028", ""),
    ],
)
def test_words_and_other_numbers_are_no_near_misses(text: str) -> None:
    assert misses(text) == []


def test_a_slip_beside_a_number_is_one_and_one_that_was_corrected_at_once_is_none() -> None:
    assert misses("DR1752028 and DR1234") == [("DR1234", "too-short", None)]
    assert misses("R DR1752, DR1753-DR1752034") == [("DR1752", "too-short", None), ("DR1753", "too-short", None)]
    assert misses("RD1752028 sorry DR1752028") == []


@pytest.mark.parametrize("text", ["DR1752 -18.4 dBm", "DR1752 14:30", "DR1752 at 14:30"])
def test_a_measure_or_a_time_after_a_short_number_is_none_of_its_groups(text: str) -> None:
    assert misses(text) == [("DR1752", "too-short", None)]


@pytest.mark.parametrize(
    ("pattern", "prefix"),
    [
        (DEFAULT, "DR"),
        (r"dr\d{7}", "DR"),
        ("DR1[0-9]{6}", "DR"),
        ("DR?[0-9]{7}", "D"),
        ("(?i)^DR[0-9]{7}$", "DR"),
        ("DR[0-9]{7}|FT[0-9]{7}", "DR"),
        ("[DF]R[0-9]{7}", ""),
        ("[0-9]{7}", ""),
        ("(?:DR)[0-9]{7}", ""),
        ("", ""),
    ],
)
def test_the_prefix_is_the_patterns_leading_literal_letters(pattern: str, prefix: str) -> None:
    assert prefix_of(pattern) == prefix


def test_another_pattern_has_its_own_slips() -> None:
    assert misses("FT TH1234567 FTHT1234567 FTH1234567", "FTTH[0-9]{7}") == [
        ("FT TH1234567", "letters-apart", "FTTH1234567"),
        ("FTHT1234567", "letters-swapped", "FTTH1234567"),
        ("FTH1234567", "letter-missing", "FTTH1234567"),
    ]
    assert misses("DR123 DR1234567 DR2234567", "DR1[0-9]{6}") == [("DR123", "too-short", None)]
    assert misses("X12345 X1234567890", "X[0-9]{7}") == [
        ("X12345", "too-short", None),
        ("X1234567890", "too-long", None),
    ]
    assert misses("DR1234 RD1752028", "[DF]R[0-9]{7}") == []


@pytest.mark.timeout(60)
@pytest.mark.parametrize(
    "unit",
    [
        *("a", "1", "-", "D", "R", "D ", "DR ", "DR1 ", "D R", "R D", "DR12 34 ", "d1a", "DRno", "DR-----", "Dr. "),
        *("DR17520281111111 ", "DR-1-", "OD", "DR17O", "DRR1 ", "DR1752028 ", "\u0301\u0323", "\U0001f44d"),
    ],
    ids=ascii,
)
def test_a_slip_is_found_before_and_behind_a_huge_text(unit: str) -> None:
    text = unit * (MB // len(unit))
    found = misses(f"RD1752034/{text}/RD1752040")
    assert (found[0][0], found[-1][0]) == ("RD1752034", "RD1752040")


@pytest.mark.timeout(60)
def test_as_many_slips_are_found_as_stand_there() -> None:
    text = " ".join(f"DR{n} RD{MB + n}" for n in range(MB, MB + MB // 20))
    assert len(misses(text)) == MB // 20


pieces = [
    "DR",
    "dr",
    "D",
    "R",
    "RD",
    "1752028",
    "123",
    "4567",
    "O",
    "B",
    "x",
    " ",
    "-",
    "_",
    "/",
    "no.",
    "\n",
    "\0",
    "\ud800",
]


@settings(max_examples=300, deadline=None, derandomize=True, database=None)
@given(st.one_of(st.lists(st.sampled_from(pieces), max_size=12).map("".join), st.text(st.characters(), max_size=40)))
def test_no_near_miss_is_a_number_and_each_can_be_stored(text: str) -> None:
    extractor = Extractor(DEFAULT)
    numbers = extractor.numbers(text)
    found = misses(text)
    assert len({written for written, _, _ in found}) == len(found)
    for written, _, likely in found:
        assert written == written.upper().strip()
        assert not extractor.numbers(written)
        assert likely is None or (likely not in numbers and extractor.is_number(likely))
        assert "\0" not in written.encode().decode()


def test_a_message_with_a_slip_alone_says_so_and_keeps_no_number() -> None:
    reading = Rules(DEFAULT).read(message("RD1752028"))
    assert (reading.numbers, reading.reason, reading.status) == ((), "near-miss", "ignored")
    assert reading.near == (NearMiss("RD1752028", "letters-swapped", "DR1752028"),)
    both = Rules(DEFAULT).read(message("DR1752034, RD1752028"))
    assert (both.numbers, both.reason, len(both.near)) == (("DR1752034",), None, 1)
    assert Rules(DEFAULT).read(message("Good morning")).reason == "no-drop"


def test_what_does_not_count_has_no_near_misses() -> None:
    rules = Rules(DEFAULT, ignore_from_me=True, ignore_senders=("27820000009",))
    posts = [message("RD1752028", from_me=True), message("RD1752028", sender="27820000009@s.whatsapp.net")]
    assert [rules.read(post).near for post in posts] == [(), ()]
    assert rules.read(message("RD1752028"), Start(rowid=5)).near == ()
