"""What the office's table doesn't take costs no post: it waits there, drop by drop, and delays no other."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest

from tests.support.bridges import LAWLEY, MOHADIN, VeryGoodPlugins
from tests.support.clock import first_morning
from tests.support.office import Office, eventually, run_while
from tests.support.truth import Field
from wamon.app.configured import configured
from wamon.app.look import looked_at
from wamon.health import database, recording
from wamon.postgres import connection

SEEN = first_morning() + timedelta(days=1)
ROWS = "SELECT project, drop_number FROM qa_photo_reviews ORDER BY 1, 2"
COMMENT = "SELECT comment FROM qa_photo_reviews WHERE drop_number = %s"
REASONS = "SELECT DISTINCT reason FROM wamon.review_waits ORDER BY 1"


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        yield field


@pytest.fixture
def office(tmp_path: Path, any_dsn: str, field: Field) -> Office:
    office = Office(tmp_path / "office", any_dsn, field.path)
    field.post(LAWLEY, "Good morning team")
    office.scan()
    return office


def come_due(office: Office) -> None:
    office.query("UPDATE wamon.review_waits SET next_try_at = now() - interval '1 second'")


@contextmanager
def triggered(
    office: Office, body: str, when: str = "BEFORE INSERT OR UPDATE", table: str = "qa_photo_reviews"
) -> Iterator[None]:
    """The table has a trigger of this body for as long as the block runs."""
    kind = "CONSTRAINT TRIGGER" if "AFTER" in when else "TRIGGER"
    late = "DEFERRABLE INITIALLY DEFERRED" if "AFTER" in when else ""
    office.query(
        f"CREATE FUNCTION public.theirs() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {body} RETURN NEW; END $$"
    )
    office.query(f"CREATE {kind} theirs {when} ON {table} {late} FOR EACH ROW EXECUTE FUNCTION public.theirs()")
    try:
        yield
    finally:
        office.query("DROP FUNCTION public.theirs() CASCADE")


REFUSING = "IF NEW.drop_number LIKE 'DR66%' THEN RAISE EXCEPTION 'no: % keep this between us', NEW; END IF;".replace(
    "%", "%%"
)


# What refuses


@pytest.mark.parametrize("when", ["BEFORE INSERT OR UPDATE", "AFTER INSERT OR UPDATE"])
@pytest.mark.fault("F93")
@pytest.mark.both_servers
def test_a_refusing_trigger_costs_its_row_and_no_post(office: Office, field: Field, when: str) -> None:
    with triggered(office, REFUSING, when):
        for number in ("DR1752028", "DR6666666", "DR1752034"):
            field.post(LAWLEY, number)
        office.scan()
        assert office.drops() == field.truth.drops()
        assert office.query("SELECT count(*) FROM wamon.dead_letters") == [0]
        assert office.query(ROWS) == [("Lawley", "DR1752028"), ("Lawley", "DR1752034")]
        assert office.query("SELECT drop_number, attempts FROM wamon.review_waits") == [("DR6666666", 1)]
        (reason,) = office.query(REASONS)
        assert "RaiseException" in reason
        assert "public.qa_photo_reviews" in reason
        assert "between us" not in reason
        verified = office.verify()
        assert (verified.problems, verified.reviews_waiting) == ([], 1)
    come_due(office)
    office.scan()
    assert ("Lawley", "DR6666666") in office.query(ROWS)
    assert office.query(REASONS) == []
    assert office.verify().clean


@pytest.mark.fault("F93")
def test_a_check_that_refuses_is_told_by_its_name_and_the_rest_of_the_message_is_written(
    office: Office, field: Field
) -> None:
    office.query("ALTER TABLE qa_photo_reviews ADD CONSTRAINT no_sixes CHECK (drop_number NOT LIKE 'DR66%%')")
    field.post(LAWLEY, "DR1752028 DR6666666")
    office.scan()
    assert office.drops() == field.truth.drops()
    assert office.query(ROWS) == [("Lawley", "DR1752028")]
    assert "public.qa_photo_reviews.no_sixes" in office.query(REASONS)[0]


@pytest.mark.fault("F93")
def test_a_project_that_is_longer_than_its_column_is_told_by_table_and_column_and_never_cut(
    office: Office, field: Field
) -> None:
    office.query("ALTER TABLE qa_photo_reviews ALTER project TYPE varchar(6)")
    field.post(MOHADIN, "DR1752028")
    field.post(LAWLEY, "DR1752034")
    office.scan()
    assert office.drops() == field.truth.drops()
    assert office.query(ROWS) == [("Lawley", "DR1752034")]
    assert "public.qa_photo_reviews.project holds at most 6 characters" in office.query(REASONS)[0]


@pytest.mark.fault("F93")
@pytest.mark.both_servers
def test_what_follows_on_a_drop_waits_behind_what_waits_and_is_written_in_its_order(
    office: Office, field: Field
) -> None:
    with triggered(office, REFUSING):
        for hours in range(3):
            field.post(LAWLEY, "DR6666666", at=SEEN + timedelta(hours=hours))
            office.scan()
        assert office.query("SELECT count(*) FROM wamon.review_waits") == [3]
    come_due(office)
    office.scan()
    day = f"{SEEN:%Y-%m-%d}"
    assert office.query(COMMENT, "DR6666666") == [f"{day} 09:00 SAST: posted again\n{day} 10:00 SAST: posted again"]


def test_what_is_refused_is_tried_again_after_pauses_that_grow_to_an_hour(office: Office, field: Field) -> None:
    pauses = []
    with triggered(office, REFUSING):
        field.post(LAWLEY, "DR6666666")
        for _ in range(8):
            office.scan()
            pauses += office.query(
                "SELECT round(extract(epoch FROM next_try_at - now()) / 60)::int FROM wamon.review_waits"
            )
            come_due(office)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]


# Who holds it


@pytest.mark.fault("F94")
@pytest.mark.both_servers
def test_a_locked_row_waits_and_delays_no_other(office: Office, field: Field) -> None:
    for number in ("DR1752028", "DR1752034"):
        field.post(LAWLEY, number, at=SEEN)
    office.scan()
    with psycopg.connect(office.dsn) as clerk:
        clerk.execute("SELECT * FROM qa_photo_reviews WHERE drop_number = 'DR1752028' FOR UPDATE")
        for number in ("DR1752028", "DR1752034", "DR1752040"):
            field.post(LAWLEY, number, at=SEEN + timedelta(hours=1))
        office.scan()
        assert office.drops() == field.truth.drops()
        assert office.query("SELECT drop_number FROM qa_photo_reviews WHERE resubmitted") == ["DR1752034"]
        assert ("Lawley", "DR1752040") in office.query(ROWS)
        assert "locked the row in public.qa_photo_reviews" in office.query(REASONS)[0]
    come_due(office)
    office.scan()
    assert office.query("SELECT count(*) FROM qa_photo_reviews WHERE resubmitted") == [2]


@pytest.mark.fault("F94")
def test_a_locked_table_keeps_no_post_from_being_recorded(office: Office, field: Field) -> None:
    with psycopg.connect(office.dsn) as admin:
        admin.execute("ALTER TABLE qa_photo_reviews ADD COLUMN inspector text")
        field.post(LAWLEY, "DR1752028")
        office.scan()
        assert office.drops() == field.truth.drops()
        assert office.query(REASONS) == ["Another session has locked public.qa_photo_reviews."]
    come_due(office)
    office.scan()
    assert office.query(ROWS) == [("Lawley", "DR1752028")]


@pytest.mark.fault("F119")
def test_a_table_that_is_locked_at_first_contact_keeps_no_post_from_being_recorded(
    office: Office, field: Field
) -> None:
    """And wamon's time there begins with what it recorded then, not with the end of the lock."""
    office.query("CREATE TABLE public.photos AS TABLE qa_photo_reviews")
    office.query("INSERT INTO public.photos (project, drop_number, incomplete) VALUES ('Lawley', 'DR1752028', true)")
    office.set(database={"review_table": "public.photos"})
    with psycopg.connect(office.dsn) as clerk:
        clerk.execute("LOCK TABLE public.photos")
        for number in ("DR1752028", "DR1752028", "DR1752034"):
            field.post(LAWLEY, number, at=office.clock.now())
            office.scan()
        assert office.drops() == field.truth.drops()
        assert office.query(REASONS)[:1] == ["Another session has locked public.photos."]
    come_due(office)
    office.scan()
    rows = "SELECT drop_number, resubmitted, incomplete FROM photos ORDER BY 1"
    assert office.query(rows) == [("DR1752028", True, False), ("DR1752034", False, False)]
    assert office.query(REASONS) == []


@pytest.mark.fault("F94")
def test_a_daemon_writes_what_waited_once_the_lock_is_gone(office: Office, field: Field) -> None:
    with psycopg.connect(office.dsn) as admin:

        def post_and_let_go() -> None:
            admin.execute("LOCK TABLE qa_photo_reviews")
            field.post(LAWLEY, "DR1752028")
            eventually("it waits", lambda: office.query(REASONS))
            assert office.drops() == field.truth.drops()
            admin.rollback()
            come_due(office)
            eventually("it is written", lambda: office.query(ROWS), seconds=60)

        run_while(office, post_and_let_go)
    assert office.query(ROWS) == [("Lawley", "DR1752028")]


# What takes its time


@pytest.mark.fault("F95")
def test_a_slow_trigger_on_the_review_table_lets_every_row_through(
    office: Office, field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_ATTEMPT", connection._ATTEMPT.replace("'5s'", "'150ms'"))
    with field.batch():
        for n in range(120):
            field.post(LAWLEY, f"DR1752{n:03}")
    with triggered(office, "PERFORM pg_sleep(0.005);"):
        office.scan()
    assert len(office.drops()) == len(office.query(ROWS)) == 120
    assert office.query(REASONS) == []


@pytest.mark.fault("F95")
def test_a_batch_that_takes_too_long_is_halved_until_it_fits(
    office: Office, field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(connection, "_LIMITS", connection._LIMITS.replace("%s || 's'", "left(%s, 0) || '200ms'"))
    with field.batch():
        for n in range(100):
            field.post(LAWLEY, f"DR1752{n:03}")
    with triggered(office, "PERFORM pg_sleep(0.005);", "BEFORE INSERT", "wamon.submission_rows"):
        office.scan()
    assert office.drops() == field.truth.drops()
    assert office.query("SELECT count(*) FROM wamon.dead_letters") == [0]


# What is told


def test_a_row_that_waits_for_a_minute_is_told(office: Office, field: Field) -> None:
    config = configured(office.config_path, {})
    assert recording.reviews(looked_at(config, None, office.clock)).state == "ok"
    with psycopg.connect(office.dsn) as admin:
        admin.execute("LOCK TABLE qa_photo_reviews")
        field.post(LAWLEY, "DR1752028")
        office.scan()
    young = recording.reviews(looked_at(config, None, office.clock))
    office.query("UPDATE wamon.review_waits SET parked_at = now() - interval '61 seconds'")
    old = recording.reviews(looked_at(config, None, office.clock))
    assert (young.state, old.state) == ("ok", "warn")
    assert "1 row of the office's tables" in old.sentence
    assert "locked public.qa_photo_reviews" in old.sentence


def test_what_waits_for_a_table_that_the_config_no_longer_names_ends_and_is_told(office: Office, field: Field) -> None:
    with psycopg.connect(office.dsn) as admin:
        admin.execute("LOCK TABLE qa_photo_reviews")
        field.post(LAWLEY, "DR1752028")
        office.scan()
    office.set(database={"review_table": "public.photos"})
    done = office.run("scan")
    assert "1 row of public.qa_photo_reviews won't be written any more" in done.stderr
    assert office.query(REASONS) == []
    assert recording.reviews(looked_at(configured(office.config_path, {}), None, office.clock)).numbers == {
        "waiting": 0
    }


WRONG = "drop_number text, project text, resubmitted integer, review_date jsonb, completed varchar(3), comment text"


@pytest.mark.fault("F93")
@pytest.mark.both_servers
def test_a_column_of_a_wrong_type_is_left_out_and_told_once_by_table_and_column(office: Office, field: Field) -> None:
    office.query(f"DROP TABLE qa_photo_reviews; CREATE TABLE public.qa_photo_reviews ({WRONG})")
    field.post(LAWLEY, "DR1752028")
    field.post(LAWLEY, "DR1752028")
    first, second = office.run("scan"), office.run("scan")
    assert (first.returncode, second.returncode) == (0, 0)
    told = [f"public.qa_photo_reviews.{name}" for name in ("completed", "resubmitted", "review_date")]
    assert [name for name in told if name in first.stderr] == told
    assert "review_date is of type jsonb" in first.stderr
    assert "qa_photo_reviews" not in second.stderr
    ((number, comment, resubmitted),) = office.query("SELECT drop_number, comment, resubmitted FROM qa_photo_reviews")
    assert (number, resubmitted) == ("DR1752028", None)
    assert comment.endswith("posted again")
    check = database.review(looked_at(configured(office.config_path, {}), None, office.clock))
    assert check.state == "warn"
    assert all(name in check.sentence for name in told)


@pytest.mark.fault("F93")
def test_a_comment_that_fills_up_is_cut_and_keeps_what_people_wrote(office: Office, field: Field) -> None:
    office.query("ALTER TABLE qa_photo_reviews ALTER comment TYPE varchar(60)")
    field.post(LAWLEY, "DR1752028", at=SEEN)
    office.scan()
    office.query("UPDATE qa_photo_reviews SET comment = 'Photo 3 is blurred'")
    for hours in range(1, 4):
        field.post(LAWLEY, "DR1752028", at=SEEN + timedelta(hours=hours))
    done = office.run("scan", "--json")
    assert json.loads(done.stdout)["complete"]
    (comment,) = office.query(COMMENT, "DR1752028")
    assert comment.startswith(f"Photo 3 is blurred\n{SEEN:%Y-%m-%d} 09:00 SAST: posted again")
    assert len(comment) == 60
    assert done.stderr.count("public.qa_photo_reviews.comment holds 60 characters") == 1
    assert len(office.submissions()) == 4


@pytest.mark.parametrize("name", ["project", "drop_number"])
def test_a_name_that_is_no_text_there_is_a_config_error_by_table_and_column(
    office: Office, field: Field, name: str
) -> None:
    other = {"project": "drop_number", "drop_number": "project"}[name]
    office.query(f"DROP TABLE qa_photo_reviews; CREATE TABLE public.qa_photo_reviews ({name} integer, {other} text)")
    done = office.run("scan")
    assert done.returncode == 78
    assert f"public.qa_photo_reviews.{name} is of type integer" in done.stderr


CASELESS = "CREATE COLLATION public.caseless (provider = icu, locale = 'und-u-ks-level2', deterministic = false)"


@pytest.mark.parametrize("any_dsn", ["Debian's 15"], indirect=True)  # the embedded one has no such collations
@pytest.mark.fault("F93")
def test_a_table_that_tells_no_upper_from_lower_case_has_one_row_a_drop(office: Office, field: Field) -> None:
    office.query(CASELESS)
    office.query(
        "ALTER TABLE qa_photo_reviews ALTER drop_number TYPE text COLLATE public.caseless,"
        " ALTER project TYPE text COLLATE public.caseless"
    )
    office.query("INSERT INTO qa_photo_reviews (drop_number, project) VALUES ('dr1752028', 'LAWLEY')")
    field.post(LAWLEY, "DR1752028 DR1752034", at=SEEN)
    recorded = office.scan().recorded
    field.post(LAWLEY, "DR1752028", at=SEEN + timedelta(hours=1))
    office.scan()
    assert recorded.conflicts == []
    assert office.query("SELECT drop_number, resubmitted FROM qa_photo_reviews ORDER BY 1") == [
        ("dr1752028", True),
        ("DR1752034", False),
    ]
    assert office.verify().clean
