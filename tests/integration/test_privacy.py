"""People's words and phone numbers stay in their two tables: a canary is looked for wherever else they could end up."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.clock import CLOCK, Moved
from tests.support.office import Office, eventually, run_while
from tests.support.truth import Field
from wamon.capture.scan import scan
from wamon.errors import WamonError
from wamon.ledger.retention import prune_texts
from wamon.postgres.embedded import server as embedded

PHONE = "27820009999"
WORDS = "okapi-quagga-zebra"
QUOTING = "CREATE FUNCTION public.quoting() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN {} END $$"
ON_THE_LEDGER = (
    "CREATE TRIGGER quoting BEFORE INSERT ON wamon.ledger_rows FOR EACH ROW EXECUTE FUNCTION public.quoting()"
)


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        yield field


@pytest.fixture
def office(tmp_path: Path, dsn: str, field: Field) -> Office:
    """Its bridge holds the canary in a drop's post, in chatter, in a near miss and in a caption."""
    for text in (*[WORDS] * 4, f"DR1752028 {WORDS}", WORDS, f"DR17 {WORDS}", f"DR1752034 DR1752040 {WORDS}"):
        field.post(LAWLEY, text, sender=PHONE)
    field.post(LAWLEY, f"DR1752028 {WORDS}", sender=PHONE, media="image")
    return Office(tmp_path / "office", dsn, field.path)


@pytest.fixture
def server_log(reachable: Path, dsn: str) -> Path:
    data = embedded.home(reachable / "state").data
    return data.with_name(f"{data.name}.log")


def assert_silent(*said: str) -> None:
    for one in said:
        assert PHONE not in one
        assert WORDS not in one


@pytest.mark.fault("F81")
def test_no_command_tells_a_text_or_a_phone_number(office: Office, server_log: Path) -> None:
    for words in (("scan",), ("verify",), ("state", "show")):
        done = office.run(*words)
        assert (done.returncode, done.stderr) == (0, "")
        assert "Lawley" in done.stdout or "compared" in done.stdout
        assert_silent(done.stdout)
    office.query("DELETE FROM wamon.submissions")
    done = office.run("verify", "--json")
    assert done.returncode == 1
    assert_silent(done.stdout, done.stderr)
    assert office.query("SELECT count(*) FROM wamon.texts WHERE text LIKE %s", f"%{WORDS}%") == [4]
    assert office.query("SELECT DISTINCT submitted_by FROM qa_photo_reviews") == [PHONE]
    for file in (office.state_path, server_log):
        assert file.read_text("utf-8")
        assert_silent(file.read_text("utf-8"))


FAILURES = {
    "a trigger that quotes the text": [
        QUOTING.format(
            "IF NEW.text IS NOT NULL THEN RAISE EXCEPTION '%% %%', NEW.text, NEW.sender"
            " USING DETAIL = NEW.text, HINT = NEW.text; END IF; RETURN NEW;"
        ),
        ON_THE_LEDGER,
    ],
    "a trigger that quotes the text as if the schema were wrong": [
        QUOTING.format("RAISE EXCEPTION '%% %%', NEW.text, NEW.sender USING ERRCODE = 'undefined_column';"),
        ON_THE_LEDGER,
    ],
    "a database that goes away": [
        QUOTING.format("RAISE NOTICE '%%', NEW; PERFORM pg_terminate_backend(pg_backend_pid()); RETURN NEW;"),
        ON_THE_LEDGER,
    ],
}
ENDS_WITH = {
    "a trigger that quotes the text as if the schema were wrong": 69,
    "a database that goes away": 69,
}


@pytest.mark.parametrize("name", FAILURES)
@pytest.mark.fault("F81")
def test_nothing_that_fails_tells_them_either(office: Office, server_log: Path, name: str) -> None:
    for sql in FAILURES[name]:
        office.query(sql)
    done = office.run("scan")
    assert done.returncode == ENDS_WITH.get(name, 0)
    assert_silent(done.stdout, done.stderr, server_log.read_text("utf-8"))
    assert_silent(*office.query("SELECT l::text FROM wamon.dead_letters AS l"))
    assert (office.query("SELECT count(*) > 0 FROM wamon.dead_letters") == [True]) == (name not in ENDS_WITH)


REFUSING_TABLES = {
    "a column that is too short": "drop_number varchar(5), submitted_by varchar(5)",
    "a check that quotes the row": "drop_number text, submitted_by text CHECK (submitted_by < '2')",
    "a column of another type": "drop_number text, submitted_by integer",
}


@pytest.mark.parametrize("name", REFUSING_TABLES)
@pytest.mark.fault("F81")
def test_nothing_that_a_review_table_refuses_tells_them_either(office: Office, server_log: Path, name: str) -> None:
    office.query(f"CREATE TABLE public.qa_photo_reviews ({REFUSING_TABLES[name]})")
    done = office.run("scan")
    assert (done.returncode, office.query("SELECT count(*) FROM wamon.dead_letters")) == (0, [0])
    assert "qa_photo_reviews" in done.stderr
    assert_silent(done.stdout, done.stderr, server_log.read_text("utf-8"))
    assert_silent(*office.query("SELECT reason FROM wamon.review_waits"))


@pytest.mark.parametrize("name", FAILURES)
@pytest.mark.fault("F81")
def test_no_error_carries_them(office: Office, field: Field, name: str) -> None:
    for n in range(11):
        field.post(LAWLEY, f"DR17530{n:02} {WORDS}", sender=PHONE)
    for sql in FAILURES[name]:
        office.query(sql)
    with pytest.raises(WamonError) as raised:
        office.scan()
    error = raised.value
    assert_silent(str(error), repr(error), error.paragraph(), *traceback.format_exception(error))
    assert "psycopg" not in "".join(traceback.format_exception(error)[-1:])


# How long texts are kept


def texts(office: Office) -> set[str]:
    return set(office.query("SELECT text FROM wamon.texts"))


def test_only_texts_of_messages_with_a_submission_or_near_miss_are_kept(office: Office) -> None:
    office.scan()
    assert texts(office) == {f"DR1752028 {WORDS}", f"DR1752034 DR1752040 {WORDS}", f"DR17 {WORDS}"}


def test_texts_of_messages_that_are_old_already_are_not_kept(office: Office, field: Field) -> None:
    office.set(privacy={"keep_text": "90d"})
    now = office.database_now()
    field.post(LAWLEY, "DR1752011 old", at=now - timedelta(days=91))
    field.post(LAWLEY, "DR1752012 young", at=now - timedelta(days=89))
    office.scan()
    assert "DR1752011 old" not in texts(office)
    assert "DR1752012 young" in texts(office)


@pytest.mark.fault("F97")
@pytest.mark.parametrize("days", [-4000, 4000])
def test_the_hosts_clock_says_nothing_about_which_texts_are_kept(office: Office, field: Field, days: int) -> None:
    office.set(privacy={"keep_text": "90d"})
    now = office.database_now()
    field.post(LAWLEY, "DR1752011 old", at=now - timedelta(days=91))
    edited = field.post(LAWLEY, "DR1752012 young", at=now - timedelta(days=89))
    field.set_time(field.post(LAWLEY, "DR1752013 at no time"), "no time")
    office.clock = Moved(CLOCK, timedelta(days=days))
    office.scan()
    field.edit(edited, "DR1752012 edited")
    office.scan()
    ours = {text for text in texts(office) if WORDS not in text}
    assert ours == {"DR1752012 young", "DR1752012 edited", "DR1752013 at no time"}


@pytest.mark.fault("F97")
def test_texts_are_kept_where_the_newest_message_is_far_older_than_now_suggests(
    tmp_path: Path, dsn: str, field: Field
) -> None:
    """At the first scan the store says so, later the ledger."""
    office = Office(tmp_path / "office", dsn, field.path, privacy={"keep_text": "90d"})
    now = office.database_now()
    field.post(LAWLEY, "DR1752011", at=now - timedelta(days=120))
    office.scan()
    assert texts(office) == {"DR1752011"}
    field.post(LAWLEY, "DR1752012", at=now - timedelta(days=119))
    office.scan()
    field.post(LAWLEY, "DR1752013", at=now)
    office.scan()
    field.post(LAWLEY, "DR1752014", at=now - timedelta(days=119))
    office.scan()
    assert texts(office) == {"DR1752011", "DR1752012", "DR1752013"}


def test_where_no_text_is_to_be_kept_none_is(office: Office, field: Field) -> None:
    office.set(privacy={"keep_text": "0d"})
    field.post(LAWLEY, "DR1752011 from the future", at=CLOCK.now() + timedelta(days=1))
    timeless = field.post(LAWLEY, "DR1752012 at no time")
    field.set_time(timeless, "no time")
    edited = field.post(LAWLEY, "DR1752013 first")
    office.scan()
    field.edit(edited, "DR1752013 then")
    office.scan()
    assert office.drops() == field.truth.drops()
    assert texts(office) == set()


def test_texts_are_pruned_when_they_are_as_old_as_they_may_get_and_no_day_earlier(office: Office, field: Field) -> None:
    """The texts of messages, those that an edit replaced, and what near misses quote."""
    office.set(privacy={"keep_text": "forever"})
    now = office.database_now()
    due = now - timedelta(days=90)
    field.post(LAWLEY, "Good morning", at=now)
    for number, at in (("1750011", due - timedelta(hours=1)), ("1760012", due + timedelta(hours=1))):
        message_id = field.post(LAWLEY, f"DR{number}", at=at)
        field.post(LAWLEY, f"DR{number[:5]}", at=at)
        office.scan()
        field.edit(message_id, f"DR{number} edited")
        office.scan()
    office.set(privacy={"keep_text": "90d"})
    near = "SELECT written FROM wamon.near_misses WHERE written IN ('DR17500', 'DR17600')"
    run_while(office, lambda: eventually("they are pruned", lambda: office.query(near) == ["DR17600"]))
    assert {text for text in texts(office) if WORDS not in text} == {"DR1760012", "DR1760012 edited", "DR17600"}


@pytest.mark.fault("F97")
def test_a_clock_that_is_far_ahead_of_the_newest_message_prunes_nothing(office: Office, field: Field) -> None:
    """A week may pass without any; then the messages say what day it is."""
    office.set(privacy={"keep_text": "forever"})
    now = office.database_now()
    with office.opened() as pipeline:
        scan(pipeline)
        office.query("UPDATE wamon.ledger_rows SET sent_at = %s", now - timedelta(days=120))
        office.query("UPDATE wamon.heard SET first_sent_at = %s, last_sent_at = %s", *[now - timedelta(days=120)] * 2)
        before = texts(office)
        assert prune_texts(pipeline.source.db, timedelta(days=90)) == 0
        field.post(LAWLEY, "Good morning", at=now)
        scan(pipeline)
        prune_texts(pipeline.source.db, timedelta(days=90))
    assert (len(before), texts(office)) == (3, set())
