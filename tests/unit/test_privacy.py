"""What people see of people."""

from __future__ import annotations

from typing import Literal

import pytest

from wamon.bridge.people import People
from wamon.errors import UsageError
from wamon.privacy import Directory

SIPHO, THANDI, LID, STRANGE_LID = "27820000001", "27820000002", "123456789012345", "555555555551234"
PEOPLE = People({LID: SIPHO}, {SIPHO: LID}, {SIPHO: "Sipho M."}, {})
EVERYBODY = [SIPHO, f"{LID}@lid", THANDI, STRANGE_LID]


@pytest.mark.parametrize(
    ("show", "seen"),
    [
        ("names", ["Sipho M. …0001", "Sipho M. …0001", "…0002", "unknown …1234"]),
        ("phones", [f"Sipho M. {SIPHO}", f"Sipho M. {SIPHO}", THANDI, "unknown …1234"]),
        ("none", [None, None, None, None]),
    ],
)
def test_the_config_says_how_much_is_seen(show: Literal["names", "phones", "none"], seen: list[str | None]) -> None:
    directory = Directory(PEOPLE, show)
    assert list(map(directory.shown, EVERYBODY)) == seen
    assert directory.shown("") is None
    assert directory.shown("120363418298130331") is None


@pytest.mark.parametrize(
    ("wanted", "found"),
    [
        ("sipho", [SIPHO, f"{LID}@lid"]),
        ("Sipho M. …0001", [SIPHO, f"{LID}@lid"]),
        ("0001", [SIPHO, f"{LID}@lid"]),
        ("+27 82 000 0002", [THANDI]),
        ("082 000 0002", [THANDI]),
        ("(082) 000-0002", [THANDI]),
        ("+27 (0)82 000 0002", [THANDI]),
        ("0027 82 000 0002", [THANDI]),
        ("27820000002", [THANDI]),
        ("082 000 0003", []),
        ("…1234", [STRANGE_LID]),
        ("Nomsa", []),
        ("", []),
    ],
)
def test_people_are_found_by_name_and_number(wanted: str, found: list[str]) -> None:
    assert Directory(PEOPLE, "names").senders_like(wanted, EVERYBODY) == found


def test_who_isnt_shown_cant_be_looked_for() -> None:
    with pytest.raises(UsageError):
        Directory(PEOPLE, "none").senders_like("0001", EVERYBODY)
