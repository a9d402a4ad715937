"""What is new and what came again is a place in the order of all posts, and the drops are their projection."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from random import Random

import psycopg
import pytest

from tests.support.bridges import LAWLEY, MAMELODI, PROJECTS, TECHNICIAN, VELO_TEST, VeryGoodPlugins
from tests.support.clock import first_morning
from tests.support.office import Office
from tests.support.truth import Field

DROP = "DR1752028"
HOUR = timedelta(hours=1)
SOMEBODY = "27820000042"


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    """Velo Test's group feeds the project Lawley too."""
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False), PROJECTS | {VELO_TEST: "Lawley"}) as field:
        yield field


@pytest.fixture
def office(tmp_path: Path, any_dsn: str, field: Field) -> Office:
    groups = [{"name": name, "jid": jid} for jid, name in field.truth.projects.items()]
    return Office(tmp_path / "office", any_dsn, field.path, groups=groups)


def kinds(office: Office) -> dict[str, str]:
    """The kind of each message's submission, live or not."""
    return dict(office.query("SELECT message_id, kind FROM wamon.submissions"))


@pytest.mark.fault("F45")
def test_the_post_that_was_sent_first_is_new_whatever_came_first_and_whatever_its_id(
    office: Office, field: Field
) -> None:
    field.post(LAWLEY, DROP, message_id="A", at=first_morning() + HOUR)
    office.scan()
    assert kinds(office) == {"A": "new"}
    field.post(LAWLEY, DROP, message_id="C", at=first_morning())
    office.scan()
    assert kinds(office) == {"A": "resubmission", "C": "new"}
    field.post(LAWLEY, DROP, message_id="B", at=first_morning() + 2 * HOUR)
    office.scan()
    assert kinds(office) == {"A": "resubmission", "B": "resubmission", "C": "new"}


@pytest.mark.fault("F46")
def test_posts_of_one_second_are_in_the_order_of_chat_and_id(office: Office, field: Field) -> None:
    assert LAWLEY < VELO_TEST
    field.post(VELO_TEST, DROP, message_id="A", at=first_morning())
    field.post(LAWLEY, DROP, message_id="b", at=first_morning())
    field.post(LAWLEY, DROP, message_id="Z", at=first_morning())
    office.scan()
    assert kinds(office) == {"A": "resubmission", "b": "resubmission", "Z": "new"}


def test_each_project_has_a_new_one_of_its_own(office: Office, field: Field) -> None:
    field.post(LAWLEY, DROP, message_id="A")
    field.post(MAMELODI, DROP, message_id="B")
    office.scan()
    assert kinds(office) == {"A": "new", "B": "new"}


@pytest.mark.both_servers
def test_a_retraction_passes_new_on_and_its_return_takes_it_back(office: Office, field: Field) -> None:
    field.post(LAWLEY, DROP, message_id="A")
    field.post(LAWLEY, DROP, message_id="B")
    office.scan()
    field.edit("A", "wrong group")
    office.scan()
    assert kinds(office) == {"A": "resubmission", "B": "new"}
    field.edit("A", DROP)
    office.scan()
    assert kinds(office) == {"A": "new", "B": "resubmission"}


def test_what_is_not_live_is_never_new(office: Office, field: Field) -> None:
    field.post(LAWLEY, DROP, message_id="A")
    office.scan()
    field.edit("A", "wrong group")
    office.scan()
    assert kinds(office) == {"A": "resubmission"}
    assert office.drops() == set()


def test_what_is_rejected_is_never_new_and_is_no_drop(office: Office, field: Field) -> None:
    field.post(LAWLEY, DROP, message_id="A")
    field.post(LAWLEY, DROP, message_id="B")
    office.scan()
    office.query("UPDATE wamon.submissions SET kind = 'rejected' WHERE message_id = 'A'")
    assert kinds(office) == {"A": "rejected", "B": "new"}
    office.query("UPDATE wamon.submissions SET kind = 'rejected' WHERE message_id = 'B'")
    assert kinds(office) == {"A": "rejected", "B": "rejected"}
    assert office.drops() == set()


def test_drops_are_the_projection_of_live_unrejected_submissions(office: Office, field: Field) -> None:
    field.post(LAWLEY, DROP, message_id="B", at=first_morning() + HOUR)
    field.post(VELO_TEST, DROP, message_id="A", at=first_morning(), sender=SOMEBODY)
    field.post(LAWLEY, DROP, message_id="C", at=first_morning() + 3 * HOUR)
    field.post(LAWLEY, DROP, message_id="D", at=first_morning() + 2 * HOUR)
    office.scan()
    query = "SELECT project, drop_number, first_seen_at, last_seen_at, submissions, submitted_by FROM wamon.drops"
    assert office.query(query) == [("Lawley", DROP, first_morning(), first_morning() + 3 * HOUR, 4, SOMEBODY)]
    field.edit("A", "wrong group")
    field.edit("C", "wrong group")
    office.scan()
    assert office.query(query) == [
        ("Lawley", DROP, first_morning() + HOUR, first_morning() + 2 * HOUR, 2, TECHNICIAN),
    ]


@pytest.mark.both_servers
def test_kinds_and_drops_hold_after_any_traffic(office: Office, field: Field) -> None:
    rng = Random(3)
    ids: list[str] = []
    with field.truth.unwatched():
        for _ in range(120):
            if ids and rng.random() < 0.25:
                field.edit(rng.choice(ids), rng.choice(("wrong group", f"DR17520{rng.randrange(10, 15)}")))
            else:
                at = first_morning() + timedelta(seconds=rng.randrange(30))
                chat = rng.choice((LAWLEY, VELO_TEST, MAMELODI))
                ids.append(field.post(chat, f"DR17520{rng.randrange(10, 15)}", at=at))
            if rng.random() < 0.05:
                office.scan()
                field.truth.scanned()
    office.scan()
    assert office.kinds() == field.truth.kinds()
    assert office.drops() == field.truth.drops()


# By hand


@pytest.mark.both_servers
def test_a_ledger_row_can_be_deleted_by_its_names(office: Office, field: Field) -> None:
    field.post(LAWLEY, DROP, message_id="A")
    field.post(MAMELODI, DROP, message_id="A")
    office.scan()
    office.query("DELETE FROM wamon.ledger WHERE chat_jid = %s AND message_id = 'A'", LAWLEY)
    assert office.ledger() == {(MAMELODI, "A")}
    assert office.query("SELECT count(*) FROM wamon.submissions") == [2]


@pytest.mark.both_servers
def test_a_submission_can_be_inserted_changed_and_deleted_by_its_names(office: Office, field: Field) -> None:
    field.post(LAWLEY, DROP, message_id="A")
    office.scan()
    office.query(
        "INSERT INTO wamon.submissions (source, chat_jid, message_id, drop_number) VALUES ('main', %s, 'A', 'DR1')",
        LAWLEY,
    )
    assert office.query("SELECT project, kind, live FROM wamon.submissions WHERE drop_number = 'DR1'") == [
        ("Lawley", "new", True)
    ]
    office.query("UPDATE wamon.submissions SET drop_number = 'DR2', live = false WHERE drop_number = 'DR1'")
    assert office.query("SELECT drop_number, live FROM wamon.submissions ORDER BY 1") == [(DROP, True), ("DR2", False)]
    office.query("DELETE FROM wamon.submissions WHERE drop_number = 'DR2'")
    assert office.submissions() == {(LAWLEY, "A", DROP)}


def test_a_submission_put_in_by_hand_for_an_unknown_chat_is_refused(office: Office) -> None:
    office.scan()
    with pytest.raises(psycopg.errors.RaiseException, match="has no chat"):
        office.query(
            "INSERT INTO wamon.submissions (source, chat_jid, message_id, drop_number) VALUES ('x', 'y', 'A', 'DR1')"
        )
