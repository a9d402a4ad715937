#!/bin/bash
# What add_reader of uvloop tells of a connection that its peer resets right after a last word. Without wamon.
# Exit code: 0 all of it still holds, 1 something has changed, 2 it can't be tried here.
set -u
uvloop=0.23.0
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" 2>"$folder/log" &&
  "$folder/venv/bin/python" -m pip --disable-pip-version-check install --quiet --only-binary :all: "uvloop==$uvloop" 2>"$folder/log" ||
  { tail -n 1 "$folder/log"; exit 2; }
cat >"$folder/tried.py" <<'PYTHON'
"""Each finding: what a reader, which reads what there is whenever it is called, should be told, and what it was told."""
import asyncio
import socket
import struct
import sys

import uvloop

RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() resets


async def told(last_word):
    """What the reader got, each time it was called within a second."""
    loop = asyncio.get_running_loop()
    got = []
    with socket.create_server(("127.0.0.1", 0)) as listening:
        reading = socket.create_connection(listening.getsockname())
        peer, _ = listening.accept()

    def read():
        try:
            got.append(reading.recv(100).decode() or "end")
        except ConnectionResetError:
            got.append("reset")
        if got[-1] in ("end", "reset"):
            loop.remove_reader(reading)

    reading.setblocking(False)
    loop.add_reader(reading, read)
    await asyncio.sleep(0.1)
    if last_word:
        peer.send(last_word)
    peer.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    peer.close()
    await asyncio.sleep(1)
    loop.remove_reader(reading)
    reading.close()
    return ", ".join(got) or "nothing"


FINDINGS = [
    ("a reset alone, asyncio's own loop", "reset", asyncio.run(told(b"")), "reset"),
    ("a reset alone, uvloop", "reset", uvloop.run(told(b"")), "reset"),
    ("a last word and a reset, asyncio's own loop", "bye, reset", asyncio.run(told(b"bye")), "bye, reset"),
    ("a last word and a reset, uvloop", "bye, reset", uvloop.run(told(b"bye")), "bye"),
]
print(f"uvloop {uvloop.__version__}, Python {sys.version.split()[0]}")
changed = 0
for what, expected, seen, as_found in FINDINGS:
    holds = seen == as_found
    changed += not holds
    print(f"{'holds  ' if holds else 'CHANGED'} {what}: expected {expected}; seen: {seen}")
sys.exit(1 if changed else 0)
PYTHON
timeout 60 "$folder/venv/bin/python" "$folder/tried.py" 2>"$folder/log"
code=$?
if ! [ $code = 0 ] && [ -s "$folder/log" ]; then tail -n 1 "$folder/log"; exit 1; fi
exit $code
