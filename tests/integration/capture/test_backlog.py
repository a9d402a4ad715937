"""A long backlog is read by a process of its own: what is recorded is the same, whatever becomes of that process."""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
from collections.abc import Callable, Iterator
from contextlib import closing, suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from typing import Any
from uuid import uuid4

import pytest

from tests.support.bridges import LAWLEY, PROJECTS, VeryGoodPlugins
from tests.support.chaos import until_killed
from tests.support.office import Office, eventually
from tests.support.truth import Field, drops_in
from wamon.capture import pipeline
from wamon.capture.backlog import DraftedBatch
from wamon.capture.pipeline import Pass
from wamon.capture.scan import scan
from wamon.errors import Busy
from wamon.ledger import submissions
from wamon.ledger.renaming import rename
from wamon.model import Sizes

Open = Callable[..., Office]

MESSAGES = 500
BATCH = 60
SIZES = Sizes(page_rows=15, pages_a_batch=4, pages_a_drained_batch=4, long_backlog_rows=62)
LAST = f"ID{MESSAGES - 1:04}"
BATCHES_APART = 9
TEXTS = ("DR{}", "dr {} done, DR{}", "D R{}", "pole {} :-)", "Goeiemôre DR {}", "", "\uff24\uff32{}")


@pytest.fixture(scope="module")
def history(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("history") / "messages.db"
    random = Random(7)
    with Field(VeryGoodPlugins(path, durable=False)) as field, field.bridge.batch():
        for n in range(MESSAGES):
            number = 1_700_000 + random.randrange(5_000)
            text = random.choice(TEXTS).format(number, number + 1)
            media = "" if text else "image"
            field.bridge.post(random.choice(list(PROJECTS)), text, media=media, message_id=f"ID{n:04}")
    return path


@pytest.fixture
def store(history: Path, tmp_path: Path) -> Path:
    return Path(shutil.copy(history, tmp_path / "messages.db"))


@pytest.fixture
def sizes() -> Sizes:
    return SIZES


class Begun(list["Apart"]):
    """The processes that were begun."""


class Apart(subprocess.Popen[bytes]):
    """A process, which is noted."""

    begun = Begun()

    def __init__(self, *args: Any, **named: Any) -> None:
        super().__init__(*args, **named)
        self.begun.append(self)


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> Begun:
    """And none is more than a batch ahead of what is recorded."""
    monkeypatch.setattr(Apart, "begun", Begun())
    monkeypatch.setattr("wamon.host.beside.subprocess.Popen", Apart)
    monkeypatch.setattr("wamon.host.beside._PIPE_BYTES", 4096)
    return Apart.begun


@pytest.fixture
def handed(monkeypatch: pytest.MonkeyPatch) -> list[DraftedBatch]:
    """What was recorded as it was handed over."""
    handed: list[DraftedBatch] = []
    record = pipeline._record_drafted

    def noted(pipeline: Any, tail: str, batches: Iterator[DraftedBatch]) -> Any:
        given: list[DraftedBatch] = []

        def noting() -> Iterator[DraftedBatch]:
            for batch in batches:
                given.append(batch)
                yield batch

        made, goes_on = record(pipeline, tail, noting())
        handed.extend(batch for batch in given if batch.place.rowid <= made[0].place.rowid)
        return made, goes_on

    monkeypatch.setattr(pipeline, "_record_drafted", noted)
    return handed


def assert_whole(office: Office, store: Path) -> None:
    assert office.drops() == drops_in(store)
    with closing(sqlite3.connect(store)) as db:
        assert office.query("SELECT count(*) FROM wamon.ledger") == [
            db.execute("SELECT count(*) FROM messages").fetchone()[0]
        ]
    verified = office.verify()
    assert verified.clean, verified.problems


def gone(process: Any) -> bool:
    return process.poll() is not None


def test_it_records_what_reading_here_would(store: Path, open_office: Open, begun: Begun, handed: list[Any]) -> None:
    office = open_office(store)
    scanned = office.scan()
    assert len(handed) == BATCHES_APART
    assert len(begun) == 1
    assert all(map(gone, begun))
    assert scanned.read.total() == MESSAGES
    assert_whole(office, store)
    state = "SELECT messages, last_message_id, last_sent_at FROM wamon.groups ORDER BY jid"
    near = (
        "SELECT chat_jid, message_id, written, reason, likely, sent_at, sender FROM wamon.near_misses ORDER BY 1, 2, 3"
    )
    reviews = "SELECT to_jsonb(t) - '{id,created_at,updated_at}'::text[] FROM qa_photo_reviews AS t ORDER BY 1"
    apart_ = (
        *(office.everything(), office.query(state), office.query(near), office.query(reviews)),
        scanned.recorded.counts,
    )
    for table in ("ledger_rows", "submission_rows", "near_miss_rows", "groups", "cursors"):
        office.query(f"DELETE FROM wamon.{table}")
    office.query("DELETE FROM qa_photo_reviews")
    shutil.rmtree(office.state_path.parent)
    office.sizes = replace(SIZES, long_backlog_rows=MESSAGES + 1)
    again = office.scan()
    assert len(handed) == BATCHES_APART
    assert apart_ == (
        *(office.everything(), office.query(state), office.query(near), office.query(reviews)),
        again.recorded.counts,
    )
    assert scanned.recorded.counts[LAWLEY, "new"] > 50
    assert office.query("SELECT count(*) FROM qa_photo_reviews WHERE resubmitted")[0] > 0


def test_where_people_make_a_review_row_meanwhile_it_stays_theirs(
    store: Path, open_office: Open, handed: list[DraftedBatch]
) -> None:
    office = open_office(store)
    with closing(sqlite3.connect(store, isolation_level=None)) as db:
        db.execute("UPDATE messages SET content = 'DR1799999' WHERE id = ?", [LAST])
        ((jid,),) = db.execute("SELECT chat_jid FROM messages WHERE id = ?", [LAST]).fetchall()

    def make(_: Pass) -> None:
        if len(handed) == 1:
            office.query(
                "INSERT INTO qa_photo_reviews (project, drop_number, user_name, completed) "
                f"SELECT project, 'DR1799999', 'the office', true FROM wamon.groups WHERE jid = '{jid}' "
                "ON CONFLICT DO NOTHING"
            )

    with office.opened() as pipeline:
        scan(pipeline, make)
    assert len(handed) == BATCHES_APART
    theirs = "SELECT user_name, completed, resubmitted FROM qa_photo_reviews WHERE drop_number = 'DR1799999'"
    assert office.query(theirs) == [("the office", True, False)]
    assert_whole(office, store)


@pytest.fixture
def of_many_groups(open_office: Open, store: Path, monkeypatch: pytest.MonkeyPatch) -> Office:
    """An office whose groups are as many, for the messages of a batch, that four batches go together."""
    monkeypatch.setattr("wamon.ledger.recording._MESSAGES_A_GROUP", 4 * BATCH // len(PROJECTS))
    monkeypatch.setattr("wamon.ledger.recording._MOST_SECONDS_TOGETHER", 3600.0)
    office = open_office(store)
    office.set(database={"review_table": ""})
    return office


COUNTED = "SELECT messages, last_message_id, last_sent_at FROM wamon.groups ORDER BY jid"
IN_THE_LEDGER = """
    SELECT g.messages = count(l.chat) FROM wamon.groups AS g LEFT JOIN wamon.ledger_rows AS l USING (chat) GROUP BY chat
"""


def test_of_many_groups_batches_that_share_a_transaction_record_what_each_alone_would(
    store: Path, of_many_groups: Office, begun: Begun, handed: list[DraftedBatch], monkeypatch: pytest.MonkeyPatch
) -> None:
    office = of_many_groups
    told: list[int] = []
    with office.opened() as pipeline:
        scan(pipeline, lambda one: told.append(one.place.rowid))
    assert len(handed) == BATCHES_APART
    assert told[:3] == [4 * BATCH, 8 * BATCH, MESSAGES]
    transactions = office.query("SELECT count(DISTINCT seen_at) FROM wamon.ledger_rows")
    assert transactions == [3]
    assert set(office.query(IN_THE_LEDGER)) == {True}
    together = office.everything(), office.query(COUNTED)
    for table in ("ledger_rows", "submission_rows", "near_miss_rows", "groups", "cursors"):
        office.query(f"DELETE FROM wamon.{table}")
    shutil.rmtree(office.state_path.parent)
    monkeypatch.setattr("wamon.ledger.recording._MESSAGES_A_GROUP", 1)
    office.scan()
    assert (office.everything(), office.query(COUNTED)) == together
    assert_whole(office, store)


@pytest.mark.parametrize("more", [0, 1])
def test_the_drops_that_are_held_are_remembered_unless_they_are_too_many(
    store: Path, open_office: Open, monkeypatch: pytest.MonkeyPatch, more: int
) -> None:
    office = open_office(store)
    office.scan()
    held = office.query("SELECT project, drop_number FROM wamon.submission_rows")
    monkeypatch.setattr(submissions, "_MOST_REMEMBERED", len(held) - more)
    with office.opened() as pipeline, pipeline.recorder.remembering_drops(MESSAGES):
        familiar = pipeline.recorder._submissions._familiar
        assert (familiar and familiar.meet(held)) == (None if more else list(range(len(held))))


def test_a_message_that_is_refused_ends_them_before_its_batch(
    store: Path, of_many_groups: Office, handed: list[DraftedBatch]
) -> None:
    office = of_many_groups
    with closing(sqlite3.connect(store, isolation_level=None)) as db:
        db.execute("UPDATE messages SET content = 'DR9999999' WHERE id = 'ID0150'")  # of the third one
    with office.refusing("DR9999999"):
        office.scan()
    assert [batch.place.rowid for batch in handed[:2]] == [BATCH, 2 * BATCH]
    assert office.query("SELECT message_id FROM wamon.ledger WHERE status = 'retry'") == ["ID0150"]
    assert set(office.query(IN_THE_LEDGER)) == {True}
    office.query("UPDATE wamon.dead_letters SET next_try_at = now()")
    office.scan()
    assert_whole(office, store)


@pytest.mark.fault("F1")
def test_killed_between_batches_that_share_a_transaction_none_of_them_is_recorded_or_counted(
    store: Path, of_many_groups: Office
) -> None:
    office = of_many_groups
    until_killed(office.scan, "record.review:7:kill", may_break=False)
    assert office.query("SELECT count(*) FROM wamon.ledger") == [4 * BATCH]
    assert set(office.query(IN_THE_LEDGER)) == {True}
    office.scan()
    assert set(office.query(IN_THE_LEDGER)) == {True}
    assert_whole(office, store)


@pytest.mark.fault("F1")
@pytest.mark.parametrize("program", ["/bin/false", "/nowhere"])
@pytest.mark.usefixtures("begun")
def test_where_that_process_can_t_begin_all_is_read_here(
    store: Path, open_office: Open, handed: list[DraftedBatch], monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr("wamon.host.beside.sys.executable", program)
    office = open_office(store)
    office.scan()
    assert handed == []
    assert_whole(office, store)


@pytest.mark.fault("F1")
def test_where_that_process_is_killed_the_rest_is_read_here(
    store: Path, open_office: Open, begun: Begun, handed: list[DraftedBatch]
) -> None:
    office = open_office(store)

    def kill(_: Pass) -> None:
        if len(handed) == 1:
            begun[0].kill()

    with office.opened() as pipeline:
        scan(pipeline, kill)
    assert 1 <= len(handed) < BATCHES_APART  # some more may have been handed over by then
    assert_whole(office, store)


@pytest.mark.fault("F41")
def test_a_message_that_is_refused_parks_and_the_others_are_recorded(
    store: Path, open_office: Open, begun: Begun
) -> None:
    office = open_office(store)
    with closing(sqlite3.connect(store, isolation_level=None)) as db:
        db.execute("UPDATE messages SET content = 'DR9999999' WHERE id = 'ID0250'")
    with office.refusing("DR9999999"):
        scanned = office.scan()
    assert begun
    assert sum(count for (_, kind), count in scanned.recorded.counts.items() if kind == "dead") == 0
    assert office.query("SELECT message_id FROM wamon.ledger WHERE status = 'retry'") == ["ID0250"]
    office.query("UPDATE wamon.dead_letters SET next_try_at = now()")
    office.scan()
    assert_whole(office, store)


def test_what_is_recorded_already_is_not_recorded_twice(
    store: Path, open_office: Open, begun: Begun, handed: list[Any]
) -> None:
    office = open_office(store)
    office.scan()
    was = office.everything()
    handed.clear()
    office.query("UPDATE wamon.cursors SET rowid = 0, anchors = '[]'")
    office.scan()
    assert begun
    assert handed == []
    assert office.everything() == was
    assert office.verify().clean


def test_what_another_source_records_for_the_same_project_meanwhile_stands(
    store: Path, open_office: Open, handed: list[DraftedBatch]
) -> None:
    office = open_office(store)
    with closing(sqlite3.connect(store, isolation_level=None)) as db:
        db.execute("UPDATE messages SET content = 'DR1799999' WHERE id = ?", [LAST])
        ((jid,),) = db.execute("SELECT chat_jid FROM messages WHERE id = ?", [LAST]).fetchall()

    def record(_: Pass) -> None:
        if len(handed) == 1:
            office.query("INSERT INTO wamon.sources (source) VALUES ('other')")
            office.query(
                "INSERT INTO wamon.groups (source, jid, project, tail, start, start_passed) "
                f"SELECT 'other', '1@g.us', project, 'main', 'beginning', true FROM wamon.groups WHERE jid = '{jid}'"
            )
            office.query(
                "INSERT INTO wamon.submission_rows (chat, message_id, drop_number, project, sent_at, sender, from_me) "
                "SELECT chat, 'A', 'DR1799999', project, now(), '', false FROM wamon.groups WHERE source = 'other'"
            )

    with office.opened() as pipeline:
        counts = scan(pipeline, record).recorded.counts
    drops = office.query("SELECT count(DISTINCT (project, drop_number)) FROM wamon.submission_rows")
    assert sum(count for (_, kind), count in counts.items() if kind == "new") == drops[0] - 1


def test_beside_another_wamon_that_records_the_same_nothing_is_doubled(
    store: Path, tmp_path: Path, dsn: str, begun: Begun
) -> None:
    one, other = Office(tmp_path / "one", dsn, store, SIZES), Office(tmp_path / "two", dsn, store)
    scanned: list[Pass] = []

    def meanwhile(one: Pass) -> None:
        if begun and not scanned:
            scanned.append(one)
            other.scan()

    with one.opened() as pipeline:
        scan(pipeline, meanwhile)
    assert scanned
    assert_whole(one, store)


def test_where_the_lease_is_lost_with_the_fence_nothing_more_is_recorded(
    store: Path, tmp_path: Path, dsn: str, begun: Begun, handed: list[DraftedBatch]
) -> None:
    one, other = Office(tmp_path / "one", dsn, store, SIZES), Office(tmp_path / "two", dsn, store)
    recorded: list[int] = []

    def lose(_: Pass) -> None:
        if handed and not recorded:
            recorded.extend(one.query("SELECT count(*) FROM wamon.ledger"))
            with other.opened() as pipeline:
                rename(pipeline.source, None, {})

    def is_lost() -> None:
        raise Busy("The lease was lost.")

    with one.opened() as pipeline:
        pipeline.check_lease = is_lost
        with pytest.raises(Busy):
            scan(pipeline, lose)
    assert 0 < recorded[0] < MESSAGES
    assert one.query("SELECT count(*) FROM wamon.ledger") == recorded


@pytest.mark.parametrize(
    "how", ["DELETE FROM messages WHERE rowid > 180", "UPDATE messages SET rowid = rowid + 100000"]
)
def test_a_store_that_changes_meanwhile_is_read_from_where_it_stands(
    store: Path, open_office: Open, begun: Begun, how: str
) -> None:
    office = open_office(store)

    def change(one: Pass) -> None:
        if one.place.rowid == 4 * BATCH:
            with closing(sqlite3.connect(store, isolation_level=None, timeout=30)) as db:
                db.execute(how)

    with office.opened() as pipeline:
        scan(pipeline, change)
    office.sweep()
    office.scan()
    assert begun
    verified = office.verify()
    assert verified.clean, verified.problems
    assert drops_in(store) <= office.drops()


def test_an_edit_behind_what_is_being_read_is_found_by_the_same_scan(
    store: Path, open_office: Open, begun: Begun
) -> None:
    office = open_office(store)

    def edit(one: Pass) -> None:
        if one.place.rowid == 4 * BATCH:
            with closing(sqlite3.connect(store, isolation_level=None, timeout=30)) as db:
                db.execute("UPDATE messages SET content = 'DR1799999' WHERE id = 'ID0150'")

    with office.opened() as pipeline:
        scan(pipeline, edit)
    assert begun
    assert drops_in(store) <= office.drops()
    assert office.verify().clean


class Stopped(Exception):
    pass


def test_when_the_scan_ends_so_does_that_process(store: Path, open_office: Open, begun: Begun) -> None:
    office = open_office(store)

    def stop(_: Pass) -> None:
        if begun:
            raise Stopped

    with pytest.raises(Stopped), office.opened() as pipeline:
        scan(pipeline, stop)
    assert len(begun) == 1
    assert gone(begun[0])


@pytest.mark.fault("F1")
@pytest.mark.parametrize("boundary", ["record.committed:4:kill", "record.review:5:kill"])
def test_killed_itself_wamon_leaves_no_process_behind_and_nothing_half_recorded(
    store: Path, open_office: Open, monkeypatch: pytest.MonkeyPatch, boundary: str
) -> None:
    """Nor does a test's failpoint reach that process: it is this one that shall end."""
    office, mark = open_office(store), uuid4().hex
    monkeypatch.setenv("MARK", mark)
    until_killed(office.scan, boundary, may_break=False)
    assert office.query("SELECT count(*) FROM wamon.ledger") == [4 * BATCH]
    eventually("nobody reads any more", lambda: not marked(mark))
    office.scan()
    assert_whole(office, store)


def marked(mark: str) -> list[str]:
    """The processes with this in their environment."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            found += [folder.name] if mark.encode() in (folder / "environ").read_bytes() else []
    return found
