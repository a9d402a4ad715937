"""Several wamons on one source take turns: whoever read an older position writes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import psycopg
import pytest

from tests.support.bridges import LAWLEY, MOHADIN, PROJECTS, VeryGoodPlugins
from tests.support.office import Office
from tests.support.truth import Field
from wamon.bridge.store import Page
from wamon.capture.pipeline import Pipeline, run_pass
from wamon.capture.scan import catch_up, scan, scan_groups
from wamon.capture.verify import Verification, sweep
from wamon.errors import BridgeUnavailable, DatabaseUnavailable, Superseded
from wamon.ledger import ledger_rows, recording, submissions
from wamon.ledger.renaming import rename
from wamon.ledger.source import Joining
from wamon.model import BEGINNING, MAIN, Sizes


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        yield field


@pytest.fixture
def offices(tmp_path: Path, dsn: str, field: Field) -> tuple[Office, Office]:
    """Two hosts with one database and one source."""
    return Office(tmp_path / "one", dsn, field.path), Office(tmp_path / "two", dsn, field.path)


@pytest.fixture
def small_pages(offices: tuple[Office, Office]) -> None:
    for office in offices:
        office.sizes = Sizes(page_rows=10, pages_a_batch=1)


def post_round(field: Field, numbers: range) -> None:
    with field.batch():
        for number in numbers:
            for jid in PROJECTS:
                field.post(jid, f"DR{number}")


def assert_whole(office: Office, field: Field) -> None:
    assert office.submissions() == field.truth.submissions()
    assert office.kinds() == field.truth.kinds()
    counted = dict(office.query("SELECT jid, messages FROM wamon.groups WHERE messages > 0"))
    assert counted == dict(office.query("SELECT chat_jid, count(*) FROM wamon.ledger GROUP BY 1"))
    verified = office.verify()
    assert verified.clean, verified.problems


def stalling(pipeline: Pipeline, monkeypatch: pytest.MonkeyPatch, meanwhile: Callable[[], object]) -> None:
    """Have the pipeline's next pass stall once between its reading and its recording."""
    read_page = pipeline.store.read_page

    def stalled(*args: Any) -> Page:
        page = read_page(*args)
        monkeypatch.setattr(pipeline.store, "read_page", read_page)
        meanwhile()
        return page

    monkeypatch.setattr(pipeline.store, "read_page", stalled)


@pytest.mark.usefixtures("small_pages")
def test_two_that_scan_at_once_record_everything_once(field: Field, offices: tuple[Office, Office]) -> None:
    post_round(field, range(1750000, 1750030))
    together = Barrier(2)

    def scans(office: Office) -> None:
        together.wait()
        office.scan()

    with ThreadPoolExecutor(2) as pool:
        list(pool.map(scans, offices))
    assert_whole(offices[0], field)
    assert offices[0].query("SELECT tail FROM wamon.cursors") == [MAIN]


@pytest.mark.fault("F56")
def test_two_processes_that_scan_at_once_record_everything_once(field: Field, offices: tuple[Office, Office]) -> None:
    post_round(field, range(1750000, 1751200))
    one, other = offices
    with one.begun("scan") as here, other.begun("scan") as there:
        for begun in (here, there):
            assert begun.process.wait(timeout=100) == 0, begun.said()
    assert_whole(offices[0], field)


def test_two_that_start_at_once_take_each_group_in_once(field: Field, offices: tuple[Office, Office]) -> None:
    post_round(field, range(1750000, 1750001))
    together = Barrier(2)

    def starts(office: Office) -> set[str]:
        together.wait()
        with office.opened() as pipeline:
            return set(pipeline.source.groups)

    with ThreadPoolExecutor(2) as pool:
        assert list(pool.map(starts, offices)) == [set(PROJECTS)] * 2
    assert offices[0].query("SELECT count(*) FROM wamon.groups") == [4]


@pytest.mark.fault("F5", "F57")
def test_a_stalled_pass_that_goes_on_after_another_wamon_writes_nothing(
    field: Field, offices: tuple[Office, Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    first = field.post(LAWLEY, "DR1750001")
    stalled, other = offices

    def meanwhile() -> None:
        field.edit(first, "DR1750002")
        field.post(MOHADIN, "DR1750003")
        other.scan()

    with stalled.opened() as pipeline:
        stalling(pipeline, monkeypatch, meanwhile)
        with pytest.raises(Superseded):
            run_pass(pipeline)
    assert stalled.query("SELECT drop_number, live FROM wamon.submissions ORDER BY 1") == [
        ("DR1750002", True),
        ("DR1750003", True),
    ]
    assert_whole(stalled, field)


@pytest.mark.usefixtures("small_pages")
@pytest.mark.fault("F57")
def test_a_stalled_scan_reads_the_position_again_and_changes_nothing_that_another_did(
    field: Field, offices: tuple[Office, Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    post_round(field, range(1750000, 1750010))
    stalled, other = offices
    before: list[dict[str, list[Any]]] = []

    def meanwhile() -> None:
        other.scan()
        before.append(other.everything())

    with stalled.opened() as pipeline:
        stalling(pipeline, monkeypatch, meanwhile)
        assert scan(pipeline).recorded.counts.total() == 0
    assert stalled.everything() == before[0]
    assert_whole(stalled, field)


@pytest.mark.usefixtures("small_pages")
def test_a_tail_that_another_wamon_brought_to_its_end_is_left_alone(
    field: Field, offices: tuple[Office, Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    post_round(field, range(1750000, 1750010))
    stalled, other = offices
    stalled.scan()
    before = stalled.everything()
    with stalled.opened() as pipeline:
        pipeline.retrying(pipeline.source.rewind, LAWLEY, BEGINNING, "test")
        stalling(pipeline, monkeypatch, other.scan)
        scan_groups(pipeline, [LAWLEY])
        assert set(pipeline.source.tails) == {MAIN}
    assert stalled.everything() == before
    assert_whole(stalled, field)


@pytest.mark.parametrize("change", ["split_off", "rewind", "join", "disable", "enable", "rename"])
def test_a_change_of_the_source_waits_for_its_turn_too(
    field: Field, offices: tuple[Office, Office], change: str
) -> None:
    post_round(field, range(1750000, 1750002))
    one, two = offices
    two.set(groups=[{"name": "Lawley", "jid": LAWLEY}])
    one.set(groups=[{"name": "Lawley", "jid": LAWLEY}])
    two.scan()
    with one.opened() as pipeline:
        field.post(LAWLEY, "DR1750009")
        two.scan()
        changes: dict[str, Callable[[], object]] = {
            "split_off": lambda: pipeline.source.split_off(LAWLEY),
            "rewind": lambda: pipeline.source.rewind(LAWLEY, BEGINNING, "test"),
            "join": lambda: pipeline.source.join([Joining(MOHADIN, "Mohadin")]),
            "disable": lambda: pipeline.source.disable([LAWLEY]),
            "enable": lambda: pipeline.source.enable([LAWLEY]),
            "rename": lambda: rename(pipeline.source, None, {LAWLEY: "X"}),
        }
        before = one.query("SELECT * FROM wamon.groups"), one.query("SELECT * FROM wamon.cursors")
        with pytest.raises(Superseded):
            changes[change]()
        assert (one.query("SELECT * FROM wamon.groups"), one.query("SELECT * FROM wamon.cursors")) == before


@pytest.mark.parametrize(
    "step",
    ["record.known", "record.ledger", "record.edits", "record.submissions", "record.review", "record.cursor"],
)
@pytest.mark.fault("F11")
def test_a_connection_that_breaks_in_the_middle_leaves_nothing_half_done(
    field: Field, offices: tuple[Office, Office], monkeypatch: pytest.MonkeyPatch, step: str
) -> None:
    post_round(field, range(1750000, 1750003))
    office, _ = offices
    with office.opened() as pipeline:
        pid = pipeline.source.db.info.backend_pid
        pipeline.recorder._new_lately = step != "record.known"  # what seems new isn't looked up first

        def breaks(name: str) -> None:
            if name == step:
                office.query("SELECT pg_terminate_backend(%s, 10000)", pid)

        with pytest.MonkeyPatch.context() as breaking:
            for room in (recording, ledger_rows, submissions):
                breaking.setattr(room, "failpoint", breaks)
            with pytest.raises(DatabaseUnavailable):
                scan(pipeline)
    assert office.query("SELECT count(*) FROM wamon.ledger") == [0]
    office.scan()
    assert_whole(office, field)


@pytest.mark.fault("F11")
def test_a_commit_whose_answer_is_lost_is_absorbed(
    field: Field, offices: tuple[Office, Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The outcome isn't known: the same again is the answer."""
    post_round(field, range(1750000, 1750003))
    office, _ = offices

    def lost(name: str) -> None:
        if name == "record.committed":
            raise DatabaseUnavailable("The answer was lost.")

    with office.opened() as pipeline:
        with pytest.MonkeyPatch.context() as losing:
            losing.setattr(recording, "failpoint", lost)
            with pytest.raises(DatabaseUnavailable):
                scan(pipeline)
        pipeline.reload()
        scanned = scan(pipeline)
    assert scanned.read.total() == 0
    assert_whole(office, field)


@pytest.mark.fault("F11")
def test_a_process_whose_connection_is_ended_says_so_in_one_paragraph_and_the_next_one_completes(
    field: Field, offices: tuple[Office, Office]
) -> None:
    post_round(field, range(1750000, 1750003))
    office, _ = offices
    with psycopg.connect(office.dsn) as holding:
        holding.execute("LOCK TABLE wamon.ledger_rows IN SHARE MODE")
        with office.begun("scan") as begun:
            pid = None
            while pid is None:  # until it waits for the lock
                pid = next(iter(_waiting_for(office, holding.info.backend_pid)), None)
                assert begun.process.poll() is None, begun.said()
            office.query("SELECT pg_terminate_backend(%s, 10000)", pid)
            assert begun.process.wait(timeout=100) == 69
    (paragraph,) = begun.said().strip().splitlines()
    assert paragraph.startswith("PostgreSQL can't be used now: ")
    office.scan()
    assert_whole(office, field)


def _waiting_for(office: Office, holder: int) -> list[int]:
    return office.query(
        "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND %s = ANY(pg_blocking_pids(pid))",
        holder,
    )


@pytest.mark.fault("F58")
def test_a_sweep_never_records_an_older_text_over_one_that_was_recorded_meanwhile(
    offices: tuple[Office, Office], field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweeper, other = offices
    message_id = field.post(LAWLEY, "DR1752028")
    sweeper.scan()
    other.query("DELETE FROM wamon.ledger")
    look = Verification.differences

    def look_and_be_overtaken(*arguments: Any) -> Any:
        found = look(*arguments)
        monkeypatch.setattr(Verification, "differences", look)
        field.edit(message_id, "DR1752034")
        other.scan()
        return found

    monkeypatch.setattr(Verification, "differences", look_and_be_overtaken)
    with sweeper.opened() as pipeline:
        sweep(pipeline)
    assert sweeper.submissions() == field.truth.submissions()
    assert sweeper.verify().clean


def test_a_wamon_of_an_emptied_database_has_no_turn_in_the_new_one(
    field: Field, offices: tuple[Office, Office]
) -> None:
    """Its connection lives on, and the new database's turns come to the same number."""
    office, _ = offices
    office.sizes = Sizes(page_rows=100, overlap_rows=2)
    post_round(field, range(1750000, 1750020))
    with office.opened() as old:
        catch_up(old)
        office.query("DROP SCHEMA wamon CASCADE")
        field.post(LAWLEY, "DR1750050")
        old.store.sizes = office.sizes = Sizes(page_rows=5, overlap_rows=2)
        tried: list[int] = []

        def meanwhile(_: object) -> None:
            tried.append(1)
            if len(tried) == 1:
                with pytest.raises(DatabaseUnavailable, match="replaced"):
                    catch_up(old)

        with office.opened() as new:
            scan(new, meanwhile)
    assert tried
    assert_whole(office, field)


def test_an_edit_that_a_read_saw_before_a_lock_ended_it_is_recorded_by_the_next(
    field: Field, offices: tuple[Office, Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    office, _ = offices
    office.sizes = Sizes(page_rows=2, pages_a_batch=5)
    first = field.post(LAWLEY, "DR1000001")
    with office.opened() as pipeline:
        catch_up(pipeline)
        field.edit(first, "DR1000002")
        post_round(field, range(1750000, 1750020))
        read_page, reads = pipeline.store.read_page, count(1)

        def locked_the_second_time(*args: Any) -> Page:
            if next(reads) == 2:
                raise BridgeUnavailable("Its writer holds it locked.")
            return read_page(*args)

        monkeypatch.setattr(pipeline.store, "read_page", locked_the_second_time)
        with pytest.raises(BridgeUnavailable):
            catch_up(pipeline)
        catch_up(pipeline)
    assert_whole(office, field)


def pass_fence(office: Office) -> None:
    """Change the source as another wamon does, and record nothing."""
    with office.opened() as pipeline:
        rename(pipeline.source, None, {})


@pytest.mark.fault("F57")
def test_an_edit_that_a_read_saw_before_its_fence_was_lost_is_recorded_by_the_next(
    field: Field, offices: tuple[Office, Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    office, other = offices
    first = field.post(LAWLEY, "DR1000001")
    with office.opened() as pipeline:
        catch_up(pipeline)
        field.edit(first, "DR1000002")
        stalling(pipeline, monkeypatch, lambda: pass_fence(other))
        catch_up(pipeline)
    assert_whole(office, field)


@pytest.mark.fault("F57", "F58")
def test_what_was_read_ahead_before_a_fence_was_lost_is_never_recorded_over_what_another_recorded(
    field: Field, offices: tuple[Office, Office], monkeypatch: pytest.MonkeyPatch
) -> None:
    office, other = offices
    office.sizes = Sizes(page_rows=10, pages_a_batch=1, overlap_rows=2)
    ids = [field.post(LAWLEY, f"DR{number}") for number in range(1750000, 1750030)]
    with office.opened() as pipeline:
        read_page, is_read_ahead = pipeline.store.read_page, Event()

        def noted(*args: Any) -> Page:
            page = read_page(*args)
            if page.start != BEGINNING:
                is_read_ahead.set()
            return page

        monkeypatch.setattr(pipeline.store, "read_page", noted)
        run_pass(pipeline)
        assert is_read_ahead.wait(20)
        field.edit(ids[14], "DR1760000")
        with other.opened() as theirs:
            sweep(theirs)
        pipeline.retrying(rename, pipeline.source, None, {})
        catch_up(pipeline)
    assert_whole(office, field)
