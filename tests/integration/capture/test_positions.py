"""Whatever happens to the rows or to the cursor, the next scan loses nothing and doubles nothing."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from tests.support.bridges import LAWLEY, MOHADIN, PROJECTS, Gowa, Lharries, Wacli
from tests.support.checks import assert_whole
from tests.support.office import Office
from tests.support.truth import Field
from wamon.bridge.store import Page, Rows
from wamon.capture.batch import Reader
from wamon.capture.pipeline import run_pass
from wamon.capture.scan import scan
from wamon.model import BEGINNING, MAIN, Sizes

Open = Callable[..., Office]


@pytest.fixture
def sizes() -> Sizes:
    """Pages of 10 rows and an overlap of 5: what happens here lies beyond both."""
    return Sizes(page_rows=10, pages_a_batch=1, overlap_rows=5)


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    """60 messages, some of which were delivered twice, so that there are holes in the row order."""
    with Field(Lharries(tmp_path / "messages.db", durable=False), watched=False) as field:
        ids = post(field, range(1750000, 1750060))
        for message_id in ids[5:50:9]:
            field.redeliver(message_id)
        yield field


def post(field: Field, numbers: range) -> list[str]:
    return [field.post(jid, f"DR{n}") for n, jid in zip(numbers, [LAWLEY, MOHADIN] * 100, strict=False)]


def rewinds(office: Office) -> list[str]:
    return office.query("SELECT reason FROM wamon.rewinds ORDER BY at")


def _deleted_top(field: Field) -> None:
    field.delete_top(8)
    post(field, range(1760000, 1760008))


def _deleted_top_and_more(field: Field) -> None:
    field.delete_top(8)
    post(field, range(1760000, 1760030))


def _deleted_top_and_fewer(field: Field) -> None:
    field.delete_top(25)
    post(field, range(1760000, 1760003))


def _all_delivered_again(field: Field) -> None:
    for key in list(field.bridge.rowids()):
        field.redeliver(key.message_id)
    post(field, range(1760000, 1760003))


def _reloaded(field: Field) -> None:
    field.renumber("reload")
    post(field, range(1760000, 1760003))


def _numbered_anew(field: Field) -> None:
    field.renumber("update")
    post(field, range(1760000, 1760003))


def _shuffled(field: Field) -> None:
    field.renumber("shuffle")
    post(field, range(1760000, 1760003))


def _vanished(field: Field) -> None:
    for key in list(field.bridge.rowids())[10:50]:
        field.delete(key.message_id)
    post(field, range(1760000, 1760003))


def _emptied(field: Field) -> None:
    field.delete_top(1000)


def _emptied_and_filled_anew(field: Field) -> None:
    field.delete_top(1000)
    post(field, range(1760000, 1760100))


@pytest.mark.parametrize(
    "damage",
    [
        _deleted_top,
        _deleted_top_and_more,
        _deleted_top_and_fewer,
        _all_delivered_again,
        _reloaded,
        _numbered_anew,
        _shuffled,
        _vanished,
        _emptied,
        _emptied_and_filled_anew,
    ],
)
@pytest.mark.fault("F38", "F40", "F42")
def test_after_a_change_of_the_rows_one_scan_loses_nothing_and_doubles_nothing(
    field: Field, open_office: Open, damage: Callable[[Field], None]
) -> None:
    office = open_office(field.path)
    office.scan()
    field.truth.scanned()
    damage(field)
    office.scan()
    assert_whole(office, field)
    before = office.everything()
    office.scan()
    assert office.everything() == before


@pytest.mark.parametrize("bridge", [Wacli, Gowa], ids=lambda bridge: bridge.__name__)
@pytest.mark.fault("F38")
def test_rows_that_change_their_numbers_unread_are_not_lost(
    tmp_path: Path, open_office: Open, bridge: type[Wacli | Gowa]
) -> None:
    with Field(bridge(tmp_path / "messages.db", durable=False), watched=False) as field:
        post(field, range(1750000, 1750030))
        office = open_office(field.path)
        office.scan()
        field.truth.scanned()
        for key in list(field.bridge.rowids())[3:20]:
            field.delete(key.message_id)
        post(field, range(1760000, 1760012))
        field.renumber("update")
        office.scan()
        assert_whole(office, field)


@pytest.mark.fault("F41")
def test_the_newest_row_delivered_again_is_a_slip_and_no_rewind(field: Field, open_office: Open) -> None:
    office = open_office(field.path)
    office.scan()
    field.redeliver(list(field.bridge.rowids())[-1].message_id)
    new = field.post(LAWLEY, "DR1760000")
    office.scan()
    assert office.query("SELECT rowid FROM wamon.cursors") == [field.bridge.rowid(new)]
    assert rewinds(office) == []
    assert_whole(office, field)


@pytest.mark.fault("F40")
def test_a_freed_top_rowid_given_out_again_costs_a_few_rows_and_no_rewind(field: Field, open_office: Open) -> None:
    office = open_office(field.path)
    office.scan()
    field.delete_top(1)
    new = field.post(LAWLEY, "DR1760000")
    scanned = office.scan()
    assert (LAWLEY, new, "DR1760000") in office.submissions()
    assert scanned.read.total() <= 5
    assert rewinds(office) == []


@pytest.mark.fault("F40")
def test_where_rows_that_were_read_are_gone_the_position_goes_back_and_a_sweep_follows(
    field: Field, open_office: Open
) -> None:
    office = open_office(field.path)
    office.scan()
    top = field.delete_top(25)
    post(field, range(1760000, 1760040))
    office.scan()
    assert rewinds(office) == ["rows that were read aren't there any more"]
    gone = office.query("SELECT chat_jid, message_id FROM wamon.ledger WHERE gone_at IS NOT NULL")
    assert set(gone) == {(key.chat, key.message_id) for key in top}


@pytest.mark.fault("F36")
def test_a_store_made_anew_is_read_from_its_beginning_with_a_rewind_and_a_sweep(
    field: Field, open_office: Open
) -> None:
    office = open_office(field.path)
    office.scan()
    field.truth.scanned()
    old = office.ledger()
    for key in field.bridge.rowids():
        field.truth.vanished(*key)
    field.close()
    field.path.unlink()
    field.bridge.reopen()
    for jid, name in PROJECTS.items():
        field.chat(jid, name)
    again = next(iter(field.bridge.sent))
    field.redeliver(again.message_id)  # history sync brings some of the old ones
    post(field, range(1760000, 1760009))
    office.scan()
    assert rewinds(office) == ["the store was replaced or renumbered"]
    assert_whole(office, field)
    gone = set(office.query("SELECT chat_jid, message_id FROM wamon.ledger WHERE gone_at IS NOT NULL"))
    assert gone == old - {tuple(again)}


def test_a_sweep_that_was_queued_is_not_taken_for_done_by_a_read_from_the_beginning(
    field: Field, open_office: Open
) -> None:
    office = open_office(field.path)
    office.scan()
    old = office.ledger()
    field.delete_top(1000)
    with office.opened() as pipeline:
        run_pass(pipeline)  # and no sweep: it was killed
        assert pipeline.source.tails[MAIN] == BEGINNING
    post(field, range(1760000, 1760003))
    office.scan()
    assert set(office.query("SELECT chat_jid, message_id FROM wamon.ledger WHERE gone_at IS NOT NULL")) == old


@pytest.mark.fault("F37")
def test_an_older_copy_of_the_store_loses_neither_what_it_holds_nor_what_comes_after_it(
    field: Field, open_office: Open, tmp_path: Path
) -> None:
    copy = tmp_path / "copy.db"
    shutil.copy(field.path, copy)
    kept = set(field.bridge.rowids())
    post(field, range(1755000, 1755030))
    office = open_office(field.path)
    office.scan()
    field.truth.scanned()
    for key in set(field.bridge.rowids()) - kept:
        field.truth.vanished(*key)
    field.close()
    shutil.copy(copy, tmp_path / "restored.db")
    (tmp_path / "restored.db").replace(field.path)
    field.bridge.reopen()
    post(field, range(1760000, 1760045))
    office.scan()
    assert rewinds(office) == ["rows that were read aren't there any more"]
    assert_whole(office, field)


@pytest.mark.fault("F36")
def test_a_store_that_comes_back_after_another_stood_in_its_place_doubles_nothing(
    field: Field, open_office: Open, tmp_path: Path
) -> None:
    office = open_office(field.path)
    office.scan()
    before = office.everything()
    aside = tmp_path / "aside.db"
    field.path.rename(aside)
    with Field(Lharries(field.path, seed=9, durable=False)) as other:
        post(other, range(1790000, 1790020))
        office.scan()
        field.path.unlink()
    aside.rename(field.path)
    office.scan()
    assert office.query("SELECT count(*) FROM wamon.ledger") == [len(before["ledger"]) + 20]
    ours = [row for row in office.everything()["ledger"] if row[1] not in {key.message_id for key in other.bridge.sent}]
    assert ours == before["ledger"]
    assert office.query("SELECT count(*) FROM wamon.ledger WHERE gone_at IS NOT NULL") == [20]


def test_rows_are_lost_by_no_pass_of_which_the_store_changes_in_the_middle(field: Field, open_office: Open) -> None:
    office = open_office(field.path)
    with office.opened() as pipeline:
        for damage in (_deleted_top, _reloaded, _deleted_top_and_fewer, _numbered_anew):
            run_pass(pipeline)
            damage(field)
        while not run_pass(pipeline).complete:
            pass
    present = {key for key in field.bridge.rowids() if key.chat in PROJECTS}
    assert office.ledger() >= present
    assert {(chat, id_) for chat, id_, _ in office.submissions()} >= present


FORGED = '[[1000000000, "ffffffffffffffff"], [999999999, "eeeeeeeeeeeeeeee"]]'
FORGED_WITHIN = '[[40, "ffffffffffffffff"], [39, "eeeeeeeeeeeeeeee"]]'


@pytest.mark.parametrize(
    "tampering",
    [
        "UPDATE wamon.cursors SET anchors = '[]'",
        "UPDATE wamon.cursors SET anchors = '[]', rowid = 0",
        f"UPDATE wamon.cursors SET rowid = 1000000000, anchors = '{FORGED}'",
        f"UPDATE wamon.cursors SET rowid = 40, anchors = '{FORGED_WITHIN}'",
        "UPDATE wamon.cursors SET anchors = jsonb_path_query_array(anchors, '$[2 to last]')",
        "UPDATE wamon.cursors SET seq = 0",
        "UPDATE wamon.cursors SET seq = 9000000000000000000",
        "DELETE FROM wamon.cursors",
    ],
)
@pytest.mark.fault("F30")
def test_a_cursor_that_was_tampered_with_costs_a_re_read_and_nothing_else(
    field: Field, open_office: Open, tampering: str
) -> None:
    office = open_office(field.path)
    office.scan()
    before = office.everything()
    office.query(tampering)
    office.scan()
    assert office.everything() == before
    office.query(tampering)
    new = field.post(LAWLEY, "DR1760000")
    office.scan()
    assert_whole(office, field)
    assert office.query("SELECT rowid FROM wamon.cursors WHERE tail = 'main'") == [field.bridge.rowid(new)]


@pytest.mark.parametrize("by", [1000, -30])
def test_a_cursor_whose_rowid_alone_was_moved_is_told_by_verify_and_mended_by_the_next_scan(
    field: Field, open_office: Open, by: int
) -> None:
    office = open_office(field.path)
    office.scan()
    before = office.everything()
    office.query("UPDATE wamon.cursors SET rowid = rowid + %s", by)
    assert [problem.promise for problem in office.verify().problems] == [2]
    office.scan()
    assert office.everything() == before
    assert office.verify().clean
    office.query("UPDATE wamon.cursors SET rowid = rowid + %s", by)
    field.post(LAWLEY, "DR1760000")
    office.scan()
    assert_whole(office, field)


def test_the_anchors_reach_back_over_all_that_was_read(field: Field, open_office: Open) -> None:
    """So that a restored old copy costs a re-read of its end, and not of everything."""
    office = open_office(field.path)
    office.scan()
    post(field, range(1770000, 1770200))
    office.scan()
    with office.opened() as pipeline:
        anchors = pipeline.source.tails[MAIN].anchors
    backs = [anchors[0].rowid - anchor.rowid for anchor in anchors]
    assert backs == sorted(backs)
    assert backs[-1] > 128
    assert len(backs) <= 12


def test_the_position_survives_a_bridge_that_rolls_back(field: Field, open_office: Open) -> None:
    """What stands in a transaction of the bridge's isn't there yet, and its rowids may be another's later."""
    office = open_office(field.path)
    office.scan()
    with closing(sqlite3.connect(field.path, isolation_level=None)) as db:
        db.execute("BEGIN")
        db.execute("INSERT INTO messages (id, chat_jid, content) VALUES ('X', ?, 'DR1799999')", (LAWLEY,))
        office.scan()
        db.execute("ROLLBACK")
    field.post(LAWLEY, "DR1760000")
    office.scan()
    assert_whole(office, field)


@pytest.mark.fault("F40")
def test_rows_that_vanish_between_two_pages_of_one_batch_cost_a_rewind_and_a_sweep_like_any_others(
    field: Field, open_office: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a page that begins elsewhere than where the one before it ended is no part of its batch."""
    office = open_office(field.path, Sizes(page_rows=10, pages_a_batch=4, overlap_rows=5))
    office.scan()
    post(field, range(1760000, 1760040))
    gone: set[tuple[str, str]] = set()
    with office.opened() as pipeline:
        read_page = pipeline.store.read_page

        def vanish_behind_it(*args: Any) -> Page:
            page = read_page(*args)
            monkeypatch.setattr(pipeline.store, "read_page", read_page)
            field.truth.scanned()
            top = page.place.rowid
            gone.update(key for key, rowid in field.bridge.rowids().items() if top - 25 < rowid <= top)
            for key in gone:
                field.delete(key[1])
            return page

        monkeypatch.setattr(pipeline.store, "read_page", vanish_behind_it)
        scan(pipeline)
    assert rewinds(office) == ["rows that were read aren't there any more"]
    assert set(office.query("SELECT chat_jid, message_id FROM wamon.ledger WHERE gone_at IS NOT NULL")) == gone
    assert_whole(office, field)


@pytest.mark.fault("F40")
def test_of_a_batch_that_is_read_by_rows_such_a_page_is_no_part_either(
    field: Field, open_office: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It would hold rows twice, and all of it be recorded as if it were known."""
    office = open_office(field.path, Sizes(page_rows=2, pages_a_batch=8, overlap_rows=5))
    with office.opened() as pipeline:
        store, read = pipeline.store, list[Rows]()
        read_rows = store.read_rows

        def vanish_behind_it(*args: Any) -> Rows:
            read.append(read_rows(*args))
            monkeypatch.setattr(store, "read_rows", read_rows)
            ((_, newest),) = [key for key, rowid in field.bridge.rowids().items() if rowid == read[0].place.rowid]
            field.delete(newest)
            return read[0]

        monkeypatch.setattr(store, "read_rows", vanish_behind_it)
        batch = Reader(store, pipeline.rules, pipeline.source.wanted(MAIN), {}).rows(BEGINNING)
    assert batch == read[0]
    assert not batch.complete


def test_what_was_read_ahead_of_one_position_counts_for_no_other(field: Field, open_office: Open) -> None:
    """Or a position that went back in this process would pass over what lies between."""
    office = open_office(field.path)
    with office.opened() as pipeline:
        tail = pipeline.source.split_off(LAWLEY)
        assert not run_pass(pipeline, tail).complete  # the next page is being read by now
        pipeline.source.rewind(LAWLEY, BEGINNING, "test")
        office.query("DELETE FROM wamon.ledger")
        while not run_pass(pipeline, tail).complete:
            pass
    field.truth.scanned()
    assert office.ledger() == {key for key in field.truth.ledger() if key[0] == LAWLEY}
