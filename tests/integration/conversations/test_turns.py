"""One burst, one turn, one answer: what people write is never lost, doubled or stranded, whatever happens meanwhile."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.office import Office
from tests.support.talk import (
    advance,
    conversations,
    desk,
    due_in,
    replies,
    talking,
    transitions,
    turns,
    write,
)

Opened = Callable[..., Office]


@pytest.fixture
def office(tmp_path: Path, open_office: Opened) -> Office:
    return talking(open_office(tmp_path / "messages.db"))


def test_case_1_what_comes_during_a_turn_gets_the_next(office: Office) -> None:
    write(office, "m1")
    advance(office, 35)
    with desk(office) as worker:
        first = worker.claim_one()
        advance(office, 11)
        write(office, "m2")
        advance(office, 15)
        (finished,) = worker.finish(first)
        assert finished.state == "settling"
        assert due_in(office) == [20]
        advance(office, 20)
        second = worker.claim_one()
        worker.finish(second)
    assert (second.messages, second.follow_up) == (1, True)
    assert turns(office) == [(1, 1, "answered"), (2, 2, "answered")]
    assert len(replies(office)) == 2
    assert conversations(office) == [("idle", 2, 2, False)]
    assert transitions(office) == [
        ("idle", "settling", "message"),
        ("settling", "processing", "due"),
        ("processing", "settling", "arrived-while-processing"),
        ("settling", "processing", "due"),
        ("processing", "idle", "answered"),
    ]
