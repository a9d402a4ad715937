"""An answer and its echo, with the process killed at each boundary that either meets: once, and no colleague's."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.intake import events, hook, keep, take_in
from tests.support.office import Office
from tests.support.replies import answer, burst
from tests.support.send_api import TOKEN, StandIn, send_api
from tests.support.talk import advance, replies, said, talking, write
from wamon import failpoints

SENDING = [name for name in failpoints.NAMES if name.startswith("reply.")]
RECEIVING = ["event.parsed", "event.claimed", "identity.joined", "burst.appended", "event.recorded"]
NEVER_ASKED = {"reply.begun", "reply.connected"}


@pytest.fixture
def api() -> Iterator[StandIn]:
    with send_api(TOKEN) as api:
        api.says = {"message": {"local_message_id": "L1"}}
        yield api


@pytest.fixture
def office(tmp_path: Path, open_office: Callable[..., Office], api: StandIn) -> Office:
    office = talking(open_office(tmp_path / "messages.db"), human_for="1h")
    office.set(hooks=[hook("wati", send={"url": api.replies["url"], "token": TOKEN})])
    write(office)
    (number,) = office.query("SELECT conversation FROM wamon.conversations")
    burst(office, number, "Noted")
    return office


def killed(name: str, act: Callable[[], object]) -> bool:
    """Whether a forked child that does this was killed at this boundary."""
    child = os.fork()
    if child == 0:
        os.environ["WAMON_FAILPOINT"] = f"{name}:1:kill"
        failpoints._reached.clear()
        try:
            act()
        finally:
            os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


@pytest.mark.parametrize("name", [*SENDING, *RECEIVING])
def test_case_19_killed_at_any_boundary_an_answer_goes_once_and_its_echo_is_ours(
    office: Office, api: StandIn, name: str
) -> None:
    was_killed = killed(name, lambda: answer(office, "wati"))
    if api.asked:
        ours: dict[str, Any] = {"owner": True, "whatsappMessageId": "wamid.OURS", "localMessageId": "L1"}
        keep(office, "wati", said("Noted (Desk)", eventType="sessionMessageSent", **ours))
        was_killed |= killed(name, lambda: take_in(office))
    assert was_killed, f"{name} was never met"
    take_in(office)
    answer(office, "wati")
    advance(office, 5)
    take_in(office)
    assert len(api.asked) == (0 if name in NEVER_ASKED else 1)
    assert office.query("SELECT count(*) FROM wamon.conversation_messages WHERE role = 'operator'") == [0]
    assert {state for state, _ in events(office)} == {"done"}
    state = "unknown" if name in NEVER_ASKED else "sent"
    assert replies(office, "state") == [state]
