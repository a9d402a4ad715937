"""Events: what happened, each once by its id, in the order of commits, and nothing of it while nobody follows."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.bridges import LAWLEY, MOHADIN, TECHNICIAN, VELO_TEST, VeryGoodPlugins
from tests.support.clock import CLOCK
from tests.support.deliveries import PHONE
from tests.support.events import Consumer, follow, told, told_drops
from tests.support.office import Office
from tests.support.talk import advance, desk, talking, write
from tests.support.truth import Field
from wamon.app.configured import configured
from wamon.app.events import Following
from wamon.capture.verify import Verification
from wamon.events import stream
from wamon.events.cursor import Cursor, UnknownCursor
from wamon.events.stream import POLL_SECONDS, Looks, begin, checked, prune, read
from wamon.failpoints import FailpointRaised
from wamon.postgres.connection import Database, connected

NAMES = {LAWLEY: "Lawley", MOHADIN: "Mohadin", VELO_TEST: "Lawley"}
CANARY = "the gate is green"


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False), NAMES) as field:
        yield field


def opened(folder: Path, dsn: str, field: Field, **settings: Any) -> Office:
    groups = [{"name": name, "jid": jid, "validate": jid == MOHADIN} for jid, name in NAMES.items()]
    return Office(folder / "office", dsn, field.path, groups=groups, **settings)


@pytest.fixture
def office(tmp_path: Path, dsn: str, field: Field) -> Office:
    return opened(tmp_path, dsn, field)


@pytest.fixture
def db(office: Office) -> Iterator[Database]:
    with connected(office.dsn) as db:
        yield db


def ids(db: Database, at: Cursor) -> list[str]:
    return [event.id for event in read(db, at, 1000)]


@pytest.mark.both_servers
@pytest.mark.fault("F152")
def test_who_drops_equal_ids_rebuilds_the_drops_from_whatever_happened(
    tmp_path: Path, any_dsn: str, field: Field
) -> None:
    office = opened(tmp_path, any_dsn, field)
    early, late = Consumer(), Consumer()
    first = field.post(LAWLEY, "DR1752028 and DR1752034")
    field.post(VELO_TEST, "DR1752028", sender="27820000042")
    office.scan()
    with connected(any_dsn) as db:
        follow(db, early)
        assert early.types == ["drop.posted", "drop.posted", "drop.posted_again"]
        field.edit(first, "DR1752034 only")
        office.scan()
        follow(db, early)
        field.edit(first, "DR1752028 and DR1752034")
        field.post(LAWLEY, "RD1752040")
        office.query("INSERT INTO wamon.allow_lists (project) VALUES ('Mohadin')")
        field.post(MOHADIN, "DR1700001 DR1700002")
        office.scan()
        office.query("INSERT INTO wamon.allowed_numbers VALUES ('Mohadin', 'DR1700002')")
        office.scan()
        follow(db, early)
        office.set(groups=[{"name": "Lawley 3" if jid == LAWLEY else n, "jid": jid} for jid, n in NAMES.items()])
        office.scan()
        office.query("DELETE FROM wamon.submissions WHERE drop_number = 'DR1752034'")
        follow(db, early)
        assert early.drops() == told_drops(office)
        with office.opened() as pipeline:
            Verification(pipeline, [pipeline.source.groups[LAWLEY]]).repair()
        for consumer in (early, late):
            follow(db, consumer)
            assert consumer.drops() == told_drops(office)
    assert len(late.drops()) == 4
    assert {"drop.rejected", "drop.near_miss", "drop.retracted"} <= set(early.types)


def test_while_nobody_follows_nothing_is_kept_and_no_trigger_is_fired(office: Office, field: Field) -> None:
    field.post(LAWLEY, "DR1752028 RD1752034")
    office.scan()
    assert office.query("SELECT count(*) FROM wamon.events_out") == [0]
    assert set(office.query("SELECT tgenabled FROM pg_trigger WHERE starts_with(tgname, 'told')")) == {"D"}


@pytest.mark.both_servers
@pytest.mark.fault("F153")
def test_a_transaction_that_is_still_open_is_neither_passed_nor_holds_up_others(
    tmp_path: Path, any_dsn: str, field: Field
) -> None:
    office = opened(tmp_path, any_dsn, field)
    office.scan()
    insert = (
        "INSERT INTO wamon.submission_rows (chat, message_id, drop_number, project, sent_at, sender) "
        "SELECT min(chat), %s, %s, 'Lawley', now(), '27820000001' FROM wamon.groups"
    )
    with connected(any_dsn) as db, psycopg.connect(any_dsn) as slow:
        at = begin(db)
        slow.execute(insert, ["A", "DR1000001"])  # takes the lower number, and the older transaction
        office.query(insert, "B", "DR1000002")
        (second,) = read(db, at, 10)
        assert second.subject == "Lawley/DR1000002"
        assert read(db, second.cursor, 10) == ()
        slow.commit()
        (first,) = read(db, second.cursor, 10)
        assert first.subject == "Lawley/DR1000001"
        assert [event.subject for event in read(db, at, 10)] == ["Lawley/DR1000002", "Lawley/DR1000001"]


def test_what_is_rolled_back_is_never_told(office: Office, field: Field, db: Database) -> None:
    office.scan()
    at = begin(db)
    office.set(database={"review_table": ""})
    field.post(LAWLEY, "DR1752028")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("WAMON_FAILPOINT", "record.cursor:1:raise")
        with pytest.raises(FailpointRaised):
            office.scan()
    assert read(db, at, 10) == ()
    office.scan()
    assert len(read(db, at, 10)) == 1


def test_the_same_thing_has_the_same_id_for_each_follower_again_and_in_a_database_made_anew(
    office: Office, field: Field, db: Database, own_dsn: str, tmp_path: Path
) -> None:
    office.scan()
    at = begin(db)
    first = field.post(LAWLEY, "DR1752028 RD1752034")
    office.scan()
    field.edit(first, "nothing")
    office.scan()
    first_told = ids(db, at)
    with connected(office.dsn) as other:
        assert ids(other, at) == first_told
    assert ids(db, at) == first_told
    assert len(first_told) == 5
    anew = Office(tmp_path / "anew", own_dsn, field.path, groups=office.settings["groups"])
    field.edit(first, "DR1752028 RD1752034")
    anew.scan()
    with connected(own_dsn) as db_anew:
        assert set(ids(db_anew, begin(db_anew))) < set(first_told)


def test_a_follower_that_begins_late_is_told_what_stands_and_what_came_since_and_others_nothing_twice(
    office: Office, field: Field, db: Database
) -> None:
    office.scan()
    at = begin(db)
    field.post(LAWLEY, "DR1752028")
    office.scan()
    *_, one = read(db, at, 10)
    office.query("UPDATE wamon.events_out SET at = at - interval '31 days'")
    prune(db)
    field.post(LAWLEY, "DR1752034")
    office.scan()
    late = Consumer()
    follow(db, late)
    assert late.drops() == told_drops(office)
    two, _ = read(db, one.cursor, 10)
    assert two.subject == "Lawley/DR1752034"
    with pytest.raises(UnknownCursor, match="no longer kept"):
        read(db, at, 10)


def test_what_is_left_of_the_last_row_that_is_no_longer_kept_is_missed_by_nobody_unsaid(
    office: Office, field: Field, db: Database
) -> None:
    field.post(LAWLEY, "DR1752028 DR1752029")
    office.scan()
    at = begin(db)
    one, two = read(db, at, 10)
    office.query("UPDATE wamon.events_out SET at = at - interval '31 days'")
    prune(db)
    for within in (at, one.cursor):
        with pytest.raises(UnknownCursor, match="no longer kept"):
            checked(db, within)
    field.post(LAWLEY, "DR1752034")
    office.scan()
    three, _ = read(db, two.cursor, 10)
    assert three.subject == "Lawley/DR1752034"


def test_a_month_after_the_last_follower_nothing_is_kept_any_more(office: Office, field: Field, db: Database) -> None:
    office.scan()
    at = begin(db)
    office.query("UPDATE wamon.event_stream SET followed_at = now() - interval '31 days'")
    prune(db)
    field.post(LAWLEY, "DR1752028")
    office.scan()
    assert office.query("SELECT count(*) FROM wamon.events_out") == [0]
    with pytest.raises(UnknownCursor, match="nobody followed"):
        checked(db, at)
    assert [event.subject for event in read(db, begin(db), 10)] == ["Lawley/DR1752028"]


def test_while_somebody_follows_it_stays_open(office: Office, db: Database) -> None:
    office.scan()
    at = begin(db)
    office.query("UPDATE wamon.event_stream SET followed_at = now() - interval '31 days'")
    read(db, at, 10)
    prune(db)
    assert checked(db, at) == at


@pytest.mark.fault("F152")
def test_followers_that_look_at_once_are_told_the_same_in_the_same_order(
    office: Office, field: Field, db: Database
) -> None:
    office.scan()
    told_to: list[list[str]] = [[], []]
    with connected(office.dsn) as other:
        follows = [(db, begin(db)), (other, begin(other))]
        for number in range(1_000_001, 1_000_007):
            field.post(LAWLEY, f"DR{number}")
            office.scan()
            for n, (each, at) in enumerate(follows):
                for event in read(each, at, number % 3 + 1):
                    told_to[n].append(event.id)
                    follows[n] = each, event.cursor
            follows.reverse()
            told_to.reverse()
        for n, (each, at) in enumerate(follows):
            told_to[n] += ids(each, at)
    assert told_to[0] == told_to[1] == ids(db, begin(db))
    assert len(told_to[0]) == len(set(told_to[0])) == 12  # posts and review rows


def test_places_are_given_once_a_reader_has_come_so_far(office: Office, field: Field, db: Database) -> None:
    field.post(LAWLEY, "DR1752028")
    office.scan()
    beginning = begin(db)
    field.post(LAWLEY, "DR1752034")
    office.scan()
    without = "SELECT count(*) FROM wamon.events_out WHERE place IS NULL"
    (waiting,) = office.query(without)
    assert waiting
    (one,) = read(db, beginning, 1)
    assert office.query(without) == [waiting]
    assert told(read(db, one.cursor, 1)[0])["data"]["drop_number"] == "DR1752034"
    assert office.query(without) == [0]


def test_who_looks_without_news_finds_what_comes_at_its_next_look_and_that_the_stream_was_closed_some_looks_later(
    office: Office, field: Field, db: Database
) -> None:
    office.scan()
    looks, at = Looks(db), begin(db)
    assert [looks.read(at, 10) for _ in range(15)] == [()] * 15
    field.post(LAWLEY, "DR1752028")
    office.scan()
    *_, one = looks.read(at, 10)
    assert looks.read(one.cursor, 10) == ()
    office.query("UPDATE wamon.event_stream SET followed_at = now() - interval '31 days'")
    with connected(office.dsn) as other:
        prune(other)
    with pytest.raises(UnknownCursor, match="nobody followed"):
        [looks.read(one.cursor, 10) for _ in range(15)]


def test_who_follows_rests_after_a_look_while_somebody_records(office: Office, field: Field) -> None:
    rests: list[float] = []

    def rest(seconds: float) -> None:
        rests.append(seconds)
        if seconds == POLL_SECONDS:
            raise EOFError

    found = Following(configured(office.config_path, {}), None, CLOCK).for_ever(rest)
    for number in range(1_000_001, 1_000_004):
        field.post(LAWLEY, f"DR{number}")
        office.scan()
        next(found)
    assert len(rests) == 1
    with pytest.raises(EOFError):
        next(found)
    assert rests[1:] == [POLL_SECONDS]


@pytest.mark.fault("F154")
def test_a_cursor_of_another_database_or_of_one_from_before_a_restore_is_said(
    office: Office, db: Database, own_dsn: str
) -> None:
    office.scan()
    at = begin(db)
    with connected(own_dsn) as other:
        with pytest.raises(UnknownCursor, match="No events go out"):
            checked(other, at)
        begin(other)
        with pytest.raises(UnknownCursor, match="another database"):
            checked(other, at)
    with pytest.raises(UnknownCursor, match="further than"):
        checked(db, at._replace(place=at.place + 1, element=1))
    with pytest.raises(UnknownCursor, match="taken back"):
        checked(db, at._replace(timeline=at.timeline + 1))
    office.query("UPDATE wamon.event_stream SET log_oid = 1")  # as a restored dump has it
    with pytest.raises(UnknownCursor, match="No events go out"):
        checked(db, at)
    assert begin(db).generation != at.generation


def test_no_text_and_no_number_of_a_person_goes_out(office: Office, field: Field, db: Database) -> None:
    old_group = f"{TECHNICIAN}-1512345678@g.us"
    field.bridge.chat(old_group, "Old")
    office.set(groups=[{"name": "Old", "jid": old_group}, {"name": "Lawley", "jid": LAWLEY}])
    field.post(old_group, f"DR1752028 {CANARY}")
    field.post(LAWLEY, f"Dr {TECHNICIAN} {CANARY} DR12345")
    office.scan()
    begun = read(db, begin(db), 10)
    field.post(old_group, f"DR1752034 {CANARY}, RD{TECHNICIAN}")
    office.scan()
    lines = "".join(event.line for event in begun + read(db, begun[-1].cursor, 10))
    assert lines.count("wamon.drop.near_miss") >= 2
    assert TECHNICIAN not in lines
    assert CANARY not in lines
    assert "RD" not in lines


def test_what_wamon_writes_into_the_review_table_is_told_and_what_the_office_writes_is_not(
    office: Office, field: Field, db: Database
) -> None:
    office.scan()
    at = begin(db)
    first = field.post(LAWLEY, "DR1752028", at=None)
    office.scan()
    office.query("UPDATE qa_photo_reviews SET incomplete = true")
    field.post(LAWLEY, "DR1752028 again")
    office.scan()
    field.edit(first, "nothing")
    office.scan()
    changes = [one for one in map(told, read(db, at, 100)) if one["type"] == "wamon.review.changed"]
    assert [(one["subject"], one["data"]["change"]) for one in changes] == [
        ("Lawley/DR1752028", "created"),
        ("Lawley/DR1752028", "reopened"),
    ]


def test_an_answered_burst_is_told_once(office: Office, db: Database) -> None:
    talking(office)
    write(office)
    at = begin(db)
    with desk(office) as worker:
        advance(office, 60)
        worker.finish(worker.claim_one())
    (event,) = read(db, at, 10)
    one = told(event)
    assert (one["type"], one["source"], one["data"]["messages"]) == ("wamon.burst.answered", "/wamon/wati", 1)
    assert one["data"]["person"] in office.query("SELECT hash FROM wamon.people")
    assert PHONE not in event.line


def test_a_stream_that_is_opened_while_an_idle_one_is_closed_stays_open(
    dsn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    switch_off = stream._switch_off

    def meanwhile(db: Database) -> None:
        with connected(dsn) as other:
            begin(other)
        switch_off(db)

    monkeypatch.setattr(stream, "_switch_off", meanwhile)
    with connected(dsn) as db:
        prune(db)
        are_on = "SELECT DISTINCT tgenabled::text FROM pg_trigger WHERE tgname LIKE 'told\\_%'"
        assert db.execute(are_on).fetchall() == [("O",)]


@pytest.mark.fault("F154")
def test_after_a_restore_a_follower_begins_again_and_equal_ids_are_what_it_knows(
    tmp_path: Path, own_dsn: str, field: Field
) -> None:
    office, consumer = opened(tmp_path, own_dsn, field), Consumer()
    field.post(LAWLEY, "DR1752028 DR1752034")
    office.scan()
    with connected(own_dsn) as db:
        follow(db, consumer)
    assert office.run("db", "dump", str(tmp_path / "backup")).returncode == 0
    assert office.run("db", "restore", str(tmp_path / "backup"), "--force").returncode == 0
    known = set(consumer.ids)
    with connected(own_dsn) as db:
        with pytest.raises(UnknownCursor, match="restored"):
            follow(db, consumer)
        consumer.cursor = None
        follow(db, consumer)
        assert consumer.ids == known
        field.post(LAWLEY, "DR1752040")
        office.scan()
        follow(db, consumer)
        assert consumer.drops() == told_drops(office)
