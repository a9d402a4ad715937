"""What the agent costs is counted before it is spent, in the conversation's session and in its turn."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import pytest

from tests.support.office import Office
from tests.support.talk import Desk, advance, desk, talking, turns, write
from wamon.conversations import sessions
from wamon.conversations.retention import prune_conversations
from wamon.conversations.turns import Turn
from wamon.postgres.connection import transaction

Opened = Callable[..., Office]


@pytest.fixture
def office(tmp_path: Path, open_office: Opened) -> Office:
    return talking(open_office(tmp_path / "messages.db"))


@pytest.fixture
def at(office: Office) -> Iterator[Desk]:
    with desk(office) as at:
        yield at


def claimed(at: Desk) -> Turn:
    write(at.office)
    advance(at.office, 35)
    return at.claim_one()


def spend(at: Desk, turn: Turn, tokens: int, spent: int | None) -> None:
    with transaction(at.db) as db:
        reserved = sessions.reserve(db, turn, tokens)
    with transaction(at.db) as db:
        sessions.settle(db, reserved, spent, messages=2)


def known(office: Office, what: str = "session_state, total_tokens_used") -> list[Any]:
    return office.query(f"SELECT {what} FROM wamon.agent_sessions ORDER BY id")


def test_one_session_of_a_conversation_counts_its_calls(office: Office, at: Desk) -> None:
    first = claimed(at)
    spend(at, first, 400, 321)
    at.finish(first)
    second = claimed(at)
    spend(at, second, 500, 612)
    assert known(office, "session_state, total_tokens_used, total_messages") == [("active", 933, 4)]
    assert turns(office, "tokens") == [321, 612]


def test_what_nobody_knows_of_stays_spent(office: Office, at: Desk) -> None:
    """Unknown, killed before anybody could know, or taken over meanwhile."""
    turn = claimed(at)
    spend(at, turn, 400, None)
    with transaction(at.db) as db:
        reserved = sessions.reserve(db, turn, 70)
    advance(office, 180)
    at.finish(at.claim_one())
    assert known(office) == [("active", 470)]
    with transaction(at.db) as db:
        sessions.settle(db, reserved, 60)
    assert known(office) == [("active", 460)]
    assert turns(office, "outcome, tokens") == [("lost", 460), ("answered", None)]


def test_a_server_s_absurd_count_breaks_nothing(office: Office, at: Desk) -> None:
    turn = claimed(at)
    spend(at, turn, 400, 10**15)
    assert known(office) == [("active", 1_000_000_000)]
    assert turns(office, "tokens") == [1_000_000_000]


def test_a_session_in_which_nothing_is_said_for_a_day_is_completed(office: Office, at: Desk) -> None:
    """By the conversation's last message or answer, or by its own begin."""
    turn = claimed(at)
    spend(at, turn, 400, 321)
    at.finish(turn)
    advance(office, timedelta(hours=23))
    office.query("UPDATE wamon.conversations SET last_out_at = now()")
    advance(office, timedelta(hours=2))
    assert completed(at) == 0
    advance(office, timedelta(hours=23))
    assert completed(at) == 1
    assert known(office) == [("completed", 321)]
    spend(at, claimed(at), 400, 200)
    assert completed(at) == 0
    assert known(office) == [("completed", 321), ("active", 200)]


@pytest.mark.parametrize("state", ["failed", "timeout"])
def test_a_session_ends_with_a_turn_that_is_given_up(
    office: Office, at: Desk, state: Literal["failed", "timeout"]
) -> None:
    turn = claimed(at)
    spend(at, turn, 400, 321)
    with transaction(at.db) as db:
        sessions.give_up(db, turn, state)
    assert known(office, "session_state, ended_at IS NOT NULL") == [(state, True)]
    spend(at, turn, 100, 90)
    assert known(office) == [(state, 321), ("active", 90)]


def test_an_ended_session_is_kept_for_90_days(office: Office, at: Desk) -> None:
    spend(at, claimed(at), 400, 321)
    advance(office, timedelta(days=2))
    assert completed(at) == 1
    advance(office, timedelta(days=89))
    prune_conversations(at.db, timedelta(days=7))
    assert known(office) == [("completed", 321)]
    advance(office, timedelta(days=2))
    prune_conversations(at.db, timedelta(days=7))
    assert known(office) == []


def completed(at: Desk) -> int:
    with transaction(at.db) as db:
        return sessions.complete(db)
