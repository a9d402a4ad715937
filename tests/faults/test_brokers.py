"""Nodes of a cluster of brokers are killed, stalled and cut off, the leader most, under load: it has each event once.

The suite has a few kills; `make chaos` has a thousand, and kills the `run` that publishes as well.
"""

from __future__ import annotations

import random
import signal
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.environment import EXAMPLES
from tests.support.events import Consumer, told_drops
from tests.support.nats import NEW, Brokers, Node, brokers
from tests.support.office import Daemon, Office, eventually
from tests.support.truth import Field
from wamon.health.event_facts import event_facts
from wamon.postgres.connection import connected

KILLS = 1000 if EXAMPLES else 3
HOW = ("kill", "cut off", "kill", "kill", "stall")
SECONDS = 60
WINDOW_SECONDS = 3600
"""Of duplicates: in it the stream has each id once."""

pytestmark = pytest.mark.skipif(NEW is None, reason="nats-server isn't installed here")


class Publishing:
    """A `run` that is killed and begun again: at the next event, between its acknowledgement and the cursor."""

    def __init__(self, office: Office) -> None:
        self._office = office
        self._stack = ExitStack()
        self.begin()

    def begin(self) -> None:
        self.daemon: Daemon = self._stack.enter_context(self._office.running())

    def kill(self) -> None:
        self.daemon.end(signal.SIGKILL)
        self._stack.close()
        self.begin()

    def close(self) -> None:
        self._stack.close()


def hurt(how: str, node: Node) -> Callable[[], None]:
    """Kill it, have it hang, or cut it off; what brings it back."""
    if how == "stall":
        node.send(signal.SIGSTOP)
        return lambda: node.send(signal.SIGCONT)
    if how == "cut off":
        node.cut_off()
        return node.rejoin
    node.kill()
    return node.start


def somebody(rng: random.Random, found: Brokers) -> Node:
    """The leader, most often."""
    return found.leader() if rng.random() < 0.7 else rng.choice(found.nodes)


def nothing_waits(office: Office) -> bool:
    with connected(office.dsn) as db:
        found = event_facts(db, "nats wamon")
    return found.has_begun and found.behind_seconds is None


@pytest.mark.fault("F159")
def test_nodes_that_are_killed_and_cut_off_lose_no_event_and_double_none(
    tmp_path: Path, open_office: Callable[..., Office]
) -> None:
    rng = random.Random(KILLS)
    with (
        Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field,
        brokers(str(NEW), 3) as found,
    ):
        found.make_stream(replicas=3, duplicate_window=WINDOW_SECONDS)
        field.post(LAWLEY, "DR1000000")
        office = open_office(field.path, events={"nats": {"url": found.url}})
        publishing = Publishing(office)
        for turn in range(1, KILLS + 1):
            bring_back = hurt(HOW[turn % len(HOW)], somebody(rng, found))
            for number in range(5):
                field.post(LAWLEY, f"DR{1_000_000 + turn * 10 + number}")
            if EXAMPLES and turn % 5 == 0:
                publishing.kill()
            last = ("Lawley", f"DR{1_000_004 + turn * 10}")
            said = publishing.daemon.said
            eventually("it is recorded", lambda: last in office.drops(), said=said, seconds=SECONDS)  # noqa: B023
            eventually("it goes out", lambda: nothing_waits(office), said=said, seconds=SECONDS)
            bring_back()
        assert publishing.daemon.end() == 0
        publishing.close()
        (told,) = office.query("SELECT sum(elements) FROM wamon.events_out")
        eventually("the stream has them", lambda: found.count() == told, said=lambda: f"{found.count()} of {told}")
        messages = found.messages()
    consumer = Consumer()
    consumer.take(body.decode() for _, body in messages)
    ids = [one for one, _ in messages]
    assert len(ids) == len(set(ids)) == len(consumer.ids)
    assert consumer.drops() == told_drops(office)
