"""Stand-ins of the bridges' send APIs: what was asked of them, and how they answer, well or badly."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal, cast

from tests.support.receivers import serving

Behaviour = Literal[
    "sent",
    "dropped",
    "late",
    "garbage",
    "drip",
    "moved",
    "nonsense",
    "html",
    "no answer's end",
    "500",
    "away",
    "refused",
    "success false",
    "401",
]
TOKEN = "0123456789abcdef"


class StandIn:
    """A bridge. Each request takes the next of `behaviours`; the last one stays."""

    def __init__(self, token: str | None) -> None:
        self.token = token
        self.behaviours: list[Behaviour] = ["sent"]
        self.says: dict[str, Any] = {"success": True, "message": "Message sent"}
        self.asked: list[dict[str, Any]] = []
        self.before_answer: Callable[[], object] = lambda: None
        self.over = threading.Event()
        self.port = 0

    @property
    def replies(self) -> dict[str, Any]:
        """As the config names it."""
        url = f"http://127.0.0.1:{self.port}/api/send"
        return {"enabled": True, "url": url, "per_minute": 60, "token": self.token or ""}

    @property
    def texts(self) -> list[str]:
        return [asked.get("message") or asked["text"] for asked in self.asked]

    def next(self) -> Behaviour:
        return self.behaviours.pop(0) if len(self.behaviours) > 1 else self.behaviours[0]


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        one: StandIn = cast("Any", self.server).one
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if one.token and not self._may_come(one):
            self._say(401, "Unauthorized\n")
            return
        asked = json.loads(body)
        assert self.path == "/api/send"
        assert set(asked) in ({"recipient", "message"}, {"target", "text"})
        one.asked.append(asked)
        one.before_answer()
        self._behave(one, one.next())

    def _may_come(self, one: StandIn) -> bool:
        right_host = self.headers["Host"] == f"127.0.0.1:{one.port}"
        return right_host and self.headers["Authorization"] == f"Bearer {one.token}"

    def _behave(self, one: StandIn, behaviour: Behaviour) -> None:
        failed = {"success": False, "message": "Error sending message: context deadline exceeded"}
        answers: dict[Behaviour, tuple[int, Any]] = {
            "sent": (200, one.says),
            "nonsense": (200, {"success": "true", "ok": 1}),
            "html": (200, "<html>Welcome</html>"),
            "500": (500, failed),
            "away": (500, {"success": False, "message": "Not connected to WhatsApp"}),
            "moved": (307, ""),
            "refused": (400, "Recipient is required\n"),
            "success false": (200, failed),
            "401": (401, "Unauthorized\n"),
        }
        if behaviour == "dropped":
            self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        elif behaviour == "late":
            one.over.wait(30)
        elif behaviour == "garbage":
            self.wfile.write(b"\x00\xff" * 70_000)
        elif behaviour == "drip":
            self.wfile.write(b"HTTP/1.0 200 OK\r\n")
            while not one.over.wait(0.05):
                self.wfile.write(b"X: y\r\n")
        elif behaviour == "no answer's end":
            self.wfile.write(b'HTTP/1.0 200 OK\r\nContent-Length: 500\r\n\r\n{"success": true')
        else:
            self._say(*answers[behaviour])

    def _say(self, status: int, answer: Any) -> None:
        text = answer if isinstance(answer, str) else json.dumps(answer)
        self.send_response(status)
        self.end_headers()
        self.wfile.write(text.encode())

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def send_api(token: str | None = None) -> Iterator[StandIn]:
    """whatsapp-mcp's; with a token verygoodplugins', or WATI's where it says what that says."""
    one = StandIn(token)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    cast("Any", server).one = one
    one.port = server.server_address[1]
    with serving(server):
        try:
            yield one
        finally:
            one.over.set()
