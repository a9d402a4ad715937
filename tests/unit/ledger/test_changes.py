"""What a batch changes beside what the ledger holds: pure decisions."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from wamon.ledger.changes import (
    NOTHING_STANDS,
    Candidate,
    Known,
    Standing,
    count_kinds,
    ledger_changes,
    newest_of_each,
    submission_changes,
    with_kinds,
)
from wamon.model import BEGINNING, Group, Message, Reading, content_hash

CHAT, OTHER = "1203@g.us", "1204@g.us"
NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
SENT = NOW - timedelta(hours=1)


def message(
    message_id: str = "3A", text: str = "DR1752028", rowid: int = 1, chat: str = CHAT, sent: datetime | None = SENT
) -> Message:
    return Message(rowid, chat, message_id, "278", sent, text, "", from_me=False, content_hash=content_hash(text, ""))


def reading(of: Message, *numbers: str) -> Reading:
    return Reading(of, numbers, None if numbers else "no-drop")


def known(of: Message, status: str = "done", reason: str | None = None, *, gone: bool = False) -> Known:
    return Known(of.content_hash, status, reason, gone)


def group(chat: str = CHAT, project: str = "Lawley") -> Group:
    start = ("beginning", None, BEGINNING, True)
    return Group(1, chat, project, "main", True, *start, 0, None, None)


# The ledger


def test_a_message_that_the_ledger_does_not_know_is_new() -> None:
    new = reading(message(), "DR1752028")
    for again in (False, True):
        changes = ledger_changes([new], {}, again=again)
        assert (changes.new, changes.changed, changes.came_back) == ([new], [], [])


@pytest.mark.parametrize("status", ["done", "ignored", "retry", "dead"])
def test_a_message_read_again_changes_nothing(status: str) -> None:
    changes = ledger_changes([reading(message(rowid=9))], {(CHAT, "3A"): known(message(), status)}, again=False)
    assert (changes.new, changes.changed, changes.came_back) == ([], [], [])


def test_the_same_id_in_another_chat_is_another_message() -> None:
    new = reading(message(chat=OTHER))
    assert ledger_changes([new], {(CHAT, "3A"): known(message())}, again=False).new == [new]


def test_a_message_that_says_something_else_is_changed() -> None:
    edited = reading(message(text="DR1752034"), "DR1752034")
    assert ledger_changes([edited], {(CHAT, "3A"): known(message())}, again=False).changed == [edited]


@pytest.mark.parametrize("blank", ["", " ", "\n\t"])
def test_a_blanked_message_keeps_what_it_said(blank: str) -> None:
    changes = ledger_changes([reading(message(text=blank))], {(CHAT, "3A"): known(message())}, again=False)
    assert (changes.new, changes.changed, changes.came_back) == ([], [], [])


def test_a_message_that_was_gone_and_stands_there_again_came_back() -> None:
    back = message(rowid=7)
    changes = ledger_changes([reading(back)], {(CHAT, "3A"): known(message(), gone=True)}, again=False)
    assert (changes.changed, changes.came_back) == ([], [back])


def test_a_message_from_before_its_start_stays_there_when_it_is_edited() -> None:
    edited = reading(message(text="DR1752034"), "DR1752034")
    held = {(CHAT, "3A"): known(message(), "ignored", "before-start")}
    assert ledger_changes([edited], held, again=False).changed == [Reading(edited.message, (), "before-start")]


@pytest.mark.parametrize("held", [known(message()), known(message(), "retry"), known(message(), gone=True)])
def test_again_processes_what_the_ledger_holds_once_more(held: Known) -> None:
    same = reading(message(), "DR1752028")
    assert ledger_changes([same], {(CHAT, "3A"): held}, again=True).changed == [same]


@pytest.mark.parametrize("gone", [False, True])
def test_again_does_not_let_a_blank_erase_what_a_message_said(gone: bool) -> None:
    blank = reading(message(text=""))
    changes = ledger_changes([blank], {(CHAT, "3A"): known(message(), gone=gone)}, again=True)
    assert (changes.changed, changes.came_back) == ([], [blank.message] * gone)


# One reading of each message


def test_of_two_readings_of_a_message_the_later_row_counts_wherever_it_stands_in_the_batch() -> None:
    old, new = reading(message(text="DR1752028", rowid=3)), reading(message(text="DR1752034", rowid=8))
    assert newest_of_each([new, old]) == newest_of_each([old, new]) == [new]


def test_a_later_row_that_says_nothing_yields_to_one_that_does() -> None:
    full, blank = reading(message(rowid=3)), reading(message(text=" ", rowid=8))
    assert newest_of_each([full, blank]) == [full]


def test_of_readings_that_say_nothing_the_last_counts() -> None:
    first, last = reading(message(text="", rowid=3)), reading(message(text=" ", rowid=8))
    assert newest_of_each([first, last]) == [last]


@pytest.mark.fault("F18")
def test_readings_come_in_the_order_of_their_keys_so_that_two_recorders_lock_in_one_order() -> None:
    one, other = sorted([message().chat_jid, OTHER])
    three = [message("3B", rowid=1, chat=one), message("3A", rowid=2, chat=other), message("3A", rowid=3, chat=one)]
    ordered = [("3A", one), ("3A", other), ("3B", one)]
    for some, expected in ((three, ordered), (three[:2], ordered[1:])):
        chosen = newest_of_each([reading(message) for message in some])
        assert [(r.message.message_id, r.message.chat_jid) for r in chosen] == expected


# Submissions


def test_a_number_that_the_message_has_no_submission_of_is_inserted_for_its_groups_project() -> None:
    one, two = message(), message(chat=OTHER)
    readings = [reading(one, "DR1752028", "DR1752034"), reading(two, "DR1752028")]
    changes = submission_changes(readings, {}, {CHAT: group(), OTHER: group(OTHER, "Mohadin")}, NOW)
    assert changes.inserted == [
        Candidate(one, "Lawley", "DR1752028", SENT),
        Candidate(one, "Lawley", "DR1752034", SENT),
        Candidate(two, "Mohadin", "DR1752028", SENT),
    ]
    assert (changes.revived, changes.retracted) == ([], [])


def test_a_message_without_a_readable_time_counts_as_sent_when_it_is_recorded() -> None:
    changes = submission_changes([reading(message(sent=None), "DR1752028")], {}, {CHAT: group()}, NOW)
    assert [candidate.sent_at for candidate in changes.inserted] == [NOW]


def test_what_a_message_no_longer_says_is_retracted_and_what_it_says_again_revived() -> None:
    now = message()
    own = {(CHAT, "3A"): {"DR1752028": True, "DR1752034": False, "DR1752040": True, "DR1752011": False}}
    changes = submission_changes([reading(now, "DR1752028", "DR1752034")], own, {CHAT: group()}, NOW)
    assert changes.inserted == []
    assert changes.revived == [Candidate(now, "Lawley", "DR1752034", SENT)]
    assert changes.retracted == [Candidate(now, "Lawley", "DR1752040", SENT)]


def test_a_message_without_numbers_or_submissions_changes_none() -> None:
    changes = submission_changes([reading(message(text="ok"))], {}, {CHAT: group()}, NOW)
    assert (changes.inserted, changes.revived, changes.retracted) == ([], [], [])


# Kinds, counted


def candidate(number: str = "DR1752028", chat: str = CHAT, project: str = "Lawley") -> Candidate:
    return Candidate(message(chat=chat), project, number, SENT)


def test_the_first_submission_of_a_drop_is_new_and_those_after_it_came_again() -> None:
    counts = count_kinds(with_kinds([candidate()] * 3, [NOTHING_STANDS] * 3))
    assert counts == {(CHAT, "new"): 1, (CHAT, "resubmission"): 2}


def test_a_number_is_new_once_in_each_project_whichever_of_its_groups_posted_it() -> None:
    candidates = [candidate(), candidate(chat=OTHER), candidate(chat=OTHER, project="Mohadin")]
    assert count_kinds(with_kinds(candidates, [NOTHING_STANDS] * 3)) == {
        (CHAT, "new"): 1,
        (OTHER, "resubmission"): 1,
        (OTHER, "new"): 1,
    }


def test_a_drop_that_has_a_live_submission_came_again_and_one_that_lost_its_last_is_new() -> None:
    candidates = [candidate(), candidate("DR1752034")]
    counts = count_kinds(with_kinds(candidates, [Standing(SENT, live=True), Standing(SENT, live=False)]))
    assert counts == {(CHAT, "resubmission"): 1, (CHAT, "new"): 1}


def test_a_message_that_another_source_recorded_counts_as_neither() -> None:
    assert count_kinds(with_kinds([candidate()], [Standing(SENT, live=True, twin=True)])) == {}


def test_each_candidate_needs_its_standing() -> None:
    with pytest.raises(ValueError, match="shorter"):
        with_kinds([candidate()], [])
