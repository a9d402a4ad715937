"""What is killed at any step of a burst or turn, and begun again, answers each message once, with the same times."""

from __future__ import annotations

import os
import signal
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from tests.support.clock import HOST
from tests.support.deliveries import meta_body, meta_message
from tests.support.intake import hook, keep, take_in
from tests.support.models import Model, asking, model_server, says
from tests.support.office import Office
from tests.support.stages import disturbed
from tests.support.talk import advance, conversations, desk, due_in, replies, said, talking, turns
from wamon.app.configured import configured
from wamon.conversations import worker
from wamon.conversations.agent import Agent
from wamon.conversations.answers import Untold, answers
from wamon.conversations.orphans import make_due
from wamon.conversations.proof import prove
from wamon.conversations.rescue import closed_turns, reopen
from wamon.conversations.turns import Ended
from wamon.conversations.worker import Worker
from wamon.postgres.connection import connected, transaction

Opened = Callable[..., Office]
APPENDING = ["identity.joined", "burst.appended", "event.recorded"]
WORKING = ["turn.claimed", "missed.read", "turn.finished", "turn.committed"]


@pytest.fixture
def office(tmp_path: Path, open_office: Opened) -> Office:
    office = talking(open_office(tmp_path / "messages.db"), templates={"fallback": "We call back."})
    office.set(hooks=[hook("wati"), hook("meta")])
    return office


@pytest.fixture
def model(office: Office) -> Iterator[Model]:
    """Whom the office asks."""
    with model_server() as model:
        asking(office, model, timeout="60s")
        yield model


def work(office: Office, source: str = "wati") -> None:
    """As a worker, until nothing is due."""
    with desk(office, source) as at:
        its = Worker(at.turns, configured(office.config_path, {}), HOST)
        while its.work():
            pass


def bring(office: Office, body: dict[str, Any], name: str = "wati") -> None:
    keep(office, name, body)
    take_in(office)


def to_the_end(office: Office) -> None:
    """Begun again: what was left behind is taken over, until all is answered."""
    take_in(office)
    for _ in range(5):
        advance(office, 125)
        for source in ("wati", "meta"):
            work(office, source)
    assert {state for state, *_ in conversations(office)} == {"idle"}
    assert due_in(office) == []


def proven(office: Office, answered: int) -> None:
    """Each message in one finished turn, each turn with one answer at most, and so many answers."""
    with connected(office.dsn) as db:
        assert prove(db, ["wati", "meta"]).flaws == []
    assert len(replies(office)) == answered


def killed(what: Callable[[], object], failpoint: str) -> None:
    assert disturbed(what, f"{failpoint}:1:kill"), f"who meets {failpoint}?"


@pytest.mark.parametrize("failpoint", WORKING[:1] + WORKING[2:])
def test_case_1_killed(office: Office, failpoint: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Something comes during the turn."""
    during = said("m2")

    def answer(*given: Any) -> tuple[list[Ended], list[Untold]]:
        bring(office, during)
        return answers(*given)

    bring(office, said("m1"))
    advance(office, 35)
    monkeypatch.setattr(worker, "answers", answer)
    killed(partial(work, office), failpoint)
    monkeypatch.undo()
    bring(office, during)
    to_the_end(office)
    assert [outcome for *_, outcome in turns(office)].count("answered") == len(replies(office)) <= 2
    proven(office, len(replies(office)))
    assert office.query("SELECT max(answered_seq) FROM wamon.conversations") == [2]


@pytest.mark.parametrize("failpoint", WORKING)
def test_case_3_killed(office: Office, failpoint: str) -> None:
    """The times before the burst stay, whoever takes it over."""
    bring(office, said("first"))
    advance(office, 35)
    work(office)
    advance(office, 745)
    bring(office, said("second"))
    advance(office, 13)
    bring(office, said("third"))
    advance(office, 22)
    killed(partial(work, office), failpoint)
    to_the_end(office)
    proven(office, 2)
    last = turns(office, "outcome, gap_seconds, through_seq")[-1]
    assert last == ("answered", pytest.approx(780, abs=20), 3)


@pytest.mark.parametrize("failpoint", APPENDING)
def test_cases_9_and_12_killed(office: Office, failpoint: str) -> None:
    """A delivery that comes again after a kill, while a turn is open."""
    first, second = said("m1"), said("m2")
    keep(office, "wati", first)
    killed(partial(take_in, office), failpoint)
    bring(office, first)
    advance(office, 35)
    with desk(office) as at:
        turn = at.claim_one()
        keep(office, "wati", second)
        killed(partial(take_in, office), failpoint)
        bring(office, second)
        (finished,) = at.finish(turn)
        assert finished.state == "settling"
    to_the_end(office)
    proven(office, 2)


@pytest.mark.parametrize("failpoint", WORKING[:1] + WORKING[2:])
def test_case_11_killed(office: Office, failpoint: str) -> None:
    """A worker stalls, the one that takes over is killed, and the first wakes up."""
    bring(office, said())
    advance(office, 35)
    with desk(office) as stalled:
        turn = stalled.claim_one()
        advance(office, 180)
        killed(partial(work, office), failpoint)
        woken = stalled.finish(turn, body="too late")
        assert len(woken) == (failpoint != "turn.committed" and not turns(office, "fence")[1:])
    to_the_end(office)
    proven(office, 1)


@pytest.mark.parametrize("failpoint", APPENDING)
@pytest.mark.parametrize("in_mid_turn", [False, True])
def test_case_16_killed(office: Office, failpoint: str, in_mid_turn: bool) -> None:
    """Two ids join in mid-burst, and in mid-turn."""
    now = str(int(HOST.now().timestamp()))
    by_phone, by_bsuid = (meta_message(id=f"wamid.{n}", timestamp=now) for n in (1, 2))
    del by_phone["from_user_id"], by_bsuid["from"]
    bring(office, meta_body(by_phone, contacts=[]), "meta")
    bring(office, meta_body(by_bsuid, contacts=[]), "meta")
    held = []
    with desk(office, "meta") as at:
        if in_mid_turn:
            advance(office, 35)
            held = list(at.claim().turns)
        keep(office, "meta", meta_body(meta_message(id="wamid.3", timestamp=now), contacts=[]))
        killed(partial(take_in, office), failpoint)
        take_in(office)
        assert len(at.finish(*held)) == (1 if in_mid_turn else 0)
    to_the_end(office)
    proven(office, len(replies(office)))
    assert len(conversations(office)) == 1
    answered = [last - first + 1 for first, last, outcome in turns(office) if outcome == "answered"]
    assert sum(answered) == 3


@pytest.mark.fault("F129")
@pytest.mark.parametrize("failpoint", ["agent.called", "agent.answered", "turn.finished", "turn.committed"])
def test_a_worker_killed_around_the_agent_s_call_is_taken_over(office: Office, model: Model, failpoint: str) -> None:
    """One answer, and what the lost call may have cost stays counted: by the session, by its turn."""
    bring(office, said())
    advance(office, 35)
    killed(partial(ask, office), failpoint)
    advance(office, 125)
    ask(office)
    proven(office, 1)
    assert len(model.asked) == (1 if failpoint in {"agent.called", "turn.committed"} else 2)
    spent = office.query("SELECT total_tokens_used FROM wamon.agent_sessions")
    assert spent == office.query("SELECT sum(tokens) FROM wamon.turns")
    assert spent[0] == 220 if failpoint == "turn.committed" else spent[0] > 220


@pytest.mark.fault("F127")
def test_case_11_a_worker_stopped_in_the_agent_s_call_writes_nothing_when_it_goes_on(
    office: Office, model: Model
) -> None:
    """SIGSTOP for three minutes; another takes over."""
    asked, let_go_on = threading.Event(), threading.Event()

    def stop_the_first() -> None:
        model.before_answer = lambda: None
        asked.set()
        let_go_on.wait(60)

    model.answers = [says("too late"), says("in time")]
    model.before_answer = stop_the_first
    bring(office, said())
    advance(office, 35)
    child = os.fork()
    if child == 0:
        _ask_and_exit(office)
    assert asked.wait(60)
    os.kill(child, signal.SIGSTOP)
    let_go_on.set()
    advance(office, 180)
    ask(office)
    os.kill(child, signal.SIGCONT)
    _, status = os.waitpid(child, 0)
    assert os.WEXITSTATUS(status) == 0
    assert replies(office, "body") == ["in time"]
    assert turns(office, "outcome, tokens") == [("lost", 220), ("answered", 220)]
    proven(office, 1)


def ask(office: Office) -> None:
    """As a worker that has the agent asked, until nothing is due."""
    config = configured(office.config_path, {})
    with desk(office) as at:
        its = Worker(at.turns, config, HOST, Agent(config.conversations.agent, config.drops.pattern, HOST))
        while its.work():
            pass


def _ask_and_exit(office: Office) -> None:
    code = 1
    try:
        ask(office)
        code = 0
    finally:
        os._exit(code)


def test_a_turn_that_fails_for_ever_is_parked_and_reopened_once(office: Office) -> None:
    """Killed as it is parked, as it is opened again, and as orphans are made due."""
    bring(office, said())
    advance(office, 35)

    def fail() -> None:
        with desk(office) as at:
            for turn in at.claim().turns:
                at.turns.fail(turn, "Refused", 0.0)

    def open_again() -> None:
        with desk(office) as at:
            (number,) = office.query("SELECT conversation FROM wamon.conversations")
            for closed, fence in closed_turns(at.db, number):
                reopen(at.db, closed, fence, at.turns.conversations, late=True)

    killed(fail, "turn.parked")
    for _ in range(3):
        advance(office, 250)
        fail()
    assert [outcome for *_, outcome in turns(office)] == ["lost", "failed", "failed", "dead"]
    killed(open_again, "turn.reopened")
    open_again()
    advance(office, 120)
    killed(partial(hurry, office), "sweep.orphans")
    work(office)
    proven(office, 1)
    assert conversations(office, "state") == ["idle"]


def hurry(office: Office) -> None:
    with connected(office.dsn) as db, transaction(db):
        make_due(db)
