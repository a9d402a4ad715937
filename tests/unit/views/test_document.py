"""A view is printed as JSON and read back from it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from wamon.errors import DatabaseUnavailable
from wamon.health.check import State
from wamon.views.dead import Letter, Letters, ShownLetter
from wamon.views.doctor import Check, Doctor
from wamon.views.document import Streamed, as_json, from_json, in_parts, rows

AT = datetime(2026, 11, 20, 6, 0, 7, 123456, tzinfo=UTC)
LETTER = Letter("FIRST", "Lawley", "1@g.us", "retry", "refused", 2, None, AT, AT, "c0ffee", 1, False)


def test_a_time_is_printed_in_utc_to_the_second() -> None:
    document = json.loads(as_json(Letters((LETTER,))))
    assert document["letters"][0]["failed_at"] == "2026-11-20T06:00:07Z"


def test_fields_are_printed_in_their_order_with_those_of_a_base_first() -> None:
    shown = ShownLetter(
        "FIRST", "Lawley", "1@g.us", "dead", "refused", 4, AT, AT, None, "c0ffee", 1, False, in_store=True
    )
    assert [*json.loads(as_json(shown))][-3:] == ["chat", "given_up", "in_store"]


@pytest.mark.parametrize("letters", [(), (LETTER,), (LETTER, LETTER)])
def test_rows_that_are_written_as_they_come_give_the_same_text(letters: tuple[Letter, ...]) -> None:
    streamed = Letters(Streamed(letter for letter in letters))
    assert "".join(in_parts(streamed)) == as_json(Letters(letters))


@pytest.mark.parametrize("said", ['"letters": []', 'a\n"b"\\ \x01', "Goeiemôre 👍🏾", ""])
def test_rows_that_are_written_as_they_come_may_say_anything(said: str) -> None:
    letter = replace(LETTER, reason=said)
    assert "".join(in_parts(Letters(Streamed([letter])))) == as_json(Letters((letter,)))


def test_rows_with_rows_of_their_own_give_the_same_text() -> None:
    check = Check("files.room", None, None, State.OK, "There is\nroom.", "", {"free_bytes": 1024, "of": [1.5, "a\nb"]})
    assert "".join(in_parts(Doctor(State.OK, Streamed([check, check])))) == as_json(Doctor(State.OK, (check, check)))


@pytest.mark.parametrize("found", [(), (LETTER,), (LETTER, LETTER)])
def test_the_rows_of_a_list_are_a_line_each_and_the_same_objects(found: tuple[Letter, ...]) -> None:
    lines = [*rows(Letters(Streamed(letter for letter in found)))]
    assert [json.loads(line) for line in lines] == json.loads(as_json(Letters(found)))["letters"]
    assert not any("\n" in line for line in lines)


def test_rows_that_break_off_leave_no_document() -> None:
    def broken() -> Iterator[Letter]:
        yield LETTER
        raise DatabaseUnavailable("gone")

    written: list[str] = []
    with pytest.raises(DatabaseUnavailable):
        written.extend(in_parts(Letters(Streamed(broken()))))
    with pytest.raises(json.JSONDecodeError):
        json.loads("".join(written))


def test_a_view_that_is_read_back_is_the_one_that_was_printed() -> None:
    whole = AT.replace(microsecond=0)
    letters = Letters(
        (Letter("FIRST", "Lawley", "1@g.us", "retry", "refused", 2, None, whole, None, "c0ffee", 1, False),)
    )
    assert from_json(Letters, as_json(letters)) == letters


def test_what_was_measured_is_read_back_as_it_was_printed() -> None:
    check = Check("files.room", None, None, State.OK, "There is room.", "", {"free_bytes": 1024, "at": AT})
    read = from_json(Doctor, as_json(Doctor(State.OK, (check,))))
    assert read.checks[0].numbers == {"free_bytes": 1024, "at": "2026-11-20T06:00:07Z"}
    assert read.state == State.OK


def test_a_field_of_a_newer_wamon_is_passed_over() -> None:
    document = json.loads(as_json(LETTER)) | {"colour": "red"}
    assert from_json(Letter, json.dumps(document)).reason == "refused"


def test_a_document_that_is_none_of_the_views_is_refused_and_not_quoted() -> None:
    document = json.loads(as_json(LETTER)) | {"attempts": "DR1752028", "failed_at": "+27 82000 0001"}
    with pytest.raises(ValueError, match="no Letter") as refused:
        from_json(Letter, json.dumps(document))
    assert str(refused.value) == "This is no Letter: attempts, failed_at can't be read."
    assert refused.value.__context__ is None
    with pytest.raises(ValueError, match="no Letter: all can't be read"):
        from_json(Letter, "DR1752028")
