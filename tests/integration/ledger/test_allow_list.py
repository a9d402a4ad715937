"""Validation lists in PostgreSQL: added to, replaced and cleared whole, and what waits for them."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.support.clock import first_morning
from wamon.errors import WamonError
from wamon.ledger import allow_list
from wamon.postgres.connection import Database, connected

pytestmark = pytest.mark.both_servers

AT = first_morning()
REJECTED = """
    INSERT INTO wamon.submission_rows (chat, rejected, live, sent_at, message_id, drop_number, project, sender)
    SELECT 1, rejected, live, %(at)s, message_id, drop_number, project, 'somebody'
    FROM (VALUES (true, true, 'A', 'DR1000001', 'Lawley'),
                 (true, true, 'B', 'DR1000002', 'Lawley'),
                 (true, false, 'C', 'DR1000001', 'Lawley'),
                 (false, true, 'D', 'DR1000003', 'Lawley'),
                 (true, true, 'E', 'DR1000001', 'Mohadin')
         ) AS v(rejected, live, message_id, drop_number, project)
"""


@pytest.fixture
def db(any_dsn: str) -> Iterator[Database]:
    with connected(any_dsn) as db:
        db.execute(REJECTED, {"at": AT})
        yield db


def test_an_import_adds_and_tells_what_is_new_and_what_is_admitted(db: Database) -> None:
    assert allow_list.import_numbers(db, "Lawley", ["DR1000001", "DR1000009"]) == (2, 0, 2, 1)
    assert allow_list.import_numbers(db, "Lawley", ["DR1000009", "DR1000002"]) == (1, 0, 3, 2)
    assert allow_list.numbers(db, "Lawley") == ["DR1000001", "DR1000002", "DR1000009"]
    assert allow_list.numbers(db, "Mohadin") is None


def test_a_replacement_takes_off_what_it_does_not_hold(db: Database) -> None:
    allow_list.import_numbers(db, "Lawley", ["DR1000001", "DR1000009"])
    allow_list.import_numbers(db, "Mohadin", ["DR1000001"])
    assert allow_list.replace_numbers(db, "Lawley", ["DR1000009", "DR1000005"]) == (1, 1, 2, 0)
    assert allow_list.numbers(db, "Lawley") == ["DR1000005", "DR1000009"]
    assert allow_list.numbers(db, "Mohadin") == ["DR1000001"]


def test_a_replacement_that_fails_leaves_the_list_as_it_was(db: Database) -> None:
    allow_list.import_numbers(db, "Lawley", ["DR1000001"])
    with pytest.raises(WamonError):
        allow_list.replace_numbers(db, "Lawley", ["DR1000002", "\ud800"])
    assert allow_list.numbers(db, "Lawley") == ["DR1000001"]


def test_what_a_replacement_would_take_off_is_told(db: Database) -> None:
    allow_list.import_numbers(db, "Lawley", ["DR1000009", "DR1000001", "DR1000005"])
    allow_list.import_numbers(db, "Mohadin", ["DR1000007"])
    assert allow_list.others(db, "Lawley", ["DR1000005", "DR1000007"]) == ["DR1000001", "DR1000009"]
    assert allow_list.others(db, "Mamelodi", []) == []


def test_what_is_planned_and_has_no_live_post_in_its_project_is_missing(db: Database) -> None:
    allow_list.import_numbers(db, "Lawley", ["DR1000001", "DR1000002", "DR1000003", "DR1000009"])
    allow_list.import_numbers(db, "Mohadin", ["DR1000002", "DR1000001"])
    assert allow_list.missing(db, "Lawley") == [("Lawley", "DR1000009", [])]
    db.execute("UPDATE wamon.submission_rows SET live = false WHERE message_id = 'A'")
    assert allow_list.missing(db, None) == [
        ("Lawley", "DR1000001", ["Mohadin"]),
        ("Lawley", "DR1000009", []),
        ("Mohadin", "DR1000002", ["Lawley"]),
    ]


def test_the_usual_length_is_that_of_most_posted_numbers(db: Database) -> None:
    assert allow_list.usual_length(db, "Mamelodi") == 0
    db.execute("UPDATE wamon.submission_rows SET drop_number = 'DR999999' WHERE message_id = 'D'")
    assert allow_list.usual_length(db, "Lawley") == len("DR1000001")


def test_lists_say_how_many_live_rejected_submissions_wait(db: Database) -> None:
    allow_list.import_numbers(db, "Mohadin", ["DR1000007"])
    allow_list.import_numbers(db, "Lawley", ["DR1000007"])
    assert [(row.project, row.numbers, row.rejected) for row in allow_list.lists(db)] == [
        ("Lawley", 1, 2),
        ("Mohadin", 1, 1),
    ]


def test_a_list_that_is_cleared_is_gone(db: Database) -> None:
    allow_list.import_numbers(db, "Lawley", ["DR1000001", "DR1000002"])
    assert allow_list.clear(db, "Lawley") == 2
    assert allow_list.clear(db, "Lawley") is None
    assert (allow_list.lists(db), allow_list.numbers(db, "Lawley")) == ([], None)


def test_recent_numbers_are_those_that_count(db: Database) -> None:
    assert allow_list.recent_numbers(db, "Lawley", AT) == ["DR1000003"]
    assert allow_list.recent_numbers(db, "Lawley", AT.replace(hour=7)) == []


@pytest.mark.timeout(60)
def test_a_long_list_is_imported_and_replaced_at_once(db: Database) -> None:
    numbers = [f"DR{n}" for n in range(1_000_000, 1_050_000)]
    assert allow_list.import_numbers(db, "Lawley", numbers)[:3] == (50_000, 0, 50_000)
    assert allow_list.replace_numbers(db, "Lawley", numbers[25_000:])[:3] == (0, 25_000, 25_000)
