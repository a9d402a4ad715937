"""Followers of a recording are told what it wrote, in their order and in its transaction, and can roll it back."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.office import Office
from tests.support.truth import Field
from wamon.capture.pipeline import Pipeline
from wamon.capture.replay import Selection, replay
from wamon.capture.scan import scan
from wamon.capture.verify import Verification
from wamon.ledger.following import Conflict, Follower, Posted
from wamon.model import BEGINNING, Reading
from wamon.postgres.connection import Database

DROP = "DR1752028"


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        yield field


@pytest.fixture
def office(tmp_path: Path, dsn: str, field: Field) -> Office:
    return Office(tmp_path / "office", dsn, field.path)


class Called(NamedTuple):
    """One call of a follower, and how many messages the ledger held by then."""

    of: str
    step: str
    recorded: int


class Noting:
    """Notes what it is told; at one step it may fail."""

    shares_rows = False

    def __init__(self, name: str, calls: list[Called], fails_at: str | None = None) -> None:
        self._name = name
        self._calls = calls
        self._fails_at = fails_at
        self.prepared: list[str] = []
        self.posted: list[Posted] = []

    def prepare(self, db: Database, readings: Sequence[Reading]) -> None:
        self._note(db, "prepare")
        self.prepared += [reading.message.message_id for reading in readings]

    def follow(self, db: Database, posted: Posted) -> Sequence[Conflict]:
        self._note(db, "follow")
        self.posted.append(posted)
        return ()

    def _note(self, db: Database, step: str) -> None:
        ((recorded,),) = db.execute("SELECT count(*) FROM wamon.ledger_rows")
        self._calls.append(Called(self._name, step, recorded))
        if step == self._fails_at:
            raise ZeroDivisionError


def followed(pipeline: Pipeline, *followers: Follower) -> None:
    """Have these follow after those that follow already."""
    pipeline.recorder._followers = [*pipeline.recorder._followers, *followers]


def submissions(posted: Sequence[Posted]) -> list[tuple[str, str | None]]:
    return [(one.candidate.drop_number, one.kind) for each in posted for one in each.submissions]


def everything(office: Office) -> list[int]:
    tables = ("wamon.ledger_rows", "wamon.submission_rows", "qa_photo_reviews", "wamon.near_miss_rows")
    return [office.query(f"SELECT count(*) FROM {table}")[0] for table in tables]


def test_all_prepare_before_anything_is_written_and_follow_one_after_the_other(field: Field, office: Office) -> None:
    message_id = field.post(LAWLEY, DROP)
    calls: list[Called] = []
    first = Noting("first", calls)
    with office.opened() as pipeline:
        followed(pipeline, first, Noting("second", calls))
        scan(pipeline)
    assert first.prepared == [message_id]
    assert calls == [("first", "prepare", 0), ("second", "prepare", 0), ("first", "follow", 1), ("second", "follow", 1)]


def test_review_then_rejections_then_replies_follow(office: Office, field: Field) -> None:
    """A reply comes last: it is queued for what nobody before it has taken."""
    office.set(groups=[{"jid": LAWLEY, "name": "Lawley", "validate": True}])
    with office.opened() as pipeline:
        assert [type(one).__name__ for one in pipeline.recorder._followers] == ["Review", "Rejections", "Outbox"]


@pytest.mark.parametrize("step", ["prepare", "follow"])
def test_one_that_fails_rolls_the_whole_recording_back(field: Field, office: Office, step: str) -> None:
    field.post(LAWLEY, DROP)
    field.post(LAWLEY, "D R1752034")
    with office.opened() as pipeline:
        before = everything(office), office.query("SELECT rowid FROM wamon.cursors")
        followed(pipeline, Noting("last", [], fails_at=step))
        with pytest.raises(ZeroDivisionError):
            scan(pipeline)
        assert (everything(office), office.query("SELECT rowid FROM wamon.cursors")) == before
    office.scan()
    assert everything(office) == [2, 1, 1, 1]


def test_they_are_told_of_new_messages_in_row_order(field: Field, office: Office) -> None:
    told = Noting("all", [])
    for n in range(20):
        field.post(LAWLEY, f"DR17520{n + 10}")
    field.post(LAWLEY, "D R1752034")
    with office.opened() as pipeline:
        followed(pipeline, told)
        scan(pipeline)
    (posted,) = told.posted
    rowids = [reading.message.rowid for reading in posted.readings]
    assert rowids == sorted(rowids)
    assert len(rowids) == 21
    assert [near.written for reading in posted.near for near in reading.near] == ["D R1752034"]
    assert (posted.again, posted.mended) == (False, frozenset())


def test_they_are_told_of_nothing_that_was_recorded_before(field: Field, office: Office) -> None:
    """A position that goes back brings messages a second time."""
    told = Noting("all", [])
    field.post(LAWLEY, DROP)
    with office.opened() as pipeline:
        followed(pipeline, told)
        scan(pipeline)
        assert submissions(told.posted) == [(DROP, "new")]
        told.posted.clear()
        pipeline.source.rewind(LAWLEY, BEGINNING, "for the test")
        scan(pipeline)
        assert told.posted
        assert not any(posted.readings or posted.submissions for posted in told.posted)


def test_a_replay_tells_them_only_of_what_it_adds_and_that_nobody_is_answered(field: Field, office: Office) -> None:
    told = Noting("all", [])
    field.post(LAWLEY, DROP)
    field.post(LAWLEY, "DR1752034")
    office.scan()
    office.query("DELETE FROM wamon.submission_rows WHERE drop_number = 'DR1752034'")
    with office.opened() as pipeline:
        followed(pipeline, told)
        replay(pipeline, Selection([LAWLEY]))
    assert submissions(told.posted) == [("DR1752034", "new")]
    assert all(posted.again for posted in told.posted)


def test_a_repair_tells_them_which_messages_say_nothing_new(field: Field, office: Office) -> None:
    told = Noting("all", [])
    message_id = field.post(LAWLEY, DROP)
    office.scan()
    office.query("DELETE FROM wamon.submission_rows")
    with office.opened() as pipeline:
        followed(pipeline, told)
        Verification(pipeline, list(pipeline.source.groups.values())).repair()
    (posted,) = [posted for posted in told.posted if posted.submissions]
    assert submissions([posted]) == [(DROP, "new")]
    assert posted.again
    assert posted.mended == {(LAWLEY, message_id)}


def test_an_edit_tells_them_what_was_taken_back(field: Field, office: Office) -> None:
    told = Noting("all", [])
    message_id = field.post(LAWLEY, DROP)
    office.scan()
    field.edit(message_id, "DR1752034")
    with office.opened() as pipeline:
        followed(pipeline, told)
        scan(pipeline)
    (posted,) = [posted for posted in told.posted if posted.submissions]
    assert posted.readings == []
    assert submissions([posted]) == [("DR1752034", "new")]
    assert [candidate.drop_number for candidate in posted.retracted] == [DROP]
