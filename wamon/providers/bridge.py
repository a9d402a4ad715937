"""The bridge's send API: one request, one verdict. Sent, certainly not taken, or perhaps taken.

whatsapp-mcp and its forks share it: POST {recipient, message}, answered with {success, message}. No redirect is
followed, no proxy of the environment asked, and what the bridge answers is never repeated: it may quote the message.
"""

from __future__ import annotations

import http.client
import json
import socket
import ssl
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from wamon import __version__
from wamon.errors import Retryable
from wamon.failpoints import failpoint
from wamon.net.deadline import limited

if TYPE_CHECKING:
    from pydantic import SecretStr

_SECONDS_TO_CONNECT = 2.0
_SECONDS_TO_ANSWER = 5.0
"""Together less than a stop of the daemon may take."""
_MOST_BYTES = 65_536
_LONGEST_ID = 200
_NOT_CONNECTED = "Not connected"
"""How the bridge's refusal begins while WhatsApp is away. Its other failures may come after the message went out."""


class NotTaken(Retryable):
    """The bridge certainly didn't take it."""


class PerhapsTaken(Retryable):
    """Nobody knows whether the bridge took it."""


class SendApi:
    """One bridge's."""

    def __init__(self, url: str, token: SecretStr | None) -> None:
        self._parts = urlsplit(url)
        self._token = token

    def send(self, recipient: str, message: str) -> str | None:
        """Send a message to a chat's JID; its id where the bridge tells it. Raises NotTaken, PerhapsTaken."""
        body = json.dumps({"recipient": recipient, "message": message}, ensure_ascii=False).encode()
        with self._connected() as plain, limited(plain, _SECONDS_TO_ANSWER):
            failpoint("reply.connected")
            secured = self._secured(plain)
            try:
                status, answer = self._asked(secured, body)
            except (OSError, http.client.HTTPException, ValueError) as error:
                raise PerhapsTaken(f"The send API {_why(error)}.") from None
        failpoint("reply.answered")
        return _judged(status, answer)

    def _connected(self) -> socket.socket:
        port = self._parts.port or (443 if self._parts.scheme == "https" else 80)
        try:
            found = socket.create_connection((self._parts.hostname, port), _SECONDS_TO_CONNECT)
        except (OSError, UnicodeError) as error:
            why = "gave no sign in time" if isinstance(error, TimeoutError) else "can't be reached"
            raise NotTaken(f"The send API {why}.", hint="Is the bridge running, and replies.url right?") from None
        found.settimeout(_SECONDS_TO_ANSWER)
        return found

    def _secured(self, plain: socket.socket) -> socket.socket:
        if self._parts.scheme != "https":
            return plain
        try:
            return ssl.create_default_context().wrap_socket(plain, server_hostname=self._parts.hostname)
        except OSError:
            raise NotTaken("The send API speaks no TLS that can be trusted.", hint="Is replies.url right?") from None

    def _asked(self, secured: socket.socket, body: bytes) -> tuple[int, bytes]:
        connection = http.client.HTTPConnection(self._parts.netloc)
        connection.sock = secured
        headers = {"Content-Type": "application/json", "User-Agent": f"wamon/{__version__}", "Connection": "close"}
        if self._token:
            headers["Authorization"] = f"Bearer {self._token.get_secret_value()}"
        path = (self._parts.path or "/") + (f"?{self._parts.query}" if self._parts.query else "")
        with secured:
            connection.request("POST", path, body, headers)
            failpoint("reply.written")
            with connection.getresponse() as response:
                return response.status, response.read(_MOST_BYTES)


def _why(error: Exception) -> str:
    return "gave no answer in time" if isinstance(error, TimeoutError) else "broke the connection off, or made no sense"


def _judged(status: int, body: bytes) -> str | None:
    answer = _parsed(body)
    success = answer.get("success")
    if success is True and 200 <= status < 300:
        return _id(answer)
    if 400 <= status < 500 and status != http.HTTPStatus.REQUEST_TIMEOUT:
        hint = "Is replies.token the bridge's?" if status in {401, 403} else "Is replies.url right?"
        raise NotTaken(f"The send API refused it with status {status}.", hint=hint)
    if success is False and (status < 300 or str(answer.get("message")).startswith(_NOT_CONNECTED)):
        raise NotTaken(f"The send API said that it failed, with status {status}.", hint="Is the bridge connected?")
    raise PerhapsTaken(f"The send API answered with status {status}, and not that it was sent.")


def _parsed(body: bytes) -> dict[str, Any]:
    try:
        found = json.loads(body)
    except (ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _id(answer: dict[str, Any]) -> str | None:
    """The message's id, by any of the names that bridges give it."""
    given = next((answer[name] for name in ("message_id", "messageId", "id") if name in answer), None)
    return given if isinstance(given, str) and given.isprintable() and 0 < len(given) <= _LONGEST_ID else None
