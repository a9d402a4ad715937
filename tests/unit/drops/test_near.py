"""Near misses: the slips of the field, and what is none however like one it looks."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.chat import site_chat
from tests.support.environment import EXAMPLES, examples
from wamon.drops.extraction import Extractor
from wamon.drops.near import Nearness
from wamon.drops.normalization import normalise
from wamon.drops.reading import Rules
from wamon.drops.shape import prefix_of
from wamon.model import Message, NearMiss, Start

ROOT = Path(__file__).parents[3]
DEFAULT = "DR[0-9]{6,8}"
SIZE = 250_000 if EXAMPLES else 120_000


@cache
def rules(pattern: str) -> tuple[Extractor, Nearness]:
    extractor = Extractor(pattern)
    return extractor, Nearness(pattern, extractor.is_number)


def misses(text: str, pattern: str = DEFAULT) -> list[tuple[str, str, str | None]]:
    extractor, nearness = rules(pattern)
    plain = normalise(text)
    found = nearness.misses(plain, extractor.numbers_in(plain))
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
        ("DR1752028x", "letter-in-digits", "DR1752028"),
        ("DR175w028", "letter-in-digits", "DR1752028"),
        ("DR17q2028", "letter-in-digits", None),
        ("DRs752028", "letter-in-digits", None),
        ("DR l752028", "letter-in-digits", "DR1752028"),
        ("DRs1752028", "letter-extra", "DR1752028"),
        ("DRT1752034", "letter-extra", "DR1752034"),
        ("DRO1752028", "letter-extra", "DR1752028"),
        ("DRs: 1752028", "letter-extra", "DR1752028"),
        ("DFR1752028", "letter-extra", "DR1752028"),
        ("FR1752028", "letter-wrong", "DR1752028"),
        ("DT-1752028", "letter-wrong", "DR1752028"),
        ("D41752028", "letter-missing", "DR1752028"),
        ("DR1752 028", "split", "DR1752028"),
        ("DR 175-2028", "split", "DR1752028"),
        ("DR17*52*028", "split", "DR1752028"),
        ("DR 17 52 028", "split", "DR1752028"),
        ("DR 175 202 8", "split", None),
        ("DR 1 7 5 2 0 2 8", "split", "DR1752028"),
        ("DR1,752,028", "split", "DR1752028"),
        ("DR 1, 752, 028", "split", "DR1752028"),
        ("DR1752.040", "split", "DR1752040"),
        ("DR1\u2019752\u2019046", "split", "DR1752046"),
        ("DR175/2028", "split", "DR1752028"),
        ("DR1752,1753", "split", None),
        ("Dr 082 000 1234", "split", None),
        ("DR_1752028", "separator", "DR1752028"),
        ("DR/1752028", "separator", "DR1752028"),
        ("DR=1752028", "separator", "DR1752028"),
        ("DR (1752028)", "separator", "DR1752028"),
        ("dr no. 1752028", "separator", "DR1752028"),
        ("DR number: 1752028", "separator", "DR1752028"),
        ("DRno1752028", "separator", "DR1752028"),
        ("DR nommer is 1752028", "separator", "DR1752028"),
        ("DR -> 1752052", "separator", "DR1752052"),
        ("DR \U0001f449 1752028", "separator", "DR1752028"),
        ("DR.......: 1752028", "separator", "DR1752028"),
        ("DR's 1752028", "separator", "DR1752028"),
        ("DR for house 12: 1752028", "separator", "DR1752028"),
        ("DR\n1752028", "next-line", "DR1752028"),
        ("DR no:\r\n\r\n*1752040*", "next-line", "DR1752040"),
        ("DR numbers\n1. 1752028", "next-line", "DR1752028"),
        ("DR no | House\n1752028 | 12", "next-line", "DR1752028"),
        ("D.R.\n1752028", "letters-apart", "DR1752028"),
        ("DR1752028done", "glued", "DR1752028"),
        ("Dr 1752034Complete", "glued", "DR1752034"),
        ("doneDR1752040", "glued", "DR1752040"),
        ("NewDr 1752058", "glued", "DR1752058"),
        ("1DR1752028", "glued", "DR1752028"),
        ("HouseDR1752028done", "glued", "DR1752028"),
        ("DR17520281752034", "too-long", None),
        ("DR1752028\u00b2", "mark", "DR1752028"),
        ("DR1752034\u2460", "mark", "DR1752034"),
        ("DR17520341\ufe0f\u20e3", "mark", "DR1752034"),
        ("DR175202\u00b2", "mark", None),
        ("dr \u27761752028", "separator", "DR1752028"),
        ("DR\u27761752028", "mark", "DR1752028"),
        ("DR1\ufe0f\u20e37\ufe0f\u20e352028", "mark", "DR1752028"),
        ("DR\u2460\u2466\u2464\u2461\u24ea\u2461\u2467", "mark", "DR1752028"),
        ("DR1\u0336752\u0336028", "mark", "DR1752028"),
        ("D\u0332R\u03321\u03327\u03325\u03322\u03320\u03322\u03328\u0332", "mark", "DR1752028"),
        ("D\u0301R1752028", "mark", "DR1752028"),
        ("Drop 1752028", "drop-word", "DR1752028"),
        ("drop number 1752034", "drop-word", "DR1752034"),
        ("Drop no: 1752040", "drop-word", "DR1752040"),
        ("Drop#1752046", "drop-word", "DR1752046"),
        ("dropno1752028", "drop-word", "DR1752028"),
        ("Drop\n1,752,028", "drop-word", "DR1752028"),
        ("drpo 1752028", "drop-word", "DR1752028"),
        ("drop at the corner of 12 Main: 1752028", "drop-word", "DR1752028"),
        ("1752028 drop", "no-letters", "DR1752028"),
        ("1752028 (DR)", "no-letters", "DR1752028"),
        ("\uff24\uff32\u200b \u0661\u0667\u0665\u0662", "too-short", None),
    ],
)
def test_a_slip_of_the_field_is_known(text: str, reason: str, likely: str | None) -> None:
    assert [(found, meant) for _, found, meant in misses(text)] == [(reason, likely)]
    assert [(found, meant) for _, found, meant in misses(f"Good day ({text}), all.")] == [(reason, likely)]


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
        *("drive 1752 km", "ADDR1752028X", "Dr Smith", "Dr 12 Main road", "DR", "OTDR 1752028"),
        *("2026-11-22", "22/11/2026", "14:30", "0712345678", "+27 82 000 1234", "R 250000", "R500", "r2d2"),
        *("ONT ALCLB1234567F", "Stand 1752", "pole P.B123", "Good road 1752028", "DRl75Zo28"),
        *("DR1 2 3 4 5", "R250000.00", "R1752000", "R1,752,028", "drop pin -26.204103, 28.047305", "drop R 250000"),
        *(
            "drop 20261120",
            "drop 22-11-2026",
            "Drop ref 1752028",
            "drop serial no: 1752028",
            "drop https://a.b/1752028",
        ),
        *("Dr Nkosi 082 000 1234", "Dr Nkosi 0820001234", "drop me a call 082 0001234", "drop 250000 rand", "1750000"),
        *("1752028 km", "0752028", "175202", "+1752028", "Pin:\n1752028", "1752028 Main road", "\u24601752\u00b2", ""),
    ],
)
def test_words_and_other_numbers_are_no_near_misses(text: str) -> None:
    assert misses(text) == []


@pytest.mark.parametrize(
    ("text", "likely"),
    [
        ("DR1752028, 1752034 & 1752040", ["DR1752034", "DR1752040"]),
        ("DR1752028 1752034", ["DR1752034"]),
        ("DR1752028/1752034|1752040", ["DR1752034", "DR1752040"]),
        ("DR1752028 and 1752034 done", ["DR1752034"]),
        ("DR1752028, 1752034done", ["DR1752034"]),
        ("DR: 1752058\n1752064\n1752070", ["DR1752064", "DR1752070"]),
        ("DR1752028 done\n1752034 klaar\n1752040 no signal", ["DR1752034", "DR1752040"]),
        ("1. DR1752028\n2. 1752034\n10. 1752040", ["DR1752034", "DR1752040"]),
        ("DR1752028 (12 Main), 1752034 (14 Main)", ["DR1752034"]),
        ("DR1752028 Sipho 1752034 Thabo", ["DR1752034"]),
        ("DR1752028, 1752 034", ["DR1752034"]),
        ("1752022, DR1752028", ["DR1752022"]),
        ("DR1752028/29/30", ["DR1752029", "DR1752030"]),
        ("DR1752028, 34, 40 done", ["DR1752034", "DR1752040"]),
        ("DR1752028 34 40", ["DR1752034", "DR1752040"]),
        ("DR1752028 & 29", ["DR1752029"]),
        ("DR1752028/29 DR1760028/29", ["DR1752029", "DR1760029"]),
        ("DRs 1752028, 1752034", ["DR1752028", "DR1752034"]),
        ("Drops: 1752028, 1752034", ["DR1752028", "DR1752034"]),
        ("DR numbers\n1752028\n1752034", ["DR1752028", "DR1752034"]),
        ("DR1752028DR1752034DR1752040", ["DR1752028", "DR1752034", "DR1752040"]),
        ("DR1752028and1752034", ["DR1752028", "DR1752034"]),
        ("1752028\n1752034", ["DR1752028", "DR1752034"]),
        ("1752028, 1752034 & 1752040 done", ["DR1752028", "DR1752034", "DR1752040"]),
    ],
)
def test_a_number_listed_beside_another_is_known_by_its_digits(text: str, likely: list[str]) -> None:
    assert [meant for _, _, meant in misses(text)] == likely


@pytest.mark.parametrize(
    "text",
    [
        *(
            "DR1752028 -18.4 dBm",
            "DR1752028 20 min",
            "DR1752028, 20 min",
            "DR1752028/2",
            "DR1752028-34",
            "DR1752028 34",
        ),
        *(
            "DR1752028, 12/11/2026",
            "DR1752028 14:30",
            "DR1752028, 1310: -18.41",
            "DR1752028 call 082 000 1234",
            "DR1752028/12",
        ),
        *("DR1752028 ONT 1234567", "DR1752028, meter no 1752034", "DR1752028 done, R250000", "DR1752028\n1752028"),
        *("DR1752028 -26.204103, 28.047305", "DR1752028 in 1752034 m of trench", "DR1752028, 2345678901"),
    ],
)
def test_other_digits_beside_a_number_are_no_near_misses(text: str) -> None:
    assert misses(text) == []


def test_a_listed_number_that_is_unlike_its_neighbour_is_told_without_a_guess() -> None:
    assert misses("DR1752028, 175203") == [("175203", "listed", None)]
    assert misses("DR1752028, 3752034") == [("3752034", "listed", None)]


@pytest.mark.parametrize(
    "text",
    [
        "1752028",
        "*1752028* done",
        "- 1752028 \u2705",
        "Good day\n1752028\nThanks",
        "2) 1752028",
        "#1752028",
        "1752028 klaar",
    ],
)
def test_a_number_of_the_usual_length_that_has_a_line_for_itself_is_meant(text: str) -> None:
    assert misses(text) == [("1752028", "no-letters", "DR1752028")]


def test_what_was_written_shows_what_is_wrong_and_fits_a_line() -> None:
    texts = "DR\n\n1752028 DR1752034DR1752040done", "Drop for Mr Dlamini: 1752046"
    assert [written for text in texts for written, _, _ in misses(text)] == [
        "DR / 1752028",
        "DR1752034DR",
        "1752034DR1752040DONE",
        "1752046",
    ]
    assert [written for written, _, _ in misses("DR1752028/29/30, R\0 DR=\0\ud8001752034")] == [
        "1752028/29",
        "1752028/29/30",
        "DR=??1752034",
    ]


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
    assert misses("FTTH1234567, 1234568\nFTTHs 1234569", "FTTH[0-9]{7}") == [
        ("1234568", "listed", "FTTH1234568"),
        ("FTTHS 1234569", "letter-extra", "FTTH1234569"),
    ]
    assert misses("Drop 12345 or 123456", "FT[0-9]{5}") == [("DROP 12345", "drop-word", "FT12345")]
    assert misses("drop 1752028\n2752028", "DR17[0-9]{5}") == [("DROP 1752028", "drop-word", "DR1752028")]
    assert misses("12345", "FT[0-9]{5}") == [("12345", "no-letters", "FT12345")]
    assert misses("X12345 X1234567890", "X[0-9]{7}") == [
        ("X12345", "too-short", None),
        ("X1234567890", "too-long", None),
    ]
    assert misses("DR1234 RD1752028", "[DF]R[0-9]{7}") == []


@pytest.mark.timeout(8)
@pytest.mark.parametrize(
    "unit",
    [
        *("a", "1", "-", "D", "R", "D ", "DR ", "DR1 ", "D R", "R D", "DR12 34 ", "d1a", "DRno", "DR-----", "Dr. "),
        *("DR17520281111111 ", "DR-1-", "OD", "DR17O", "DRR1 ", "DR1752028 ", "\u0301\u0323", "\U0001f44d"),
    ],
    ids=ascii,
)
def test_a_slip_is_found_before_and_behind_a_huge_text(unit: str) -> None:
    text = unit * (SIZE // len(unit))
    found = misses(f"RD1752034/{text}/RD1752040")
    assert (found[0][0], found[-1][0]) == ("RD1752034", "RD1752040")


@pytest.mark.timeout(8)
def test_as_many_slips_are_found_as_stand_there() -> None:
    text = " ".join(f"DR{n} RD{n + 5_000_000}" for n in range(1_000_000, 1_000_000 + SIZE // 20))
    assert len(misses(text)) == SIZE // 20


pieces = [
    "DR",
    "dr",
    "D",
    "R",
    "RD",
    "Drop",
    "1752028",
    "175203",
    "123",
    "4567",
    "O",
    "B",
    "x",
    "done",
    " ",
    "-",
    "_",
    "/",
]
pieces += [",", "no.", "and", "\n", "\0", "\ud800", "\u0301", "\u2460", "\u00b2", "1\u20e3"]
dense = st.lists(st.sampled_from(pieces), max_size=12).map("".join)
texts = st.one_of(dense, st.text(st.characters(), max_size=40))


@settings(max_examples=examples(300), derandomize=True, database=None)
@given(texts)
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


@cache
def thorough(pattern: str) -> Nearness:
    """Looks at every digit of a text."""
    nearness = Nearness(pattern, Extractor(pattern).is_number)
    vars(nearness).update(_harmless=re.compile(""), _hint=re.compile("").search)
    return nearness


@settings(max_examples=examples(500), derandomize=True, database=None)
@given(dense, st.sampled_from([DEFAULT, "DR17[0-9]{5}", "FTTH[0-9]{7}", r"DR\d+"]))
def test_what_is_passed_over_holds_no_near_miss(text: str, pattern: str) -> None:
    extractor, quick = rules(pattern)
    plain = normalise(text.replace("\u0301", ""))  # accents on too few digits are passed over
    numbers = extractor.numbers_in(plain)
    assert quick.misses(plain, numbers) == thorough(pattern).misses(plain, numbers)


@pytest.mark.parametrize("pattern", [DEFAULT, "DR[0-9]{7}", "FTTH[0-9]{5,6}", r"DR\d+"])
def test_chat_without_drops_has_at_most_one_near_miss_in_a_thousand_messages(pattern: str) -> None:
    chat = list(islice(site_chat(seed=1), 10_000))
    found = [near for text in chat for near in misses(text, pattern)]
    assert len(found) <= len(chat) / 1000


def test_chat_around_posts_adds_few_near_misses_to_them() -> None:
    texts = [f"DR{1_750_000 + n} done\n{text}" for n, text in enumerate(islice(site_chat(seed=2), 5_000))]
    assert sum(len(misses(text)) for text in texts) <= len(texts) / 500


def guide_rows() -> list[tuple[str, str, str]]:
    """Of the guide's table: each message, the drop that it says, and the number that it likely means."""
    _, _, table = (ROOT / "docs/guide.md").read_text("utf-8").partition("| message | drop | near miss")
    lines = re.findall(r"^\| (.*`.*) \|(.*)\|(.*)\|$", table.partition("\n\n")[0], re.MULTILINE)
    cells = [(re.findall("`([^`]+)`", texts), drop.strip(), near.strip()) for texts, drop, near in lines]
    return [(text, drop, near) for texts, drop, near in cells for text in texts]


@pytest.mark.parametrize(("text", "drop", "near"), guide_rows())
def test_the_guide_tells_what_counts(text: str, drop: str, near: str) -> None:
    numbers, likely = list(rules(DEFAULT)[0].numbers(text)), [meant for _, _, meant in misses(text)]
    if drop == "each":
        assert len(numbers) > 1
    else:
        assert numbers == ([drop] if drop else [])
    if near == "each number in it":
        assert likely
        assert None not in likely
    else:
        assert likely == {"": [], "none can be told": [None]}.get(near, near.split(", "))


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
