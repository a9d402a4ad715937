"""Validation lists: what isn't on its project's list is rejected, and real from its posting once it is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import psycopg
import pytest

from tests.support.bridges import PROJECTS, Lharries, VeryGoodPlugins
from tests.support.office import Office

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

LAWLEY, VELO, *_ = PROJECTS
PROJECT = PROJECTS[LAWLEY]


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[Lharries]:
    with Lharries(tmp_path / "messages.db", durable=False) as store:
        yield store


@pytest.fixture
def office(tmp_path: Path, dsn: str, bridge: Lharries) -> Office:
    groups = [{"name": name, "jid": jid, "validate": jid == LAWLEY} for jid, name in PROJECTS.items()]
    office = Office(tmp_path / "office", dsn, bridge.path, groups=groups)
    office.scan()
    return office


def allow(office: Office, *numbers: str) -> None:
    office.query("INSERT INTO wamon.allow_lists (project) VALUES (%s) ON CONFLICT DO NOTHING", PROJECT)
    for number in numbers:
        office.query("INSERT INTO wamon.allowed_numbers VALUES (%s, %s)", PROJECT, number)


def kinds(office: Office) -> list[tuple[Any, ...]]:
    return office.query("SELECT drop_number, kind, unchecked FROM wamon.submissions ORDER BY sent_at, drop_number")


def invalid(office: Office) -> list[Any]:
    return office.query("SELECT drop_number FROM public.invalid_drop_submissions ORDER BY 1")


def reviews(office: Office) -> list[Any]:
    return office.query("SELECT drop_number FROM public.qa_photo_reviews ORDER BY 1")


def test_a_number_that_is_not_on_the_list_is_rejected_and_gets_no_review(office: Office, bridge: Lharries) -> None:
    allow(office, "DR1752028")
    bridge.post(LAWLEY, "DR1752028 and DR1752034")
    bridge.post(VELO, "DR1752040")
    scanned = office.scan()
    assert kinds(office) == [
        ("DR1752028", "new", False),
        ("DR1752034", "rejected", False),
        ("DR1752040", "new", False),
    ]
    assert reviews(office) == ["DR1752028", "DR1752040"]
    assert invalid(office) == ["DR1752034"]
    assert scanned.recorded.counts[LAWLEY, "rejected"] == 1
    assert office.query("SELECT drop_number FROM wamon.drops ORDER BY 1") == ["DR1752028", "DR1752040"]
    assert office.verify().clean


@pytest.mark.parametrize("trouble", ["DELETE FROM wamon.allow_lists", "DROP TABLE wamon.allowed_numbers"])
def test_where_the_list_cannot_be_read_a_drop_passes_unchecked(office: Office, bridge: Lharries, trouble: str) -> None:
    allow(office, "DR1752028")
    office.query(trouble)
    bridge.post(LAWLEY, "DR1752034")
    office.scan()
    assert kinds(office) == [("DR1752034", "new", True)]
    assert reviews(office) == ["DR1752034"]
    assert invalid(office) == []


def test_a_number_that_comes_onto_the_list_is_real_from_its_posting(office: Office, bridge: Lharries) -> None:
    allow(office)
    first = bridge.post(LAWLEY, "DR1752034")
    office.scan()
    bridge.post(LAWLEY, "DR1752034 again")
    office.scan()
    assert invalid(office) == ["DR1752034", "DR1752034"]
    allow(office, "DR1752034")
    scanned = office.scan()
    assert [kind for _, kind, _ in kinds(office)] == ["new", "resubmission"]
    assert scanned.recorded.counts == {(LAWLEY, "new"): 1, (LAWLEY, "resubmission"): 1}
    assert invalid(office) == []
    sent_at = office.query("SELECT sent_at FROM wamon.submissions WHERE message_id = %s", first)
    assert office.query("SELECT whatsapp_message_date FROM public.qa_photo_reviews") == sent_at
    assert office.verify().clean


def test_what_was_admitted_is_admitted_once(office: Office, bridge: Lharries) -> None:
    allow(office)
    bridge.post(LAWLEY, "DR1752034")
    office.scan()
    allow(office, "DR1752034")
    office.scan()
    before = office.everything()
    assert not office.scan().recorded.counts
    assert office.everything() == before


def test_what_the_bridges_own_account_says_updates_no_row_when_its_number_is_accepted_later(
    office: Office, bridge: Lharries
) -> None:
    allow(office)
    bridge.post(LAWLEY, "DR1752028")
    office.scan()
    allow(office, "DR1752028")
    office.scan()
    office.query("UPDATE public.qa_photo_reviews SET incomplete = true, feedback_sent = now()")
    office.query("DELETE FROM wamon.allowed_numbers")
    bridge.post(LAWLEY, "DR1752028: photo 3 is missing", from_me=True)
    office.scan()
    before = office.query("SELECT * FROM public.qa_photo_reviews")
    allow(office, "DR1752028")
    office.scan()
    assert kinds(office) == [("DR1752028", "new", False), ("DR1752028", "resubmission", False)]
    assert office.query("SELECT * FROM public.qa_photo_reviews") == before


def test_a_rejected_number_that_an_edit_brings_back_gets_no_review(tmp_path: Path, dsn: str) -> None:
    with VeryGoodPlugins(tmp_path / "editing.db", durable=False) as bridge:
        office = Office(
            tmp_path / "second", dsn, bridge.path, groups=[{"name": PROJECT, "jid": LAWLEY, "validate": True}]
        )
        message = bridge.post(LAWLEY, "DR1752022")
        office.scan()
        allow(office, "DR1752028")
        for text in ("DR1752034", "DR1752028", "DR1752034"):
            bridge.edit(message, text)
            office.scan()
    assert reviews(office) == ["DR1752022", "DR1752028"]
    assert office.query("SELECT drop_number FROM wamon.submissions WHERE live") == ["DR1752034"]
    assert office.verify().clean


def test_an_office_table_with_other_columns_is_filled_as_far_as_it_goes(
    tmp_path: Path, dsn: str, bridge: Lharries
) -> None:
    groups = [{"name": PROJECT, "jid": LAWLEY, "validate": True}]
    office = Office(tmp_path / "second", dsn, bridge.path, groups=groups)
    office.query(
        "CREATE TABLE public.invalid_drop_submissions (id serial, drop_number text, reason text, seen boolean)"
    )
    office.scan()
    allow(office)
    bridge.post(LAWLEY, "DR1752034")
    office.scan()
    assert office.query("SELECT drop_number, reason, seen FROM public.invalid_drop_submissions") == [
        ("DR1752034", "not on the project's list", None)
    ]


# Who holds the office's rows


WAITS = (
    "SELECT drop_number, what, reason FROM wamon.review_waits WHERE review_table = 'public.invalid_drop_submissions'"
    " ORDER BY wait"
)


def come_due(office: Office) -> None:
    office.query("UPDATE wamon.review_waits SET next_try_at = now()")


@pytest.mark.fault("F103")
def test_a_locked_table_keeps_no_rejected_post_from_being_recorded(office: Office, bridge: Lharries) -> None:
    allow(office, "DR1752028")
    with psycopg.connect(office.dsn) as admin:
        admin.execute("LOCK TABLE invalid_drop_submissions")
        bridge.post(LAWLEY, "DR1752028 and DR1752034")
        office.scan()
        assert [(number, kind) for number, kind, _ in kinds(office)] == [
            ("DR1752028", "new"),
            ("DR1752034", "rejected"),
        ]
        assert reviews(office) == ["DR1752028"]
        reason = "Another session has locked public.invalid_drop_submissions."
        assert office.query(WAITS) == [("DR1752034", "rejected", reason)]
        verified = office.verify()
        assert (verified.clean, verified.reviews_waiting) == (True, 1)
    come_due(office)
    office.scan()
    assert (invalid(office), office.query(WAITS)) == (["DR1752034"], [])


@pytest.mark.fault("F103")
def test_a_locked_row_delays_the_taking_back_of_no_other(office: Office, bridge: Lharries) -> None:
    allow(office)
    bridge.post(LAWLEY, "DR1752028 and DR1752034")
    office.scan()
    with psycopg.connect(office.dsn) as clerk:
        clerk.execute("SELECT FROM invalid_drop_submissions WHERE drop_number = 'DR1752028' FOR SHARE")
        allow(office, "DR1752028", "DR1752034")
        office.scan()
        assert [kind for _, kind, _ in kinds(office)] == ["new", "new"]
        assert invalid(office) == ["DR1752028"]
        reason = "Another session has locked the row in public.invalid_drop_submissions."
        assert office.query(WAITS) == [("DR1752028", "admitted", reason)]
    come_due(office)
    office.scan()
    assert (invalid(office), office.query(WAITS)) == ([], [])


@pytest.mark.fault("F103")
def test_what_was_rejected_and_admitted_behind_one_lock_leaves_no_row(office: Office, bridge: Lharries) -> None:
    allow(office)
    with psycopg.connect(office.dsn) as admin:
        admin.execute("LOCK TABLE invalid_drop_submissions")
        bridge.post(LAWLEY, "DR1752028")
        office.scan()
        allow(office, "DR1752028")
        office.scan()
        assert [what for _, what, _ in office.query(WAITS)] == ["rejected", "admitted"]
    come_due(office)
    office.scan()
    assert (invalid(office), office.query(WAITS)) == ([], [])


@pytest.mark.fault("F93")
def test_a_rejection_that_the_table_refuses_waits_and_parks_no_message(office: Office, bridge: Lharries) -> None:
    allow(office)
    office.query("ALTER TABLE invalid_drop_submissions ADD CONSTRAINT no_sixes CHECK (drop_number NOT LIKE 'DR66%%')")
    bridge.post(LAWLEY, "DR1752034 DR6666666")
    office.scan()
    assert [number for number, *_ in kinds(office)] == ["DR1752034", "DR6666666"]
    assert office.query("SELECT count(*) FROM wamon.dead_letters") == [0]
    assert invalid(office) == ["DR1752034"]
    assert "public.invalid_drop_submissions.no_sixes" in office.query(WAITS)[0][2]
