"""A promotion gives places twice: a cursor goes back to what both timelines share."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.support.bridges import LAWLEY, PROJECTS, VeryGoodPlugins
from tests.support.clusters import PROGRAMS, Cluster, streaming_pair
from tests.support.events import Consumer, follow, told_drops
from tests.support.office import Office
from tests.support.truth import Field
from wamon.events.cursor import Cursor, UnknownCursor
from wamon.events.stream import checked, prune, read
from wamon.postgres.connection import Database, connected


@contextmanager
def pair(tmp_path: Path) -> Iterator[tuple[Field, Office, Cluster, Cluster]]:
    """Groups, an office that reads them, and its primary with a standby."""
    with (
        Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False), PROJECTS) as field,
        streaming_pair() as (primary, standby),
    ):
        database = {"url": primary.dsn, "review_table": ""}
        yield field, Office(tmp_path / "office", primary.dsn, field.path, database=database), primary, standby


def fail_over(office: Office, primary: Cluster, standby: Cluster) -> None:
    """Have the office go on with what was the standby."""
    primary.stop("immediate")
    standby.promote()
    office.dsn = standby.dsn
    office.set(database={"url": standby.dsn})


@pytest.mark.skipif(PROGRAMS is None, reason="Debian's PostgreSQL isn't installed here")
@pytest.mark.fault("F154")
def test_a_follower_goes_on_at_a_promoted_standby_from_what_both_share(tmp_path: Path) -> None:
    consumer = Consumer()
    with pair(tmp_path) as (field, office, primary, standby):
        office.scan()
        with connected(primary.dsn) as db:
            follow(db, consumer)
            field.post(LAWLEY, "DR1000001")
            office.scan()
            follow(db, consumer)
            shared = Cursor.parse(consumer.cursor or "")
            standby.catch_up_with(primary)
            standby.fall_behind()
            for number in range(1_000_002, 1_000_005):
                field.post(LAWLEY, f"DR{number}")
                office.scan()
            follow(db, consumer)
            ahead = Cursor.parse(consumer.cursor or "")
        fail_over(office, primary, standby)
        with connected(standby.dsn) as db:
            back = checked(db, ahead)
            assert (back.place, back.element) == (shared.place + 1, 0)
            assert back.timeline > ahead.timeline == shared.timeline
            assert checked(db, shared) == shared
            field.post(LAWLEY, "DR1000005")  # with what the standby lacked, one step: places are given again
            office.scan()
            again = read(db, ahead, 100)
            assert {event.subject for event in again} == {f"Lawley/DR100000{n}" for n in range(2, 6)}
            follow(db, consumer)
            assert consumer.drops() == told_drops(office)
            for _ in range(2):
                assert checked(db, ahead) == back
            with pytest.raises(UnknownCursor, match="taken back"):
                checked(db, ahead._replace(timeline=back.timeline + 1))


@pytest.mark.skipif(PROGRAMS is None, reason="Debian's PostgreSQL isn't installed here")
@pytest.mark.fault("F154")
def test_a_promotion_where_nothing_is_kept_any_more_loses_nobody_an_event_unsaid(tmp_path: Path) -> None:
    consumer = Consumer()
    with pair(tmp_path) as (field, office, primary, standby):
        field.post(LAWLEY, "DR1000001")
        office.scan()
        with connected(primary.dsn) as db:
            follow(db, consumer)
            forget(office, db)
            shared = Cursor.parse(consumer.cursor or "")
            standby.catch_up_with(primary)
            standby.fall_behind()
            field.post(LAWLEY, "DR1000002")
            office.scan()
            follow(db, consumer)
            ahead = Cursor.parse(consumer.cursor or "")
        fail_over(office, primary, standby)
        with connected(standby.dsn) as db:
            assert checked(db, shared) == shared
            assert checked(db, ahead)[2:4] == (shared.place + 1, 0)
            field.post(LAWLEY, "DR1000003")
            office.scan()
            follow(db, consumer)
            assert consumer.drops() == told_drops(office)
            forget(office, db)
            for former in (shared, ahead):  # what the later timeline told first is gone
                with pytest.raises(UnknownCursor, match="no longer kept"):
                    checked(db, former)
            now = Cursor.parse(consumer.cursor or "")
            assert checked(db, now) == now


def forget(office: Office, db: Database) -> None:
    """As after a month without news."""
    office.query("UPDATE wamon.events_out SET at = at - interval '31 days'")
    prune(db)
