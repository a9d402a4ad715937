#!/bin/bash
# How nats-py tries to connect where reconnecting is switched off, and what it leaves. Without a server, and without wamon.
# Exit code: 0 all of it still holds, 1 something has changed, 2 it can't be tried here.
set -u
natspy=2.16.0
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" 2>"$folder/log" &&
  "$folder/venv/bin/python" -m pip --disable-pip-version-check install --quiet "nats-py==$natspy" 2>"$folder/log" ||
  { tail -n 1 "$folder/log"; exit 2; }
cat >"$folder/tried.py" <<'PYTHON'
"""Each finding: what one would expect of connect(), and what was seen."""
import asyncio
import socket
import sys

import nats
from nats.errors import NoServersError

VERSION = sys.argv[1]


def unused_port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


async def tries(**options):
    """How many connections were refused, and how connect() ended."""
    refused = []

    async def note(error):
        refused.append(error)

    address = f"nats://127.0.0.1:{unused_port()}"
    try:
        await nats.connect(address, allow_reconnect=False, reconnect_time_wait=0, error_cb=note, **options)
    except NoServersError:
        return f"{len(refused)}, then NoServersError"
    return "connected"


async def left_open():
    """Whether the connection of a connect() that failed is closed: to somebody who accepts it, and says nothing."""
    ended = asyncio.Event()

    async def say_nothing(reader, writer):
        while await reader.read(100):
            pass
        ended.set()

    async def quietly(_):
        pass

    server = await asyncio.start_server(say_nothing, "127.0.0.1", 0)
    address = "nats://127.0.0.1:%d" % server.sockets[0].getsockname()[1]
    try:
        await nats.connect(
            address, allow_reconnect=False, max_reconnect_attempts=1, reconnect_time_wait=0, connect_timeout=0.5, error_cb=quietly
        )
    except TimeoutError:
        pass
    try:
        await asyncio.wait_for(ended.wait(), 3)
    except TimeoutError:
        return "open 3 s later, and no client to close it with"
    return "closed"


FINDINGS = [
    (
        "connect() with allow_reconnect=False, at a port where nobody listens",
        "1 try, and its error",
        asyncio.run(tries()),
        "61, then NoServersError",
    ),
    (
        "the same with max_reconnect_attempts=3, which counts what is switched off",
        "1 try, and its error",
        asyncio.run(tries(max_reconnect_attempts=3)),
        "4, then NoServersError",
    ),
    (
        "the connection, once connect() ended with TimeoutError at a server that accepts and says nothing",
        "closed",
        asyncio.run(left_open()),
        "open 3 s later, and no client to close it with",
    ),
]
print(f"nats-py {VERSION}, Python {sys.version.split()[0]}")
changed = 0
for what, expected, seen, as_found in FINDINGS:
    holds = seen == as_found
    changed += not holds
    print(f"{'holds  ' if holds else 'CHANGED'} {what}: expected {expected}; seen: {seen}")
sys.exit(1 if changed else 0)
PYTHON
timeout 60 "$folder/venv/bin/python" "$folder/tried.py" "$natspy" 2>"$folder/log"
code=$?
if ! [ $code = 0 ] && [ -s "$folder/log" ]; then tail -n 1 "$folder/log"; exit 1; fi
exit $code
