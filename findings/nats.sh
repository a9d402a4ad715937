#!/bin/bash
# How long NATS JetStream knows a message again by its Nats-Msg-Id. Tried with Debian's nats-server and nats-py, without wamon.
# Exit code: 0 all of it still holds, 1 something has changed, 2 it can't be tried here.
set -u
natspy=2.16.0
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
command -v nats-server >/dev/null || { echo "This needs nats-server."; exit 2; }
python3 -m venv "$folder/venv" 2>"$folder/log" &&
  "$folder/venv/bin/python" -m pip --disable-pip-version-check install --quiet "nats-py==$natspy" 2>"$folder/log" ||
  { tail -n 1 "$folder/log"; exit 2; }
cat >"$folder/tried.py" <<'PYTHON'
"""Each finding: what one would expect of a stream that knows ids for ten minutes, and what was seen."""
import asyncio
import socket
import subprocess
import sys

import nats
from nats.js.api import RetentionPolicy, StreamConfig

FOLDER, VERSION = sys.argv[1:]
WINDOW_SECONDS = 600


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


PORT = free_port()


class Server:
    """nats-server on loopback, which keeps its streams in the folder."""

    async def __aenter__(self):
        words = ["nats-server", "--addr", "127.0.0.1", "--port", str(PORT), "--jetstream", "--store_dir", FOLDER]
        self._process = subprocess.Popen(words, stderr=subprocess.DEVNULL)
        for _ in range(200):
            try:
                self._client = await nats.connect(f"nats://127.0.0.1:{PORT}", allow_reconnect=False)
                return self._client.jetstream()
            except OSError:
                await asyncio.sleep(0.05)
        raise TimeoutError("nats-server doesn't answer")

    async def __aexit__(self, *_):
        await self._client.close()
        self._process.terminate()
        self._process.wait()


async def published(stream, subject):
    """What a publisher is told, and how many messages the stream then has."""
    told = await stream.publish(subject, b"DR1752028", headers={"Nats-Msg-Id": "3EB0AA"})
    kept = (await stream.stream_info(subject.upper())).state.messages
    return f"{'a duplicate' if told.duplicate else 'new'}, {kept} kept"


async def main():
    async with Server() as stream:
        for name, retention in (("work", RetentionPolicy.WORK_QUEUE), ("log", RetentionPolicy.LIMITS)):
            await stream.add_stream(
                StreamConfig(name.upper(), subjects=[name], retention=retention, duplicate_window=WINDOW_SECONDS)
            )
            await published(stream, name)
        worker = await stream.pull_subscribe("work", "worker")
        await (await worker.fetch(1))[0].ack_sync()
        done = await published(stream, "work")
        await stream.purge_stream("LOG")
        emptied = await published(stream, "log")
    async with Server() as stream:
        return done, await published(stream, "work"), emptied, await published(stream, "log")


done, done_later, emptied, emptied_later = asyncio.run(main())
EXPECTED = "a duplicate, 0 kept; and the same once the server has restarted, as the window isn't over"
AS_FOUND = "a duplicate, 0 kept; new, 1 kept once the server has restarted"
FINDINGS = [
    ("a work queue's message is done, and its id is published again", done, done_later),
    ("a stream is emptied, and an id that it had is published again", emptied, emptied_later),
]
server = subprocess.run(["nats-server", "--version"], capture_output=True, text=True).stdout.strip()
print(f"{server}, nats-py {VERSION}, Python {sys.version.split()[0]}")
changed = 0
for what, at_once, later in FINDINGS:
    found = f"{at_once}; {later} once the server has restarted"
    holds = found == AS_FOUND
    changed += not holds
    print(f"{'holds  ' if holds else 'CHANGED'} {what}: expected {EXPECTED}; seen: {found}")
sys.exit(1 if changed else 0)
PYTHON
timeout 60 "$folder/venv/bin/python" "$folder/tried.py" "$folder/streams" "$natspy" 2>"$folder/log"
code=$?
if ! [ $code = 0 ] && [ -s "$folder/log" ]; then tail -n 1 "$folder/log"; exit 1; fi
exit $code
