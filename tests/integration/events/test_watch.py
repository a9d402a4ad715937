"""Sources that fall silent and come back, gaps that open and close: told once, whoever looks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support import events
from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.events import Told
from tests.support.office import Office
from tests.support.truth import Field
from wamon.clock import Clock
from wamon.events.cursor import Cursor
from wamon.events.stream import begin, read
from wamon.events.watch import Watch, tell_gaps, tell_signs
from wamon.postgres.connection import Database, connected

PUBLISHED = """
    INSERT INTO wamon.source_status (source, host, instance, pid, by, version, zone, started_at, published_at,
                                     every_seconds, state, sentence, checks, store, day, hours)
    VALUES ('main', 'host', '', 1, 'run', '1', 'UTC', now(), now(), 15, 'ok', '', '[]', '{}', current_date, '{}')
"""
LEASED = """
    INSERT INTO wamon.leases (source, holder, host, boot, pid, process_started, expires_at)
    VALUES ('main', gen_random_uuid(), 'host', '', 1, 1, now() + interval '1 hour')
"""


@pytest.fixture
def office(tmp_path: Path, any_dsn: str) -> Iterator[Office]:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False), {LAWLEY: "Lawley"}) as field:
        groups = [{"name": "Lawley", "jid": LAWLEY}]
        office = Office(tmp_path / "office", any_dsn, field.path, groups=groups)
        office.scan()
        yield office


@pytest.fixture
def db(office: Office) -> Iterator[Database]:
    with connected(office.dsn) as db:
        yield db


@pytest.fixture
def beginning(db: Database) -> Cursor:
    return begin(db)


def told(db: Database, at: Cursor) -> list[Told]:
    return [events.told(event) for event in read(db, at, 100)]


@pytest.mark.both_servers
def test_a_source_that_falls_silent_is_told_late_then_down_then_back_each_once(
    office: Office, db: Database, beginning: Cursor
) -> None:
    office.query(PUBLISHED)
    office.query(LEASED)
    with connected(office.dsn) as other:
        for silent in (0, 60, 60, 200, 200, 0, 0):
            office.query("UPDATE wamon.source_status SET published_at = now() - %s * interval '1 s'", silent)
            for each in (db, other):
                tell_signs(each)
    found = told(db, beginning)
    assert [event["type"].removeprefix("wamon.source.") for event in found] == ["late", "down", "back"]
    assert {event["subject"] for event in found} == {"main"}
    assert len({event["id"] for event in found}) == 3


def test_a_planned_restart_is_no_news(office: Office, db: Database, beginning: Cursor) -> None:
    office.query(PUBLISHED)
    tell_signs(db)
    office.query("UPDATE wamon.source_status SET state = 'stopped', last_restart = '{\"reason\": \"planned\"}'")
    tell_signs(db)
    office.query("UPDATE wamon.source_status SET state = 'ok', published_at = now()")
    tell_signs(db)
    assert told(db, beginning) == []


@pytest.mark.both_servers
def test_a_silence_is_told_when_it_is_unusual_and_when_it_is_over(
    office: Office, db: Database, beginning: Cursor
) -> None:
    heard = (
        "INSERT INTO wamon.heard SELECT chat, date_bin('30 min', at, 'epoch'), at, at FROM wamon.groups, {} AS k(at)"
    )
    office.query(heard.format("(VALUES (now() - interval '5 days'))"))
    for _ in range(2):
        tell_gaps(db)
    office.query(heard.format("(VALUES (now() - interval '1 min'))"))
    with connected(office.dsn) as other:
        for each in (db, other):
            tell_gaps(each)
    opened, closed = told(db, beginning)
    assert (opened["type"], opened["data"]["kind"], opened["data"]["end"]) == ("wamon.gap.opened", "silence", None)
    assert (closed["type"], closed["data"]["start"]) == ("wamon.gap.closed", opened["data"]["start"])
    assert closed["data"]["end"] is not None


def test_what_the_store_lacks_is_a_gap_until_the_store_has_it(office: Office, db: Database, beginning: Cursor) -> None:
    office.query(
        "INSERT INTO wamon.ledger_rows (chat, content_hash, sent_at, rules, message_id, status, sender)"
        " SELECT chat, 0, now(), 1, 'A', 'ignored', 'x' FROM wamon.groups"
    )
    office.query("INSERT INTO wamon.store_missed (chat, message_id) SELECT chat, 'A' FROM wamon.groups")
    tell_gaps(db)
    assert [event["type"] for event in told(db, beginning)] == ["wamon.gap.opened"]
    office.query("DELETE FROM wamon.store_missed")
    tell_gaps(db)
    assert [event["data"]["kind"] for event in told(db, beginning)] == ["store-missed"] * 2


def test_gaps_from_before_anybody_followed_are_no_news(office: Office, db: Database) -> None:
    office.query(
        "INSERT INTO wamon.rewinds (source, tail, at, reason, from_rowid, to_rowid)"
        " VALUES ('main', 'main', now() - interval '1 h', 'it was replaced', 9, 1)"
    )
    at = begin(db)
    tell_gaps(db)
    assert told(db, at) == []


class Seconds(Clock):
    """A clock whose seconds stand where a test puts them."""

    at = 0.0

    def monotonic_seconds(self) -> float:
        return self.at


def test_a_watch_looks_no_more_often_than_it_must(office: Office, db: Database, beginning: Cursor) -> None:
    clock = Seconds()
    watch = Watch(clock)
    watch.look(db)
    office.query(PUBLISHED)
    office.query("UPDATE wamon.source_status SET published_at = now() - interval '1 h'")
    clock.at = 14.9
    watch.look(db)
    assert told(db, beginning) == []
    clock.at = 15.0
    watch.look(db)
    assert [event["type"] for event in told(db, beginning)] == ["wamon.source.down"]
