"""A project's name is no identity: what is recorded of a group follows the name that its project has now."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.bridges import LAWLEY, MOHADIN, VELO_TEST, VeryGoodPlugins
from tests.support.office import Office
from tests.support.truth import Field
from wamon.app.configured import configured
from wamon.app.look import looked_at
from wamon.capture.groups import follow_names
from wamon.capture.scan import catch_up
from wamon.health import recording

Open = Callable[..., Office]
BY_PEOPLE = "UPDATE qa_photo_reviews SET incomplete = true, comment = 'Photo 3 is blurred', feedback_sent = now()"


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        for jid, name in ((LAWLEY, "Lawley"), (MOHADIN, "Mohadin"), (VELO_TEST, "Velo Test")):
            field.bridge.chat(jid, name)
        yield field


def groups(**names: str) -> list[dict[str, Any]]:
    jids = {"lawley": LAWLEY, "mohadin": MOHADIN, "velo": VELO_TEST}
    return [{"name": name, "jid": jids[group], "validate": group == "mohadin"} for group, name in names.items()]


def reviews(office: Office) -> list[tuple[Any, ...]]:
    return office.query("SELECT project, drop_number, resubmitted FROM qa_photo_reviews ORDER BY 1, 2")


def names(office: Office) -> tuple[str, str]:
    """What doctor, status and alerts tell of names."""
    check = recording.names(looked_at(configured(office.config_path, {}), None, office.clock))
    return check.state, check.sentence


def test_the_drops_of_a_renamed_project_follow_its_name(field: Field, open_office: Open) -> None:
    office = open_office(field.path, groups=groups(lawley="Lawley", velo="Velo Test"))
    field.post(LAWLEY, "DR1752028")
    field.post(LAWLEY, "RD1752034")
    field.post(VELO_TEST, "DR1752028")
    office.scan()
    office.query(BY_PEOPLE)
    office.query("INSERT INTO qa_photo_reviews (project, drop_number) VALUES ('Lawley', 'DR1700000')")
    office.set(groups=groups(lawley="Lawley Act 3", velo="Velo Test"))
    field.post(LAWLEY, "DR1752028 again")
    office.scan()
    kinds = office.query("SELECT project, kind FROM wamon.submissions ORDER BY sent_at")
    assert kinds == [("Lawley Act 3", "new"), ("Velo Test", "new"), ("Lawley Act 3", "resubmission")]
    assert office.drops() == {("Lawley Act 3", "DR1752028"), ("Velo Test", "DR1752028")}
    assert office.query("SELECT project FROM wamon.near_misses") == ["Lawley Act 3"]
    assert reviews(office) == [
        ("Lawley Act 3", "DR1700000", False),
        ("Lawley Act 3", "DR1752028", True),
        ("Velo Test", "DR1752028", False),
    ]
    verified = office.verify()
    assert (verified.clean, verified.older_rules) == (True, 0)
    assert len(office.answer("drops", "list", "--project", "Lawley Act 3")["drops"]) == 1
    office.set(groups=groups(lawley="Lawley", velo="Velo Test"))
    office.scan()
    assert office.drops() == {("Lawley", "DR1752028"), ("Velo Test", "DR1752028")}


def test_the_list_of_a_renamed_project_and_what_it_rejected_follow_too(field: Field, open_office: Open) -> None:
    office = open_office(field.path, groups=groups(mohadin="Mohadin"))
    office.scan()
    office.query("INSERT INTO wamon.allow_lists (project) VALUES ('Mohadin')")
    office.query("INSERT INTO wamon.allowed_numbers VALUES ('Mohadin', 'DR1752028')")
    field.post(MOHADIN, "DR1752028 DR1752034")
    office.scan()
    office.set(groups=groups(mohadin="Mohadin East"))
    field.post(MOHADIN, "DR1752040")
    office.scan()
    rejected = [("Mohadin East", "DR1752034"), ("Mohadin East", "DR1752040")]
    assert office.query("SELECT project, drop_number FROM invalid_drop_submissions ORDER BY 2") == rejected
    assert office.drops() == {("Mohadin East", "DR1752028")}
    office.query("INSERT INTO wamon.allowed_numbers VALUES ('Mohadin East', 'DR1752034')")
    office.scan()
    assert office.query("SELECT project, drop_number FROM invalid_drop_submissions") == rejected[1:]
    assert office.query("SELECT project FROM wamon.allow_lists") == ["Mohadin East"]


def test_a_group_that_leaves_a_project_takes_only_its_own_drops_along(field: Field, open_office: Open) -> None:
    office = open_office(field.path, groups=groups(lawley="Lawley", velo="Lawley"))
    for jid, text in ((LAWLEY, "DR1752001 DR1752002"), (VELO_TEST, "DR1752002 DR1752003")):
        field.post(jid, text)
    office.scan()
    office.query("INSERT INTO wamon.allow_lists (project) VALUES ('Lawley')")
    office.set(groups=groups(lawley="Lawley North", velo="Lawley"))
    office.scan()
    north, south = ["DR1752001", "DR1752002"], ["DR1752002", "DR1752003"]
    assert office.drops() == {("Lawley North", n) for n in north} | {("Lawley", n) for n in south}
    assert [(project, number) for project, number, _ in reviews(office)] == [
        ("Lawley", "DR1752002"),
        ("Lawley", "DR1752003"),
        ("Lawley North", "DR1752001"),
    ]
    assert office.query("SELECT project FROM wamon.allow_lists") == ["Lawley"]
    office.sweep()
    office.scan()
    assert ("Lawley North", "DR1752002", False) in reviews(office)
    assert office.verify().clean


def test_groups_that_exchange_their_names_exchange_their_drops(field: Field, open_office: Open) -> None:
    office = open_office(field.path, groups=groups(lawley="Lawley", velo="Velo Test"))
    field.post(LAWLEY, "DR1752001")
    field.post(VELO_TEST, "DR1752002")
    office.scan()
    office.set(groups=groups(lawley="Velo Test", velo="Lawley"))
    office.scan()
    swapped = {("Velo Test", "DR1752001"), ("Lawley", "DR1752002")}
    assert office.drops() == swapped
    assert {(project, number) for project, number, _ in reviews(office)} == swapped


def test_a_group_that_joins_another_project_has_its_drops_counted_there(field: Field, open_office: Open) -> None:
    office = open_office(field.path, groups=groups(lawley="Lawley", velo="Velo Test"))
    for text in ("DR1752001", "DR1752002"):
        field.post(LAWLEY, text)
    field.post(VELO_TEST, "DR1752001")
    office.scan()
    office.set(groups=groups(lawley="Velo Test", velo="Velo Test"))
    office.scan()
    assert office.drops() == {("Velo Test", "DR1752001"), ("Velo Test", "DR1752002")}
    assert sorted(office.kinds().values()) == ["new", "new", "resubmission"]
    rows = [("Lawley", "DR1752001", False), ("Velo Test", "DR1752001", False), ("Velo Test", "DR1752002", False)]
    assert reviews(office) == rows


def test_a_review_table_that_refuses_the_new_name_keeps_its_rows_and_holds_up_nothing(
    field: Field, open_office: Open
) -> None:
    office = open_office(field.path, groups=groups(lawley="Lawley"))
    field.post(LAWLEY, "DR1752001")
    office.scan()
    office.query("ALTER TABLE qa_photo_reviews ADD CHECK (project IN ('Lawley'))")
    office.set(groups=groups(lawley="Lawley Act 3"))
    done = office.run("scan")
    assert done.returncode == 0
    assert "keep their projects' former names" in done.stderr
    assert office.drops() == {("Lawley Act 3", "DR1752001")}
    assert reviews(office) == [("Lawley", "DR1752001", False)]


def test_a_group_renamed_in_whatsapp_stays_one_group(field: Field, open_office: Open) -> None:
    office = open_office(field.path, groups=[])
    field.post(LAWLEY, "DR1752001")
    scan = ("scan", "--bridge", str(field.path), "--group", LAWLEY)
    office.answer(*scan)
    for name in ("Lawley Phase 2", ""):
        field.bridge.chat(LAWLEY, name)
        field.post(LAWLEY, "DR1752001")
        office.answer(*scan)
    assert office.drops() == {("Lawley Phase 2", "DR1752001")}
    assert sorted(office.kinds().values()) == ["new", "resubmission", "resubmission"]
    assert reviews(office) == [("Lawley Phase 2", "DR1752001", True)]


@pytest.mark.fault("F104")
@pytest.mark.parametrize("held", ["qa_photo_reviews", "invalid_drop_submissions"])
def test_a_renaming_waits_for_held_rows_and_recording_goes_on_under_the_former_name(
    field: Field, open_office: Open, held: str
) -> None:
    office = open_office(field.path, groups=groups(mohadin="Mohadin"))
    office.scan()
    office.query("INSERT INTO wamon.allow_lists (project) VALUES ('Mohadin')")
    office.query("INSERT INTO wamon.allowed_numbers VALUES ('Mohadin', 'DR1752028')")
    field.post(MOHADIN, "DR1752028 DR1752034")
    office.scan()
    office.set(groups=groups(mohadin="Mohadin East"))
    with psycopg.connect(office.dsn) as clerk:
        clerk.execute(f"SELECT * FROM {held} FOR UPDATE")
        field.post(MOHADIN, "DR1752040")
        done = office.run("scan")
        assert (done.returncode, office.query("SELECT DISTINCT project FROM wamon.submissions")) == (0, ["Mohadin"])
        assert len(office.submissions()) == 3
        assert "under the former name for now: Mohadin" in done.stderr
        assert names(office) == ("warn", "Recorded under former names: Mohadin (Mohadin East in the config).")
    office.scan()
    for rows in ("wamon.submissions", held):
        assert office.query(f"SELECT DISTINCT project FROM {rows}") == ["Mohadin East"]
    assert names(office)[0] == "ok"


@pytest.mark.fault("F104")
def test_a_daemon_renames_once_the_rows_are_free(field: Field, open_office: Open) -> None:
    office = open_office(field.path, groups=groups(lawley="Lawley"))
    field.post(LAWLEY, "DR1752028")
    office.scan()
    office.set(groups=groups(lawley="Lawley Act 3"))
    with psycopg.connect(office.dsn) as clerk:
        clerk.execute("SELECT * FROM qa_photo_reviews FOR UPDATE")
        with office.opened() as pipeline:
            field.post(LAWLEY, "DR1752034")
            catch_up(pipeline)
            assert follow_names(pipeline.source, pipeline.review, pipeline.projects) == ["Lawley"]
            clerk.rollback()
            assert follow_names(pipeline.source, pipeline.review, pipeline.projects) == []
    assert [project for project, *_ in reviews(office)] == ["Lawley Act 3", "Lawley Act 3"]
