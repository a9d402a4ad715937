#!/bin/bash
# What lm-proxy, a proxy that speaks as OpenAI does, tells of what its provider said. Tried without wamon.
# Exit code: 0 all of it still holds, 1 something has changed, 2 it can't be tried here.
set -u
proxy=3.3.2
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" 2>"$folder/log" &&
  "$folder/venv/bin/python" -m pip --disable-pip-version-check install --quiet "lm-proxy==$proxy" 2>"$folder/log" ||
  { tail -n 1 "$folder/log"; exit 2; }
cat >"$folder/tried.py" <<'PYTHON'
"""Each finding: what one would expect of a proxy, and what was seen. The provider is a stand-in on loopback."""
import json
import socket
import subprocess
import sys
import threading
import time
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

folder = Path(sys.argv[1])
asked = []
WHOLE = {
    "id": "1", "object": "chat.completion", "created": 1, "model": "small",
    "choices": [{"index": 0, "message": {"role": "assistant", "content": "At nine."}, "finish_reason": "stop"}],
    "usage": {"prompt_tokens": 120, "completion_tokens": 7, "total_tokens": 127},
}
answers = {"busy": (429, {"error": {"message": "slow down", "type": "rate_limit_error"}}), "whole": (200, WHOLE)}
says = "whole"


class Provider(BaseHTTPRequestHandler):
    def do_POST(self):
        self.rfile.read(int(self.headers["Content-Length"]))
        asked.append(says)
        status, body = answers[says]
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(text)))
        if status == 429:
            self.send_header("Retry-After", "7")
        self.end_headers()
        self.wfile.write(text)

    def log_message(self, *_):
        pass


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


provider = ThreadingHTTPServer(("127.0.0.1", 0), Provider)
threading.Thread(target=provider.serve_forever, daemon=True).start()
port = free_port()
(folder / "config.toml").write_text(f"""
host = "127.0.0.1"
port = {port}
[connections.stand_in]
api_type = "open_ai"
api_base = "http://127.0.0.1:{provider.server_address[1]}/v1/"
api_key = "none"
[routing]
"*" = "stand_in.*"
[groups.default]
api_keys = ["a-key-of-the-proxy"]
""")


def ask():
    """The proxy's status, its Retry-After, and its answer."""
    body = {"model": "small", "messages": [{"role": "user", "content": "DR1752028?"}]}
    headers = {"Authorization": "Bearer a-key-of-the-proxy", "Content-Type": "application/json"}
    request = urllib.request.Request(f"http://127.0.0.1:{port}/v1/chat/completions", json.dumps(body).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=60) as answer:
            return answer.status, answer.headers.get("Retry-After"), json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, error.headers.get("Retry-After"), {}


def listens():
    with socket.socket() as there:
        return there.connect_ex(("127.0.0.1", port)) == 0


with (folder / "proxy.log").open("w") as log:
    running = subprocess.Popen([folder / "venv/bin/lm-proxy", "--config", folder / "config.toml"], stdout=log, stderr=log)
try:
    until = time.monotonic() + 60
    while not listens():
        if running.poll() is not None or time.monotonic() > until:
            sys.exit("the proxy doesn't begin here")
        time.sleep(0.2)
    status, _, whole = ask()
    if status != 200 or whole["choices"][0]["message"]["content"] != "At nine.":
        sys.exit("the proxy answers otherwise here")
    told_usage = "usage" if whole.get("usage") else "no usage"
    says = "busy"
    asked.clear()
    status, retry_after, _ = ask()
finally:
    running.terminate()
    running.wait(30)
    provider.shutdown()

FINDINGS = [
    ("its provider is busy and says 429: what the client is answered", "429", str(status), "502"),
    ("its provider says Retry-After: 7: whether the client is told", "7", str(retry_after), "None"),
    ("how often it asked its busy provider for one question", "1", str(len(asked)), "3"),
    ("its provider counts 127 tokens in `usage`: whether the client is told", "usage", told_usage, "no usage"),
]
print(f"lm-proxy {sys.argv[2]}, Python {sys.version.split()[0]}")
changed = 0
for what, expected, found, as_found in FINDINGS:
    holds = found == as_found
    changed += not holds
    print(f"{'holds  ' if holds else 'CHANGED'} {what}; expected {expected}; seen: {found}")
sys.exit(1 if changed else 0)
PYTHON
timeout 200 "$folder/venv/bin/python" "$folder/tried.py" "$folder" "$proxy" 2>"$folder/log"
code=$?
if ! [ $code = 0 ] && [ -s "$folder/log" ]; then tail -n 1 "$folder/log"; exit 1; fi
exit $code
