"""Nobody asks what is away: after five failures in a minute it is left alone, then one probes it, whoever asks."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.office import Office
from tests.support.talk import advance
from wamon.conversations.breaker import Breaker
from wamon.postgres.connection import Database, connected, transaction


class Asking:
    """A process that would ask, over a connection of its own."""

    def __init__(self, db: Database) -> None:
        self.db = db
        self.breaker = Breaker(uuid4())

    def may(self) -> bool:
        with transaction(self.db) as db:
            return self.breaker.rests_until(db) is None

    def waits_seconds(self) -> float:
        with transaction(self.db) as db:
            until = self.breaker.rests_until(db)
            (now,) = db.execute("SELECT now()").fetchall()[0]
        assert until is not None
        seconds: float = (until - now).total_seconds()
        return seconds

    def fails(self, times: int = 1, pause: float | None = None) -> None:
        for _ in range(times):
            with transaction(self.db) as db:
                self.breaker.fail(db, None if pause is None else timedelta(seconds=pause))

    def succeeds(self) -> None:
        with transaction(self.db) as db:
            self.breaker.succeed(db)


@pytest.fixture
def office(tmp_path: Path, dsn: str) -> Office:
    return Office(tmp_path, dsn, tmp_path / "messages.db")


@pytest.fixture
def one(dsn: str) -> Iterator[Asking]:
    with connected(dsn) as db:
        yield Asking(db)


@pytest.fixture
def other(dsn: str) -> Iterator[Asking]:
    with connected(dsn) as db:
        yield Asking(db)


def test_five_failures_in_a_minute_open_it_for_a_minute_for_all(one: Asking, other: Asking) -> None:
    one.fails(4)
    assert other.may()
    other.fails()
    assert [asks.may() for asks in (one, other)] == [False, False]
    assert one.waits_seconds() == pytest.approx(60, abs=2)


def test_failures_that_lie_further_apart_do_not(office: Office, one: Asking) -> None:
    for _ in range(4):
        one.fails(2)
        advance(office, 61)
    one.fails(4)
    assert one.may()


def test_a_success_makes_them_count_no_longer(one: Asking) -> None:
    one.fails(4)
    one.succeeds()
    one.fails(4)
    assert one.may()


def test_after_its_rest_one_probes_it_and_another_where_that_was_killed(
    office: Office, one: Asking, other: Asking
) -> None:
    one.fails(5)
    advance(office, 61)
    assert [asks.may() for asks in (one, other, one)] == [True, False, False]
    assert other.waits_seconds() == pytest.approx(15, abs=2)
    advance(office, 16)
    assert [asks.may() for asks in (other, one)] == [True, False]
    other.succeeds()
    assert [asks.may() for asks in (one, other, one)] == [True, True, True]


def test_a_probe_that_fails_opens_it_for_another_minute(office: Office, one: Asking, other: Asking) -> None:
    one.fails(5)
    advance(office, 61)
    assert one.may()
    one.fails()
    assert other.waits_seconds() == pytest.approx(60, abs=2)
    advance(office, 61)
    assert other.may()


def test_what_was_asked_before_it_opened_says_nothing_of_now(office: Office, one: Asking, other: Asking) -> None:
    """Neither a late success nor a late failure moves what all wait for."""
    one.fails(5)
    advance(office, 30)
    other.succeeds()
    assert not other.may()
    other.fails()
    assert one.waits_seconds() == pytest.approx(30, abs=2)
    advance(office, 31)
    assert one.may()
    other.fails()
    assert not other.may()
    one.succeeds()
    assert other.may()


@pytest.mark.parametrize("pause", [7, 600])
def test_one_that_asks_to_be_left_alone_is_at_once(office: Office, one: Asking, other: Asking, pause: float) -> None:
    one.fails(pause=pause)
    assert other.waits_seconds() == pytest.approx(pause, abs=2)
    advance(office, pause + 1)
    assert other.may()
