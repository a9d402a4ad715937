"""Bursts that no try could answer are dead letters like any other: listed, tried again, given up."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.office import Office
from tests.support.talk import advance, conversations, desk, talking, turns, write
from wamon.config.load import load
from wamon.postgres.connection import connected
from wamon.views.lists import dead_page


@pytest.fixture
def office(tmp_path: Path, open_office: Callable[..., Office]) -> Office:
    """An office that gave one burst up."""
    office = talking(open_office(tmp_path / "messages.db"))
    office.set(bridge={"path": ""})
    write(office)
    advance(office, 35)
    with desk(office) as worker:
        for minutes in (1, 2, 4, 0):
            worker.turns.fail(worker.claim_one(), "ValueError", 1.0)
            advance(office, timedelta(minutes=minutes))
    return office


def letter_of(office: Office) -> str:
    [letter] = office.answer("dead", "list")["letters"]
    assert (letter["status"], letter["jid"], letter["reason"]) == ("dead", "direct", "ValueError")
    return str(letter["message_id"])


def test_a_burst_that_was_given_up_is_listed_shown_and_on_the_page(office: Office) -> None:
    letter = letter_of(office)
    assert letter.startswith("turn:")
    assert office.answer("dead", "show", letter)["message_id"] == letter
    with connected(office.dsn) as db:
        page = dead_page(db, load(office.config_path, {}).timezone)
    assert [one.message_id for one in page.letters] == [letter]


@pytest.mark.parametrize("which", ["--all", "its id"])
def test_it_is_answered_after_all_once_somebody_says_so(office: Office, which: str) -> None:
    letter = letter_of(office)
    done = office.answer("dead", "retry", letter if which == "its id" else which)
    assert done == {"recorded": [letter], "still_dead": []}
    assert [state for state, *_ in conversations(office)] == ["settling"]
    with desk(office) as worker:
        worker.finish(worker.claim_one())
    assert turns(office, "outcome")[-1] == "answered"
    assert office.answer("dead", "list") == {"letters": []}


def test_one_that_is_too_old_by_now_needs_to_be_asked_for(office: Office) -> None:
    letter = letter_of(office)
    advance(office, timedelta(hours=1))
    assert office.run("dead", "retry", letter).returncode == 1
    assert letter_of(office) == letter
    assert office.answer("dead", "retry", letter, "--late")["recorded"] == [letter]


def test_one_that_is_discarded_is_no_letter_any_more(office: Office) -> None:
    letter = letter_of(office)
    assert office.answer("dead", "discard", letter) == {"discarded": [letter], "still_dead": []}
    assert office.answer("dead", "list") == {"letters": []}
    assert turns(office, "outcome")[-1] == "dead"
