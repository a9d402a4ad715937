"""A start is a set of rows, not a position: what stood before it stays out, and whatever comes afterwards counts."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.bridges import LAWLEY, MOHADIN, PROJECTS, SAST, Lharries, VeryGoodPlugins
from tests.support.clock import CLOCK, first_morning
from tests.support.environment import EXAMPLES
from tests.support.office import Office
from tests.support.truth import Field
from wamon.app.commands import opened
from wamon.app.configured import bridge_of, configured
from wamon.capture.pipeline import run_pass
from wamon.capture.verify import Verification
from wamon.model import Sizes

BEFORE = ("ignored", "before-start")
DONE = ("done", None)

Open = Callable[..., Office]


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        yield field


@pytest.fixture
def moving(tmp_path: Path) -> Iterator[Field]:
    """A store whose rows move up when they are delivered again."""
    with Field(Lharries(tmp_path / "moving.db", durable=False)) as field:
        yield field


GROUPS = 10_000 if EXAMPLES else 2_000
SMALL_PAGES = Sizes(page_rows=10, pages_a_batch=1)


def outcomes(office: Office) -> dict[str, tuple[str, str | None]]:
    rows = office.query("SELECT message_id, status, reason FROM wamon.ledger")
    return {message_id: (status, reason) for message_id, status, reason in rows}


NOON = f"{first_morning():%Y-%m-%d}T12:00Z"


def post_all(field: Field, numbers: range, jid: str = LAWLEY) -> list[str]:
    return [field.post(jid, f"DR{number}") for number in numbers]


def assert_clean(office: Office) -> None:
    verified = office.verify()
    assert verified.clean, verified.problems


def test_from_the_beginning_every_row_is_processed(field: Field, open_office: Open) -> None:
    ids = post_all(field, range(1750000, 1750003))
    office = open_office(field.path, scan={"start": "beginning"})
    office.scan()
    assert outcomes(office) == dict.fromkeys(ids, DONE)
    assert office.submissions() == field.truth.submissions()


def test_what_stood_there_at_a_start_of_now_is_in_the_ledger_and_submits_nothing(
    field: Field, open_office: Open
) -> None:
    ids = post_all(field, range(1750000, 1750003))
    office = open_office(field.path, scan={"start": "now"})
    office.scan()
    assert outcomes(office) == dict.fromkeys(ids, BEFORE)
    assert office.query("SELECT count(*) FROM wamon.submissions") == [0]
    assert office.query("SELECT count(*) FROM qa_photo_reviews") == [0]
    assert_clean(office)


def test_a_start_at_a_time_leaves_out_what_was_sent_before_it_whatever_the_order_of_rows(
    field: Field, open_office: Open
) -> None:
    at = first_morning() + timedelta(hours=3)
    later = field.post(LAWLEY, "DR1750002", at=at)
    earlier = field.post(LAWLEY, "DR1750001", at=at - timedelta(seconds=1))
    office = open_office(field.path, scan={"start": f"{at.astimezone(SAST):%Y-%m-%d %H:%M}"})
    office.scan()
    assert outcomes(office) == {earlier: BEFORE, later: DONE}
    assert_clean(office)


def test_a_start_at_an_age_leaves_out_what_is_older(field: Field, open_office: Open) -> None:
    now = CLOCK.now()
    older = field.post(LAWLEY, "DR1750001", at=now - timedelta(hours=30))
    younger = field.post(LAWLEY, "DR1750002", at=now - timedelta(hours=20))
    office = open_office(field.path, scan={"start": "24h"})
    office.scan()
    assert outcomes(office) == {older: BEFORE, younger: DONE}
    assert_clean(office)


@pytest.mark.parametrize("start", ["now", NOON], ids=["now", "a time"])
@pytest.mark.fault("F45")
def test_what_arrives_after_joining_is_processed_however_old_its_time(
    field: Field, open_office: Open, start: str
) -> None:
    post_all(field, range(1750000, 1750003))
    office = open_office(field.path, scan={"start": start})
    office.scan()
    late = field.post(LAWLEY, "DR1750009", at=first_morning() - timedelta(days=30))
    office.scan()
    assert outcomes(office)[late] == DONE
    assert office.drops() == {("Lawley", "DR1750009")}
    assert_clean(office)


@pytest.mark.fault("F53")
def test_a_message_without_a_readable_time_is_processed_under_a_start_at_a_time(
    field: Field, open_office: Open
) -> None:
    unreadable = field.post(LAWLEY, "DR1750001")
    field.set_time(unreadable, "no time at all")
    office = open_office(field.path, scan={"start": NOON})
    office.scan()
    assert outcomes(office)[unreadable] == DONE


def test_a_message_from_before_the_start_stays_there_when_it_is_delivered_again(
    moving: Field, open_office: Open
) -> None:
    ids = post_all(moving, range(1750000, 1750005))
    office = open_office(moving.path, scan={"start": "now"})
    office.scan()
    moving.redeliver(ids[1])
    moving.redeliver(ids[2], text="DR1750002 and DR1750077")
    office.scan()
    assert outcomes(office) == dict.fromkeys(ids, BEFORE)
    assert office.drops() == set()
    assert_clean(office)


@pytest.mark.parametrize("overlap", [500, 2], ids=["seen by the next scan", "seen by the sweep"])
def test_a_message_from_before_the_start_stays_there_when_it_is_edited(
    field: Field, open_office: Open, overlap: int
) -> None:
    ids = post_all(field, range(1750000, 1750009))
    office = open_office(field.path, Sizes(overlap_rows=overlap), scan={"start": "now"})
    office.scan()
    field.edit(ids[0], "DR1750077")
    office.sweep()
    office.scan()
    assert outcomes(office) == dict.fromkeys(ids, BEFORE)
    assert office.query("SELECT revision FROM wamon.ledger WHERE message_id = %s", ids[0]) == [2]
    assert office.drops() == set()
    assert_clean(office)


def test_a_message_from_before_the_start_that_was_gone_stays_there_when_it_comes_back(
    field: Field, open_office: Open
) -> None:
    ids = post_all(field, range(1750000, 1750009))
    office = open_office(field.path, Sizes(overlap_rows=2), scan={"start": "now"})
    office.scan()
    field.bridge.db.execute("CREATE TABLE kept AS SELECT rowid AS n, * FROM messages WHERE id = ?", ids[:1])
    field.bridge.delete(ids[0])
    office.sweep()
    office.scan()
    assert office.query("SELECT gone_at IS NOT NULL FROM wamon.ledger WHERE message_id = %s", ids[0]) == [True]
    columns = ", ".join(row[1] for row in field.bridge.db.execute("PRAGMA table_info(messages)"))
    field.bridge.db.execute(f"INSERT INTO messages (rowid, {columns}) SELECT n, {columns} FROM kept")
    office.sweep()
    office.scan()
    assert outcomes(office) == dict.fromkeys(ids, BEFORE)
    assert office.drops() == set()
    assert_clean(office)


@pytest.mark.parametrize("later", ["beginning", "now", NOON], ids=["beginning", "now", "a time"])
@pytest.mark.parametrize("first", ["beginning", "now"])
def test_the_start_holds_only_for_a_group_that_the_ledger_does_not_know(
    field: Field, open_office: Open, first: str, later: str
) -> None:
    post_all(field, range(1750000, 1750003))
    office = open_office(field.path, scan={"start": first})
    office.scan()
    before = office.everything()
    unread = field.post(LAWLEY, "DR1750009")
    office.set(scan={"start": later})
    office.sweep()
    office.scan()
    assert outcomes(office).pop(unread) == DONE
    ledger = [row for row in office.everything()["ledger"] if row[1] != unread]
    assert ledger == before["ledger"]
    assert_clean(office)


def _renumbered(field: Field) -> None:
    field.renumber("reload")


def _numbered_anew(field: Field) -> None:
    field.renumber("update")


def _top_given_out_again(field: Field) -> None:
    field.delete_top(15)


def _replaced(field: Field) -> None:
    field.bridge.db.execute("DELETE FROM messages")


def _an_older_copy(field: Field) -> None:
    field.delete_top(45)


@pytest.mark.parametrize("damage", [_renumbered, _numbered_anew, _top_given_out_again, _replaced, _an_older_copy])
def test_nothing_that_arrived_after_joining_is_lost_where_the_rows_change_in_the_middle_of_the_walk(
    moving: Field, open_office: Open, damage: Callable[[Field], None]
) -> None:
    ids = post_all(moving, range(1750000, 1750060))
    for message_id in ids[:40:3]:  # holes, as re-deliveries leave them
        moving.redeliver(message_id)
    office = open_office(moving.path, SMALL_PAGES, scan={"start": "now"})
    with office.opened() as pipeline:
        run_pass(pipeline)
    assert office.query("SELECT count(*) FROM wamon.ledger") == [10]
    damage(moving)
    arrived = post_all(moving, range(1760000, 1760030))
    office.scan()
    assert {message_id: outcomes(office)[message_id] for message_id in arrived} == dict.fromkeys(arrived, DONE)
    office.scan()
    assert_clean(office)


def test_a_walk_that_is_cut_goes_on_to_leave_out_what_stood_before_the_start(field: Field, open_office: Open) -> None:
    ids = post_all(field, range(1750000, 1750035))
    office = open_office(field.path, SMALL_PAGES, scan={"start": "now"})
    with office.opened() as pipeline:
        run_pass(pipeline)
    arrived = field.post(LAWLEY, "DR1760000")
    office.scan()
    assert outcomes(office) == {**dict.fromkeys(ids, BEFORE), arrived: DONE}
    assert_clean(office)


def test_a_repair_in_the_middle_of_the_walk_leaves_out_what_stood_before_the_start(
    field: Field, open_office: Open
) -> None:
    ids = post_all(field, range(1750000, 1750035))
    office = open_office(field.path, SMALL_PAGES, scan={"start": "now"})
    with office.opened() as pipeline:
        run_pass(pipeline)
    arrived = field.post(LAWLEY, "DR1760000")
    with office.opened() as pipeline:
        Verification(pipeline, list(pipeline.source.groups.values())).repair()
    office.scan()
    assert outcomes(office) == {**dict.fromkeys(ids, BEFORE), arrived: DONE}
    assert_clean(office)


def test_a_group_that_joins_later_with_a_start_of_now_has_its_own_set_of_rows(field: Field, open_office: Open) -> None:
    lawley = [{"name": "Lawley", "jid": LAWLEY}]
    first = field.post(LAWLEY, "DR1750001")
    stood = field.post(MOHADIN, "DR1750002")
    office = open_office(field.path, scan={"start": "now"}, groups=lawley)
    office.scan()
    between = field.post(LAWLEY, "DR1750003")
    also_stood = field.post(MOHADIN, "DR1750004")
    office.set(groups=[*lawley, {"name": "Mohadin", "jid": MOHADIN}])
    with office.opened():
        arrived = field.post(MOHADIN, "DR1750005")
    office.scan()
    assert outcomes(office) == {first: BEFORE, stood: BEFORE, between: DONE, also_stood: BEFORE, arrived: DONE}
    assert_clean(office)


@pytest.mark.fault("F69")
def test_thousands_of_groups_join_in_one_go_of_which_four_have_rows(field: Field, open_office: Open) -> None:
    silent = [{"name": f"Site {n}", "jid": f"1203634000000{n:05}@g.us"} for n in range(GROUPS - 4)]
    for n, jid in enumerate(PROJECTS):
        field.post(jid, f"DR175000{n}")
    office = open_office(field.path, scan={"start": "now"})
    office.set(groups=[*office.settings["groups"], *silent])
    config = configured(office.config_path, {})
    with opened(config, bridge_of(config), CLOCK) as pipeline:
        assert pipeline.source.seq == 1
    for n, jid in enumerate(PROJECTS):
        field.post(jid, f"DR176000{n}")
    office.scan()
    assert office.drops() == {(name, f"DR176000{n}") for n, name in enumerate(PROJECTS.values())}
    assert len(json.loads(office.state_path.read_text("utf-8"))["groups"]) == GROUPS
