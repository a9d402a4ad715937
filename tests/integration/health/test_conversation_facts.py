"""What PostgreSQL tells of conversations."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.conversations import Talks
from tests.support.office import Office
from wamon.health.conversation_facts import ConversationFacts, conversation_facts
from wamon.postgres.connection import connected


@pytest.fixture
def talks(dsn: str) -> Talks:
    return Talks(dsn)


def facts(dsn: str, *sources: str) -> ConversationFacts:
    with connected(dsn) as db:
        return conversation_facts(db, sources or ["main"])


def test_nothing_is_told_where_there_is_nothing(dsn: str) -> None:
    assert facts(dsn) == ConversationFacts()


def test_who_waits_is_counted_by_how_long(dsn: str, talks: Talks) -> None:
    direct = talks.chat()
    for n, (state, overdue) in enumerate(
        (("settling", -3), ("settling", 61), ("retry", 301), ("processing", 70), ("processing", 121), ("human", -60))
    ):
        talks.conversation(talks.person(f"278200000{n + 10}"), direct, state, overdue=overdue, began=100 + n)

    found = facts(dsn)

    assert (found.waiting, found.orphans, found.stuck) == (5, 4, 2)
    assert found.oldest_at == talks.one("SELECT min(burst_at) FROM wamon.conversations WHERE state <> 'human'")
    assert facts(dsn, "elsewhere").waiting == 0


def test_whether_the_agent_is_asked_is_told(dsn: str, talks: Talks) -> None:
    talks.run("INSERT INTO wamon.sources (source, agent_off) VALUES ('main', true), ('other', false)")
    talks.run("INSERT INTO wamon.breakers (name, opened_until) VALUES ('agent', now() - interval '1 s')")
    assert [facts(dsn, one).agent_off for one in ("main", "other")] == [True, False]
    assert facts(dsn).agent_rests_until is None
    talks.run("UPDATE wamon.breakers SET opened_until = now() + interval '1 min'")
    assert facts(dsn).agent_rests_until == talks.one("SELECT opened_until FROM wamon.breakers")


def test_what_got_no_answer_counts_until_somebody_answers(dsn: str, talks: Talks) -> None:
    direct = talks.chat()
    stale, dead = (
        talks.conversation(talks.person(f"2782000001{n}"), direct, "idle", last=2, answered=2) for n in (1, 2)
    )
    talks.turn(stale, 1, 1, 1, "stale", ago=90)
    talks.turn(stale, 2, 2, 2, "stale", ago=60)
    talks.turn(dead, 1, 1, 2, "dead", ago=60)
    before = facts(dsn)
    assert (before.stale, before.dead) == (1, 1)

    talks.turn(stale, 3, 3, 3, "answered", ago=5)
    talks.messages(dead, None, age=5, role="operator")
    after = facts(dsn)
    assert (after.stale, after.dead) == (0, 0)


def test_turns_of_the_last_hour_are_told(dsn: str, talks: Talks) -> None:
    talk = talks.conversation(talks.person(), talks.chat(), "idle", last=9, answered=9)
    talks.turn(talk, 1, 1, 1, "failed", seconds=4, missed=2)
    talks.turn(talk, 2, 1, 1, "answered", seconds=4, missed=3)
    talks.turn(talk, 3, 2, 2, "failed", ago=3601, seconds=9, missed=9)
    talks.turn(talk, 4, 2, 2, "answered", seconds=4, error="timeout")

    found = facts(dsn)

    assert (found.errors, found.slow_ms, found.missed) == (2, 4000.0, 5)


def test_a_burst_that_begins_twice_with_no_turn_between_is_told(dsn: str, talks: Talks) -> None:
    talk = talks.conversation(talks.person(), talks.chat())
    talks.transition(talk, "idle", "settling", "message", ago=50)
    talks.transition(talk, "settling", "processing", "due", ago=40)
    talks.transition(talk, "processing", "idle", "answered", ago=35)
    talks.transition(talk, "idle", "settling", "message", ago=30)
    assert facts(dsn).double_starts == 0

    talks.transition(talk, "idle", "settling", "message", ago=10)
    assert facts(dsn).double_starts == 1


def test_a_burst_whose_recording_waited_for_the_turn_before_began_once(dsn: str, talks: Talks) -> None:
    talk = talks.conversation(talks.person(), talks.chat())
    talks.transition(talk, "idle", "settling", "message", ago=50)
    talks.transition(talk, "settling", "processing", "due", ago=40)
    talks.transition(talk, "processing", "idle", "answered", ago=39)
    talks.transition(talk, "idle", "settling", "message", ago=41)
    assert facts(dsn).double_starts == 0


def test_doctor_and_status_tell_it_where_somebody_is_answered_and_else_ask_nothing(
    open_office: Callable[..., Office], talks: Talks, tmp_path: Path
) -> None:
    talks.conversation(talks.person(), talks.chat(), overdue=90, began=120)
    office = open_office(tmp_path / "none.db")
    checks = {check["name"] for check in json.loads(office.run("doctor", "--json").stdout)["checks"]}
    assert not any(name.startswith("conversations.") for name in checks)

    office.set(conversations={"enabled": True})
    status = json.loads(office.run("status", "--json").stdout)

    assert (status["conversations"]["waiting"], status["conversations"]["orphans"]) == (1, 1)
    assert {check["name"] for check in status["checks"]} >= {"conversations.chosen", "conversations.orphans"}
