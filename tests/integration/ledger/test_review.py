"""The QA team's review table: what a post does to a drop's row, and that nothing undoes what people did there."""

from __future__ import annotations

import re
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from pathlib import Path
from random import Random
from typing import Any
from zoneinfo import ZoneInfo

import psycopg
import pytest
from psycopg.rows import dict_row

from tests.support.bridges import LAWLEY, MOHADIN, TECHNICIAN, VELO_TEST, VeryGoodPlugins
from tests.support.clock import CLOCK, first_morning
from tests.support.office import Office
from tests.support.truth import Field
from wamon.capture.scan import scan
from wamon.errors import ConfigError

STEPS = (
    "step_01_house_photo",
    "step_02_cable_from_pole",
    "step_03_cable_entry_outside",
    "step_04_cable_entry_inside",
    "step_05_wall_for_installation",
    "step_06_ont_back_after_install",
    "step_07_power_meter_reading",
    "step_08_ont_barcode",
    "step_09_ups_serial",
    "step_10_final_installation",
    "step_11_green_lights",
    "step_12_customer_signature",
)
SEEN = first_morning() + timedelta(days=1)
SAST = ZoneInfo("Africa/Johannesburg")
BY_PEOPLE = (
    "UPDATE qa_photo_reviews SET completed = true, incomplete = true, step_01_house_photo = true,"
    " feedback_sent = now(), comment = 'Photo 3 is blurred'"
)
POSTED_AGAIN = r"\d{4}-\d\d-\d\d \d\d:\d\d SAST: posted again"
NOTED = r"\d{4}-\d\d-\d\d \d\d:\d\d SAST: (retracted|posted again) by an edit of its message"

Row = dict[str, Any]


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        yield field


@pytest.fixture
def office(tmp_path: Path, any_dsn: str, field: Field) -> Office:
    return Office(tmp_path / "office", any_dsn, field.path)


def reviews(office: Office, table: str = "public.qa_photo_reviews") -> dict[tuple[str | None, str], Row]:
    """The table's rows by project and number; a drop with two rows fails the test that asks."""
    with psycopg.connect(office.dsn, row_factory=dict_row) as db:
        rows = db.execute(f"SELECT * FROM {table}").fetchall()
    found = {(row.get("project"), row["drop_number"]): row for row in rows}
    assert len(found) == len(rows)
    return found


def the_review(office: Office) -> Row:
    (row,) = reviews(office).values()
    return row


def lines(comment: str | None, pattern: str) -> int:
    return sum(bool(re.fullmatch(pattern, line)) for line in (comment or "").split("\n"))


def shape(office: Office, table: str = "qa_photo_reviews") -> list[Any]:
    return office.query(
        "SELECT column_name, data_type, is_nullable, column_default FROM information_schema.columns"
        " WHERE table_name = %s ORDER BY ordinal_position",
        table,
    )


# The table that wamon makes


@pytest.mark.both_servers
def test_where_the_table_is_missing_it_is_made_with_the_contracts_columns(office: Office) -> None:
    office.scan()
    kinds = {name: (kind, default) for name, kind, _, default in shape(office)}
    assert kinds == {
        "id": ("uuid", "gen_random_uuid()"),
        **dict.fromkeys(("drop_number", "project", "user_name", "submitted_by", "comment"), ("text", None)),
        **dict.fromkeys(("whatsapp_message_date", "review_date", "feedback_sent"), ("timestamp with time zone", None)),
        **dict.fromkeys(("created_at", "updated_at"), ("timestamp with time zone", "now()")),
        **dict.fromkeys(("resubmitted", "incomplete", "completed", *STEPS), ("boolean", "false")),
    }


def test_where_the_table_is_made_people_and_two_projects_can_add_rows_of_one_number(office: Office) -> None:
    office.scan()
    office.query("INSERT INTO qa_photo_reviews (drop_number, project) VALUES ('DR1752028', 'A'), ('DR1752028', 'B')")
    with pytest.raises(psycopg.errors.UniqueViolation):
        office.query("INSERT INTO qa_photo_reviews (drop_number, project) VALUES ('DR1752028', 'A')")


def test_without_a_review_table_none_is_made(office: Office, field: Field) -> None:
    office.set(database={"review_table": ""})
    field.post(LAWLEY, "DR1752028")
    office.scan()
    assert office.drops() == {("Lawley", "DR1752028")}
    assert shape(office) == []


def test_a_table_in_a_schema_of_its_own_is_made_and_followed_there(office: Office, field: Field) -> None:
    office.query("CREATE SCHEMA qa")
    office.set(database={"review_table": "qa.photo_reviews"})
    field.post(LAWLEY, "DR1752028")
    office.scan()
    field.post(LAWLEY, "DR1752028")
    office.scan()
    assert reviews(office, "qa.photo_reviews")["Lawley", "DR1752028"]["resubmitted"]
    assert shape(office) == []
    assert office.verify().clean


# What a post does


def test_a_new_drop_gets_one_row_with_the_messages_own_time_and_its_sender(office: Office, field: Field) -> None:
    field.post(LAWLEY, "DR1752028 done", at=SEEN)
    office.scan()
    row = the_review(office)
    told = {name: value for name, value in row.items() if value not in {None, False}}
    told.pop("id")
    assert CLOCK.now() - told.pop("created_at") < timedelta(hours=1)
    assert CLOCK.now() - told.pop("updated_at") < timedelta(hours=1)
    assert told == {
        "drop_number": "DR1752028",
        "project": "Lawley",
        "user_name": TECHNICIAN,
        "submitted_by": TECHNICIAN,
        "whatsapp_message_date": SEEN,
        "review_date": SEEN,
    }


def test_each_project_has_a_row_of_its_own_for_a_number(office: Office, field: Field) -> None:
    field.post(LAWLEY, "DR1752028 DR1752034")
    field.post(MOHADIN, "DR1752028")
    office.scan()
    assert reviews(office).keys() == {("Lawley", "DR1752028"), ("Lawley", "DR1752034"), ("Mohadin", "DR1752028")}
    assert not any(row["resubmitted"] for row in reviews(office).values())


@pytest.mark.both_servers
def test_a_later_post_reopens_the_row_and_touches_nothing_else_that_people_did(office: Office, field: Field) -> None:
    field.post(LAWLEY, "DR1752028", at=SEEN)
    office.scan()
    office.query(BY_PEOPLE)
    before = the_review(office)
    field.post(LAWLEY, "DR1752028 again", at=SEEN + timedelta(hours=1))
    office.scan()
    after = the_review(office)
    assert after.pop("updated_at") > before.pop("updated_at")
    assert after == before | {
        "resubmitted": True,
        "incomplete": False,
        "feedback_sent": None,
        "comment": "Photo 3 is blurred\n" + f"{SEEN:%Y-%m-%d} 09:00 SAST: posted again",
    }


@pytest.mark.parametrize("comment", [None, ""])
def test_the_first_line_of_a_comment_stands_alone(office: Office, field: Field, comment: str | None) -> None:
    field.post(LAWLEY, "DR1752028", at=SEEN)
    office.scan()
    office.query("UPDATE qa_photo_reviews SET comment = %s", comment)
    field.post(LAWLEY, "DR1752028", at=SEEN)
    office.scan()
    assert the_review(office)["comment"] == f"{SEEN:%Y-%m-%d} 08:00 SAST: posted again"


@pytest.mark.fault("F55")
def test_lines_are_dated_in_the_operators_zone(office: Office, field: Field) -> None:
    zone = "America/St_Johns"
    office.set(timezone=zone)
    field.post(LAWLEY, "DR1752028", at=SEEN)
    field.post(LAWLEY, "DR1752028", at=SEEN)
    office.scan()
    assert the_review(office)["comment"] == f"{SEEN.astimezone(ZoneInfo(zone)):%Y-%m-%d %H:%M %Z}: posted again"


@pytest.mark.both_servers
def test_a_retraction_of_the_last_live_post_appends_a_dated_line_and_deletes_nothing(
    office: Office, field: Field
) -> None:
    first = field.post(LAWLEY, "DR1752028")
    second = field.post(LAWLEY, "DR1752028")
    office.scan()
    office.query(BY_PEOPLE)
    before = the_review(office)
    field.edit(first, "sorry, wrong group")
    office.scan()
    assert the_review(office) == before
    field.edit(second, "sorry, wrong group")
    office.scan()
    after = the_review(office)
    kept, _, line = after.pop("comment").partition("\n")
    assert kept == before.pop("comment")
    assert re.fullmatch(NOTED, line)
    assert "retracted" in line
    assert after.pop("updated_at") > before.pop("updated_at")
    assert after == before


def test_a_drop_that_an_edit_posts_again_gets_a_dated_line_and_is_not_reopened(office: Office, field: Field) -> None:
    message = field.post(LAWLEY, "DR1752028")
    office.scan()
    office.query(BY_PEOPLE)
    field.edit(message, "DR1752034")
    office.scan()
    before = reviews(office)["Lawley", "DR1752028"]
    field.edit(message, "DR1752028, not 34")
    office.scan()
    after = reviews(office)["Lawley", "DR1752028"]
    assert re.fullmatch(NOTED, after["comment"].removeprefix(before["comment"] + "\n"))
    assert after["comment"].endswith("posted again by an edit of its message")
    assert (after["incomplete"], after["resubmitted"]) == (True, False)


# What never undoes people's work

Event = Callable[[Office, Field, str], None]


def a_late_row(_: Office, field: Field, __: str) -> None:
    field.post(LAWLEY, "DR1752028", at=SEEN - timedelta(hours=3))


def a_late_row_between(_: Office, field: Field, __: str) -> None:
    field.post(LAWLEY, "DR1752028", at=SEEN + timedelta(minutes=30))


def a_redelivery(_: Office, field: Field, message: str) -> None:
    field.redeliver(message, sender_form="full")


def a_blanked_redelivery(_: Office, field: Field, message: str) -> None:
    field.redeliver(message, sender_form="lid", text="")


def an_edit_that_keeps_the_number(_: Office, field: Field, message: str) -> None:
    field.edit(message, "dr 1752028 done, thanks")


def a_sweep(office: Office, _: Field, __: str) -> None:
    office.sweep()


def a_replay(office: Office, _: Field, __: str) -> None:
    office.query("DELETE FROM wamon.ledger")
    office.query("UPDATE wamon.cursors SET rowid = 0, anchors = '[]'")


def a_sweep_over_a_lost_ledger(office: Office, _: Field, __: str) -> None:
    office.query("DELETE FROM wamon.ledger")
    office.sweep()


def a_rebuild(office: Office, _: Field, __: str) -> None:
    office.query("DROP SCHEMA wamon CASCADE")


def a_rebuild_without_the_state_file(office: Office, _: Field, __: str) -> None:
    office.query("DROP SCHEMA wamon CASCADE")
    office.state_path.unlink()


def a_rowid_order_made_anew(_: Office, field: Field, __: str) -> None:
    field.renumber("shuffle")


@pytest.mark.parametrize(
    "event",
    [
        a_late_row,
        a_late_row_between,
        a_redelivery,
        a_blanked_redelivery,
        an_edit_that_keeps_the_number,
        a_sweep,
        a_replay,
        a_sweep_over_a_lost_ledger,
        a_rebuild,
        a_rebuild_without_the_state_file,
        a_rowid_order_made_anew,
    ],
    ids=lambda event: event.__name__,
)
def test_what_people_did_is_never_reset_by(office: Office, field: Field, event: Event) -> None:
    field.post(LAWLEY, "DR1752028", at=SEEN)
    latest = field.post(LAWLEY, "DR1752028", at=SEEN + timedelta(hours=1))
    field.post(VELO_TEST, "DR1752034")
    office.scan()
    office.query(BY_PEOPLE)
    before = reviews(office)
    event(office, field, latest)
    office.scan()
    assert reviews(office) == before
    assert office.drops() == {("Lawley", "DR1752028"), ("Velo Test", "DR1752034")}


def test_a_sweep_that_restores_a_lost_submission_resets_nothing(office: Office, field: Field) -> None:
    field.post(LAWLEY, "DR1752028")
    office.scan()
    office.query(BY_PEOPLE)
    before = reviews(office)
    office.query("DELETE FROM wamon.submissions")
    office.sweep()
    office.scan()
    assert office.drops() == {("Lawley", "DR1752028")}
    assert reviews(office) == before


def test_a_row_that_people_made_before_the_first_post_is_not_reopened_by_it(office: Office, field: Field) -> None:
    office.scan()
    office.query("INSERT INTO qa_photo_reviews (drop_number, project, incomplete) VALUES ('DR1752028', 'Lawley', true)")
    before = reviews(office)
    field.post(LAWLEY, "DR1752028")
    office.scan()
    assert reviews(office) == before
    field.post(LAWLEY, "DR1752028")
    office.scan()
    assert the_review(office)["resubmitted"]


def test_what_the_bridges_own_account_says_is_recorded_and_updates_no_row(office: Office, field: Field) -> None:
    field.post(LAWLEY, "DR1752028", at=SEEN)
    office.scan()
    office.query(BY_PEOPLE)
    before = the_review(office)
    feedback = field.post(LAWLEY, "Photo 3 of DR1752028 is blurred", at=SEEN + timedelta(hours=1), from_me=True)
    office.scan()
    assert office.submissions() == field.truth.submissions()
    assert len(office.submissions()) == 2
    assert the_review(office) == before
    for text in ("Photo 3 is blurred", "Photo 3 of DR1752028 is blurred, I said"):
        field.edit(feedback, text)
        office.scan()
    assert the_review(office) == before


def test_what_the_bridges_own_account_says_inserts_a_missing_row_that_a_post_reopens(
    office: Office, field: Field
) -> None:
    field.post(LAWLEY, "Is DR1752028 done?", at=SEEN, from_me=True)
    office.scan()
    assert not the_review(office)["resubmitted"]
    field.post(LAWLEY, "DR1752028 done", at=SEEN + timedelta(hours=1))
    office.scan()
    assert the_review(office)["resubmitted"]


def test_the_bridges_own_last_post_adds_no_line_when_it_is_retracted(office: Office, field: Field) -> None:
    own = field.post(LAWLEY, "DR1752028", at=SEEN, from_me=True)
    office.scan()
    before = the_review(office)
    field.edit(own, "wrong group")
    office.scan()
    assert office.submissions() == set()
    assert the_review(office) == before


def content(office: Office) -> dict[tuple[str | None, str], Row]:
    own = {"id", "created_at", "updated_at"}
    return {
        drop: {name: value for name, value in row.items() if name not in own} for drop, row in reviews(office).items()
    }


ALL_IS_FORGOTTEN = """
    DO $$
    DECLARE a text;
    BEGIN
        SET LOCAL session_replication_role = replica;
        FOR a IN SELECT tablename FROM pg_tables
                 WHERE schemaname = 'wamon' AND tablename NOT IN ('migrations', 'instance')
        LOOP
            EXECUTE 'DELETE FROM wamon.' || a;
        END LOOP;
    END $$
"""
"""Where a schema made anew would take ten times as long."""


@pytest.mark.parametrize("keyed", ["drop and project", "drop", "nothing", "no project"])
def test_the_rows_are_the_same_however_the_messages_are_cut_into_batches(
    office: Office, field: Field, keyed: str
) -> None:
    def make_the_table() -> None:
        office.scan()
        office.query(ALL_IS_FORGOTTEN)
        office.query("DROP TABLE IF EXISTS public.before")
        office.query("ALTER TABLE public.qa_photo_reviews RENAME TO before")
        office.query("CREATE TABLE public.qa_photo_reviews (LIKE before INCLUDING DEFAULTS)")
        if keyed == "drop and project":
            office.query("ALTER TABLE public.qa_photo_reviews ADD UNIQUE (drop_number, project)")
        if keyed == "drop":
            office.query("ALTER TABLE public.qa_photo_reviews ADD UNIQUE (drop_number)")
        if keyed == "no project":
            office.query("ALTER TABLE public.qa_photo_reviews DROP project")

    make_the_table()
    rng = Random(5)
    with office.opened() as pipeline:
        for _ in range(16):
            said = " ".join({f"DR175202{rng.randrange(3)}" for _ in range(rng.choice((1, 1, 2)))})
            field.post(rng.choice((LAWLEY, MOHADIN)), said, at=SEEN + timedelta(minutes=rng.randrange(8)))
            scan(pipeline)
    one_by_one = content(office)
    office.query("DROP TABLE public.qa_photo_reviews")
    make_the_table()
    office.scan()
    assert content(office) == one_by_one
    assert any(row["resubmitted"] for row in one_by_one.values())


# A table with years of people's work


@pytest.fixture
def theirs(office: Office) -> Office:
    """An office whose review table had a row before wamon came."""
    office.query(
        "CREATE TABLE public.qa_photo_reviews (id serial, drop_number text, project text, resubmitted boolean,"
        " incomplete boolean, feedback_sent timestamptz, comment text, UNIQUE (drop_number, project))"
    )
    office.query(
        "INSERT INTO qa_photo_reviews (drop_number, project, resubmitted, incomplete, comment)"
        " VALUES ('DR1752028', 'Lawley', false, true, 'Photo 3 is blurred')"
    )
    return office


def test_messages_from_before_first_contact_only_insert_missing_rows(theirs: Office, field: Field) -> None:
    before = reviews(theirs)
    long_ago = CLOCK.now() - timedelta(days=300)
    for hours in range(3):
        field.post(LAWLEY, "DR1752028 DR1752034", at=long_ago + timedelta(hours=hours))
        theirs.scan()
    after = reviews(theirs)
    added = after.pop(("Lawley", "DR1752034"))
    assert after == before
    assert (added["resubmitted"], added["comment"]) == (False, None)
    assert theirs.verify().clean


def test_messages_from_after_first_contact_reopen_the_rows_that_were_there(theirs: Office, field: Field) -> None:
    field.post(LAWLEY, "DR1752028", at=CLOCK.now() - timedelta(days=300))
    theirs.scan()
    field.post(LAWLEY, "DR1752028", at=CLOCK.now() + timedelta(minutes=5))
    theirs.scan()
    row = the_review(theirs)
    assert (row["resubmitted"], row["incomplete"], lines(row["comment"], POSTED_AGAIN)) == (True, False, 1)


def test_the_moment_of_first_contact_stays(theirs: Office, field: Field) -> None:
    theirs.scan()
    theirs.query("UPDATE wamon.reviews SET review_from = %s, first_contact_at = %s", SEEN, SEEN)
    field.post(LAWLEY, "DR1752028", at=SEEN + timedelta(hours=1))
    theirs.scan()
    assert the_review(theirs)["resubmitted"]


# A table of another shape

SHAPES: dict[str, tuple[str, Row]] = {
    "the number alone": ("drop_number varchar(20)", {"drop_number": "DR1752028"}),
    "an id of its own": (
        "id serial PRIMARY KEY, drop_number text NOT NULL, project varchar(50) NOT NULL, resubmitted boolean",
        {"id": 1, "project": "Lawley", "resubmitted": True},
    ),
    "an id without a default": ("id uuid NOT NULL, drop_number text, project text", {"project": "Lawley"}),
    "no project": ("drop_number text, resubmitted boolean, comment text", {"resubmitted": True}),
    "no comment": ("drop_number text, project text, incomplete boolean", {"incomplete": False}),
    "no resubmitted": (
        "drop_number text, project text, comment varchar(100)",
        {"comment": f"{SEEN:%Y-%m-%d} 09:00 SAST: posted again"},
    ),
    "times without a zone": (
        "drop_number text, project text, whatsapp_message_date timestamp, updated_at timestamp NOT NULL",
        {"whatsapp_message_date": SEEN.astimezone(SAST).replace(tzinfo=None)},
    ),
    "times as dates": (
        "drop_number text, project text, whatsapp_message_date date, review_date date, updated_at date",
        {"whatsapp_message_date": SEEN.date(), "review_date": SEEN.date()},
    ),
    "times as text": (
        "drop_number text, project text, whatsapp_message_date text, created_at varchar(40), updated_at text",
        {"whatsapp_message_date": f"{SEEN:%Y-%m-%d} 08:00:00+02:00"},
    ),
    "booleans that must be given": (
        "drop_number text, project text, completed boolean NOT NULL, resubmitted boolean NOT NULL,"
        " incomplete boolean NOT NULL," + ", ".join(f"{step} boolean NOT NULL" for step in STEPS),
        {"completed": False, "resubmitted": True, STEPS[0]: False, STEPS[-1]: False},
    ),
    "feedback as a flag": (
        "drop_number text, project text, feedback_sent boolean NOT NULL DEFAULT false",
        {"feedback_sent": False},
    ),
    "more columns": (
        "drop_number text, project text, reviewer text, priority integer NOT NULL DEFAULT 3",
        {"reviewer": None, "priority": 3},
    ),
    "a computed column": (
        "drop_number text, project text, user_name text GENERATED ALWAYS AS (project || drop_number) STORED",
        {"user_name": "LawleyDR1752028"},
    ),
}


@pytest.mark.parametrize("name", SHAPES)
@pytest.mark.both_servers
def test_of_a_table_that_is_there_only_the_columns_that_are_there_are_written(
    office: Office, field: Field, name: str
) -> None:
    columns, expected = SHAPES[name]
    office.query(f"CREATE TABLE public.qa_photo_reviews ({columns})")
    before = shape(office)
    field.post(LAWLEY, "DR1752028", at=SEEN)
    office.scan()
    field.post(LAWLEY, "DR1752028", at=SEEN + timedelta(hours=1))
    office.scan()
    assert office.query("SELECT count(*) FROM wamon.dead_letters") == [0]
    row = the_review(office)
    assert {name: row[name] for name in expected} == expected
    assert shape(office) == before
    assert office.verify().clean


@pytest.mark.parametrize(("zone", "hour"), [("Africa/Johannesburg", 0), ("America/St_Johns", 23)])
@pytest.mark.parametrize("kind", ["date", "timestamp", "text", "timestamptz"])
@pytest.mark.both_servers
def test_a_column_without_a_zone_gets_the_day_and_wall_clock_of_the_operators_zone(
    office: Office, field: Field, kind: str, zone: str, hour: int
) -> None:
    office.set(timezone=zone)
    office.query(
        "CREATE TABLE public.qa_photo_reviews"
        f" (drop_number text, review_date {kind}, created_at {kind}, updated_at {kind})"
    )
    there = SEEN.astimezone(ZoneInfo(zone)).replace(hour=hour, minute=30)
    field.post(LAWLEY, "DR1752028", at=there)
    field.post(LAWLEY, "DR1752028", at=there)
    office.scan()
    local = there.replace(tzinfo=None)
    wanted = {"date": there.date(), "timestamp": local, "text": str(there), "timestamptz": there}[kind]
    assert the_review(office)["review_date"] == wanted


@pytest.mark.parametrize("column", ["inspector", "id"])
def test_a_column_that_must_be_filled_and_that_wamon_does_not_know_is_a_config_error(
    office: Office, field: Field, column: str
) -> None:
    office.query(f"CREATE TABLE public.qa_photo_reviews (drop_number text NOT NULL, {column} integer NOT NULL)")
    field.post(LAWLEY, "DR1752028")
    with pytest.raises(ConfigError, match=rf"qa_photo_reviews .*: {column}\.$"):
        office.scan()
    assert office.ledger() == set()
    assert reviews(office) == {}


def test_the_command_ends_with_78_where_the_table_demands_what_wamon_does_not_have(
    tmp_path: Path, dsn: str, field: Field
) -> None:
    office = Office(tmp_path / "office", dsn, field.path)
    office.query("CREATE TABLE public.qa_photo_reviews (drop_number text NOT NULL, inspector text NOT NULL)")
    field.post(LAWLEY, "DR1752028")
    done = office.run("scan")
    assert (done.returncode, done.stdout) == (78, "")
    assert "inspector" in done.stderr


def test_a_table_without_a_drop_number_is_a_config_error(office: Office) -> None:
    office.query("CREATE TABLE public.qa_photo_reviews (id integer)")
    with pytest.raises(ConfigError, match="drop_number"):
        office.scan()


@pytest.mark.both_servers
def test_where_the_number_alone_is_the_key_the_first_project_keeps_the_row_and_the_second_is_a_conflict(
    office: Office, field: Field
) -> None:
    office.query(
        "CREATE TABLE public.qa_photo_reviews (drop_number text PRIMARY KEY, project text, resubmitted boolean)"
    )
    field.post(MOHADIN, "DR1752028")
    office.scan()
    field.post(LAWLEY, "DR1752028 DR1752034")
    recorded = office.scan().recorded
    assert recorded.conflicts == [("Lawley", "DR1752028")]
    assert office.drops() == {("Mohadin", "DR1752028"), ("Lawley", "DR1752028"), ("Lawley", "DR1752034")}
    assert reviews(office).keys() == {("Mohadin", "DR1752028"), ("Lawley", "DR1752034")}
    assert not reviews(office)["Mohadin", "DR1752028"]["resubmitted"]
    assert office.verify().problems == []


def test_a_conflict_is_told_on_stderr(tmp_path: Path, dsn: str, field: Field) -> None:
    office = Office(tmp_path / "office", dsn, field.path)
    office.query("CREATE TABLE public.qa_photo_reviews (drop_number text UNIQUE, project text)")
    field.post(MOHADIN, "DR1752028")
    field.post(LAWLEY, "DR1752028")
    done = office.run("scan", "--json")
    assert done.returncode == 0
    assert "DR1752028 of Lawley" in done.stderr


# More than one source


@pytest.fixture
def other_field(tmp_path: Path) -> Iterator[Field]:
    with Field(VeryGoodPlugins(tmp_path / "other.db", seed=1, durable=False)) as field:
        yield field


@pytest.mark.parametrize("keyed", [True, False])
@pytest.mark.fault("F18")
def test_two_sources_that_feed_one_project_at_once_make_one_row_a_drop(
    tmp_path: Path, office: Office, field: Field, other_field: Field, keyed: bool
) -> None:
    office.scan()
    if not keyed:
        office.query("ALTER TABLE public.qa_photo_reviews DROP CONSTRAINT qa_photo_reviews_drop_number_project_key")
    other = Office(tmp_path / "other", office.dsn, other_field.path, bridge={"name": "other"})
    other.scan()
    for n in range(20):
        field.post(LAWLEY, f"DR17520{n:02}")
        other_field.post(LAWLEY, f"DR17520{n:02}")
    with psycopg.connect(office.dsn) as gate, ThreadPoolExecutor() as pool:
        gate.execute("SELECT pg_advisory_xact_lock(hashtextextended('wamon project Lawley', 0))")
        scans = [pool.submit(one.scan) for one in (office, other)]
        waiting = "SELECT count(*) = 2 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"
        while not (office.query(waiting) == [True] or all(one.done() for one in scans)):
            threading.Event().wait(0.01)
        gate.rollback()
        for one in scans:
            one.result()
    assert len(reviews(office)) == 20
    assert all(row["resubmitted"] for row in reviews(office).values())


@pytest.fixture
def twin(tmp_path: Path, office: Office) -> Office:
    """The same store under a second source's name."""
    return Office(tmp_path / "twin", office.dsn, office.store, bridge={"name": "twin"})


def test_one_store_under_two_names_never_counts_twice(office: Office, twin: Office, field: Field) -> None:
    field.post(LAWLEY, "DR1752028", at=SEEN)
    field.post(LAWLEY, "DR1752034", at=SEEN)
    field.post(LAWLEY, "DR1752034", at=SEEN)
    for one in (office, twin, office, twin):
        one.scan()
    assert office.query("SELECT drop_number, submissions FROM wamon.drops ORDER BY 1") == [
        ("DR1752028", 1),
        ("DR1752034", 2),
    ]
    kinds = "SELECT message_id, drop_number, kind FROM wamon.submissions WHERE source = %s ORDER BY 1"
    assert office.query(kinds, "main") == office.query(kinds, "twin")
    assert len(office.query(kinds, "twin")) == 3
    rows = reviews(office)
    assert [rows["Lawley", number]["resubmitted"] for number in ("DR1752028", "DR1752034")] == [False, True]
    assert lines(rows["Lawley", "DR1752034"]["comment"], POSTED_AGAIN) == 1


def test_an_edit_that_two_sources_see_is_noted_once(office: Office, twin: Office, field: Field) -> None:
    message = field.post(LAWLEY, "DR1752028")
    for text in ("DR1752028", "wrong group", "DR1752028, sorry"):
        field.edit(message, text)
        office.scan()
        twin.scan()
    assert lines(the_review(office)["comment"], NOTED) == 2


@pytest.mark.parametrize("which", [0, 1], ids=["the first post", "the latest post"])
@pytest.mark.parametrize("damage", ["DELETE FROM wamon.submissions", "UPDATE wamon.submissions SET live = false"])
def test_a_repair_that_brings_a_submission_back_leaves_what_people_did(
    office: Office, field: Field, damage: str, which: int
) -> None:
    posts = [field.post(LAWLEY, "DR1752028"), field.post(LAWLEY, "DR1752028")]
    office.scan()
    office.query(BY_PEOPLE)
    before = the_review(office)
    office.query(f"{damage} WHERE message_id = %s", posts[which])
    office.sweep()
    office.scan()
    assert office.submissions() == field.truth.submissions()
    assert the_review(office) == before


def test_a_message_from_before_first_contact_adds_no_line_when_it_is_retracted(office: Office, field: Field) -> None:
    office.query("CREATE TABLE public.qa_photo_reviews (drop_number text, project text, comment text)")
    office.query("INSERT INTO public.qa_photo_reviews VALUES ('DR1752028', 'Lawley', 'theirs')")
    old = field.post(LAWLEY, "DR1752028", at=CLOCK.now() - timedelta(days=2))
    office.scan()
    field.edit(old, "the wrong house")
    office.scan()
    assert office.submissions() == set()
    assert the_review(office)["comment"] == "theirs"
