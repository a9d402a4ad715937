"""Timelines of people, operators and workers, each killed once where it meets a step, and begun again.

The suite has each without a kill, two of the kills, and those of test_crash_of_turns.py. `make chaos` has them all.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

import pytest

from tests.support.clock import HOST
from tests.support.deliveries import MANYCHAT, meta_body, meta_message
from tests.support.environment import EXAMPLES
from tests.support.intake import hook, keep, take_in
from tests.support.office import Office, eventually
from tests.support.ports import free_port
from tests.support.send_api import TOKEN, send_api
from tests.support.stages import disturbed
from tests.support.talk import advance, conversations, desk, due_in, replies, said, talking, turns
from tests.support.voices import a_burst, a_later_burst_is_sent, an_office, sending, speak, states
from wamon.app.configured import configured
from wamon.conversations.model import FINISHED
from wamon.conversations.proof import prove
from wamon.conversations.turns import Turn
from wamon.conversations.worker import Worker
from wamon.daemon.stopping import Stopping
from wamon.host import claim
from wamon.postgres.connection import connected

SOURCES = ["wati", "meta", "manychat"]
APPENDING = ["event.claimed", "event.parsed", "identity.joined", "burst.appended", "event.recorded"]
WORKING = ["turn.claimed", "turn.finished", "turn.committed"]


@dataclass
class Timeline:
    """An office, in which what comes first to a failpoint is killed there, and begun again; without one nobody is."""

    office: Office
    failpoint: str = ""
    was_killed: bool = False

    def step(self, what: Callable[..., object], *given: object) -> None:
        todo = partial(what, self.office, *given)
        if self.failpoint and not self.was_killed:
            self.was_killed = disturbed(todo, f"{self.failpoint}:1:kill")
            if not self.was_killed:
                return
        todo()

    def bring(self, body: dict[str, Any], name: str = "wati") -> None:
        keep(self.office, name, body)
        self.step(take_in)

    def operator_writes(self, text: str) -> None:
        self.bring(said(text, eventType="sessionMessageSent", owner=True))

    def wait(self, span: timedelta | float) -> None:
        advance(self.office, span)


def work(office: Office) -> None:
    """As workers of each source, until nothing is due."""
    for source in SOURCES:
        with desk(office, source) as at:
            its = Worker(at.turns, configured(office.config_path, {}), HOST)
            while its.work():
                pass


def fail(office: Office) -> None:
    with desk(office) as at:
        for turn in at.claim().turns:
            at.turns.fail(turn, "Refused", 0.0)


def finish(office: Office, turn: Turn) -> None:
    with desk(office) as at:
        at.finish(turn)


def case_2_during_a_turn_and_a_day_without_a_worker(at: Timeline) -> int:
    at.bring(said("m1"))
    at.wait(35)
    with desk(at.office) as one:
        turn = one.claim_one()
    at.bring(said("m2"))
    at.step(finish, turn)
    at.wait(86_400)
    return 1


def case_4_and_5_what_operators_wrote(at: Timeline) -> int:
    at.bring(said("first"))
    at.wait(35)
    at.step(work)
    at.wait(125)  # a killed turn's lease
    at.step(work)
    at.office.query("UPDATE wamon.conversations SET last_out_at = now()")
    at.wait(200)
    at.operator_writes("one")
    at.operator_writes("two")
    at.wait(251)
    at.bring(said("back again"))
    at.wait(35)
    at.step(work)
    return 2


def case_6_a_night_between(at: Timeline) -> int:
    at.bring(said("first"))
    at.wait(35)
    at.step(work)
    at.wait(37_200)
    at.bring(said("good morning"))
    at.wait(35)
    at.step(work)
    return 1 if at.failpoint == "turn.finished" else 2  # the first is stale by then


def case_7_a_photo_whose_answer_fails(at: Timeline) -> int:
    at.bring(said("", type="image"))
    at.wait(35)
    at.step(fail)
    at.wait(60)
    return 1


def case_8_fifty_at_once(at: Timeline) -> int:
    for n in range(50):
        keep(at.office, "wati", said(f"m{n}"))
    at.step(take_in)
    at.wait(35)
    at.step(work)
    return 1


def case_10_away_for_three_hours(at: Timeline) -> int:
    for n in range(12):
        ago = timedelta(minutes=5 * n + 2)
        keep(at.office, "wati", said("hello", by=f"278200001{n:02}", at=HOST.now() - ago))
    at.step(take_in)
    at.wait(35)
    at.step(work)
    return 6  # those of the last half hour


def case_13_a_message_just_before_each_settling(at: Timeline) -> int:
    talking(at.office, direct={"settle": "5s", "max_wait": "30s", "answer_within": "30m"}, templates=FALLBACK)
    at.office.set(hooks=HOOKS)
    for n in range(8):
        at.bring(said(f"m{n}"))
        at.wait(4)
    at.step(work)
    return 1


def case_14_every_form_of_one_person(at: Timeline) -> int:
    now = str(int(HOST.now().timestamp()))
    forms = [meta_message(id=f"wamid.F{n}", timestamp=now) for n in range(3)]
    del forms[1]["from_user_id"], forms[2]["from"]
    for message in (*forms, forms[0]):
        at.bring(meta_body(message, contacts=[]), "meta")
    at.wait(35)
    at.step(work)
    assert len(conversations(at.office)) == 1
    return 1


def case_15_retries_and_the_next_burst(at: Timeline) -> int:
    at.bring(said("first"))
    at.wait(35)
    for _ in range(4):
        at.step(fail)
        at.bring(said("meanwhile"))
        at.wait(250)
    at.bring(said("the next"))
    at.wait(35)
    at.step(work)
    return 1


def case_17_days_of_batches_repeated_and_shuffled(at: Timeline) -> int:
    now = str(int(HOST.now().timestamp()))
    messages = [meta_message(id=f"wamid.{n}", timestamp=now, **{"from": f"278200002{n % 4:02}"}) for n in range(40)]
    for message in messages:
        del message["from_user_id"]
    for seed in range(2):
        Random(seed).shuffle(messages)
        for first in range(0, 40, 10):
            at.bring(meta_body(*messages[first : first + 12], contacts=[]), "meta")
    at.wait(35)
    at.step(work)
    assert at.office.query("SELECT count(*) FROM wamon.ledger") == [40]
    return 4


def case_18_broken_deliveries_before_a_good_one(at: Timeline) -> int:
    for _ in range(20):
        keep(at.office, "wati", b"{broken")
    at.bring(said("good"))
    at.wait(35)
    at.step(work)
    return 1


def case_22_a_history_that_can_t_be_asked(at: Timeline) -> int:
    send = {"url": f"http://127.0.0.1:{free_port()}/api", "token": "a-token"}
    at.office.set(hooks=[hook("wati", history=True, send=send), *HOOKS[1:]])
    at.bring(said("first"))
    at.wait(35)
    at.step(work)
    at.wait(600)
    at.bring(said("back again"))
    at.wait(35)
    at.step(work)
    return 1 if at.failpoint == "turn.finished" else 2  # the first is still open, and answered with this


def case_23_the_same_words_twice(at: Timeline) -> int:
    body = {**MANYCHAT, "last_input_text": "ok"}
    keep(at.office, "manychat", body, ago=timedelta(seconds=5))
    keep(at.office, "manychat", body)
    at.step(take_in)
    at.wait(35)
    at.step(work)
    assert conversations(at.office, "last_seq") == [2]
    return 1


HOOKS = [hook(name) for name in SOURCES]
FALLBACK = {"fallback": "We call back."}
Case = Callable[[Timeline], int]
"""Goes through it, and says how many answers there are in the end."""
CASES: dict[Case, list[str]] = {
    case_2_during_a_turn_and_a_day_without_a_worker: [*APPENDING, "turn.finished", "turn.committed"],
    case_4_and_5_what_operators_wrote: [*APPENDING, *WORKING, "missed.read"],
    case_6_a_night_between: [*WORKING, "missed.read"],
    case_7_a_photo_whose_answer_fails: [*APPENDING, "turn.claimed", "turn.parked"],
    case_8_fifty_at_once: [*APPENDING, *WORKING],
    case_10_away_for_three_hours: [*APPENDING, *WORKING],
    case_13_a_message_just_before_each_settling: [*APPENDING, *WORKING],
    case_14_every_form_of_one_person: [*APPENDING, *WORKING],
    case_15_retries_and_the_next_burst: ["burst.appended", "turn.claimed", "turn.parked", "turn.committed"],
    case_17_days_of_batches_repeated_and_shuffled: [*APPENDING, *WORKING],
    case_18_broken_deliveries_before_a_good_one: [*APPENDING, *WORKING],
    case_22_a_history_that_can_t_be_asked: [*WORKING, "missed.read"],
    case_23_the_same_words_twice: [*APPENDING, *WORKING],
}
KILLS = [(case, failpoint) for case, failpoints in CASES.items() for failpoint in failpoints]


@pytest.fixture
def office(tmp_path: Path, open_office: Callable[..., Office]) -> Office:
    office = talking(open_office(tmp_path / "messages.db"), templates=FALLBACK)
    office.set(hooks=HOOKS)
    return office


@pytest.mark.parametrize("case", CASES, ids=[case.__name__ for case in CASES])
def test_where_nobody_is_killed_each_message_is_answered_once(office: Office, case: Case) -> None:
    _is_answered_once(office, case(Timeline(office)))


@pytest.mark.parametrize(("case", "failpoint"), KILLS if EXAMPLES else KILLS[6:7])
def test_what_is_killed_and_begun_again_answers_each_message_once(office: Office, case: Case, failpoint: str) -> None:
    at = Timeline(office, failpoint)
    answered = case(at)
    assert at.was_killed, f"who meets {failpoint}?"
    _is_answered_once(office, answered)


def _is_answered_once(office: Office, answered: int) -> None:
    """Nothing waits after all retries, all is in one finished turn, and there are so many answers."""
    take_in(office)
    for _ in range(5):
        advance(office, 125)
        work(office)
    assert {state for state, *_ in conversations(office)} == {"idle"}
    assert due_in(office) == []
    with connected(office.dsn) as db:
        assert prove(db, SOURCES).flaws == []
    assert len(replies(office)) == answered
    finished = [last - first + 1 for first, last, outcome in turns(office) if outcome in FINISHED]
    assert sum(finished) == sum(office.query("SELECT last_seq FROM wamon.conversations"))


SENDING = {
    "reply.chosen": "sent",
    "reply.begun": "unknown",
    "reply.connected": "unknown",
    "reply.written": "unknown",
    "reply.answered": "unknown",
    "reply.ended": "sent",
}
"""What becomes of an answer whose sender is killed there."""


@pytest.mark.fault("F91")
@pytest.mark.parametrize("failpoint", list(SENDING) if EXAMPLES else ["reply.written"])
def test_case_20_what_prod_was_killed_over_is_said_by_nobody_else(
    tmp_path: Path, dsn: str, own_dsn: str, monkeypatch: pytest.MonkeyPatch, failpoint: str
) -> None:
    """Dev has come meanwhile, and goes on: it leaves what prod was at, and says what comes after."""
    monkeypatch.setattr("wamon.daemon.reply_sender._LOOK_SECONDS", 0.02)
    monkeypatch.setattr(claim, "FOLDERS", (tmp_path,))
    with send_api(TOKEN) as api:
        prod, dev = an_office(tmp_path / "prod", dsn, api), an_office(tmp_path / "dev", own_dsn, api)
        for office in (prod, dev):
            a_burst(office, "Noted")

        def come() -> None:
            beside.enter_context(sending(dev))
            eventually("dev leaves it", lambda: states(dev) == ["skipped"])

        with ExitStack() as beside:
            assert disturbed(partial(speak, prod, Stopping()), f"{failpoint}:1:hang", come)
            eventually("dev's turn", lambda: a_later_burst_is_sent(dev, "Noted by dev"))
        with sending(prod):
            eventually("prod knows", lambda: states(prod) == [SENDING[failpoint]])
        assert api.texts.count("Noted by dev") == 1
        assert api.texts.count("Noted") <= 1
