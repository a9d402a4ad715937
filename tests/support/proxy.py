"""A network between wamon and its server that breaks when the test says so: TCP in front of the server's socket."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

from psycopg.conninfo import conninfo_to_dict, make_conninfo

from tests.support.relay import Fate, Relay

_COMMIT = b"COMMIT\0"


class Proxy(Relay):
    """Passes everything on, until told otherwise. Its `dsn` leads to the same database as the one it was given."""

    def __init__(self, dsn: str) -> None:
        parts = conninfo_to_dict(dsn)
        self._server = Path(str(parts["host"])) / f".s.PGSQL.{parts.get('port', 5432)}"
        super().__init__(self._connected)
        self.dsn = make_conninfo(dsn, host="127.0.0.1", port=self.port, sslmode="disable")
        self._fate: Fate | None = None
        self._commits_left = 0
        self._lock = threading.Lock()

    def break_at_commit(self, nth: int, fate: Fate) -> None:
        """Once, at the nth COMMIT from now on, whoever sends it."""
        with self._lock:
            self._fate, self._commits_left = fate, nth

    def pass_on(self) -> None:
        """Forget what was to happen at a COMMIT."""
        with self._lock:
            self._fate = None

    def has_broken(self) -> bool:
        """Whether that COMMIT came."""
        return self._fate is None

    def fate_of(self, sent: bytes) -> Fate | None:
        with self._lock:
            if self._fate is None or _COMMIT not in sent:
                return None
            self._commits_left -= 1
            if self._commits_left:
                return None
            fate, self._fate = self._fate, None
            return fate

    def _connected(self) -> socket.socket:
        server = socket.socket(socket.AF_UNIX)
        server.connect(str(self._server))
        return server
