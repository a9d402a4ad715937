"""What people do to conversations by SQL, under names that they know: workers go on from there, and nothing is lost."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from uuid import uuid4

import pytest

from tests.support.office import Office
from tests.support.talk import advance, conversations, desk, replies, talking, transitions, turns, walk, write
from wamon.conversations.model import TRANSITIONS
from wamon.conversations.proof import prove


@pytest.fixture
def office(tmp_path: Path, open_office: Callable[..., Office]) -> Office:
    office = talking(open_office(tmp_path / "messages.db"))
    write(office)
    return office


def lock(office: Office) -> bool:
    """As somebody who then goes away."""
    (taken,) = office.query("SELECT wamon.acquire_conversation_lock(uid, %s) FROM wamon.conversations", uuid4())
    return bool(taken)


def is_in_order(office: Office) -> bool:
    """Verify is clean, and each change of state is one that there is, from where the one before it led."""
    with desk(office) as at:
        flaws = prove(at.db, ["wati"]).flaws
    steps = [tuple(one) for one in transitions(office)]
    return not flaws and set(steps) <= set(TRANSITIONS) and walk(steps) == conversations(office, "state")[0]


def test_a_worker_leaves_alone_what_is_locked_by_hand_and_takes_it_over_once_nobody_holds_it(office: Office) -> None:
    assert lock(office)
    with desk(office) as at:
        assert at.claim().is_empty
        assert is_in_order(office)
        advance(office, 121)
        at.finish(at.claim_one())
    assert turns(office, "reason, outcome") == [("due", "lost"), ("takeover", "answered")]
    assert replies(office, "body") == ["an answer"]
    assert is_in_order(office)


def test_what_comes_while_an_idle_one_is_locked_by_hand_is_answered(office: Office) -> None:
    advance(office, 35)
    with desk(office) as at:
        at.finish(at.claim_one())
        assert lock(office)
        write(office, "and now?")
        advance(office, 121)
        at.finish(at.claim_one(), body="another answer")
    assert replies(office, "body") == ["an answer", "another answer"]
    assert is_in_order(office)


def test_a_lock_of_an_idle_one_that_is_left_lying_ends_by_itself(office: Office) -> None:
    advance(office, 35)
    with desk(office) as at:
        at.finish(at.claim_one())
        assert lock(office)
        advance(office, 121)
        assert at.claim().rested == 1
    assert conversations(office, "state") == ["idle"]
    assert is_in_order(office)
