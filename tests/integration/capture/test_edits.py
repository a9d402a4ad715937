"""An edit is read again: what it took away is retracted and kept, and what says nothing erases nothing.

In the suite the bridges that change a row in place take turns; `make chaos` has each test over each of them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from zlib import crc32

import pytest

from tests.support.bridges import BRIDGES, LAWLEY, Bridge, Gowa, Lharries, VeryGoodPlugins, Wacli
from tests.support.environment import EXAMPLES
from tests.support.office import Office
from tests.support.traffic import FORMS
from tests.support.truth import Field
from wamon.bridge.store import Page, Store
from wamon.capture.pipeline import run_pass
from wamon.capture.scan import catch_up
from wamon.capture.verify import sweep
from wamon.errors import BridgeUnavailable
from wamon.log import correlation_id, logger
from wamon.model import Sizes

Open = Callable[..., Office]
IN_PLACE = (VeryGoodPlugins, Gowa, Wacli)
"""The bridges that change a row where it stands."""


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "field" in metafunc.fixturenames:
        its_turn = IN_PLACE[crc32(metafunc.function.__name__.encode()) % len(IN_PLACE)]
        bridges = IN_PLACE if EXAMPLES else [its_turn]
        metafunc.parametrize("field", bridges, indirect=True, ids=lambda bridge: bridge.__name__)


@pytest.fixture
def field(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Field]:
    with Field(request.param(tmp_path / "messages.db", durable=False)) as field:
        yield field


def live(office: Office) -> dict[str, bool]:
    return dict(office.query("SELECT drop_number, live FROM wamon.submissions"))


def revisions(office: Office) -> list[int]:
    return office.query("SELECT revision FROM wamon.ledger ORDER BY 1")


def texts(office: Office) -> list[tuple[int, str]]:
    return office.query("SELECT revision, text FROM wamon.texts ORDER BY revision")


def assert_clean(office: Office) -> None:
    verified = office.verify()
    assert verified.clean, verified.problems


@pytest.mark.parametrize(
    ("edited", "then"),
    [
        ("DR1750001 DR1750002 DR1750003", {"DR1750001": True, "DR1750002": True, "DR1750003": True}),
        ("DR1750001", {"DR1750001": True, "DR1750002": False}),
        ("DR1750009 DR1750002", {"DR1750001": False, "DR1750002": True, "DR1750009": True}),
        ("never mind", {"DR1750001": False, "DR1750002": False}),
    ],
    ids=["added", "removed", "replaced", "all taken away"],
)
def test_an_edit_adds_and_retracts_and_deletes_nothing(
    field: Field, open_office: Open, edited: str, then: dict[str, bool]
) -> None:
    message_id = field.post(LAWLEY, "DR1750001 DR1750002")
    office = open_office(field.path)
    office.scan()
    field.edit(message_id, edited)
    office.scan()
    assert live(office) == then
    assert office.drops() == {("Lawley", number) for number, is_live in then.items() if is_live}
    assert revisions(office) == [2]
    assert_clean(office)


def test_an_earlier_text_is_kept_with_its_revision(field: Field, open_office: Open) -> None:
    message_id = field.post(LAWLEY, "DR1750001 at the gate")
    office = open_office(field.path, privacy={"keep_text": "forever"})
    office.scan()
    field.edit(message_id, "DR1750002 at the gate")
    office.scan()
    field.edit(message_id, "cancelled")
    office.scan()
    assert texts(office) == [(1, "DR1750001 at the gate"), (2, "DR1750002 at the gate")]
    assert office.query("SELECT revision, text IS NOT NULL FROM wamon.revisions ORDER BY 1") == [(1, True), (2, True)]
    assert revisions(office) == [3]


def test_a_number_that_an_edit_brings_back_is_live_again_and_no_second_submission(
    field: Field, open_office: Open
) -> None:
    message_id = field.post(LAWLEY, "DR1750001")
    office = open_office(field.path)
    for text in ("DR1750001", "DR1750002", "DR1750001"):
        field.edit(message_id, text)
        office.scan()
    assert live(office) == {"DR1750001": True, "DR1750002": False}
    assert office.query("SELECT kind FROM wamon.submissions WHERE live") == ["new"]


@pytest.mark.fault("F47")
def test_an_edit_older_than_the_overlap_waits_for_the_sweep(field: Field, open_office: Open) -> None:
    old = field.post(LAWLEY, "DR1750001")
    for number in range(5):
        field.post(LAWLEY, f"DR175100{number}")
    young = field.post(LAWLEY, "DR1750002")
    office = open_office(field.path, Sizes(overlap_rows=3))
    office.scan()
    field.edit(old, "DR1760001")
    field.edit(young, "DR1760002")
    office.scan()
    assert ("Lawley", "DR1760002") in office.drops()
    assert ("Lawley", "DR1760001") not in office.drops()
    office.sweep()
    office.scan()
    assert office.drops() == field.truth.drops()
    assert_clean(office)


def test_an_edit_that_a_sweep_finds_and_cant_record_is_parked_under_the_id_that_the_log_has(
    field: Field, open_office: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited = field.post(LAWLEY, "DR1750001")
    office, told = open_office(field.path), list[str | None]()
    monkeypatch.setattr(logger, "warning", lambda *_, **__: told.append(correlation_id()))
    with office.opened() as pipeline:
        catch_up(pipeline)
        field.edit(edited, "DR6600001")
        with office.refusing("DR66%"):
            sweep(pipeline)
    assert told == office.query("SELECT correlation_id::text FROM wamon.dead_letters")
    assert len(told) == 1


def test_a_photo_s_caption_that_is_edited_counts(field: Field, open_office: Open) -> None:
    message_id = field.post(LAWLEY, "DR1750001", media="image")
    office = open_office(field.path)
    office.scan()
    field.edit(message_id, "DR1750002")
    office.scan()
    assert office.drops() == {("Lawley", "DR1750002")}
    assert_clean(office)


def test_a_row_that_was_emptied_erases_nothing(field: Field, open_office: Open) -> None:
    message_id = field.post(LAWLEY, "DR1750001")
    office = open_office(field.path)
    office.scan()
    field.blank(message_id)
    office.scan()
    office.sweep()
    office.scan()
    assert live(office) == {"DR1750001": True}
    assert revisions(office) == [1]
    assert_clean(office)


def test_after_it_was_emptied_a_row_can_still_be_edited(field: Field, open_office: Open) -> None:
    message_id = field.post(LAWLEY, "DR1750001")
    office = open_office(field.path)
    office.scan()
    field.blank(message_id)
    office.scan()
    field.edit(message_id, "DR1750002")
    office.scan()
    assert live(office) == {"DR1750001": False, "DR1750002": True}
    assert revisions(office) == [2]


def test_a_message_first_seen_empty_is_read_when_its_text_comes(field: Field, open_office: Open) -> None:
    message_id = field.post(LAWLEY, "DR1750001")
    field.blank(message_id)
    office = open_office(field.path)
    office.scan()
    assert office.query("SELECT status, reason FROM wamon.ledger") == [("ignored", "blanked")]
    field.edit(message_id, "DR1750001")
    office.scan()
    assert live(office) == {"DR1750001": True}
    assert_clean(office)


def test_a_photo_delivered_again_without_its_caption_keeps_what_the_caption_said(
    tmp_path: Path, open_office: Open
) -> None:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        message_id = field.post(LAWLEY, "DR1750001", media="image")
        office = open_office(field.path)
        office.scan()
        field.redeliver(message_id, sender_form="full")
        assert field.bridge.text(message_id) == ""
        office.scan()
        office.sweep()
        office.scan()
        assert live(office) == {"DR1750001": True}
        assert revisions(office) == [1]
        assert_clean(office)


@pytest.mark.parametrize("bridge", BRIDGES, ids=lambda bridge: bridge.__name__)
@pytest.mark.fault("F42", "F43")
def test_a_message_delivered_again_under_other_senders_changes_nothing(
    tmp_path: Path, open_office: Open, bridge: type[Bridge]
) -> None:
    with Field(bridge(tmp_path / "messages.db", durable=False)) as field:
        message_id = field.post(LAWLEY, "DR1750001")
        field.post(LAWLEY, "DR1750002")
        office = open_office(field.path)
        office.scan()
        before = office.everything()
        for form in FORMS:
            field.redeliver(message_id, sender_form=form)
            office.scan()
            assert office.everything() == before
        assert revisions(office) == [1, 1]


@pytest.mark.parametrize("bridge", [VeryGoodPlugins, Gowa, Wacli, Lharries], ids=lambda bridge: bridge.__name__)
@pytest.mark.fault("F47")
def test_a_revoked_message_keeps_its_submissions(tmp_path: Path, open_office: Open, bridge: type[Bridge]) -> None:
    with Field(bridge(tmp_path / "messages.db", durable=False)) as field:
        message_id = field.post(LAWLEY, "DR1750001")
        field.post(LAWLEY, "DR1750002")
        office = open_office(field.path)
        office.scan()
        before = office.everything()
        field.revoke(message_id)
        office.scan()
        office.sweep()
        office.scan()
        assert office.everything() == before
        assert_clean(office)


@pytest.mark.fault("F48")
def test_a_row_that_vanished_keeps_its_submissions_and_is_marked_as_gone_until_it_comes_back(
    field: Field, open_office: Open
) -> None:
    message_id = field.post(LAWLEY, "DR1750001")
    field.post(LAWLEY, "DR1750002")
    office = open_office(field.path)
    office.scan()
    before = office.everything()
    field.delete(message_id)
    office.sweep()
    office.scan()
    gone = "SELECT message_id FROM wamon.ledger WHERE gone_at IS NOT NULL"
    assert office.query(gone) == [message_id]
    assert office.everything() == before
    assert_clean(office)
    field.redeliver(message_id)
    office.scan()
    assert office.query(gone) == []
    assert office.everything() == before
    assert_clean(office)


def test_a_row_that_comes_back_empty_after_it_was_gone_erases_nothing(tmp_path: Path, open_office: Open) -> None:
    """The sweep meets it first: it comes back to a hole in the row order, older than the overlap."""
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        message_id = field.post(LAWLEY, "DR1750001", media="image")
        for number in range(5):
            field.post(LAWLEY, f"DR175100{number}")
        office = open_office(field.path, Sizes(overlap_rows=1))
        office.scan()
        field.delete(message_id)
        office.sweep()
        office.scan()
        field.redeliver(message_id, sender_form="full")
        field.bridge.db.execute("UPDATE messages SET rowid = 1 WHERE id = ?", (message_id,))
        assert field.bridge.text(message_id) == ""
        office.sweep()
        office.scan()
        assert office.submissions() == field.truth.submissions()
        assert live(office)["DR1750001"]
        assert office.query("SELECT count(*) FROM wamon.ledger WHERE gone_at IS NOT NULL") == [0]
        assert_clean(office)


def test_an_edit_under_one_message_id_leaves_the_same_id_in_another_group_alone(
    field: Field, open_office: Open
) -> None:
    other = "120363421532174586@g.us"
    field.post(LAWLEY, "DR1750001", message_id="SAME")
    field.post(other, "DR1750001", message_id="SAME")
    office = open_office(field.path)
    office.scan()
    field.edit("SAME", "DR1750002", chat=other)
    office.scan()
    assert office.drops() == {("Lawley", "DR1750001"), ("Mohadin", "DR1750002")}
    assert_clean(office)


def test_an_edit_of_the_first_post_makes_the_second_the_new_one(field: Field, open_office: Open) -> None:
    first = field.post(LAWLEY, "DR1750001")
    field.post(LAWLEY, "DR1750001")
    office = open_office(field.path)
    office.scan()
    field.edit(first, "DR1750002")
    office.scan()
    assert office.kinds() == field.truth.kinds()
    assert set(office.kinds().values()) == {"new"}


def test_an_edit_that_only_a_failed_read_has_seen_is_recorded_by_the_next(
    field: Field, open_office: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    edited = field.post(LAWLEY, "DR1750001")
    office, read, reads = open_office(field.path, Sizes(page_rows=1, pages_a_batch=2)), Store.read_page, list[bool]()

    def failing(self: Store, *args: Any) -> Page:
        reads.append(True)
        if len(reads) == 2:
            raise BridgeUnavailable("It is gone.")
        return read(self, *args)

    with office.opened() as pipeline:
        catch_up(pipeline)
        field.edit(edited, "DR1750002")
        for number in ("DR1750003", "DR1750004"):
            field.post(LAWLEY, number)
        monkeypatch.setattr(Store, "read_page", failing)
        with pytest.raises(BridgeUnavailable):
            run_pass(pipeline)
        catch_up(pipeline)
    assert live(office) == {"DR1750001": False, "DR1750002": True, "DR1750003": True, "DR1750004": True}
    assert_clean(office)
