"""Posting an alert as JSON. No redirect is followed, no proxy of the environment asked."""

from __future__ import annotations

import http.client
import json
import ssl
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from wamon import __version__
from wamon.net.address import connect, limited
from wamon.net.failure import NotSent, broken_off

if TYPE_CHECKING:
    import socket

    from wamon.alerts.model import Alert
    from wamon.config.alerts import Webhook


class WebhookChannel:
    """One webhook."""

    name = "webhook"

    def __init__(self, config: Webhook, url: str) -> None:
        self._parts = urlsplit(url)
        self._allow_private = config.allow_private
        self.host = self._parts.hostname or ""

    def send(self, alert: Alert) -> None:
        """Post it. Raises NotSent."""
        parts = self._parts
        port = parts.port or (443 if parts.scheme == "https" else 80)
        with connect(self.host, port, allow_private=self._allow_private) as plain, limited(plain):
            try:
                status = self._posted(plain, json.dumps(alert.document()).encode())
            except (OSError, http.client.HTTPException) as error:
                raise broken_off(self.host, error) from None
        if not 200 <= status < 300:
            raise NotSent(f"{self.host} answered with status {status}.", _hint(status))

    def _posted(self, plain: socket.socket, body: bytes) -> int:
        """The status that the host answers with. Its body is left unread."""
        connection = http.client.HTTPConnection(self._parts.netloc)
        connection.sock = self._secured(plain)
        with connection.sock:
            headers = {"Content-Type": "application/json; charset=utf-8", "User-Agent": f"wamon/{__version__}"}
            path = (self._parts.path or "/") + (f"?{self._parts.query}" if self._parts.query else "")
            connection.request("POST", path, body, {**headers, "Connection": "close"})
            with connection.getresponse() as response:
                return response.status

    def _secured(self, plain: socket.socket) -> socket.socket:
        if self._parts.scheme != "https":
            return plain
        return ssl.create_default_context().wrap_socket(plain, server_hostname=self.host)


def _hint(status: int) -> str:
    if 300 <= status < 400:
        return "It has moved: no redirect is followed, so write its new address into the config."
    if status in {401, 403, 404, 410}:
        return "Is the webhook's address right, and still valid?"
    return "It is tried again." if status >= 500 or status == 429 else "Does it take JSON with a field `text`?"
