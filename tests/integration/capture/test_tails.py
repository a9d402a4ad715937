"""A group whose position differs has a tail of its own, until it meets the main one; the others don't notice."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from tests.support.bridges import LAWLEY, MAMELODI, MOHADIN, PROJECTS, VELO_TEST, VeryGoodPlugins
from tests.support.clock import first_morning
from tests.support.office import Office
from tests.support.truth import Field
from wamon.capture.pipeline import Pass, run_pass
from wamon.capture.scan import scan
from wamon.model import MAIN, Sizes

Open = Callable[..., Office]


@pytest.fixture
def sizes() -> Sizes:
    return Sizes(page_rows=10, pages_a_batch=1, overlap_rows=2)


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    """A store that fills several pages and goes far beyond the overlap."""
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        post_round(field, range(1750000, 1750008))
        yield field


def post_round(field: Field, numbers: range) -> None:
    for number in numbers:
        for jid in PROJECTS:
            field.post(jid, f"DR{number}")


def config_of(*jids: str) -> list[dict[str, Any]]:
    return [{"name": PROJECTS[jid], "jid": jid} for jid in jids]


def tails(office: Office) -> dict[str, str]:
    return dict(office.query("SELECT jid, tail FROM wamon.groups"))


def cursors(office: Office) -> dict[str, tuple[int, Any]]:
    rows = office.query("SELECT tail, rowid, anchors FROM wamon.cursors")
    return {tail: (rowid, anchors) for tail, rowid, anchors in rows}


def drops_of(field: Field, *jids: str) -> set[tuple[str, str]]:
    return {(project, number) for project, number in field.truth.drops() if project in {PROJECTS[jid] for jid in jids}}


def assert_merged(office: Office) -> None:
    assert set(tails(office).values()) == {MAIN}
    assert set(cursors(office)) == {MAIN}


def assert_whole(office: Office, field: Field) -> None:
    assert office.submissions() == field.truth.submissions()
    verified = office.verify()
    assert verified.clean, verified.problems


def test_a_group_added_to_the_config_catches_up_on_its_own_tail_and_then_merges(
    field: Field, open_office: Open
) -> None:
    office = open_office(field.path, groups=config_of(LAWLEY, MOHADIN, VELO_TEST))
    office.scan()
    main = cursors(office)[MAIN]
    office.set(groups=config_of(*PROJECTS))
    with office.opened() as pipeline:
        tail = pipeline.source.groups[MAMELODI].tail
        run_pass(pipeline, tail)
    assert tail != MAIN
    assert cursors(office)[MAIN] == main
    assert {project for project, _ in office.drops()} == set(PROJECTS.values())
    office.scan()
    assert_merged(office)
    assert_whole(office, field)


@pytest.mark.fault("F69")
def test_while_a_new_group_catches_up_the_others_go_on(field: Field, open_office: Open) -> None:
    office = open_office(field.path, groups=config_of(LAWLEY))
    office.scan()
    office.set(groups=config_of(LAWLEY, MAMELODI))
    new = field.post(LAWLEY, "DR1760000")
    with office.opened() as pipeline:
        run_pass(pipeline, MAIN)
    assert (LAWLEY, new, "DR1760000") in office.submissions()
    assert not drops_of(field, MAMELODI) & office.drops()


def test_groups_added_together_share_one_tail_and_merge(field: Field, open_office: Open) -> None:
    office = open_office(field.path, groups=config_of(LAWLEY))
    office.scan()
    office.set(groups=config_of(*PROJECTS))
    with office.opened():
        pass
    assert len(set(tails(office).values())) == 2
    office.scan()
    assert_merged(office)
    assert_whole(office, field)


def test_a_scan_of_one_group_moves_only_that_group(field: Field, open_office: Open) -> None:
    office = open_office(field.path)
    office.scan()
    post_round(field, range(1760000, 1760003))
    main = cursors(office)[MAIN]
    office.scan("Lawley")
    assert cursors(office)[MAIN] == main
    assert drops_of(field, LAWLEY) <= office.drops()
    assert not office.drops() & {(PROJECTS[jid], "DR1760000") for jid in (MOHADIN, VELO_TEST, MAMELODI)}


def test_a_full_scan_after_the_scan_of_one_group_merges_it_and_changes_nothing_of_it(
    field: Field, open_office: Open
) -> None:
    office = open_office(field.path)
    office.scan("Mohadin", "Lawley")
    ours = "SELECT * FROM wamon.submissions WHERE project IN ('Mohadin', 'Lawley') ORDER BY project, message_id"
    before = office.query(ours)
    assert len(before) == 16
    office.scan()
    assert office.query(ours) == before
    assert_merged(office)
    assert_whole(office, field)


def test_a_tail_that_the_main_one_has_overtaken_is_not_merged_before_it_has_caught_up(
    field: Field, open_office: Open
) -> None:
    office = open_office(field.path)
    office.scan()
    with office.opened() as pipeline:
        tail = pipeline.retrying(pipeline.source.split_off, LAWLEY)
        field.post(LAWLEY, "DR1760000")

        def overtake(_: Pass) -> None:
            if ("Lawley", "DR1760000") in office.drops() and ("Lawley", "DR1760001") not in field.truth.drops():
                field.post(LAWLEY, "DR1760001")
                with office.opened() as other:
                    run_pass(other, MAIN)

        scan(pipeline, overtake)
        assert pipeline.source.groups[LAWLEY].tail == tail
    office.scan()
    assert_merged(office)
    assert_whole(office, field)


@pytest.mark.parametrize("how", ["disabled", "removed"])
def test_a_group_that_comes_back_has_lost_nothing_that_came_meanwhile(
    field: Field, open_office: Open, how: str
) -> None:
    office = open_office(field.path)
    office.scan()
    left = {"name": "Mohadin", "jid": MOHADIN, "enabled": False}
    office.set(groups=config_of(LAWLEY, VELO_TEST, MAMELODI) + ([left] if how == "disabled" else []))
    post_round(field, range(1760000, 1760003))
    office.scan()
    assert office.drops() == field.truth.drops() - {("Mohadin", f"DR176000{n}") for n in range(3)}
    assert office.query("SELECT enabled FROM wamon.groups WHERE jid = %s", MOHADIN) == [False]
    office.set(groups=config_of(*PROJECTS))
    office.scan()
    assert_merged(office)
    assert_whole(office, field)


def test_a_group_that_left_before_its_first_scan_ended_comes_back_to_where_it_was(
    field: Field, open_office: Open
) -> None:
    office = open_office(field.path, groups=config_of(LAWLEY), scan={"start": "now"})
    office.scan()
    office.set(groups=config_of(LAWLEY, MOHADIN), scan={"start": "beginning"})
    with office.opened() as pipeline:
        run_pass(pipeline, pipeline.source.groups[MOHADIN].tail)
    office.set(groups=config_of(LAWLEY))
    office.scan()
    office.set(groups=config_of(LAWLEY, MOHADIN))
    office.scan()
    assert office.drops() == drops_of(field, MOHADIN)
    assert_merged(office)


def test_of_groups_that_left_together_one_comes_back_alone(field: Field, open_office: Open) -> None:
    office = open_office(field.path)
    office.scan()
    office.set(groups=config_of(LAWLEY))
    with office.opened():
        pass
    post_round(field, range(1760000, 1760003))
    office.set(groups=config_of(LAWLEY, MOHADIN))
    office.scan()
    assert office.drops() >= drops_of(field, LAWLEY, MOHADIN)
    assert not office.drops() & {(PROJECTS[jid], "DR1760000") for jid in (VELO_TEST, MAMELODI)}
    office.set(groups=config_of(*PROJECTS))
    office.scan()
    assert_merged(office)
    assert_whole(office, field)


def test_leaving_and_coming_back_costs_a_cursor_for_each_tail_and_not_for_each_group(
    field: Field, open_office: Open
) -> None:
    many = [{"name": f"Site {n}", "jid": f"1203634000000{n:05}@g.us"} for n in range(50)]
    office = open_office(field.path)
    office.set(groups=[*config_of(LAWLEY), *many])
    office.scan()
    office.set(groups=config_of(LAWLEY))
    office.scan()
    assert len(cursors(office)) == 2
    office.set(groups=[*config_of(LAWLEY), *many])
    office.scan()
    assert_merged(office)


@pytest.mark.parametrize("to", ["beginning", "time", "message"])
def test_a_rewind_reads_again_and_changes_nothing_and_the_next_scan_merges(
    field: Field, open_office: Open, to: str
) -> None:
    office = open_office(field.path)
    office.scan()
    before = office.everything()
    main = cursors(office)[MAIN]
    message_id = next(id_ for chat, id_ in list(field.bridge.rowids())[12:] if chat == MOHADIN)
    words = {
        "beginning": "beginning",
        "time": f"{first_morning() + timedelta(seconds=99):%FT%TZ}",
        "message": message_id,
    }
    office.answer("state", "rewind", "--group", "Mohadin", "--to", words[to])
    assert tails(office)[MOHADIN] != MAIN
    ((tail, reason, came_from, went_to),) = office.query("SELECT tail, reason, from_rowid, to_rowid FROM wamon.rewinds")
    assert (tail, reason) == (MOHADIN, f"state rewind --to {words[to]}")
    assert came_from > went_to == cursors(office)[MOHADIN][0]
    assert cursors(office)[MAIN] == main
    scanned = office.scan()
    assert scanned.read[MOHADIN] > 0
    assert scanned.recorded.counts.total() == 0
    assert office.everything() == before
    assert_merged(office)
    assert_whole(office, field)


def test_a_rewind_to_what_lies_ahead_passes_over_nothing(field: Field, open_office: Open) -> None:
    office = open_office(field.path)
    office.scan()
    post_round(field, range(1760000, 1760002))
    with office.opened() as pipeline:
        stood = pipeline.source.tails[MAIN]
        assert pipeline.retrying(pipeline.source.rewind, MOHADIN, pipeline.store.top(), "test") == stood
        assert pipeline.source.tails[pipeline.source.groups[MOHADIN].tail] == stood
    office.scan()
    assert office.query("SELECT count(*) FROM wamon.rewinds") == [0]
    assert_whole(office, field)


def test_a_group_s_cursor_deleted_by_hand_costs_a_re_read(field: Field, open_office: Open) -> None:
    office = open_office(field.path)
    office.scan("Lawley")
    field.post(LAWLEY, "DR1760000")
    office.query("DELETE FROM wamon.cursors WHERE tail = %s", LAWLEY)
    office.scan()
    assert_merged(office)
    assert_whole(office, field)


def test_a_group_may_stand_in_two_sources_each_with_its_own_place(
    field: Field, open_office: Open, tmp_path: Path, sizes: Sizes
) -> None:
    office = open_office(field.path)
    office.scan()
    other = Office(tmp_path / "other", office.dsn, field.path, sizes, bridge={"name": "second"})
    with other.opened() as pipeline:
        run_pass(pipeline)
    assert cursors_of(office, "main")[MAIN] > cursors_of(office, "second")[MAIN] > 0
    other.scan()
    assert office.drops() == field.truth.drops()
    assert cursors_of(office, "main") == cursors_of(office, "second")


def cursors_of(office: Office, source: str) -> dict[str, int]:
    return dict(office.query("SELECT tail, rowid FROM wamon.cursors WHERE source = %s", source))
