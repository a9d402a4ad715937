"""Somebody who writes to a number and gets one answer, by a stand-in for WATI: what `wamon demo` shows of it."""

from __future__ import annotations

import json
import socketserver
import threading
from contextlib import contextmanager
from queue import Empty, SimpleQueue
from typing import TYPE_CHECKING
from uuid import uuid4

from wamon.app.page_once import running
from wamon.errors import Fatal

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence
    from pathlib import Path

    from wamon.app.page_once import Served
    from wamon.config.schema import Config

SEND = "WAMON_DEMO_SEND"
"""By which the demonstration's config names the stand-in's address."""
_WAIT_SECONDS = 60


def answer_to(texts: Sequence[str], command: Sequence[str], config: Path, settings: Config, site: Served) -> str:
    """Deliver what the first of `conversations.users` writes; what is sent back to them. Raises Fatal where nothing is.

    A `wamon run` of this config works until then.
    """
    for text in texts:  # before anybody works, so that they are one burst however slow this host is
        _deliver(text, settings, site)
    with _wati() as (address, sent), running([*command, "--config", str(config), "run"], **{SEND: address}):
        try:
            return sent.get(timeout=_WAIT_SECONDS)
        except Empty:
            raise Fatal("Nothing was answered.", hint=f"Try it: wamon --config {config} run") from None


def _deliver(text: str, settings: Config, site: Served) -> None:
    """As WATI does it; a message without a time was sent when it comes."""
    (hook,), person, one = settings.hooks, settings.conversations.users[0], uuid4().hex
    body = {"eventType": "message", "id": one, "whatsappMessageId": f"wamid.{one}", "waId": person, "text": text}
    taken = site.ask("POST", f"/hooks/{hook.name}/{hook.secrets[0]}", json.dumps({**body, "type": "text"}).encode())
    if taken.status != 200:
        raise Fatal(f"A delivery was answered with status {taken.status}.")


@contextmanager
def _wati() -> Iterator[tuple[str, SimpleQueue[str]]]:
    """The address of a stand-in for WATI's API on this host, and the texts that are sent by it."""
    sent: SimpleQueue[str] = SimpleQueue()

    class Request(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            head = dict(line.lower().split(b":", 1) for line in iter(self.rfile.readline, b"\r\n") if b":" in line)
            sent.put(json.loads(self.rfile.read(int(head[b"content-length"])))["text"])
            body = json.dumps({"message": {"local_message_id": uuid4().hex}}).encode()
            self.wfile.write(b"HTTP/1.0 200 OK\r\nContent-Length: %d\r\n\r\n%b" % (len(body), body))

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Request) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
        thread.start()
        try:
            yield f"http://127.0.0.1:{server.server_address[1]}/", sent
        finally:
            server.shutdown()
            thread.join()
