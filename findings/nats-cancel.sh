#!/bin/bash
# Whether a deadline ends a publish of nats-py's to a server that has stopped reading. Without wamon; the server is asyncio's.
# Exit code: 0 all of it still holds, 1 something has changed, 2 it can't be tried here.
set -u
natspy=2.16.0
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
python3 -c 'from asyncio import timeout' 2>/dev/null || { echo "Python has no asyncio.timeout"; exit 2; }
python3 -m venv "$folder/venv" 2>"$folder/log" &&
  "$folder/venv/bin/python" -m pip --disable-pip-version-check install --quiet "nats-py==$natspy" 2>"$folder/log" ||
  { tail -n 1 "$folder/log"; exit 2; }
cat >"$folder/tried.py" <<'PYTHON'
"""What one would expect of a publish whose time is over, and what was seen."""
import asyncio
import os
import sys

import nats

VERSION = sys.argv[1]


async def stops_reading(reader, writer):
    writer.write(b'INFO {"server_id": "one", "version": "2.10.0", "max_payload": 1048576}\r\n')
    while not (await reader.readline()).startswith(b"PING"):
        pass
    writer.write(b"PONG\r\n")
    writer.transport.pause_reading()


async def quietly(_):
    pass


async def published(**options):
    """How publishing ended, which was to last for half a second, and how many publishes went on after that."""
    server = await asyncio.start_server(stops_reading, "127.0.0.1", 0)
    address = "nats://127.0.0.1:%d" % server.sockets[0].getsockname()[1]
    client = await nats.connect(address, allow_reconnect=False, error_cb=quietly, **options)
    late = 0
    try:
        async with asyncio.timeout(0.5) as limit:
            for _ in range(200):
                await client.publish("wamon", bytes(65536))
                late += limit.expired()
                if late == 2:
                    break
            else:
                await asyncio.sleep(1)  # for answers
    except TimeoutError:
        return "TimeoutError", late
    return "nothing was raised", late


async def main():
    print(f"nats-py {VERSION}: publish within asyncio.timeout, to a server that has stopped reading")
    seen = [await published(flush_timeout=1), await published(flush_timeout=1, pending_size=0)]
    expected = [("nothing was raised", 2), ("TimeoutError", 0)]
    print("  expected: TimeoutError once the time is over, since a task that is cancelled ends")
    print(f"  seen, with more than pending_size waiting: {seen[0][0]}, and {seen[0][1]} publishes after that")
    print(f"  seen, with pending_size=0: {seen[1][0]}, and {seen[1][1]}")
    return 0 if seen == expected else 1


async def whole():
    try:
        code = await main()
    except Exception as error:
        print(f"it could not be tried: {error!r}")
        code = 2
    sys.stdout.flush()
    os._exit(code)  # the connections are left as they are


asyncio.run(whole())
PYTHON
timeout 60 "$folder/venv/bin/python" "$folder/tried.py" "$natspy"
code=$?
[ "$code" -le 1 ] || { echo "it could not be tried"; exit 2; }
exit "$code"
