"""The page, `run` and PostgreSQL killed one by one and together, beside senders that repeat, shuffle, forge, stall and
go before they hear the answer, directly and by nginx: each message that was answered with 200 is in the ledger, and
none twice.

For `make chaos` alone: a server that may be killed, and two processes begun again hundreds of times, take their time.
"""

from __future__ import annotations

import json
import random
import signal
import socket
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from itertools import takewhile
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest

from tests.support.deliveries import Json, meta_body, meta_message
from tests.support.environment import EXAMPLES
from tests.support.hooks import good, hook
from tests.support.intake import MISPLACED
from tests.support.manners import Connections, Delivery
from tests.support.nginx import NGINX, PUBLISHED_AS, nginx, published
from tests.support.office import Office, eventually
from tests.support.server import Server
from tests.support.web import Site, started

ROUNDS = max(1, EXAMPLES // 5)
MOST_MINUTES = 15
ROUNDS_UNTIL_ALL_IS_RECORDED = 20
SENDERS = 3
SECONDS = 120
_FORGED = 10**8
"""By how much the numbers that nobody proved are greater: none of them is recorded."""
VICTIMS = ("page", "run", "PostgreSQL")


class Sender:
    """Delivers new messages and old ones, in any order and manner, until each was answered with 200."""

    def __init__(self, port: int, number: int) -> None:
        self._rng = random.Random(number)
        self._connections = Connections(port, self._rng)
        self._first = 1_000_000 * (number + 1)
        self._ended = threading.Event()
        self._is_given_up = False
        self._thread = threading.Thread(target=self._deliver)
        self._waiting: list[int] = []
        self._made = 0
        self.promised: set[int] = set()
        self.outcomes: Counter[str] = Counter()
        self._thread.start()

    def end(self) -> None:
        """Have nothing new come, and what wasn't answered come until it is."""
        self._ended.set()
        self._thread.join()

    def give_up(self) -> None:
        """Have nothing come any more."""
        self._is_given_up = True
        self.end()
        self._connections.close()

    def _deliver(self) -> None:
        while not self._is_given_up and (not self._ended.wait(0.02) or self._waiting):
            some = self._some()
            if self._is_kept(some):
                self.promised |= set(some)
            self._waiting = [n for n in {*self._waiting, *some} if n not in self.promised]

    def _some(self) -> list[int]:
        """Up to a few that wait, one that is known, and unless it is to end, new ones; some twice."""
        some = self._rng.sample(self._waiting, min(len(self._waiting), 3))
        if self._made and self._rng.random() < 0.3:
            some.append(self._first + self._rng.randrange(self._made))
        if not self._ended.is_set():
            new = self._rng.randint(1, 4)
            some += range(self._first + self._made, self._first + self._made + new)
            self._made += new
        some += some[: self._rng.randint(0, 1)]
        self._rng.shuffle(some)
        return some

    def _is_kept(self, numbers: list[int]) -> bool:
        _, body, proof = good("meta", _said(numbers))
        foreign = json.dumps(_said([_FORGED + n for n in numbers])).encode()
        try:
            answers = self._connections.deliver(Delivery(PUBLISHED_AS, "/hooks/meta", proof, body, foreign))
        except OSError as error:
            self.outcomes[type(error).__name__] += 1
            return False
        self.outcomes.update([str(status) for status in answers] or ["unheard"])
        return 200 in answers


def _said(numbers: list[int]) -> Json:
    said = [meta_message(**{"id": f"wamid.{n}", "from": _phone(n), "text": {"body": f"DR{n}"}}) for n in numbers]
    return meta_body(*said, contacts=[])


def _phone(n: int) -> str:
    return f"2782000{n % 40:04}"


class Victims:
    """The three that are killed and begun again. The page's socket outlives it, as systemd holds it."""

    def __init__(self, office: Office, server: Server, held: socket.socket) -> None:
        self._office = office
        self._server = server
        self._begin: dict[str, Callable[[], AbstractContextManager[Any]]] = {
            "page": lambda: _page(office, held),
            "run": office.running,
        }
        self._stacks = {name: ExitStack() for name in self._begin}
        self._running: dict[str, Any] = {}
        for name in self._begin:
            self._start(name)

    def _start(self, name: str) -> None:
        self._running[name] = self._stacks[name].enter_context(self._begin[name]())

    def kill(self, names: list[str]) -> None:
        """Kill them at once, and begin them again."""
        for name in names:
            if name in self._running:
                self._running[name].process.send_signal(signal.SIGKILL)
        if "PostgreSQL" in names:
            self._server.stop("immediate")
            self._server.start()
        for name in names:
            if name in self._running:
                self._stacks[name].close()
                self._start(name)

    def close(self) -> None:
        for stack in self._stacks.values():
            stack.close()


@pytest.fixture
def office(tmp_path: Path, server: Server) -> Iterator[Office]:
    office = Office(
        tmp_path / "office", server.dsn, tmp_path / "none.db", hooks=[hook("meta", "meta", project="Lawley")]
    )
    office.set(bridge={"path": ""})
    assert office.run("db", "migrate").returncode == 0
    yield office
    office.query("DROP SCHEMA wamon CASCADE; DROP SCHEMA public CASCADE; CREATE SCHEMA public")


@contextmanager
def _page(office: Office, held: socket.socket) -> Iterator[Site]:
    """A `wamon web`, which nobody waits for."""
    port = held.getsockname()[1]
    office.set(web={"listen": f"127.0.0.1:{port}", "hosts": [PUBLISHED_AS]})
    log = office.folder / f"web-{uuid4().hex}.log"
    with log.open("wb") as stderr:
        process = started(office, stderr=stderr, handed=held)
    try:
        yield Site(office, port, process, log)
    finally:
        process.kill()
        process.wait()


@contextmanager
def _senders(ports: list[int]) -> Iterator[list[Sender]]:
    """Those that deliver, who stop at the block's end; where it ends well, all that they have was answered with 200."""
    senders = [Sender(ports[n % len(ports)], n) for n in range(SENDERS)]
    try:
        yield senders
        for sender in senders:
            sender.end()
    finally:
        for sender in senders:
            sender.give_up()


def _ports(port: int, office: Office, stack: ExitStack) -> list[int]:
    """Of the page, and where nginx is installed, of one before it."""
    if NGINX is None:
        return [port]
    return [port, stack.enter_context(nginx(office.folder / "nginx", published(f"http://127.0.0.1:{port}")))]


def _answered(senders: list[Sender]) -> int:
    return sum(sender.outcomes["200"] for sender in senders)


def _recorded(office: Office) -> list[int]:
    """The number of each message, as often as it is recorded; [] while PostgreSQL recovers."""
    try:
        return [int(name.removeprefix("wamid.")) for name in office.query("SELECT message_id FROM wamon.submissions")]
    except psycopg.OperationalError:
        return []


def _holds(office: Office, senders: list[Sender]) -> bool:
    promised = set().union(*(set(sender.promised) for sender in senders))
    return promised <= set(_recorded(office))


def test_what_was_answered_with_200_is_recorded_once_whoever_is_killed(
    office: Office, server: Server, capsys: pytest.CaptureFixture[str]
) -> None:
    rng = random.Random(15)
    killed: Counter[str] = Counter()
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as held, ExitStack() as stack:
        victims = Victims(office, server, held)
        stack.callback(victims.close)
        with _senders(_ports(held.getsockname()[1], office, stack)) as senders:
            until = time.monotonic() + 60 * MOST_MINUTES
            for turn in takewhile(lambda _: time.monotonic() < until, range(ROUNDS)):
                wanted = _answered(senders) + rng.randint(1, 20)
                eventually("some are kept", lambda: _answered(senders) >= wanted, seconds=SECONDS)  # noqa: B023
                names = rng.sample(VICTIMS, rng.randint(1, 3))
                victims.kill(names)
                killed.update(names)
                if turn % ROUNDS_UNTIL_ALL_IS_RECORDED == 0:
                    eventually("all is recorded", lambda: _holds(office, senders), seconds=SECONDS)
        eventually("all is recorded", lambda: _holds(office, senders), seconds=SECONDS)
        waiting = "SELECT count(*) FROM wamon.webhook_events WHERE state <> 'done'"
        eventually("nothing waits", lambda: office.query(waiting) == [0], seconds=SECONDS)
    recorded = Counter(_recorded(office))
    promised = set().union(*(sender.promised for sender in senders))
    assert recorded.keys() == promised
    assert set(recorded.values()) == {1}
    assert set(office.query("SELECT kind FROM wamon.submissions")) == {"new"}
    assert office.query("SELECT count(*) FROM wamon.ledger") == [len(promised)]
    assert office.query("SELECT count(*) FROM wamon.dead_letters") == [0]
    assert office.query(MISPLACED) == []
    answers = sum((sender.outcomes for sender in senders), Counter())
    with capsys.disabled():
        sys.stdout.write(f"\n{killed.total()} kills: {dict(killed)}; {len(promised)} messages; {dict(answers)}\n")
