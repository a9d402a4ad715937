"""A restart refuses nobody: the socket outlives the process, as systemd holds it, and its end breaks no request."""

from __future__ import annotations

import socket
import threading
from collections import Counter
from collections.abc import Callable
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from tests.support.environment import EXAMPLES
from tests.support.hooks import good, hook
from tests.support.office import Office, eventually
from tests.support.web import serving

RESTARTS = 20 if EXAMPLES else 2  # `make chaos` has more
KEPT, NEW = 3, 4
"""Clients that keep their connection, at 10 deliveries a second, and with a new one each time, at 5: 50 in all."""


class Load:
    """Clients that deliver all the time, and what became of each delivery."""

    def __init__(self, port: int) -> None:
        self._port = port
        _, self._body, self._proof = good("gowa")
        self._ended = threading.Event()
        keeping = [threading.Thread(target=self._ask, args=(0.1, True)) for _ in range(KEPT)]
        self._clients = keeping + [threading.Thread(target=self._ask, args=(0.2, False)) for _ in range(NEW)]
        self.outcomes: Counter[str] = Counter()

    def begin(self) -> None:
        for client in self._clients:
            client.start()

    def end(self) -> None:
        """Have no client ask again, and wait for the last answers."""
        self._ended.set()
        for client in self._clients:
            client.join()

    def go_on(self) -> None:
        """Wait for a second's worth of further answers."""
        wanted = self.outcomes["200"] + 50
        eventually("clients are answered", lambda: self.outcomes["200"] >= wanted, said=lambda: str(self.outcomes))

    def _ask(self, pause_seconds: float, keep: bool) -> None:
        connection = HTTPConnection("127.0.0.1", self._port, timeout=30)
        while not self._ended.wait(pause_seconds):
            try:
                connection.request("POST", "/hooks/gowa", self._body, self._proof)
                answer = connection.getresponse()
                answer.read()
                self.outcomes[str(answer.status)] += 1
                if not keep or answer.will_close:
                    connection.close()
            except (OSError, HTTPException) as error:
                self.outcomes[type(error).__name__] += 1
                connection.close()
        connection.close()


def test_case_21_requirement_25_a_restart_breaks_no_delivery_and_loses_none(
    open_office: Callable[..., Office], tmp_path: Path
) -> None:
    office = open_office(tmp_path / "no-store.db", hooks=[hook("gowa", "gowa")])
    with socket.create_server(("127.0.0.1", 0), backlog=4096) as held:
        load = Load(held.getsockname()[1])
        load.begin()
        for _ in range(RESTARTS):
            with serving(office, handed=held) as site:
                load.go_on()
                assert site.end() == 0, site.said()
        with serving(office, handed=held):
            load.end()
    assert set(load.outcomes) == {"200"}
    assert office.query("SELECT count(*) FROM wamon.webhook_events") == [load.outcomes["200"]]
