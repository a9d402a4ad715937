"""One HTTP request and one verdict: an answer, certainly not sent, or unknown.

No redirect is followed, no proxy of the environment is asked, and no error quotes the URL's path, which may hold a
token, or what the host answered, which may quote the request.
"""

from __future__ import annotations

import http.client
import re
import ssl
import time
from contextlib import closing
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from wamon import __version__
from wamon.errors import Retryable
from wamon.failpoints import failpoint
from wamon.net.address import NotSent, broken_off, connect
from wamon.net.deadline import Stop, limited
from wamon.net.message import Answer

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping
    from urllib.parse import SplitResult

    from wamon.net.message import Bounds

_ALWAYS = {"User-Agent": f"wamon/{__version__}", "Connection": "close"}
_FAILURES = (OSError, http.client.HTTPException, ValueError)


class Unknown(Retryable):
    """The request left whole, and no answer came that says what became of it."""


def request(
    method: str,
    url: str,
    body: bytes | None,
    headers: Mapping[str, str],
    *,
    bounds: Bounds,
    allow_private: bool,
    stop: Stop | None = None,
) -> Answer:
    """Ask, once. Raises NotSent before the request has left whole, Unknown after that.

    A host of a private network is asked only where `allow_private` says so. `stop` ends it from another thread.
    """
    began_seconds = time.monotonic()
    parts = urlsplit(url)
    host = parts.hostname or ""
    port = parts.port or (443 if parts.scheme == "https" else 80)
    with (
        connect(host, port, min(bounds.connect_seconds, bounds.in_all_seconds), allow_private=allow_private) as plain,
        limited(plain, _left_seconds(bounds, began_seconds)) as cut,
        (stop or Stop()).ends(plain),
        closing(http.client.HTTPConnection(parts.netloc.rpartition("@")[2])) as connection,
    ):
        failpoint("reply.connected")  # named for the only request that must not go twice
        try:
            connection.sock = _secured(plain, parts)
            connection.request(method, _target(parts), body, {**_ALWAYS, **headers})
        except _FAILURES as error:
            raise broken_off(NotSent, host, error, timed_out=cut.is_set()) from None
        failpoint("reply.written")
        try:
            with connection.getresponse() as response:
                return _answer(response, bounds.answer_bytes)
        except _FAILURES as error:
            raise broken_off(Unknown, host, error, timed_out=cut.is_set()) from None


def _left_seconds(bounds: Bounds, began_seconds: float) -> float:
    left = bounds.in_all_seconds - (time.monotonic() - began_seconds)
    return max(0.01, min(bounds.answer_seconds, left))


def _secured(plain: socket.socket, parts: SplitResult) -> socket.socket:
    if parts.scheme != "https":
        return plain
    return ssl.create_default_context().wrap_socket(plain, server_hostname=parts.hostname)


def _target(parts: SplitResult) -> str:
    return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _answer(response: http.client.HTTPResponse, most_bytes: int) -> Answer:
    body = response.read(most_bytes) if most_bytes else b""
    headers = response.headers
    return Answer(response.status, body, _retry_after_seconds(headers), headers.get("Wamon-Correlation-Id"))


def _retry_after_seconds(headers: http.client.HTTPMessage) -> float | None:
    """The first that can be read: Retry-After, milliseconds as some hosts say it, or what a proxy passes on."""
    milliseconds = _number(headers.get("Retry-After-Ms", ""))
    found = (
        _seconds(headers, "Retry-After"),
        None if milliseconds is None else milliseconds / 1000,
        _seconds(headers, "LLM_Provider-Retry-After"),
    )
    return next((seconds for seconds in found if seconds is not None), None)


def _seconds(headers: http.client.HTTPMessage, name: str) -> float | None:
    """A number of seconds, or a date beside the answer's own (RFC 9110): the hosts' clocks may differ."""
    said = headers.get(name, "")
    if (number := _number(said)) is not None:
        return number
    try:
        until, now = (parsedate_to_datetime(date) for date in (said, headers.get("Date", "")))
        return max(0.0, (until - now).total_seconds())
    except (TypeError, ValueError, OverflowError):
        return None


def _number(said: str) -> float | None:
    return float(said) if re.fullmatch(r"\d{1,9}(\.\d{1,9})?", said, re.ASCII) else None
