"""`wamon dead`: what couldn't be recorded, and what people do about it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.office import Office, eventually
from tests.support.truth import Field

FIRST = ("Lawley", "DR1752028")
LAST = ("Lawley", "DR6600001")


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        field.post(LAWLEY, "DR1752028")
        yield field


@pytest.fixture
def office(open_office: Callable[..., Office], field: Field) -> Office:
    return open_office(field.path, groups=[{"name": "Lawley", "jid": LAWLEY}])


@pytest.fixture
def parked(office: Office, field: Field) -> Iterator[str]:
    """The id of a message that PostgreSQL refuses, for as long as the test runs."""
    message_id = field.post(LAWLEY, "DR6600001 at Thandi's")
    with office.refusing("DR66%"):
        office.scan()
        yield message_id


def test_the_list_says_which_message_waits_why_and_until_when(office: Office, parked: str) -> None:
    said = office.run("dead", "list").stdout
    assert parked in said
    assert "retry" in said
    assert "RaiseException" in said
    assert "DR6600001" not in said
    assert "Thandi" not in said


def test_the_shell_completes_its_id_where_postgresql_answers(office: Office, parked: str) -> None:
    words = f"wamon dead show {parked[:3]}"
    asked = {"_WAMON_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": "3"}
    assert office.run(WAMON_CONFIG=str(office.config_path), **asked).stdout.split() == [parked]
    nowhere = {"WAMON_DATABASE_URL": "postgresql://127.0.0.1:1/nowhere"}
    done = office.run(WAMON_CONFIG=str(office.config_path), **asked, **nowhere)
    assert (done.returncode, done.stdout.strip(), done.stderr) == (0, "", "")


def test_where_nothing_waits_the_list_says_so(office: Office) -> None:
    office.scan()
    assert "everything that was read is recorded" in office.run("dead", "list").stdout


def test_its_correlation_id_is_in_the_log_beside_each_try(office: Office, field: Field) -> None:
    with office.refusing("DR66%"), office.running("--json") as daemon:
        eventually("the first drop", lambda: FIRST in office.drops(), said=daemon.said)
        message_id = field.post(LAWLEY, "DR6600001")
        eventually("the parking", lambda: office.query("SELECT count(*) FROM wamon.dead_letters") == [1])
        (shown,) = office.answer("dead", "list")["letters"]
        told = {"letter.parked", message_id, shown["correlation_id"]}
        eventually(
            "its record",
            lambda: any(all(word in line for word in told) for line in daemon.said().splitlines()),
            said=daemon.said,
        )


def test_a_retry_says_what_still_cant_be_recorded_and_ends_with_1(office: Office, parked: str) -> None:
    done = office.run("dead", "retry", parked)
    assert done.returncode == 1
    assert f"Still not: {parked}" in done.stdout
    assert office.answer("dead", "show", parked)["attempts"] == 2


def test_a_retry_records_what_can_be_recorded_now(office: Office, field: Field) -> None:
    message_id = field.post(LAWLEY, "DR6600001")
    with office.refusing("DR66%"):
        office.scan()
        for _ in range(3):
            assert office.run("dead", "retry", "--all").returncode == 1
        assert office.answer("dead", "show", message_id)["status"] == "dead"
    done = office.run("dead", "retry", message_id)
    assert (done.returncode, done.stdout) == (0, "1 of 1 recorded.\n")
    assert office.drops() == {FIRST, LAST}
    assert office.verify().clean


def test_a_discarded_one_holds_no_drop_and_is_never_read_again(office: Office, field: Field, parked: str) -> None:
    assert office.run("dead", "discard", parked).returncode == 0
    assert office.query("SELECT status, reason FROM wamon.ledger WHERE message_id = %s", parked) == [
        ("ignored", "discarded")
    ]
    field.redeliver(parked)
    office.run("state", "rewind", "--group", "Lawley", "--to", "beginning")
    office.sweep()
    office.scan()
    assert office.drops() == {FIRST}
    assert office.run("verify").returncode == 0
    assert office.run("verify", "--repair").returncode == 0
    assert office.drops() == {FIRST}


def test_a_discarded_one_that_is_edited_is_read_again(office: Office, field: Field, parked: str) -> None:
    office.run("dead", "discard", parked)
    field.edit(parked, "DR1752040")
    office.scan()
    assert office.drops() == {FIRST, ("Lawley", "DR1752040")}
    assert office.verify().clean


def test_discarding_an_edit_takes_back_what_the_message_said_before(office: Office, field: Field) -> None:
    message_id = field.post(LAWLEY, "DR1752034")
    office.scan()
    with office.refusing("DR66%"):
        field.edit(message_id, "DR6600001")
        office.scan()
        assert office.run("dead", "discard", message_id).returncode == 0
    assert office.drops() == {FIRST}
    assert office.verify().clean


def test_a_message_without_an_id_of_its_own_is_retried_like_any_other(office: Office, field: Field) -> None:
    field.post(LAWLEY, "DR6600001", message_id="")
    with office.refusing("DR66%"):
        office.scan()
    assert office.run("dead", "retry", "--all").returncode == 0
    assert office.drops() == {FIRST, LAST}


@pytest.mark.parametrize("command", ["show", "retry", "discard"])
def test_an_id_that_no_letter_has_is_told(office: Office, command: str) -> None:
    office.scan()
    done = office.run("dead", command, "3EB0NONE")
    assert done.returncode == 2
    assert "no dead letter 3EB0NONE" in done.stderr


def test_a_retry_of_nothing_named_asks_which(office: Office) -> None:
    done = office.run("dead", "retry")
    assert done.returncode == 2
    assert "--all" in done.stderr
