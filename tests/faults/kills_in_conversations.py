"""`run`, `web` and PostgreSQL are killed and stopped while people write, and their ids join: each is answered once.

`make chaos` alone has it: a round takes some seconds.
"""

from __future__ import annotations

import json
import os
import random
import re
import signal
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from http.client import HTTPException
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import count
from pathlib import Path
from typing import Any, cast

import psycopg

from tests.support.clock import HOST
from tests.support.deliveries import meta_body, meta_message
from tests.support.environment import EXAMPLES
from tests.support.hooks import deliver
from tests.support.intake import hook
from tests.support.office import Daemon, Office, eventually
from tests.support.receivers import serving as listening
from tests.support.server import Server
from tests.support.web import Site, serving
from wamon.conversations.proof import prove
from wamon.postgres.connection import connected

ROUNDS = max(30, EXAMPLES // 4)
PEOPLE = 24
_SENDERS = 6
_BY_BSUID = 0.3
_STALL_SECONDS = 1.5
_TO_THE_END_SECONDS = 1_200  # twenty late answers go in a minute
_OVERDUE = """
    UPDATE wamon.conversations SET due_at = now()
    WHERE conversation IN (
        SELECT conversation FROM wamon.conversations WHERE state = 'processing' ORDER BY conversation FOR UPDATE
    )
"""
"""In the order in which wamon holds them: else the two would wait for each other."""
_ENDS = ("settling", "retry", "processing", "human")


class Said:
    """Meta's send API: which numbers it was asked to say, each as often as it was asked."""

    def __init__(self) -> None:
        self.ids = count(1)
        self.numbers: list[str] = []
        self.port = 0


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        said: Said = cast("Any", self.server).said
        asked = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        said.numbers += re.findall(r"\b\d{7}\b", asked["text"]["body"])
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"messages": [{"id": f"wamid.said{next(said.ids)}"}]}).encode())

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def meta() -> Iterator[Said]:
    said = Said()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    cast("Any", server).said = said
    said.port = server.server_address[1]
    with listening(server):
        yield said


class Place:
    """A `run` and a `web`, which are begun again by whoever ends them, and those who write to them."""

    def __init__(self, office: Office, server: Server, stack: ExitStack) -> None:
        self.office = office
        self.server = server
        self.rng = random.Random(EXAMPLES)
        self.done: Counter[str] = Counter()
        self._runs, self._pages = stack.enter_context(ExitStack()), stack.enter_context(ExitStack())
        self.run: Daemon = self._runs.enter_context(office.running())
        self.site: Site = self._pages.enter_context(serving(office))
        self.kept: list[str] = []  # the numbers that were answered with 200
        self._numbers = count(1_000_000)
        self._over, self._given_up = threading.Event(), threading.Event()
        stack.callback(self._given_up.set)
        self._writers = [threading.Thread(target=self._write, args=[n]) for n in range(_SENDERS)]
        for writer in self._writers:
            writer.start()

    def _write(self, which: int) -> None:
        """As one of the providers' senders: some people's messages, repeated until they are kept."""
        rng = random.Random(which)
        unjoined: dict[int, str] = {}  # who wrote by a BSUID alone, which the next message joins with the phone
        while not (self._over.wait(rng.uniform(0.05, 0.4)) or self._given_up.is_set()):
            number = str(next(self._numbers))
            person = which + _SENDERS * rng.randrange(PEOPLE // _SENDERS)
            if person in unjoined:
                body = _message(number, {"from": _phone(person), "from_user_id": unjoined.pop(person)})
            elif rng.random() < _BY_BSUID:
                unjoined[person] = f"ZA.{number}"
                body = _message(number, {"from_user_id": unjoined[person]})
            else:
                body = _message(number, {"from": _phone(person)})
            for _ in range(rng.choice([1, 1, 1, 2])):  # now and then once more
                while not self._is_kept(body):
                    if self._given_up.wait(0.1):
                        return
            self.kept.append(number)

    def _is_kept(self, body: dict[str, Any]) -> bool:
        try:
            return deliver(self.site, "meta", body).status == 200
        except (OSError, HTTPException):
            return False

    def disturb(self) -> None:
        ways: list[Callable[[], None]] = [
            self._kill_run, self._kill_run, self._kill_web, self._stall_run, self._take_over, self._kill_postgresql,
            self._stall_postgresql, self._kill_a_session,
        ]  # fmt: skip
        way = self.rng.choice(ways)
        way()
        self.done[way.__name__] += 1

    def _kill_run(self) -> None:
        self.run.end(signal.SIGKILL)
        self._begin_run()

    def _begin_run(self) -> None:
        self._runs.close()
        self.run = self._runs.enter_context(self.office.running())

    def _kill_web(self) -> None:
        port = self.site.port
        self._pages.close()
        self.site = self._pages.enter_context(serving(self.office, port=port))

    def _stall_run(self) -> None:
        os.kill(self.run.process.pid, signal.SIGSTOP)
        time.sleep(_STALL_SECONDS)
        os.kill(self.run.process.pid, signal.SIGCONT)

    def _take_over(self) -> None:
        """A `run` is stopped past its lease and those of its turns; another works, then it is woken."""
        os.kill(self.run.process.pid, signal.SIGSTOP)
        with self._at_postgresql() as db:
            db.execute("UPDATE wamon.leases SET expires_at = now()")
            db.execute(_OVERDUE)
        with self.office.running() as other:
            time.sleep(2 * _STALL_SECONDS)
            os.kill(self.run.process.pid, signal.SIGCONT)
            time.sleep(_STALL_SECONDS)
            other.end(signal.SIGKILL)
        self.run.end(signal.SIGKILL)
        self._begin_run()

    @contextmanager
    def _at_postgresql(self) -> Iterator[psycopg.Connection[Any]]:
        with psycopg.connect(self.office.dsn, autocommit=True) as db:
            yield db

    def _kill_postgresql(self) -> None:
        self.server.stop("immediate")
        self.server.start()

    def _pids(self) -> list[int]:
        with self._at_postgresql() as db:
            ours = "SELECT pid FROM pg_stat_activity WHERE application_name LIKE 'wamon%'"
            return [pid for (pid,) in db.execute(ours).fetchall()]

    def _stall_postgresql(self) -> None:
        pids = self._pids()
        for number in (signal.SIGSTOP, signal.SIGCONT):
            for pid in pids:
                with suppress(ProcessLookupError):
                    os.kill(pid, number)
            time.sleep(_STALL_SECONDS if number == signal.SIGSTOP else 0)

    def _kill_a_session(self) -> None:
        """Of the server, which then begins anew by itself, as after a crash."""
        if pids := self._pids():
            with suppress(ProcessLookupError):
                os.kill(self.rng.choice(pids), signal.SIGKILL)
        eventually("PostgreSQL is back", self._is_back)

    def _is_back(self) -> bool:
        try:
            with self._at_postgresql():
                return True
        except psycopg.OperationalError:
            return False

    def settle(self) -> None:
        """Nobody writes any more, and all is answered."""
        self._over.set()
        for writer in self._writers:
            writer.join()
        eventually("all is answered", self._is_quiet, said=self.run.said, seconds=_TO_THE_END_SECONDS)

    def _is_quiet(self) -> bool:
        query = self.office.query
        return (
            query("SELECT count(*) FROM wamon.webhook_events WHERE state = 'new'") == [0]
            and query("SELECT count(*) FROM wamon.conversations WHERE state = ANY(%s)", list(_ENDS)) == [0]
            and query("SELECT count(*) FROM wamon.replies WHERE state IN ('due', 'sending')") == [0]
        )


def _phone(person: int) -> str:
    return f"2782000{person:04}"


def _message(number: str, ids: dict[str, str]) -> dict[str, Any]:
    message: dict[str, Any] = meta_message(
        id=f"wamid.{number}", text={"body": f"DR{number}"}, timestamp=str(int(HOST.now().timestamp()))
    )
    kept = {name: value for name, value in message.items() if name not in {"from", "from_user_id"}}
    return meta_body(kept | ids, contacts=[])


def test_each_message_is_answered_once_whoever_is_killed_or_stopped_meanwhile(server: Server, tmp_path: Path) -> None:
    with meta() as said, ExitStack() as stack:
        office = Office(tmp_path / "office", server.dsn, tmp_path / "none.db", groups=[], hooks=[])
        office.clock = HOST
        office.settings["bridge"].pop("path")
        send = {"url": f"http://127.0.0.1:{said.port}/v1/900222/messages", "token": "a-token"}
        waits = {"settle": "1s", "max_wait": "4s", "answer_within": "1h"}
        templates = {"status": "{digits}: {status}", "unknown": "{digits}: unknown", "fallback": "Yes."}
        office.set(
            hooks=[hook("meta", verify_token="a-token-of-meta", project="Lawley", send=send)],
            conversations={"enabled": True, "percentage": 100, "direct": waits, "templates": templates},
        )
        place = Place(office, server, stack)
        for _ in range(ROUNDS):
            time.sleep(place.rng.uniform(0.2, 1.5))
            place.disturb()
        place.settle()
        _assert_each_is_answered_once(office, place, said)


def _assert_each_is_answered_once(office: Office, place: Place, said: Said) -> None:
    of_people = "FROM wamon.conversation_messages WHERE role = 'person' AND seq IS NOT NULL"
    assert sorted(office.query(f"SELECT message_id {of_people}")) == sorted(f"wamid.{n}" for n in place.kept)
    assert office.query("SELECT count(*) FROM wamon.dead_letters") == [0]
    assert office.query("SELECT DISTINCT state FROM wamon.conversations WHERE last_seq > answered_seq") == []
    with connected(office.dsn) as db:
        assert prove(db, ["meta"]).flaws == []
    twice = [number for number, times in Counter(said.numbers).items() if times > 1]
    assert twice == []
    bodies = "\n".join(office.query("SELECT body FROM wamon.replies"))
    beyond = sum(map(int, re.findall(r"^… and (\d+) more$", bodies, re.MULTILINE)))  # in one answer are ten lines
    told = re.findall(r"\b\d{7}\b", bodies)
    assert (len(told), len(told) + beyond) == (len(set(told)), len(place.kept))
    assert office.drops() == {("Lawley", f"DR{number}") for number in place.kept}
    assert office.query("SELECT count(*) FROM wamon.conversations WHERE state = 'merged'") > [0], "no ids joined"
