"""A message that can't be recorded parks, is tried again, and delays nobody; what is no message's fault parks none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.bridges import LAWLEY, MOHADIN, VeryGoodPlugins
from tests.support.office import Office
from tests.support.truth import Field
from wamon.capture.scan import catch_up
from wamon.capture.verify import sweep
from wamon.errors import Busy, DatabaseUnavailable
from wamon.ledger.dead_letters import Parking

POISON = "DR6666666"
WORDS = "keep this between us"
IN_THE_REVIEW_TABLE, IN_THE_SUBMISSIONS = "public.qa_photo_reviews", "wamon.submission_rows"
"""What the review table refuses is no message's fault: test_effects.py."""


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        yield field


@pytest.fixture(params=[IN_THE_SUBMISSIONS])
def table(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
def office(tmp_path: Path, dsn: str, field: Field, table: str) -> Iterator[Office]:
    """Its database refuses DR6666666 and every DR66…, in the words of the row."""
    office = Office(tmp_path / "office", dsn, field.path)
    field.post(LAWLEY, "Good morning team")
    office.scan()
    office.query(
        "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN"
        " IF NEW.drop_number LIKE 'DR66%%' THEN RAISE EXCEPTION 'no: %% keep this between us', NEW; END IF;"
        " RETURN NEW; END $$"
    )
    office.query(f"CREATE TRIGGER refuse BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION public.refuse()")
    yield office
    relent(office, table)


def relent(office: Office, table: str) -> None:
    office.query(f"DROP TRIGGER IF EXISTS refuse ON {table}")


def come_due(office: Office) -> None:
    office.query(
        "UPDATE wamon.dead_letters SET next_try_at = now() - interval '1 second' WHERE next_try_at IS NOT NULL"
    )


def status_of(office: Office, message_id: str) -> str:
    (status,) = office.query("SELECT status FROM wamon.ledger WHERE message_id = %s", message_id)
    return str(status)


def letter(office: Office) -> tuple[int, float | None]:
    """Attempts, and the minutes to the next try."""
    ((attempts, minutes),) = office.query(
        "SELECT attempts, extract(epoch FROM next_try_at - failed_at)::float / 60 FROM wamon.dead_letters"
    )
    return attempts, minutes


def test_of_a_refused_batch_no_half_is_recorded_once_the_lease_is_lost(office: Office, field: Field) -> None:
    """The halves take their time: before each the lease is renewed, or found to be another's."""
    for text in ("DR1752020", POISON):
        field.post(LAWLEY, text)

    def is_lost() -> None:
        raise Busy("The lease was lost.")

    with office.opened() as pipeline:
        pipeline.recorder.check_lease = is_lost
        with pytest.raises(Busy):
            catch_up(pipeline)
    assert office.query("SELECT count(*) FROM wamon.ledger") == [1]


@pytest.mark.parametrize("place", [0, 2, 4])
@pytest.mark.fault("F65")
def test_neighbours_land_in_the_same_scan_and_the_cursor_moves_on(office: Office, field: Field, place: int) -> None:
    for n in range(5):
        message_id = field.post(LAWLEY, f"{POISON}, {WORDS}" if n == place else f"DR175202{n}")
        if n == place:
            poison = message_id
    field.post(MOHADIN, "DR1752028")
    office.scan()
    assert office.drops() == field.truth.drops() - {("Lawley", POISON)}
    assert status_of(office, poison) == "retry"
    assert letter(office) == (1, 1.0)
    assert office.query("SELECT rowid FROM wamon.cursors") == [7]
    before = office.everything()
    office.scan()
    assert office.everything() == before
    assert letter(office) == (1, 1.0)
    verified = office.verify()
    assert (verified.problems, verified.dead) == ([], 0)


def test_nothing_kept_of_a_parked_message_tells_its_text(office: Office, field: Field, table: str) -> None:
    field.post(LAWLEY, f"{POISON}, {WORDS}")
    office.scan()
    (kept,) = office.query(
        "SELECT d::text || l::text FROM wamon.dead_letters d JOIN wamon.ledger_rows l USING (chat, message_id)"
    )
    assert WORDS not in kept
    assert POISON not in kept
    assert "RaiseException" in kept
    assert office.query("SELECT count(*) FROM wamon.texts") == [0]


@pytest.mark.fault("F65")
def test_the_cursor_waits_until_a_poison_message_is_parked(
    office: Office, field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    poison = field.post(LAWLEY, POISON)
    field.post(LAWLEY, "DR1752028")
    cursor = "SELECT rowid FROM wamon.cursors"
    with monkeypatch.context() as patch:
        patch.setattr(Parking, "park", lambda *_: (_ for _ in ()).throw(DatabaseUnavailable("It went away.")))
        with pytest.raises(DatabaseUnavailable, match="went away"):
            office.scan()
    assert office.query(cursor) == [1]
    office.scan()
    assert office.query(cursor) == [3]
    assert status_of(office, poison) == "retry"
    assert office.drops() == {("Lawley", "DR1752028")}


def test_a_message_of_several_numbers_is_recorded_whole_or_not_at_all(office: Office, field: Field) -> None:
    field.post(LAWLEY, f"DR1752028 {POISON}")
    office.scan()
    assert office.drops() == set()
    assert office.query("SELECT count(*) FROM qa_photo_reviews") == [0]


@pytest.mark.fault("F65")
def test_it_is_tried_again_after_1_2_and_4_minutes_and_then_is_dead(office: Office, field: Field) -> None:
    message_id = field.post(LAWLEY, POISON)
    assert office.scan().recorded.counts[LAWLEY, "dead"] == 0
    for tried in ((2, 2.0), (3, 4.0)):
        come_due(office)
        assert office.scan().recorded.counts[LAWLEY, "dead"] == 0
        assert letter(office) == tried
        assert status_of(office, message_id) == "retry"
    come_due(office)
    assert office.scan().recorded.counts[LAWLEY, "dead"] == 1
    assert letter(office) == (4, None)
    assert status_of(office, message_id) == "dead"
    come_due(office)
    office.sweep()
    assert office.scan().recorded.counts[LAWLEY, "dead"] == 0
    assert letter(office) == (4, None)
    verified = office.verify()
    assert (verified.problems, verified.dead) == ([], 1)


def test_what_is_not_due_is_not_tried(office: Office, field: Field, table: str) -> None:
    message_id = field.post(LAWLEY, POISON)
    office.scan()
    relent(office, table)
    office.scan()
    assert status_of(office, message_id) == "retry"


@pytest.mark.parametrize("retries", [0, 2])
def test_once_nothing_stands_in_its_way_it_is_recorded_with_its_effects(
    office: Office, field: Field, table: str, retries: int
) -> None:
    message_id = field.post(LAWLEY, POISON)
    office.scan()
    for _ in range(retries):
        come_due(office)
        office.scan()
    relent(office, table)
    come_due(office)
    recorded = office.scan().recorded
    assert recorded.counts == {(LAWLEY, "new"): 1}
    assert status_of(office, message_id) == "done"
    assert office.drops() == field.truth.drops()
    assert office.query("SELECT project, drop_number FROM qa_photo_reviews") == [("Lawley", POISON)]
    assert office.query("SELECT count(*) FROM wamon.dead_letters") == [0]
    assert office.query("SELECT text FROM wamon.texts") == [POISON]
    assert office.verify().clean


def test_an_edit_that_cannot_be_recorded_waits_for_its_time_too(office: Office, field: Field, table: str) -> None:
    message_id = field.post(LAWLEY, "DR1752028")
    office.scan()
    field.edit(message_id, POISON)
    for _ in range(3):
        office.scan()
    assert letter(office) == (1, 1.0)
    assert office.drops() == {("Lawley", "DR1752028")}
    relent(office, table)
    come_due(office)
    office.scan()
    assert office.drops() == {("Lawley", POISON)}
    assert office.query("SELECT status, revision FROM wamon.ledger WHERE message_id = %s", message_id) == [("done", 2)]
    assert office.verify().clean


def test_an_edit_that_can_be_recorded_mends_a_parked_message_at_once(office: Office, field: Field) -> None:
    message_id = field.post(LAWLEY, POISON)
    office.scan()
    field.edit(message_id, "DR1752028, sorry")
    office.scan()
    assert status_of(office, message_id) == "done"
    assert office.drops() == {("Lawley", "DR1752028")}
    assert office.query("SELECT count(*) FROM wamon.dead_letters") == [0]


def test_a_parked_message_that_vanished_from_the_store_is_given_up(office: Office, field: Field) -> None:
    message_id = field.post(LAWLEY, POISON)
    office.scan()
    field.delete(message_id)
    come_due(office)
    office.scan()
    assert status_of(office, message_id) == "dead"
    assert office.query("SELECT next_try_at FROM wamon.dead_letters") == [None]


def test_a_parked_message_whose_text_vanished_from_the_store_is_given_up_and_keeps_its_drops(
    office: Office, field: Field
) -> None:
    """A blanked re-delivery erases nothing, and what was never recorded is not forgotten without a word."""
    message_id = field.post(LAWLEY, "DR1752028")
    office.scan()
    field.edit(message_id, POISON)
    office.scan()
    field.bridge.blank(message_id)
    come_due(office)
    office.scan()
    assert status_of(office, message_id) == "dead"
    assert office.drops() == {("Lawley", "DR1752028")}
    verified = office.verify()
    assert (verified.problems, verified.dead) == ([], 1)


def test_a_sweep_records_a_dead_letter_that_was_edited_since(office: Office, field: Field) -> None:
    message_id = field.post(LAWLEY, POISON)
    for _ in range(4):
        office.scan()
        come_due(office)
    assert status_of(office, message_id) == "dead"
    for n in range(10):
        field.post(MOHADIN, f"DR17520{n:02}")
    office.scan()
    field.edit(message_id, "DR1752099")
    with office.opened() as pipeline:
        sweep(pipeline)
    assert status_of(office, message_id) == "done"
    assert ("Lawley", "DR1752099") in office.drops()
    assert office.query("SELECT count(*) FROM wamon.dead_letters") == [0]


@pytest.mark.parametrize("table", [IN_THE_REVIEW_TABLE], indirect=True)
def test_a_review_row_that_is_refused_keeps_no_other_from_being_restored(
    office: Office, field: Field, table: str
) -> None:
    relent(office, table)
    for number in ("DR1752028", POISON, "DR1752034", "DR6600001"):
        field.post(LAWLEY, number)
    office.scan()
    office.query("DELETE FROM qa_photo_reviews")
    office.query(f"CREATE TRIGGER refuse BEFORE INSERT ON {table} FOR EACH ROW EXECUTE FUNCTION public.refuse()")
    with office.opened() as pipeline:
        sweep(pipeline)
    assert set(office.query("SELECT drop_number FROM qa_photo_reviews")) == {"DR1752028", "DR1752034"}
    assert not office.query("SELECT 1 FROM wamon.sources WHERE last_sweep_at IS NULL OR sweep_due IS NOT NULL")
    assert office.verify().reviews_waiting == 2
    relent(office, table)
    office.query("UPDATE wamon.review_waits SET next_try_at = now()")
    office.scan()
    assert len(office.query("SELECT drop_number FROM qa_photo_reviews")) == 4
    verified = office.verify()
    assert (verified.clean, verified.reviews_waiting) == (True, 0)


def test_ten_among_others_are_parked(office: Office, field: Field) -> None:
    for n in range(10):
        field.post(LAWLEY, f"DR66666{n:02}")
        field.post(LAWLEY, f"DR17520{n:02}")
    office.scan()
    assert office.query("SELECT count(*) FROM wamon.dead_letters") == [10]
    assert office.query("SELECT rowid FROM wamon.cursors") == [21]


@pytest.mark.parametrize(("poisonous", "parked"), [(1, 1), (2, 2), (3, None)])
def test_when_most_of_a_batch_fails_it_isn_t_the_messages(
    office: Office, field: Field, table: str, poisonous: int, parked: int | None
) -> None:
    for n in range(poisonous):
        field.post(LAWLEY, f"DR66666{n:02}")
    if parked is None:
        with pytest.raises(DatabaseUnavailable, match="message after message"):
            office.scan()
        relent(office, table)
        office.scan()
        assert office.drops() == field.truth.drops()
    else:
        office.scan()
    assert office.query("SELECT count(*) FROM wamon.dead_letters") == [parked or 0]


def test_more_than_ten_in_a_batch_are_no_messages_fault_and_nothing_is_parked_or_passed(
    office: Office, field: Field, table: str
) -> None:
    for n in range(11):
        field.post(LAWLEY, f"DR17520{n:02}")
        field.post(LAWLEY, f"DR66666{n:02}")
    cursor = "SELECT rowid, anchors FROM wamon.cursors"
    before = office.query(cursor)
    with pytest.raises(DatabaseUnavailable, match="message after message") as raised:
        office.scan()
    assert WORDS not in raised.value.paragraph()
    assert office.query("SELECT count(*) FROM wamon.dead_letters") == [0]
    assert office.query(cursor) == before
    relent(office, table)
    office.scan()
    assert office.drops() == field.truth.drops()
    assert office.verify().clean


def test_a_scans_account_counts_a_parked_message_and_its_group_goes_on_to_it(office: Office, field: Field) -> None:
    """`state show` tells the last message that was passed, and how many were."""
    field.post(MOHADIN, "DR1752028")
    last = field.post(LAWLEY, POISON)
    office.scan()
    known = "SELECT messages, last_message_id FROM wamon.groups WHERE jid = %s"
    assert office.query(known, LAWLEY) == [(2, last)]
    assert office.query("SELECT messages FROM wamon.groups WHERE jid = %s", MOHADIN) == [1]


# What looks like poison and is none


@pytest.fixture
def plain(tmp_path: Path, any_dsn: str, field: Field) -> Office:
    return Office(tmp_path / "plain", any_dsn, field.path)


RAW = {
    "invalid UTF-8": b"DR1752028 \xff\xfe\xc3",
    "a truncated character": b"DR1752028 \xf0\x9f\x91",
    "NUL": b"DR1752028\x00 done",
    "a lone surrogate": b"DR1752028 \xed\xa0\x80",
    "an overlong form": b"DR1752028 \xc0\x80",
    "60 KB": b"DR1752028 " + b"x " * 30_000,
    "60 KB without a space": b"y" * 60_000 + b" DR1752028",
}


@pytest.mark.parametrize("name", RAW)
@pytest.mark.fault("F61", "F62", "F63", "F64")
@pytest.mark.both_servers
def test_any_bytes_are_recorded(plain: Office, field: Field, name: str) -> None:
    message_id = field.post(LAWLEY, "to be spoilt")
    field.spoil(message_id, RAW[name])
    plain.scan()
    assert plain.submissions() == {(LAWLEY, message_id, "DR1752028")}
    assert status_of(plain, message_id) == "done"
    assert plain.query("SELECT count(*) FROM wamon.dead_letters") == [0]
    assert plain.verify().clean


@pytest.mark.fault("F64")
def test_long_bodies_are_kept_whole(plain: Office, field: Field) -> None:
    text = "DR1752028 " + "".join(f"{n} " for n in range(12_000))
    field.post(LAWLEY, text)
    plain.scan()
    assert plain.query("SELECT text FROM wamon.texts") == [text]


@pytest.mark.fault("F44")
def test_messages_without_an_id_are_told_apart_by_what_they_say(plain: Office, field: Field) -> None:
    field.post(LAWLEY, "DR1752028", message_id="")
    field.post(MOHADIN, "DR1752034", message_id="")
    plain.scan()
    plain.sweep()
    plain.scan()
    assert plain.drops() == {("Lawley", "DR1752028"), ("Mohadin", "DR1752034")}
    assert len(plain.ledger()) == 2
    assert plain.verify().clean


def test_a_message_that_cannot_even_be_parked_is_the_database_s_fault(plain: Office, field: Field) -> None:
    plain.scan()
    plain.query(
        "CREATE FUNCTION public.shut() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'no'; END $$"
    )
    plain.query("CREATE TRIGGER shut BEFORE INSERT ON wamon.ledger_rows FOR EACH ROW EXECUTE FUNCTION public.shut()")
    try:
        field.post(LAWLEY, "DR1752028")
        with pytest.raises(DatabaseUnavailable, match="neither be recorded nor parked"):
            plain.scan()
    finally:
        plain.query("DROP TRIGGER shut ON wamon.ledger_rows")
    plain.scan()
    assert plain.submissions() == field.truth.submissions()
