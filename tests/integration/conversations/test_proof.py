"""`verify` of conversations: each message at one place, in one finished turn or pending, answered once."""

from __future__ import annotations

import json
from pathlib import Path

import psycopg
import pytest

from tests.support.conversations import Talks
from tests.support.intake import hook
from tests.support.office import Office
from wamon.conversations.proof import SQL, prove
from wamon.postgres.connection import connected

FINISHED = ("answered", "silent", "stale", "human", "digest", "dead")


@pytest.fixture
def talks(dsn: str) -> Talks:
    return Talks(dsn)


@pytest.fixture
def talk(talks: Talks) -> int:
    """Of eight messages two answered, two reopened behind the others, two failed once and answered, two pending."""
    talk = talks.conversation(talks.person(), talks.chat(), last=8, answered=6)
    talks.messages(talk, 1, 2, 5, 6, 7, 8)
    talks.turn(talk, 1, 1, 2)
    talks.turn(talk, 2, 3, 4, "reopened")
    talks.turn(talk, 3, 5, 5, "failed")
    talks.turn(talk, 4, 5, 6, reason="retry")
    talks.reply(talk, 2, 1)
    talks.reply(talk, 6, 4)
    return talk


def details(dsn: str) -> list[str]:
    with connected(dsn) as db:
        return [flaw.detail for flaw in prove(db, ["main"]).flaws]


def test_what_is_in_order_is_clean_and_its_finished_turns_are_counted(dsn: str, talk: int) -> None:
    with connected(dsn) as db:
        assert prove(db, ["main"]) == (3, [])
        assert prove(db, ["elsewhere"]) == (0, [])
    assert talk


@pytest.mark.parametrize("outcome", FINISHED)
def test_each_way_to_close_a_turn_closes_its_messages(dsn: str, talks: Talks, talk: int, outcome: str) -> None:
    talks.run("UPDATE wamon.turns SET outcome = %(o)s WHERE conversation = %(c)s AND fence = 4", o=outcome, c=talk)
    assert details(dsn) == []


@pytest.mark.parametrize(
    ("broken", "said"),
    [
        ("DELETE FROM wamon.conversation_messages WHERE seq = 1", ["lacks its messages 1 to 1"]),
        ("DELETE FROM wamon.conversation_messages WHERE seq = 6", ["lacks its messages 6 to 6"]),
        ("DELETE FROM wamon.conversation_messages WHERE seq >= 7", ["lacks its messages 7 to 8"]),
        (
            "UPDATE wamon.conversation_messages SET seq = 3 WHERE seq = 8",
            ["lacks its messages 4 to 4", "lacks its messages 8 to 8"],
        ),
        (
            "DELETE FROM wamon.turns WHERE fence = 1",
            ["has a finished turn from message 3, where 1 is next"],
        ),
        (
            "UPDATE wamon.turns SET from_seq = 2 WHERE fence = 2",
            [
                "lacks its messages 3 to 4",
                "has a finished turn from message 2, where 3 is next",
            ],
        ),
        (
            "UPDATE wamon.turns SET outcome = 'lost' WHERE fence = 4",
            ["is answered up to message 6, and its last finished turn ends at 4"],
        ),
        (
            "UPDATE wamon.conversations SET answered_seq = 7",
            ["is answered up to message 7, and its last finished turn ends at 6"],
        ),
        (
            "UPDATE wamon.replies SET fence = 4",
            ["has more than one answer to one turn, the second to message 6"],
        ),
        (
            "INSERT INTO wamon.agent_sessions (conversation_id, total_tokens_used) VALUES (%(uid)s, 7)",
            ["has sessions of 7 tokens, and turns of 0"],
        ),
        (
            "UPDATE wamon.replies SET conversation = NULL, kind = 'new' WHERE fence = 1",
            ["is answered as a post, and as message 2 of a burst"],
        ),
    ],
)
def test_each_flaw_is_named(dsn: str, talks: Talks, talk: int, broken: str, said: list[str]) -> None:
    talks.run(broken, uid=talks.uid(talk))
    assert details(dsn) == said
    assert talk


def test_what_was_pruned_with_time_is_no_flaw_and_what_waits_is_never_pruned(dsn: str, talks: Talks, talk: int) -> None:
    talks.run("UPDATE wamon.conversations SET created_at = now() - interval '91 days'")
    talks.run("DELETE FROM wamon.conversation_messages WHERE seq IN (1, 5)")
    talks.run("DELETE FROM wamon.turns WHERE fence <= 2")
    assert details(dsn) == []

    talks.run("DELETE FROM wamon.conversation_messages WHERE seq = 7")
    assert details(dsn) == ["lacks its messages 7 to 7"]
    assert talk


@pytest.mark.parametrize("query", ["lost_messages", "misplaced_turns", "second_answers"])
def test_what_is_walked_through_is_walked_by_an_index_without_sorting_a_million_rows(dsn: str, query: str) -> None:
    values = {"sources": ["main"], "closed": list(FINISHED), "most": 1}
    with psycopg.connect(dsn, cursor_factory=psycopg.ClientCursor) as db:
        db.execute("SET enable_sort = off; SET enable_seqscan = off; SET enable_bitmapscan = off")
        plan = "\n".join(line for (line,) in db.execute(f"EXPLAIN (COSTS off) {SQL.sql(query)}", values))

    window = plan[plan.index("WindowAgg") :]
    assert "Sort" not in window, plan


def test_the_command_tells_what_does_not_hold(dsn: str, talks: Talks, talk: int, tmp_path: Path) -> None:
    office = Office(tmp_path / "office", dsn, tmp_path / "none.db", hooks=[hook("wati")], groups=[])
    office.set(bridge={"path": None}, conversations={"enabled": True})
    talks.run("UPDATE wamon.conversations SET source = 'wati'")
    talks.run("DELETE FROM wamon.turns WHERE fence = 4")

    done = office.run("verify", "--json")

    found = json.loads(done.stdout)
    detail = f"conversation {talks.uid(talk)} is answered up to message 6, and its last finished turn ends at 4"
    assert (done.returncode, found["clean"], found["turns"]) == (1, False, 2)
    assert found["problems"] == [{"promise": 11, "group": None, "message_id": None, "detail": detail}]
