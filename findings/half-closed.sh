#!/bin/bash
# Whether servers for ASGI answer a client that says it sends no more, and waits. Each is tried without wamon.
# Exit code: 0 all of it still holds, 1 something has changed, 2 it can't be tried here.
set -u
uvicorn=0.54.0 h11=0.16.0 httptools=0.9.0 granian=2.8.9 hypercorn=0.18.0
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" 2>"$folder/log" &&
  "$folder/venv/bin/python" -m pip --disable-pip-version-check install --quiet --only-binary :all: "uvicorn==$uvicorn" \
    "h11==$h11" "httptools==$httptools" "granian==$granian" "hypercorn==$hypercorn" 2>"$folder/log" ||
  { tail -n 1 "$folder/log"; exit 2; }
cat >"$folder/slow.py" <<'PYTHON'
"""An application that reads a request, writes a line for it, takes its time, and answers."""
import asyncio


async def app(scope, receive, send):
    if scope["type"] != "http":
        while True:
            phase = (await receive())["type"]
            await send({"type": f"{phase}.complete"})
            if phase == "lifespan.shutdown":
                return
    while (await receive()).get("more_body"):
        pass
    await asyncio.sleep(0.5)
    with open("done", "a") as done:
        done.write("done\n")
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"2")]})
    await send({"type": "http.response.body", "body": b"ok"})
PYTHON
cat >"$folder/tried.py" <<'PYTHON'
"""Each finding: TCP's standard lets a side that has closed go on to receive; and what was seen."""
import os
import socket
import subprocess
import sys
import time

REQUEST = b"POST / HTTP/1.1\r\nHost: wamon.example\r\nContent-Length: 9\r\n\r\nDR1752028"


def free_port():
    with socket.create_server(("127.0.0.1", 0)) as listening:
        return listening.getsockname()[1]


def connected(port):
    for _ in range(300):
        try:
            return socket.create_connection(("127.0.0.1", port), timeout=10)
        except ConnectionRefusedError:
            time.sleep(0.05)
    sys.exit("a server doesn't begin to listen")


def answered(port):
    """Whether an answer comes to a request whose client then closes its side, and stays to read."""
    with connected(port) as client:
        client.sendall(REQUEST)
        client.shutdown(socket.SHUT_WR)
        return client.recv(1000).startswith(b"HTTP/1.1 200")


def seen(*words):
    if os.path.exists("done"):
        os.remove("done")
    port = free_port()
    server = subprocess.Popen([word.format(port=port) for word in words], stdout=-3, stderr=-3)
    try:
        answer = "answered" if answered(port) else "no answer"
        while not os.path.exists("done"):
            time.sleep(0.05)
        return f"carried out, {answer}"
    finally:
        server.terminate()
        server.wait()


HOST = ("--host", "127.0.0.1", "--port", "{port}")
FINDINGS = [
    ("uvicorn with httptools", seen("venv/bin/uvicorn", "slow:app", "--http", "httptools", *HOST), "carried out, no answer"),
    ("uvicorn with h11", seen("venv/bin/uvicorn", "slow:app", "--http", "h11", *HOST), "carried out, no answer"),
    ("granian", seen("venv/bin/granian", "slow:app", "--interface", "asgi", *HOST), "carried out, no answer"),
    ("hypercorn, to compare", seen("venv/bin/hypercorn", "slow:app", "--bind", "127.0.0.1:{port}"), "carried out, answered"),
]
print(f"{sys.argv[1]}, Python {sys.version.split()[0]}")
changed = 0
for what, found, as_found in FINDINGS:
    holds = found == as_found
    changed += not holds
    print(f"{'holds  ' if holds else 'CHANGED'} {what}: expected carried out, answered; seen: {found}")
sys.exit(1 if changed else 0)
PYTHON
cd "$folder" && timeout 80 venv/bin/python tried.py "uvicorn $uvicorn, granian $granian, hypercorn $hypercorn" 2>log
code=$?
if ! [ $code = 0 ] && [ -s "$folder/log" ]; then tail -n 1 "$folder/log"; exit 1; fi
exit $code
