"""The agent knows a conversation's last bursts and answers, in whole pairs, for as long as texts are kept."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from uuid import UUID, uuid4

import pytest

from tests.support.clock import HOST
from wamon.conversations import contexts
from wamon.conversations.budget import Entry
from wamon.conversations.contexts import Bounds
from wamon.conversations.retention import prune_conversations
from wamon.postgres.connection import Database, connected, transaction

WEEK = timedelta(days=7)
BOUNDS = Bounds(1_000, WEEK)
YEAR = timedelta(days=365)


@pytest.fixture
def db(dsn: str) -> Iterator[Database]:
    with connected(dsn) as db:
        yield db


def pair(text: str, ago: timedelta = timedelta(), tokens: int = 10) -> list[Entry]:
    at = HOST.now() - ago
    return [Entry(at, "person", text, tokens), Entry(at, "agent", f"Re: {text}", tokens)]


def add(db: Database, uid: UUID, *pairs: list[Entry], bounds: Bounds = BOUNDS) -> None:
    for entries in pairs:
        with transaction(db):
            contexts.add(db, uid, entries, bounds)


def texts(db: Database, uid: UUID) -> list[str]:
    with transaction(db):
        return [entry.text for entry in contexts.window(db, uid, HOST.now() - YEAR)]


def columns(db: Database) -> list[tuple[int, int, int]]:
    return db.execute(
        "SELECT jsonb_array_length(context_data), messages_count, token_count FROM wamon.agent_contexts ORDER BY id"
    ).fetchall()


def test_what_is_added_is_read_as_it_was(db: Database) -> None:
    uid, said = uuid4(), [pair("🌧 DR1752028\n'\"", timedelta(minutes=2)), pair("and?")]
    add(db, uid, *said)
    with transaction(db):
        assert contexts.window(db, uid, HOST.now() - YEAR) == [*said[0], *said[1]]
        assert contexts.window(db, uid, HOST.now() - timedelta(minutes=1)) == said[1]
        assert contexts.window(db, uuid4(), HOST.now() - YEAR) == []
    assert columns(db) == [(4, 4, 40)]


def test_the_oldest_whole_pairs_go_first(db: Database) -> None:
    uid = uuid4()
    add(db, uid, *(pair(str(n), timedelta(minutes=9 - n)) for n in range(4)), bounds=Bounds(45, WEEK))
    assert texts(db, uid) == ["2", "Re: 2", "3", "Re: 3"]
    add(db, uid, pair("a long one", tokens=500), bounds=Bounds(45, WEEK))
    assert texts(db, uid) == ["a long one", "Re: a long one"]
    assert columns(db) == [(2, 2, 1000)]


def test_what_is_older_than_texts_are_kept_is_gone_with_the_next(db: Database) -> None:
    uid = uuid4()
    add(db, uid, pair("old", timedelta(days=8)), pair("young", timedelta(days=6)), pair("new"))
    assert texts(db, uid) == ["young", "Re: young", "new", "Re: new"]


def test_what_is_older_than_texts_are_kept_is_gone_with_time(db: Database) -> None:
    """Also where nobody writes any more."""
    quiet, lively, both = uuid4(), uuid4(), Bounds(1_000, timedelta(days=30))
    add(db, quiet, pair("old", timedelta(days=8)), bounds=both)
    add(db, lively, pair("old", timedelta(days=8)), pair("new"), bounds=both)
    prune_conversations(db, WEEK)
    assert texts(db, quiet) == []
    assert texts(db, lively) == ["new", "Re: new"]
    assert columns(db) == [(0, 0, 0), (2, 2, 20)]


def test_two_conversations_that_join_are_one_by_time(db: Database) -> None:
    a, b = uuid4(), uuid4()
    add(db, a, pair("a1", timedelta(minutes=9)), pair("a2", timedelta(minutes=3)))
    add(db, b, pair("b1", timedelta(minutes=6)), pair("b2", timedelta(minutes=1)))
    with transaction(db):
        contexts.merge(db, other=b, into=a)
    assert texts(db, a)[::2] == ["a1", "b1", "a2", "b2"]
    assert texts(db, a)[1::2] == ["Re: a1", "Re: b1", "Re: a2", "Re: b2"]
    assert columns(db) == [(8, 8, 80)]


def test_one_that_knows_nothing_takes_over_what_the_other_knows(db: Database) -> None:
    a, b = uuid4(), uuid4()
    add(db, b, pair("b1"))
    with transaction(db):
        contexts.merge(db, other=b, into=a)
        contexts.merge(db, other=uuid4(), into=a)
    assert texts(db, a) == ["b1", "Re: b1"]
    assert texts(db, b) == []
