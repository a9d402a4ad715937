"""Whatever people, operators, workers, kills and stalls do in whatever order: each message is answered once.

WAMON_CHAOS_EXAMPLES=2000 runs that many examples of 60 steps.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Collection, Iterator
from itertools import count, pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule, run_state_machine_as_test

from tests.support.clock import HOST
from tests.support.deliveries import meta_body, meta_message
from tests.support.intake import hook, keep, take_in
from tests.support.office import Office
from tests.support.stages import disturbed
from tests.support.talk import advance, conversations, talking, turns
from wamon.app.configured import configured
from wamon.app.following import talking_groups
from wamon.config.schema import Config
from wamon.conversations.agent import Agent, Failed, Said
from wamon.conversations.budget import Prompt
from wamon.conversations.model import FINISHED, TRANSITIONS
from wamon.conversations.orphans import make_due
from wamon.conversations.proof import prove
from wamon.conversations.rescue import closed_turns, reopen
from wamon.conversations.turns import Ended, Turn, Turns
from wamon.conversations.worker import worker_of
from wamon.failpoints import failpoint
from wamon.log import logger
from wamon.postgres.connection import connect, connected, keep_session, transaction

EXAMPLES = os.environ.get("WAMON_CHAOS_EXAMPLES")
"""Read here: the session's fixtures remove such variables before any test runs."""

CANARY = "canary-5081"
PHONES = ["27820000001", "27820000002"]
BSUIDS = ["ZA.aaaa1", "ZA.bbbb2"]
ANSWERS = st.sampled_from(
    [
        Said("Yes.", 220),
        Said("Yes.", None),
        Said("Yes.", 90_000),
        Failed("timeout"),
        Failed("status-401", None, 0),
        Failed("status-503", 90.0),
        Failed("raises"),
        Failed("cut off"),
    ]
)
people = st.integers(0, 1)
forms = st.sampled_from(["phone", "bsuid", "both"])
workers = st.integers(0, 1)
APPENDING = ["identity.joined", "burst.appended", "event.recorded"]
WORKING = ["turn.claimed", "turn.finished", "turn.committed"]
EMPTIED = "SELECT tablename FROM pg_tables WHERE schemaname = 'wamon' AND tablename NOT IN ('migrations', 'instance')"
NUMBERS: Iterator[int] = count()


class _Heard(logging.Handler):
    """Keeps what is logged."""

    def __init__(self) -> None:
        super().__init__()
        self.said = ""

    def emit(self, record: logging.LogRecord) -> None:
        self.said += f"{record.getMessage()} {record.__dict__}\n"


class Guessing(Agent):
    """An agent whose server says what the machine wants next; what it is asked is what it really would be."""

    def __init__(self, config: Config) -> None:
        super().__init__(config.conversations.agent, config.drops.pattern, HOST)
        self.budget = config.conversations.agent.budget
        self.next: Said | Failed = Said("Yes.", 220)
        self.asked: list[int] = []

    def ask(self, prompt: Prompt, facts_numbers: Collection[str]) -> Said | Failed:  # noqa: ARG002
        self.asked.append(prompt.tokens)
        failpoint("agent.called")
        said = self.next
        if isinstance(said, Failed) and said.why == "raises":
            raise RuntimeError(CANARY)
        if isinstance(said, Failed) and said.why == "cut off":
            self.next = Said("Yes.", 220)
        failpoint("agent.answered")
        return said


class Talking(RuleBasedStateMachine):
    def __init__(self, folder: Path, dsn: str) -> None:
        super().__init__()
        number = next(NUMBERS)
        self.office = talking(
            Office(folder / str(number), dsn, folder / "messages.db"), human_for="5m", templates={"fallback": "Yes."}
        )
        self.office.set(hooks=[hook("meta")])
        self.office.query(f"TRUNCATE {', '.join(f'wamon.{name}' for name in self.office.query(EMPTIED))} CASCADE")
        self.office.set(
            conversations={"agent": {"enabled": True, "url": "http://127.0.0.1:9/v1", "model": "m", "budget": 1_300}}
        )
        self.config = configured(self.office.config_path, {})
        self.agent = Guessing(self.config)
        self.db = connect(dsn)
        self.turns = [self._turns() for _ in range(2)]
        self.held: list[list[Turn]] = [[], []]
        self.bodies: list[dict[str, Any]] = []
        self.fences: dict[int, int] = {}
        self.heard = _Heard()
        logger.addHandler(self.heard)
        logger.setLevel(logging.DEBUG)

    def _turns(self) -> Turns:
        me = self.office.query("SELECT gen_random_uuid()")[0]
        return Turns(self.db, "meta", self.config.conversations, talking_groups(self.config), me, HOST)

    @rule(person=people, form=forms, failpoint=st.sampled_from([None, *APPENDING]))
    def writes(self, person: int, form: str, failpoint: str | None) -> None:
        message: dict[str, Any] = meta_message(
            **{"from": PHONES[person], "from_user_id": BSUIDS[person], "text": {"body": CANARY}},
            id=f"wamid.{len(self.bodies)}",
            timestamp=str(int(HOST.now().timestamp())),
        )
        if form == "phone":
            del message["from_user_id"]
        if form == "bsuid":
            del message["from"]
        self.bodies.append(meta_body(message, contacts=[]))
        keep(self.office, "meta", self.bodies[-1])
        if failpoint:
            disturbed(lambda: take_in(self.office), f"{failpoint}:1:kill")
        take_in(self.office)

    @rule(n=st.integers(0, 9))
    def it_is_delivered_again(self, n: int) -> None:
        if self.bodies:
            keep(self.office, "meta", self.bodies[n % len(self.bodies)])
            take_in(self.office)

    @rule(seconds=st.sampled_from([1, 36, 36, 125, 700]))
    def time_passes(self, seconds: int) -> None:
        advance(self.office, seconds)

    @rule(worker=workers, most=st.integers(1, 3))
    def claims(self, worker: int, most: int) -> None:
        self.held[worker] += self.turns[worker].claim(most).turns

    @rule(worker=workers, how=st.sampled_from(["finish", "finish", "finish", "fail", "release", "renew"]))
    def ends(self, worker: int, how: str) -> None:
        """Perhaps long after: then somebody else holds it."""
        if not self.held[worker]:
            return
        turn, its = self.held[worker][0], self.turns[worker]
        if how == "renew":
            its.renew(turn)
            return
        self.held[worker].pop(0)
        if how == "finish":
            its.finish([Ended(turn, "answered", "an answer")])
        elif how == "fail":
            its.fail(turn, "Refused", 0.0)
        else:
            its.release(turn)

    @rule(failpoint=st.sampled_from(WORKING))
    def works_and_is_killed(self, failpoint: str) -> None:
        disturbed(self._work, f"{failpoint}:1:kill")

    @rule()
    def works(self) -> None:
        self._work()

    @rule(said=ANSWERS, failpoint=st.sampled_from([None, None, "agent.called", "agent.answered"]))
    def the_agent_is_asked(self, said: Said | Failed, failpoint: str | None) -> None:
        """From now on it says this; perhaps whoever asks it is killed."""
        self.agent.next = said
        if failpoint:
            disturbed(self._work, f"{failpoint}:1:kill")
        self._work()

    @rule(off=st.booleans(), fallback=st.sampled_from(["", "Yes."]))
    def it_is_set_otherwise(self, off: bool, fallback: str) -> None:
        self.office.query("UPDATE wamon.sources SET agent_off = %s", off)
        self.office.set(conversations={"templates": {"fallback": fallback}})
        self.config = configured(self.office.config_path, {})

    @rule(person=people)
    def an_operator_writes(self, person: int) -> None:
        """As a provider that tells of them says; Meta itself does not."""
        message = meta_message(
            id=f"wamid.o{next(NUMBERS)}", to=PHONES[person], timestamp=str(int(HOST.now().timestamp())), **{"from": "1"}
        )
        keep(self.office, "meta", meta_body(field="smb_message_echoes", message_echoes=[message], contacts=[]))
        take_in(self.office)

    @rule(late=st.booleans())
    def it_is_rescued(self, late: bool) -> None:
        for number in self.office.query("SELECT conversation FROM wamon.conversations WHERE state <> 'merged'"):
            for closed, fence in closed_turns(self.db, number):
                reopen(self.db, closed, fence, self.config.conversations, late=late)

    @rule()
    def it_is_swept(self) -> None:
        with transaction(self.db) as db:
            make_due(db)

    def _work(self) -> None:
        with connected(self.office.dsn) as db:
            keep_session(db)
            me = self.office.query("SELECT gen_random_uuid()")[0]
            its = worker_of(self.config, frozenset(), "meta", db, me, HOST, self.agent)
            while its.work():
                pass

    @invariant()
    def nothing_is_doubled_lost_or_stranded(self) -> None:
        assert prove(self.db, ["meta"]).flaws == []
        for state, last, answered, due_at in conversations(self.office, "state, last_seq, answered_seq, due_at"):
            assert (state == "idle") <= (last == answered)
            assert (due_at is None) == (state == "idle")

    @invariant()
    def a_fence_never_falls_and_a_person_has_one_conversation(self) -> None:
        fences = dict(self.office.query("SELECT conversation, fence FROM wamon.conversations"))
        assert all(fences[number] >= fence for number, fence in self.fences.items())
        self.fences = fences
        live = "SELECT count(*) - count(DISTINCT person) FROM wamon.conversations WHERE state <> 'merged'"
        assert self.office.query(live) == [0]
        merged = "SELECT conversation FROM wamon.conversations WHERE state = 'merged'"
        further = f"SELECT count(*) FROM wamon.conversations WHERE merged_into IN ({merged})"
        assert self.office.query(further) == [0]

    @invariant()
    def states_chain(self) -> None:
        rows = self.office.query(
            "SELECT conversation_id, from_state, to_state, transition_reason FROM wamon.conversation_state_transitions"
            " ORDER BY conversation_id, id"
        )
        assert {tuple(row[1:]) for row in rows} <= set(TRANSITIONS)
        assert all(one[2] == other[1] for one, other in pairwise(rows) if one[0] == other[0])

    @invariant()
    def times_are_those_before_the_burst(self) -> None:
        """Of whoever never joined nor came back: what was sent before the burst, and none in a follow-up."""
        rows = self.office.query("""
            SELECT t.follow_up, t.prev_in_at,
                   (SELECT max(m.sent_at) FROM wamon.conversation_messages AS m
                    WHERE m.conversation = t.conversation AND m.seq < t.from_seq)
            FROM wamon.turns AS t JOIN wamon.conversations AS c USING (conversation)
            WHERE c.merged_into IS NULL
              AND NOT EXISTS (SELECT FROM wamon.conversations AS b WHERE b.merged_into = c.conversation)
              AND NOT EXISTS (SELECT FROM wamon.turns AS o
                              WHERE o.conversation = c.conversation AND o.outcome = 'reopened')
        """)
        for follow_up, captured, expected in rows:
            assert captured == (None if follow_up else expected)

    @invariant()
    def no_question_costs_more_than_the_budget(self) -> None:
        """What sessions and turns spent is compared by the proof."""
        assert all(tokens <= self.agent.budget for tokens in self.agent.asked)

    @invariant()
    def nothing_private_is_logged(self) -> None:
        assert CANARY not in self.heard.said
        assert not any(phone in self.heard.said for phone in PHONES)

    def teardown(self) -> None:
        """In the end each message is in one finished turn."""
        logger.removeHandler(self.heard)
        for _ in range(8):
            advance(self.office, 700)
            self._work()
        assert {state for state, *_ in conversations(self.office)} <= {"idle"}
        assert prove(self.db, ["meta"]).flaws == []
        finished = [(first, last) for first, last, outcome in turns(self.office) if outcome in FINISHED]
        assert sum(last - first + 1 for first, last in finished) == len(self.bodies)
        self.db.close()


@pytest.mark.timeout(0 if EXAMPLES else 120)
def test_each_message_is_answered_once(tmp_path: Path, dsn: str) -> None:
    examples, steps = (int(EXAMPLES), 60) if EXAMPLES else (4, 12)

    class Here(Talking):
        def __init__(self) -> None:
            super().__init__(tmp_path, dsn)

    run_state_machine_as_test(
        Here,
        settings=settings(
            max_examples=examples,
            stateful_step_count=steps,
            deadline=None,
            derandomize=not EXAMPLES,
            suppress_health_check=list(HealthCheck),
        ),
    )
