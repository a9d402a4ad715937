"""Verify finds every damage, says where, and mends it; and it is quiet about what is no damage."""

from __future__ import annotations

import json
import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.bridges import LAWLEY, MOHADIN, VeryGoodPlugins
from tests.support.clock import CLOCK
from tests.support.conversations import Talks
from tests.support.office import Office
from tests.support.truth import Field
from wamon.app.configured import configured
from wamon.app.run import broken_promises
from wamon.capture.verify import Verification
from wamon.cli.main import main
from wamon.daemon.stopping import Stopping
from wamon.daemon.upkeep import Upkeep
from wamon.ledger import comparison
from wamon.ledger.review_rows import ReviewRows
from wamon.postgres.connection import Database

Verify = Callable[..., tuple[int, Any]]
Told = tuple[int, str | None, str | None, str]
"""A problem: promise, group, message id, and words of its detail."""


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        field.post(LAWLEY, "DR1752028", message_id="A")
        field.post(LAWLEY, "DR1752034 & DR1752040", message_id="B")
        field.post(LAWLEY, "Good morning team", message_id="C")
        field.post(MOHADIN, "DR1752028", message_id="D")
        field.post(MOHADIN, "", media="image", message_id="E")
        field.post(MOHADIN, "DR1752011", message_id="")
        yield field


@pytest.fixture
def office(tmp_path: Path, any_dsn: str, field: Field) -> Office:
    """Everything is recorded."""
    office = Office(tmp_path / "office", any_dsn, field.path)
    office.scan()
    return office


@pytest.fixture
def verify(office: Office, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Iterator[Verify]:
    """The command: its exit code and its answer."""

    def verify(*words: str) -> tuple[int, Any]:
        monkeypatch.setattr(sys, "argv", ["wamon", "--config", str(office.config_path), "verify", *words, "--json"])
        with pytest.raises(SystemExit) as ended:
            main(CLOCK)
        assert isinstance(ended.value.code, int)
        said = capsys.readouterr().out
        return ended.value.code, json.loads(said) if said else None

    terminated = signal.getsignal(signal.SIGTERM)
    yield verify
    signal.signal(signal.SIGTERM, terminated)


def live(everything: dict[str, list[Any]]) -> dict[str, list[Any]]:
    """Without what was retracted."""
    return everything | {"submissions": [row for row in everything["submissions"] if row[5]]}


def the_id_that_was_made_up(office: Office) -> str:
    (message_id,) = office.query("SELECT message_id FROM wamon.ledger WHERE message_id LIKE 'sha256:%%'")
    return str(message_id)


def insert(message_id: str, number: str) -> str:
    return (
        "INSERT INTO wamon.submissions (source, chat_jid, message_id, drop_number)"
        f" VALUES ('main', '{LAWLEY}', '{message_id}', '{number}')"
    )


MISSING = "stands in the bridge's store and not in the ledger"
NO_REVIEW = "drop {} of {} has no row in public.qa_photo_reviews"


@dataclass(frozen=True)
class Damage:
    sql: str
    told: tuple[Told, ...]
    traces: bool = False  # what should never have been there stays, retracted


DAMAGES = {
    "a ledger row deleted": Damage("DELETE FROM wamon.ledger WHERE message_id = 'A'", ((2, "Lawley", "A", MISSING),)),
    "a ledger row of a photo deleted": Damage(
        "DELETE FROM wamon.ledger WHERE message_id = 'E'", ((2, "Mohadin", "E", MISSING),)
    ),
    "a ledger row without an id of its own deleted": Damage(
        "DELETE FROM wamon.ledger WHERE message_id LIKE 'sha256:%%'", ((2, "Mohadin", "sha256:", MISSING),)
    ),
    "every ledger row deleted": Damage(
        "DELETE FROM wamon.ledger",
        (
            *((2, "Lawley", message_id, MISSING) for message_id in "ABC"),
            *((2, "Mohadin", message_id, MISSING) for message_id in ("D", "E", "sha256:")),
        ),
    ),
    "a submission deleted": Damage(
        "DELETE FROM wamon.submissions WHERE drop_number = 'DR1752034'",
        ((1, "Lawley", "B", "lacks the submission of DR1752034"),),
    ),
    "every submission deleted": Damage(
        "DELETE FROM wamon.submissions",
        (
            (1, "Lawley", "A", "lacks the submission of DR1752028"),
            (1, "Lawley", "B", "lacks the submission of DR1752034 DR1752040"),
            (1, "Mohadin", "D", "lacks the submission of DR1752028"),
            (1, "Mohadin", "sha256:", "lacks the submission of DR1752011"),
        ),
    ),
    "a ledger row deleted with its submissions": Damage(
        "DELETE FROM wamon.ledger WHERE message_id = 'B'; DELETE FROM wamon.submissions WHERE message_id = 'B'",
        ((2, "Lawley", "B", MISSING),),
    ),
    "a submission added to a message": Damage(
        insert("C", "DR9999999"),
        ((1, "Lawley", "C", "has a submission of DR9999999, which it doesn't say"),),
        traces=True,
    ),
    "a submission taken for retracted": Damage(
        "UPDATE wamon.submissions SET live = false WHERE message_id = 'A'",
        ((1, "Lawley", "A", "lacks the submission of DR1752028"),),
    ),
    "a drop number changed": Damage(
        "UPDATE wamon.submissions SET drop_number = 'DR7777777' WHERE message_id = 'D'",
        (
            (1, "Mohadin", "D", "lacks the submission of DR1752028 and has a submission of DR7777777"),
            (10, None, None, NO_REVIEW.format("DR7777777", "Mohadin")),
        ),
        traces=True,
    ),
    "a submission moved to another message": Damage(
        "UPDATE wamon.submissions SET message_id = 'E' WHERE message_id = 'D'",
        (
            (1, "Mohadin", "D", "lacks the submission of DR1752028"),
            (1, "Mohadin", "E", "has a submission of DR1752028, which it doesn't say"),
        ),
        traces=True,
    ),
    "a submission behind the ledger's back": Damage(
        "INSERT INTO wamon.submission_rows (chat, message_id, drop_number, project, sender, sent_at) "
        "SELECT chat, 'B', 'DR1752099', project, sender, sent_at FROM wamon.submission_rows WHERE message_id = 'A'",
        (
            (1, "Lawley", "B", "has a submission of DR1752099, which the ledger doesn't say"),
            (10, None, None, NO_REVIEW.format("DR1752099", "Lawley")),
        ),
        traces=True,
    ),
    "a submission that the ledger doesn't lead to": Damage(
        "UPDATE wamon.ledger_rows SET numbers = NULL WHERE message_id = 'A'",
        ((1, "Lawley", "A", "lacks the submission of DR1752028"),),
    ),
    "a cursor moved forward": Damage(
        "UPDATE wamon.cursors SET rowid = rowid + 1000",
        ((2, None, None, "cursor main stands at row 1006, its newest anchor at row 6"),),
    ),
    "a review row deleted": Damage(
        "DELETE FROM qa_photo_reviews WHERE project = 'Mohadin' AND drop_number = 'DR1752028'",
        ((10, None, None, NO_REVIEW.format("DR1752028", "Mohadin")),),
    ),
    "the review table emptied": Damage(
        "DELETE FROM qa_photo_reviews",
        tuple(
            (10, None, None, NO_REVIEW.format(number, project))
            for project, number in (
                ("Lawley", "DR1752028"),
                ("Lawley", "DR1752034"),
                ("Lawley", "DR1752040"),
                ("Mohadin", "DR1752011"),
                ("Mohadin", "DR1752028"),
            )
        ),
    ),
    "a message taken for gone": Damage(
        "UPDATE wamon.ledger_rows SET gone_at = now() WHERE message_id = 'B'",
        ((1, "Lawley", "B", "is marked as gone, and stands in the store"),),
    ),
    "a message taken for one without numbers": Damage(
        "UPDATE wamon.ledger_rows SET status = 'ignored', reason = 'no-drop' WHERE message_id = 'A'",
        ((1, "Lawley", "A", "is held as ignored, and is done"),),
    ),
    "a message without numbers taken for one with": Damage(
        "UPDATE wamon.ledger_rows SET status = 'done', reason = NULL WHERE message_id = 'C'",
        ((1, "Lawley", "C", "is held as done, and is ignored"),),
    ),
    "a content hash changed": Damage(
        "UPDATE wamon.ledger_rows SET content_hash = 1 WHERE message_id = 'A'",
        ((1, "Lawley", "A", "says something else now than the ledger knows"),),
        traces=True,
    ),
}


def assert_told(answer: Any, told: tuple[Told, ...]) -> None:
    problems = [tuple(problem.values()) for problem in answer["problems"]]
    assert len(problems) == len(told), problems
    for (promise, group, message_id, detail), found in zip(
        sorted(told, key=repr), sorted(problems, key=repr), strict=True
    ):
        assert found[:2] == (promise, group)
        assert (found[2] or "").startswith(message_id or "")
        assert bool(found[2]) == bool(message_id)
        assert detail in found[3]


@pytest.mark.parametrize("name", DAMAGES)
@pytest.mark.both_servers
def test_it_finds_and_mends(office: Office, verify: Verify, name: str) -> None:
    damage = DAMAGES[name]
    before = office.everything()
    reviews = set(office.query("SELECT project, drop_number FROM qa_photo_reviews"))
    office.query(damage.sql)
    damaged = office.everything()
    code, answer = verify()
    assert_told(answer, damage.told)
    assert (code, answer["clean"], answer["checked"]) == (1, False, 6)
    assert office.everything() == damaged  # it only looked
    code, answer = verify("--repair")
    assert (code, answer["clean"], answer["problems"]) == (0, True, [])
    assert verify()[0] == 0
    after = office.everything()
    if name == "a content hash changed":
        after["ledger"] = before["ledger"]  # it counts as an edit: another revision
    assert (live(after) if damage.traces else after) == before
    assert set(office.query("SELECT project, drop_number FROM qa_photo_reviews")) == reviews


@pytest.mark.parametrize("name", [name for name, damage in DAMAGES.items() if "deleted" in name or "changed" in name])
def test_the_sweep_of_a_scan_mends_as_a_repair_does(office: Office, name: str) -> None:
    before = office.drops(), office.submissions(), office.ledger()
    office.query(DAMAGES[name].sql)
    office.sweep()
    office.scan()
    assert (office.drops(), office.submissions(), office.ledger()) == before
    assert office.verify().clean


@pytest.mark.both_servers
def test_all_is_clean_after_a_scan_and_verify_changes_nothing(office: Office, verify: Verify) -> None:
    state = "SELECT * FROM wamon.cursors"
    before = office.everything(), office.query(state)
    none = ("dead", "older_rules", "without_text", "reviews_waiting", "store_missed", "events", "turns")
    assert verify() == (0, {"clean": True, "checked": 6, **dict.fromkeys(none, 0), "problems": []})
    assert (office.everything(), office.query(state)) == before


def test_a_submission_of_a_message_that_never_was_is_told_and_left_to_people(
    office: Office, field: Field, verify: Verify
) -> None:
    before = office.everything()
    office.query(insert("INVENTED", "DR9999999"))
    for words in ((), ("--repair",), ()):
        code, answer = verify(*words)
        assert code == 1
        assert_told(answer, ((1, "Lawley", "INVENTED", "no repair can know"),))
    assert office.query("SELECT count(*) FROM qa_photo_reviews WHERE drop_number = 'DR9999999'") == [0]
    office.query("DELETE FROM wamon.submissions WHERE message_id = 'INVENTED'")
    assert verify()[0] == 0
    assert office.everything() == before


def test_a_cursor_that_was_moved_forward_loses_nothing(office: Office, field: Field) -> None:
    office.query("UPDATE wamon.cursors SET rowid = rowid + 1000")
    field.post(LAWLEY, "DR1752039")
    office.scan()
    assert office.drops() == field.truth.drops() | {("Mohadin", "DR1752011")}
    assert office.verify().clean


def test_a_cursor_whose_anchors_were_moved_forward_loses_nothing(office: Office, field: Field) -> None:
    office.query("UPDATE wamon.cursors SET rowid = 1006, anchors = '[[1006, \"0123456789abcdef\"]]'")
    field.post(LAWLEY, "DR1752039")
    office.scan()
    assert ("Lawley", "DR1752039") in office.drops()
    assert office.verify().clean


def test_an_edit_further_back_than_any_pass_looks_is_found_and_mended(
    office: Office, field: Field, verify: Verify
) -> None:
    with field.batch():
        for _ in range(600):
            field.post(LAWLEY, "ok")
    office.scan()
    field.edit("A", "DR1752029, not 28")
    office.scan()
    assert ("Lawley", "DR1752029") not in office.drops()
    code, answer = verify()
    assert code == 1
    assert_told(answer, ((1, "Lawley", "A", "says something else now than the ledger knows"),))
    assert verify("--repair")[0] == 0
    assert office.query("SELECT drop_number FROM wamon.submissions WHERE message_id = 'A' AND live") == ["DR1752029"]


def test_rows_that_no_pass_has_come_to_are_told_as_such_and_break_no_cursor(
    office: Office, field: Field, verify: Verify
) -> None:
    field.post(LAWLEY, "DR1752039", message_id="F")
    code, answer = verify()
    assert code == 1
    assert_told(answer, ((1, "Lawley", "F", f"{MISSING}: no pass has come to it yet"),))
    assert verify("--repair")[0] == 0
    assert ("Lawley", "DR1752039") in office.drops()


def test_a_group_is_compared_alone(office: Office, verify: Verify) -> None:
    office.query("DELETE FROM wamon.ledger WHERE message_id = 'A'")
    code, answer = verify("--group", "Mohadin")
    assert (code, answer["checked"]) == (0, 3)
    assert verify("--group", "Lawley")[0] == 1
    assert verify("--group", "Mohadin", "--repair")[0] == 0
    assert (LAWLEY, "A") not in office.ledger()


@pytest.mark.parametrize(("status", "dead"), [("dead", 1), ("retry", 0)])
def test_parked_messages_are_counted_and_are_not_unclean(
    office: Office, verify: Verify, status: str, dead: int
) -> None:
    office.query("UPDATE wamon.ledger_rows SET status = %s WHERE message_id = 'A'", status)
    office.query("DELETE FROM wamon.submissions WHERE message_id = 'A'")
    code, answer = verify()
    assert (code, answer["dead"], answer["problems"]) == (0, dead, [])


def test_rows_read_under_older_rules_are_counted_apart(office: Office, field: Field, verify: Verify) -> None:
    office.set(drops={"pattern": "DR[0-9]{8}"})
    field.post(LAWLEY, "DR17520281", message_id="F")
    office.scan()
    code, answer = verify()
    assert (code, answer["checked"], answer["older_rules"], answer["problems"]) == (0, 7, 6, [])
    office.query("DELETE FROM wamon.submissions WHERE message_id = 'F'")
    assert verify()[0] == 1


def test_rows_recorded_for_a_project_that_the_group_no_longer_has_are_counted_with_them(
    office: Office, verify: Verify
) -> None:
    office.query("UPDATE wamon.submission_rows SET project = 'Elsewhere' WHERE message_id = 'A'")
    code, answer = verify()
    assert (code, answer["older_rules"], answer["problems"]) == (0, 1, [])


def test_each_is_counted_once_whatever_else_is_found_of_it(office: Office, verify: Verify) -> None:
    office.query("UPDATE wamon.submission_rows SET project = 'Elsewhere'")
    office.query("UPDATE wamon.ledger_rows SET text = NULL WHERE message_id = 'A'")
    code, answer = verify()
    assert (code, answer["older_rules"], answer["without_text"], answer["problems"]) == (0, 4, 1, [])


def test_lacking_submissions_are_found_however_few_are_looked_up_at_once(
    office: Office, verify: Verify, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison, "_LACKING_AT_ONCE", 1)
    damage = DAMAGES["every submission deleted"]
    before = office.everything()
    office.query(damage.sql)
    assert_told(verify()[1], damage.told)
    assert verify("--repair")[0] == 0
    assert office.everything() == before


def test_what_a_group_that_left_lacks_is_no_problem(office: Office, verify: Verify) -> None:
    office.set(groups=[{"name": "Mohadin", "jid": MOHADIN}])
    office.scan()
    office.query("DELETE FROM wamon.submissions WHERE message_id = 'A'")
    code, answer = verify()
    assert (code, answer["checked"], answer["problems"]) == (0, 3, [])


@pytest.mark.fault("F48")
def test_a_vanished_row_is_clean_and_keeps_all_and_a_repair_remembers_that_it_is_gone(
    office: Office, field: Field, verify: Verify
) -> None:
    before = office.everything()
    gone = "SELECT message_id FROM wamon.ledger WHERE gone_at IS NOT NULL"
    field.delete("A")
    assert verify()[0] == 0
    assert office.query(gone) == []
    assert verify("--repair")[0] == 0
    assert office.query(gone) == ["A"]
    assert verify()[0] == 0
    assert office.everything() == before


@pytest.mark.parametrize("by", ["scan", "repair"])
def test_a_row_that_comes_back_is_gone_no_longer(office: Office, field: Field, verify: Verify, by: str) -> None:
    before = office.everything()
    field.delete("A")
    verify("--repair")
    field.redeliver("A")
    assert_told(verify()[1], ((1, "Lawley", "A", "is marked as gone, and stands in the store"),))
    if by == "scan":
        office.scan()
    else:
        verify("--repair")
    assert office.query("SELECT count(*) FROM wamon.ledger WHERE gone_at IS NOT NULL") == [0]
    assert office.everything() == before
    assert verify()[0] == 0


def test_a_blanked_row_is_clean(office: Office, field: Field, verify: Verify) -> None:
    before = office.everything()
    field.blank("A")
    office.scan()
    assert verify("--repair")[0] == 0
    assert office.everything() == before


@pytest.mark.parametrize("words", [(), ("--repair",)])
def test_it_ends_with_2_where_the_store_is_away(office: Office, verify: Verify, words: tuple[str, ...]) -> None:
    office.store.rename(office.store.with_suffix(".away"))
    assert verify(*words) == (2, None)


def test_it_ends_with_2_where_the_database_is_away(office: Office, verify: Verify) -> None:
    office.set(database={"url": "postgresql://wamon@127.0.0.1:1/wamon"})
    assert verify() == (2, None)


def test_the_process_says_in_words_what_is_wrong_and_ends_as_the_contract_says(
    tmp_path: Path, dsn: str, field: Field
) -> None:
    office = Office(tmp_path / "words", dsn, field.path)
    office.scan()
    office.query("DELETE FROM wamon.ledger WHERE message_id = 'A'")
    done = office.run("verify")
    assert done.returncode == 1
    assert re.search(rf"2: nothing skipped +Lawley +A +{MISSING}", done.stdout)
    assert "6 messages compared: not clean: 1 problem;" in done.stdout
    done = office.run("verify", "--repair")
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout == "6 messages compared: clean.\n"


@pytest.mark.fault("F97")
@pytest.mark.both_servers
def test_young_messages_whose_text_is_gone_are_counted_and_read_again(office: Office, verify: Verify) -> None:
    kept = set(office.query("SELECT text FROM wamon.texts"))
    office.query("UPDATE wamon.ledger_rows SET text = NULL")
    code, found = verify()
    assert (code, found["without_text"]) == (
        0,
        office.query("SELECT count(*) FROM wamon.ledger WHERE status = 'done'")[0],
    )
    code, found = verify("--repair")
    assert (code, found["without_text"]) == (0, 0)
    assert set(office.query("SELECT text FROM wamon.texts")) == kept


# Beside passes and writers


@pytest.mark.fault("F106")
def test_the_daily_proof_calls_no_message_wrong_that_a_pass_is_still_to_come_to(office: Office, field: Field) -> None:
    field.post(LAWLEY, "DR1752077")
    Upkeep(office.opened, tuple).run(Stopping())
    assert office.query("SELECT last_verify_clean FROM wamon.sources") == [True]
    office.query("DELETE FROM wamon.ledger_rows WHERE message_id = 'A'")
    office.query("UPDATE wamon.sources SET last_verify_at = now() - interval '2 days'")
    Upkeep(office.opened, tuple).run(Stopping())
    assert office.query("SELECT last_verify_clean FROM wamon.sources") == [False]


def test_the_proof_looks_at_bursts_where_somebody_is_answered_daily_and_by_hand(office: Office, verify: Verify) -> None:
    talks = Talks(office.dsn)
    talk = talks.conversation(talks.person(), talks.chat(), "idle", last=1, answered=1)
    talks.messages(talk, 1)  # answered, it says, and no turn did it

    def told(*, answering: bool) -> list[Any]:
        office.set(conversations={"enabled": answering})
        office.query("UPDATE wamon.sources SET last_verify_at = NULL, last_verify_clean = NULL")
        Upkeep(office.opened, partial(broken_promises, configured(office.config_path, {}), CLOCK)).run(Stopping())
        return office.query("SELECT last_verify_clean FROM wamon.sources")

    assert told(answering=False) == [True]
    assert told(answering=True) == [False]
    office.query("UPDATE wamon.sources SET last_verify_clean = NULL")
    assert verify()[0] == 1
    assert office.query("SELECT last_verify_clean FROM wamon.sources") == [False]


@pytest.mark.fault("F106")
def test_a_review_row_that_is_written_while_it_is_looked_for_is_not_missing(
    office: Office, field: Field, monkeypatch: pytest.MonkeyPatch
) -> None:
    with psycopg.connect(office.dsn) as admin:
        admin.execute("LOCK TABLE qa_photo_reviews")
        field.post(LAWLEY, "DR1752077")
        office.scan()
    found = ReviewRows.of

    def found_then_written(
        self: ReviewRows, db: Database, drops: Iterable[tuple[str, str]], **how: bool
    ) -> set[tuple[str, str]]:
        rows = found(self, db, drops, **how)
        monkeypatch.setattr(ReviewRows, "of", found)
        office.scan()
        return rows

    with office.opened() as pipeline:
        verification = Verification(pipeline, list(pipeline.source.groups.values()))
        office.query("UPDATE wamon.review_waits SET next_try_at = now()")
        monkeypatch.setattr(ReviewRows, "of", found_then_written)
        assert verification.verify().problems == []
    assert office.query("SELECT count(*) FROM qa_photo_reviews WHERE drop_number = 'DR1752077'") == [1]
