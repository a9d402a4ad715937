"""One burst, one turn, one answer: what people write is never lost, doubled or stranded, whatever happens meanwhile."""

from __future__ import annotations

import logging
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import count
from pathlib import Path
from random import Random

import pytest

from tests.support.clock import HOST
from tests.support.deliveries import MANYCHAT, PHONE, meta_body, meta_message
from tests.support.intake import hook, keep, take_in
from tests.support.office import Office
from tests.support.talk import (
    Desk,
    advance,
    conversations,
    desk,
    due_in,
    operator_writes,
    replies,
    said,
    talking,
    transitions,
    turns,
    walk,
    write,
)
from wamon.app.configured import configured
from wamon.clock import Clock
from wamon.conversations import worker
from wamon.conversations.answers import answers
from wamon.conversations.model import TRANSITIONS
from wamon.conversations.rescue import closed_turns, reopen, retry_letters
from wamon.conversations.retention import prune_conversations
from wamon.conversations.turns import Ended, Turn
from wamon.conversations.worker import Worker

Opened = Callable[..., Office]
SINCE_THE_LAST = "SELECT extract(epoch FROM due_at - (SELECT max({}) FROM wamon.turns))::int FROM wamon.conversations"
"""When the one conversation is due, in seconds after its last turn's time: no clock is read, whatever the load."""


@pytest.fixture
def office(tmp_path: Path, open_office: Opened) -> Office:
    return talking(open_office(tmp_path / "messages.db"))


def working(at: Desk) -> Worker:
    return Worker(at.turns, configured(at.office.config_path, {}), HOST)


def test_case_1_requirement_8_what_comes_during_a_turn_gets_the_next(office: Office) -> None:
    write(office, "m1")
    advance(office, 35)
    with desk(office) as at:
        first = at.claim_one()
        advance(office, 11)
        write(office, "m2")
        advance(office, 15)
        (finished,) = at.finish(first)
        assert finished.state == "settling"
        assert conversations(office, "extract(epoch FROM due_at - last_at)::int") == [35]
        advance(office, 20)
        second = at.claim_one()
        at.finish(second)
    assert (second.messages, second.follow_up) == (1, True)
    assert turns(office) == [(1, 1, "answered"), (2, 2, "answered")]
    assert len(replies(office)) == 2
    assert conversations(office) == [("idle", 2, 2, False)]
    assert transitions(office) == [
        ("idle", "settling", "message"),
        ("settling", "processing", "due"),
        ("processing", "settling", "arrived-while-processing"),
        ("settling", "processing", "due"),
        ("processing", "idle", "answered"),
    ]


@pytest.mark.parametrize(("away_seconds", "becomes"), [(35, "answered"), (86_400, "stale")])
def test_case_2_what_no_worker_came_to_is_answered_later_or_stale(
    office: Office, away_seconds: float, becomes: str
) -> None:
    write(office, "m1")
    advance(office, 35)
    with desk(office) as at:
        first = at.claim_one()
        advance(office, 7)
        write(office, "m2")
        advance(office, 21)
        at.finish(first)
        advance(office, away_seconds)
        at.finish(*at.claim().turns)
    assert turns(office) == [(1, 1, "answered"), (2, 2, becomes)]
    assert len(replies(office)) == 1 + (becomes == "answered")


def test_requirement_10_previous_times_are_those_before_the_burst(office: Office) -> None:
    """Case 3: however long the turn takes, and whoever takes it over. A follow-up looks for nothing."""
    write(office, "first")
    with desk(office) as at:
        advance(office, 35)
        at.finish(at.claim_one())
        advance(office, 780 - 35)
        write(office)
        advance(office, 13)
        write(office)
        advance(office, 22)
        killed = at.claim_one()
        advance(office, 121)
        write(office, "during")
        taken_over = at.claim_one()
        assert (taken_over.reason, taken_over.messages) == ("takeover", 3)
        for turn in (killed, taken_over):
            assert turn.gap_seconds == pytest.approx(780, abs=5)
        assert at.finish(killed) == []
        write(office, "beyond")
        at.finish(taken_over)
        advance(office, 35)
        follow_up = at.claim_one()
    assert (follow_up.follow_up, follow_up.gap_seconds) == (True, None)


def test_case_13_requirement_9_max_wait_holds(office: Office) -> None:
    """A message comes just before the person would have been quiet, again and again."""
    talking(office, direct={"settle": "5s", "max_wait": "30s", "answer_within": "10m"})
    waits = []
    for _ in range(10):
        write(office)
        waits += office.query("SELECT extract(epoch FROM due_at - burst_at)::float8 FROM wamon.conversations")
        advance(office, 4)
    assert waits[0] == 5
    assert waits == sorted(waits)
    assert waits[-2:] == [30, 30]


def test_the_gap_before_a_burst_is_that_before_its_first_newer_message(office: Office) -> None:
    """One that was sent before the burst before, and came late, shortens none."""
    write(office)
    advance(office, 35)
    with desk(office) as at:
        at.finish(at.claim_one())
        advance(office, 600)
        write(office, at=HOST.now() - timedelta(minutes=30))
        write(office)
        advance(office, 35)
        gap_seconds = at.claim_one().gap_seconds
    assert gap_seconds is not None
    assert gap_seconds > 600


def test_an_answer_hangs_on_the_message_that_was_sent_last_whichever_came_last(office: Office) -> None:
    last = write(office)
    write(office, at=HOST.now() - timedelta(seconds=20))
    advance(office, 35)
    with desk(office) as at:
        at.finish(at.claim_one())
    assert replies(office, "message_id") == [last]


def test_requirement_9_max_wait_counts_from_the_first_message_that_came_during_a_turn(office: Office) -> None:
    talking(office, direct={"settle": "5s", "max_wait": "30s", "answer_within": "10m"})
    write(office)
    advance(office, 5)
    with desk(office) as at:
        turn = at.claim_one()
        write(office)
        advance(office, 27)
        write(office)
        at.finish(turn)
        write(office)
    assert conversations(office, "extract(epoch FROM due_at - burst_at)::int") == [30]


def test_case_8_requirement_7_one_burst_one_turn(office: Office, caplog: pytest.LogCaptureFixture) -> None:
    """50 first messages at once, several processes; and each of them claims."""
    for _ in range(50):
        keep(office, "wati", said())
    with caplog.at_level(logging.INFO, "wamon"), ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda _: take_in(office), range(4)))
    lines = [record.getMessage() for record in caplog.records]
    assert sum("Started new timer thread" in line for line in lines) == 1
    assert sum("Timer already running" in line for line in lines) == 49
    assert sum("Created new conversation" in line for line in lines) == 1
    advance(office, 35)

    def claim(_: int) -> int:
        with desk(office) as at:
            return len(at.claim().turns)

    with ThreadPoolExecutor(4) as pool:
        assert sum(pool.map(claim, range(4))) == 1
    assert conversations(office, "state, last_seq, claimed_seq") == [("processing", 50, 50)]


def test_requirement_7_a_claim_waits_for_no_other(office: Office) -> None:
    """What somebody holds at that moment is left to them, and the next one is claimed."""
    for n in (1, 2):
        write(office, by=f"2782000000{n}")
    advance(office, 35)
    with desk(office) as holding, desk(office) as at, holding.db.transaction():
        held = holding.db.execute("SELECT conversation FROM wamon.conversations ORDER BY due_at LIMIT 1 FOR UPDATE")
        ((first,),) = held.fetchall()
        (turn,) = at.claim().turns
        assert turn.conversation != first


def test_case_9_requirement_2_one_id_one_turn_for_ever(office: Office) -> None:
    """The same delivery comes again, before the answer and after it."""
    body = said()
    with desk(office) as at:
        for _ in range(2):
            keep(office, "wati", body)
            take_in(office)
        advance(office, 35)
        at.finish(at.claim_one())
        keep(office, "wati", body)
        take_in(office)
        advance(office, 35)
        assert at.claim().is_empty
    assert turns(office) == [(1, 1, "answered")]


def writes_nothing(stalled: Desk, slow: Turn) -> None:
    late = stalled.turns
    assert late.finish([]) == []
    assert not late.renew(slow)
    assert late.fail(slow, "Late", 0.0) is None
    assert not late.release(slow)
    assert stalled.finish(slow, body="too late") == []


def test_requirement_18_a_stalled_worker_writes_nothing(office: Office) -> None:
    """Case 11: stopped for 3 minutes and taken over."""
    write(office)
    advance(office, 35)
    with desk(office) as stalled, desk(office) as other:
        slow = stalled.claim_one()
        advance(office, 180)
        by_the_other = other.claim_one()
        writes_nothing(stalled, slow)
        other.finish(by_the_other, body="by the other")
        writes_nothing(stalled, slow)
    assert replies(office, "body") == ["by the other"]
    assert turns(office) == [(1, 1, "lost"), (1, 1, "answered")]


def test_a_killed_worker_s_turn_waits_for_two_minutes_and_no_longer(office: Office) -> None:
    """Where no new run takes over at once: the lease is its due time, and its end is looked for like any."""
    write(office)
    advance(office, 35)
    with desk(office) as killed, desk(office) as other:
        killed.claim_one()
        assert office.query(SINCE_THE_LAST.format("started_at")) == [120]
        advance(office, 60)
        assert other.claim().is_empty
        advance(office, 60)
        assert other.claim_one().reason == "takeover"


class TenMinutesLater(Clock):
    """Whenever it is asked, over ten minutes went by."""

    def __init__(self) -> None:
        self._asked = count(1)

    def monotonic_seconds(self) -> float:
        return next(self._asked) * 601.0


def test_a_turn_of_over_ten_minutes_fails_and_is_tried_again(office: Office) -> None:
    write(office)
    advance(office, 35)
    with desk(office) as at:
        slow = Worker(at.turns, configured(office.config_path, {}), TenMinutesLater())
        assert slow.work()
    assert turns(office, "outcome, error") == [("failed", "TimeoutError")]
    assert conversations(office, "state, attempts") == [("retry", 1)]


@pytest.mark.parametrize("append_first", [True, False])
def test_case_12_a_conversation_is_never_idle_and_pending(office: Office, append_first: bool) -> None:
    """Finish and append in both lock orders: the one waits for the other's commit."""
    write(office)
    advance(office, 35)
    with desk(office) as at, desk(office) as other:
        turn = at.claim_one()
        keep(office, "wati", said("beyond"))
        with ThreadPoolExecutor(1) as pool:
            if append_first:
                with other.db.transaction():
                    other.db.execute("SELECT FROM wamon.conversations FOR UPDATE")
                    finishing = pool.submit(at.finish, turn)
                    _append_by_hand(other)
                assert [one.state for one in finishing.result()] == ["settling"]
            else:
                with other.db.transaction():
                    other.turns.finish_within(other.db, [Ended(turn, "answered", "an answer")])
                    appending = pool.submit(take_in, office)
                appending.result()
    ((state, last, answered),) = conversations(office, "state, last_seq, answered_seq")
    assert (state, last > answered) == ("settling", True)


def _append_by_hand(at: Desk) -> None:
    """What an append does to the row, in a transaction that holds it."""
    at.db.execute("UPDATE wamon.conversations SET last_seq = last_seq + 1, beyond_at = now(), last_at = now()")
    at.db.execute(
        "INSERT INTO wamon.conversation_messages (chat, message_id, conversation, seq, role, part, sent_at)"
        " SELECT chat, 'by-hand', conversation, last_seq, 'person', 'text', now() FROM wamon.conversations"
    )


def test_case_15_requirement_17_a_failed_turn_1_2_4_min_in_order_then_parked(office: Office) -> None:
    """Newer messages join; the next burst is unharmed."""
    write(office, "first")
    advance(office, 35)
    with desk(office) as at:
        for n, minutes in enumerate((1, 2, 4)):
            turn = at.claim_one()
            assert at.turns.fail(turn, "Refused", 1.0) == "failed"
            assert office.query(SINCE_THE_LAST.format("ended_at")) == [60 * minutes]
            write(office, f"meanwhile {n}")
            assert office.query(SINCE_THE_LAST.format("ended_at")) == [60 * minutes]
            advance(office, 60 * minutes)
        last = at.claim_one()
        assert last.reason == "retry"
        assert at.turns.fail(last, "Refused", 1.0) == "dead"
        letters = office.query("SELECT message_id, kind, reason FROM wamon.dead_letters")
        assert [(kind, reason) for _, kind, reason in letters] == [("turn", "Refused")]
        write(office, "the next")
        advance(office, 35)
        at.finish(at.claim_one())
        assert turns(office)[-2:] == [(1, 4, "dead"), (5, 5, "answered")]
        assert len(replies(office)) == 1
        config = at.turns.conversations
        assert retry_letters(at.db, [letters[0][0]], config) == [letters[0][0]]
        again = at.claim_one()
        assert (again.from_seq, again.messages) == (6, 4)
        at.finish(again)
    assert office.query("SELECT count(*) FROM wamon.dead_letters") == [0]
    assert [outcome for *_, outcome in turns(office)][-3:] == ["reopened", "answered", "answered"]


def test_requirement_13_no_answer_past_answer_within(office: Office) -> None:
    old = HOST.now() - timedelta(minutes=31)
    write(office, "old", at=old)
    with desk(office) as at:
        advance(office, 35)
        (closed,) = at.claim().closed
        assert closed.ended.outcome == "stale"
        assert replies(office) == []
        ((number, fence),) = closed_turns(at.db, closed.ended.turn.conversation)
        assert reopen(at.db, number, fence, at.turns.conversations, late=False) == "too-old"
        assert reopen(at.db, number, fence, at.turns.conversations, late=True) == "reopened"
        at.finish(at.claim_one())
    (deadline,) = office.query("SELECT extract(epoch FROM deadline - now())::float8 FROM wamon.replies")
    assert deadline == pytest.approx(1800, abs=20)


def test_requirement_13_an_answer_s_deadline_counts_from_when_its_newest_message_was_sent(office: Office) -> None:
    write(office, at=HOST.now() - timedelta(minutes=5))
    write(office, at=HOST.now() - timedelta(minutes=9))
    advance(office, 35)
    with desk(office) as at:
        at.finish(at.claim_one())
    newest = "(SELECT max(sent_at) FROM wamon.conversation_messages)"
    assert replies(office, f"extract(epoch FROM deadline - {newest})::int") == [30 * 60]


def test_requirement_20_each_change_of_state_has_its_row(office: Office) -> None:
    talking(office, human_for="10m")
    with desk(office) as at:
        write(office)
        advance(office, 35)
        at.turns.release(at.claim_one())
        at.turns.fail(at.claim_one(), "Refused", 1.0)
        operator_writes(office)
        advance(office, 601)
        assert at.claim().rested == 1
        write(office)
        operator_writes(office)
        write(office)
        advance(office, 601)
        at.finish(at.claim_one())
    steps = transitions(office)
    assert {tuple(one) for one in steps} <= set(TRANSITIONS)
    assert walk(steps) == conversations(office, "state")[0] == "idle"
    assert [outcome for *_, outcome in turns(office)] == ["released", "failed", "human", "human", "answered"]


def test_while_an_operator_talks_the_turn_at_work_says_nothing(office: Office) -> None:
    talking(office, human_for="10m")
    write(office)
    advance(office, 35)
    with desk(office) as at:
        turn = at.claim_one()
        operator_writes(office)
        assert at.finish(turn) == []
    assert replies(office) == []
    assert turns(office) == [(1, 1, "lost"), (1, 1, "human")]


@pytest.mark.parametrize(("field", "state"), [("standby", "settling"), ("smb_message_echoes", "human")])
def test_what_metas_own_agent_says_leaves_nobody_to_a_colleague(office: Office, field: str, state: str) -> None:
    """In standby it answers, until it hands over; a colleague's answer by the Business app is told as an echo, too."""
    talking(office, human_for="10m").set(hooks=[hook("meta")])
    said = meta_message(id="wamid.ONE", timestamp=str(int(HOST.now().timestamp())))
    keep(office, "meta", meta_body(said))
    take_in(office)
    echo = {"from": "27110000000", "to": PHONE, "id": "wamid.TWO", "type": "text", "text": {"body": "Hello"}}
    keep(office, "meta", meta_body(field=field, message_echoes=[echo]))
    take_in(office)
    assert conversations(office, "state") == [state]


def test_what_is_unsent_as_an_operator_writes_is_not_sent_once_they_are_silent_either(office: Office) -> None:
    talking(office, human_for="1m")
    write(office)
    advance(office, 35)
    with desk(office) as at:
        at.finish(at.claim_one())
        operator_writes(office)
        advance(office, 61)
        assert at.claim().rested == 1
    assert conversations(office, "state") == ["idle"]
    assert replies(office, "state, reason") == [("skipped", "an operator answered")]


def test_requirement_19_no_error_text_reaches_a_person(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """Case 7: a first contact with a photo, and whoever answers raises."""

    def raises(*_: object) -> None:
        raise ZeroDivisionError("a secret")

    monkeypatch.setattr(worker, "answers", raises)
    write(office, "", type="image")
    advance(office, 35)
    with desk(office) as at:
        assert working(at).work()
    assert conversations(office, "state, attempts") == [("retry", 1)]
    assert office.query(SINCE_THE_LAST.format("ended_at")) == [60]
    assert turns(office, "outcome, error") == [("failed", "ZeroDivisionError")]
    assert replies(office) == []


def test_requirement_12_what_fails_keeps_no_other_back(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    talking(office, templates={"fallback": "We call back."})

    def raises_of_some(db: object, turns: object, words: object) -> object:
        if any(turn.person.values == ["27820000002"] for turn in turns):  # type: ignore[attr-defined]
            raise ZeroDivisionError
        return answers(db, turns, words)  # type: ignore[arg-type]

    monkeypatch.setattr(worker, "answers", raises_of_some)
    for n in range(1, 4):
        write(office, by=f"2782000000{n}")
    advance(office, 35)
    with desk(office) as at:
        working(at).work()
    assert sorted(conversations(office, "state")) == ["idle", "idle", "retry"]
    assert len(replies(office)) == 2


def test_requirement_22_off_by_default_and_who_isn_t_chosen_is_not_answered(office: Office) -> None:
    office.set(conversations={"percentage": 0, "users": ["+27 82 000 0002"]})
    write(office, by=PHONE)
    write(office, by="27820000002")
    assert conversations(office, "state") == ["settling"]
    office.set(conversations={"users": []})
    advance(office, 35)
    with desk(office) as at:
        (closed,) = at.claim().closed
    assert closed.ended.outcome == "silent"
    office.set(conversations={"enabled": False})
    write(office, by="27820000003")
    assert len(conversations(office)) == 1


def test_replies_off_closes_bursts_in_silence(office: Office) -> None:
    write(office)
    office.query("UPDATE wamon.sources SET replies_off = true")
    advance(office, 35)
    with desk(office) as at:
        assert [one.ended.outcome for one in at.claim().closed] == ["silent"]


def test_requirement_26_text_goes_in_time(office: Office) -> None:
    write(office, "answered")
    advance(office, 35)
    with desk(office) as at:
        at.finish(at.claim_one())
        write(office, "pending")
        advance(office, timedelta(days=8))
        prune_conversations(at.db, timedelta(days=7))
        assert office.query("SELECT body FROM wamon.conversation_messages ORDER BY seq") == [None, "pending"]
        advance(office, timedelta(days=90))
        prune_conversations(at.db, timedelta(days=7))
    assert office.query("SELECT seq FROM wamon.conversation_messages") == [2]
    assert office.query("SELECT count(*) FROM wamon.turns") == [0]


def test_an_edit_or_a_revoke_changes_what_is_pending_and_nothing_else(office: Office) -> None:
    first = meta_message(id="wamid.ONE", timestamp=str(int(HOST.now().timestamp())), text={"body": "one"})
    office.set(hooks=[hook("meta")])
    keep(office, "meta", meta_body(first))
    take_in(office)
    before = conversations(office, "last_seq, due_at, burst_at")
    edit = {"original_message_id": "wamid.ONE", "message": {"type": "text", "text": {"body": "two"}}}
    keep(office, "meta", meta_body({**first, "id": "wamid.TWO", "type": "edit", "edit": edit}))
    take_in(office)
    assert office.query("SELECT body FROM wamon.conversation_messages") == ["two"]
    revoke = {"original_message_id": "wamid.ONE"}
    keep(office, "meta", meta_body({**first, "id": "wamid.THREE", "type": "revoke", "revoke": revoke}))
    take_in(office)
    assert office.query("SELECT body FROM wamon.conversation_messages") == [None]
    assert conversations(office, "last_seq, due_at, burst_at") == before


def test_a_sent_time_in_the_future_counts_as_now(office: Office) -> None:
    """The first of a burst as well as the second."""
    for _ in range(2):
        write(office, at=HOST.now() + timedelta(minutes=10))
        assert conversations(office, "last_in_at <= last_at") == [True]
    assert office.query("SELECT bool_and(sent_at <= seen_at) FROM wamon.conversation_messages") == [True]


@pytest.mark.parametrize("change", ["edit", "revoke"])
def test_what_was_answered_stays_as_it_was_and_its_change_opens_nothing(office: Office, change: str) -> None:
    first = meta_message(id="wamid.ONE", timestamp=str(int(HOST.now().timestamp())), text={"body": "one"})
    office.set(hooks=[hook("meta")])
    keep(office, "meta", meta_body(first))
    take_in(office)
    advance(office, 35)
    with desk(office, "meta") as at:
        at.finish(at.claim_one())
    says = {"original_message_id": "wamid.ONE", "message": {"type": "text", "text": {"body": "two"}}}
    keep(office, "meta", meta_body({**first, "id": "wamid.TWO", "type": change, change: says}))
    take_in(office)
    assert office.query("SELECT body FROM wamon.conversation_messages") == ["one"]
    assert conversations(office) == [("idle", 1, 1, False)]


def test_case_17_after_72_hours_each_message_is_recorded_once_and_none_is_answered_late(office: Office) -> None:
    """Batches of a thousand, repeated and shuffled; two people wrote within the last ten minutes as well."""
    talking(office, templates={"fallback": "We call back."}).set(hooks=[hook("meta")])
    now, hour = HOST.now(), timedelta(hours=1)
    sent = {f"wamid.{n}": (n % 40, now - hour - n * timedelta(minutes=2)) for n in range(2_000)}
    sent |= {f"wamid.{2_000 + n}": (n, now - timedelta(minutes=9)) for n in range(2)}
    messages = [
        meta_message(**{"id": name, "from": f"278200002{who:02}", "from_user_id": f"ZA.{who}",
                        "timestamp": str(int(at.timestamp()))})
        for name, (who, at) in sent.items()
    ]  # fmt: skip
    for seed in range(2):
        Random(seed).shuffle(messages)
        for first in range(0, len(messages), 1_000):
            keep(office, "meta", meta_body(*messages[first : first + 1_000], contacts=[]))
    take_in(office)
    advance(office, 35)
    with desk(office, "meta") as at:
        while working(at).work():
            pass
    assert office.query("SELECT count(*) FROM wamon.ledger") == [len(sent)]
    assert office.query("SELECT count(DISTINCT person), sum(last_seq) FROM wamon.conversations") == [(40, len(sent))]
    assert office.query("SELECT outcome, count(*) FROM wamon.turns GROUP BY 1 ORDER BY 1") == [
        ("answered", 2),
        ("stale", 38),
    ]


def test_case_18_broken_deliveries_hold_up_no_good_one(office: Office) -> None:
    for _ in range(100):
        keep(office, "wati", b"{broken")
    write(office, "good")
    assert conversations(office, "state, last_seq") == [("settling", 1)]


def test_case_23_the_same_words_twice_are_two_messages_and_a_twin_is_none(office: Office) -> None:
    office.set(hooks=[hook("manychat")])
    body = {**MANYCHAT, "last_input_text": "ok"}
    keep(office, "manychat", body, ago=timedelta(seconds=5))
    keep(office, "manychat", body)
    take_in(office)
    assert conversations(office, "last_seq") == [2]
    keep(office, "manychat", body, ago=timedelta(milliseconds=10))
    take_in(office)
    assert conversations(office, "last_seq") == [2]


def test_an_operator_s_message_is_remembered_and_opens_nothing(office: Office) -> None:
    operator_writes(office)
    assert conversations(office) == [("idle", 0, 0, False)]
    assert office.query("SELECT role, seq FROM wamon.conversation_messages") == [("operator", None)]


def test_a_reaction_opens_nothing_and_joins_what_is_open(office: Office) -> None:
    office.set(conversations={"human_for": "1h"})
    write(office, "\U0001f44d", type="reaction")
    assert conversations(office) == []
    write(office)
    write(office, "\U0001f44d", type="reaction")
    operator_writes(office, "\U0001f44d", type="reaction")
    assert conversations(office, "state, last_seq") == [("settling", 2)]


def test_what_a_person_writes_in_both_forms_is_one_burst(office: Office) -> None:
    """Case 14: by phone, by BSUID, by both."""
    office.set(hooks=[hook("meta")])
    now = str(int(HOST.now().timestamp()))
    by_both, by_phone = meta_message(id="wamid.F0", timestamp=now), meta_message(id="wamid.F1", timestamp=now)
    by_bsuid = meta_message(id="wamid.F2", timestamp=now)
    del by_phone["from_user_id"], by_bsuid["from"]
    for message in (by_both, by_phone, by_bsuid):
        keep(office, "meta", meta_body(message, contacts=[]))
        take_in(office)
    assert conversations(office, "state, last_seq") == [("settling", 3)]


def test_random_bursts_end_idle_and_answered_once(office: Office) -> None:
    """Case 12, at random: append, claim, finish, fail, release in any order, by two workers."""
    random = Random(16)
    with desk(office) as one, desk(office) as other:
        held: list[tuple[Desk, Turn]] = []
        for _ in range(60):
            step = random.choice(["write", "claim", "finish", "advance", "fail", "release"])
            at = random.choice([one, other])
            if step == "write":
                write(office)
            elif step == "advance":
                advance(office, random.choice([1, 36, 125]))
            elif step == "claim":
                held += [(at, turn) for turn in at.claim().turns]
            elif held:
                at, turn = held.pop(random.randrange(len(held)))
                if step == "finish":
                    at.finish(turn)
                elif step == "fail":
                    at.turns.fail(turn, "Refused", 0.0)
                else:
                    at.turns.release(turn)
            for state, last, answered in conversations(office, "state, last_seq, answered_seq"):
                assert (state == "idle") == (last == answered)
        while any(due_in(office)):
            advance(office, 300)
            one.finish(*one.claim().turns)
    closed = [t for t in turns(office) if t[2] in {"answered", "dead", "stale"}]
    assert [first for first, _, _ in closed] == [1, *[last + 1 for _, last, _ in closed[:-1]]]
    assert len(replies(office)) == sum(outcome == "answered" for *_, outcome in closed)


def test_a_delivery_that_can_t_be_recorded_is_told_as_an_orphan_s(
    office: Office, caplog: pytest.LogCaptureFixture
) -> None:
    office.set(hooks=[hook("wati", project="Lawley")])
    with office.refusing("DR1752028"), caplog.at_level(logging.CRITICAL, "wamon"):
        write(office, "DR1752028")
    (line,) = [record.getMessage() for record in caplog.records if record.levelno == logging.CRITICAL]
    assert line.startswith("[WEBHOOK] CRITICAL: Timer creation failed for ")
    assert line.endswith("Error: Poison")
    assert PHONE not in line


def test_a_turn_that_is_taken_over_again_and_again_is_parked(office: Office) -> None:
    """Whatever ends its workers, it doesn't end them for ever."""
    write(office)
    advance(office, 35)
    with desk(office) as at:
        for _ in range(4):
            at.claim_one()
            advance(office, 121)
        (closed,) = at.claim().closed
    assert closed.ended.outcome == "dead"
    assert [outcome for *_, outcome in turns(office)] == ["lost"] * 4 + ["dead"]
    assert office.query("SELECT kind FROM wamon.dead_letters") == ["turn"]
    assert replies(office) == []
