#!/bin/bash
# How long the OpenAI clients for Python and Node wait for an answer that comes slowly. Each is tried without wamon.
# Exit code: 0 all of it still holds, 1 something has changed, 2 it can't be tried here.
set -u
python=3.57.0 node=6.49.0
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
command -v npm >/dev/null || { echo "This needs Node and npm."; exit 2; }
python3 -m venv "$folder/venv" 2>"$folder/log" &&
  "$folder/venv/bin/python" -m pip --disable-pip-version-check install --quiet "openai==$python" 2>"$folder/log" &&
  npm install --prefix "$folder" --ignore-scripts --no-audit --no-fund --silent "openai@$node" >"$folder/log" 2>&1 ||
  { tail -n 1 "$folder/log"; exit 2; }
cat >"$folder/tried.mjs" <<'NODE'
// What the client for Node does with a timeout of this many seconds, at the server of this address: a line.
import OpenAI from "openai";

const [baseURL, seconds] = process.argv.slice(2);
const client = new OpenAI({ baseURL, apiKey: "none", timeout: 1000 * seconds, maxRetries: 0 });
const asked = { model: "small", messages: [{ role: "user", content: "DR1752028?" }] };
console.log(await client.chat.completions.create(asked).then(() => "an answer", (error) => error.constructor.name));
NODE
cat >"$folder/tried.py" <<'PYTHON'
"""Each finding: what the package's page says of `timeout`, and what was seen."""
import json
import subprocess
import sys
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import openai

TIMEOUT_SECONDS = 2
MESSAGE = {"role": "assistant", "content": "Yes."}
CHOICE = {"index": 0, "finish_reason": "stop", "message": MESSAGE}
ANSWER = {"id": "1", "object": "chat.completion", "created": 1795860000, "model": "small", "choices": [CHOICE]}


class Model(BaseHTTPRequestHandler):
    """A server that sends an empty line now and then while its model thinks, as JSON allows before a value."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        self.rfile.read(int(self.headers["content-length"]))
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        try:
            for part in ["\n"] * (TIMEOUT_SECONDS * 8) + [json.dumps(ANSWER), ""]:
                self.wfile.write(f"{len(part):x}\r\n{part}\r\n".encode())
                time.sleep(0.25)
        except OSError:
            pass  # the client has gone

    def log_message(self, *_):
        pass


def by_python(address):
    client = openai.OpenAI(base_url=address, api_key="none", timeout=TIMEOUT_SECONDS, max_retries=0)
    try:
        client.chat.completions.create(model="small", messages=[{"role": "user", "content": "DR1752028?"}])
    except openai.APIError as error:
        return type(error).__name__
    return "an answer"


def by_node(address):
    words = ["node", "tried.mjs", address, str(TIMEOUT_SECONDS)]
    return subprocess.run(words, capture_output=True, text=True, check=True, timeout=30).stdout.strip()


def seen(ask):
    began = time.monotonic()
    found = ask(f"http://127.0.0.1:{server.server_port}")
    return f"{found} {'after more than twice that' if time.monotonic() - began > 2 * TIMEOUT_SECONDS else 'sooner'}"


server = ThreadingHTTPServer(("127.0.0.1", 0), Model)
threading.Thread(target=server.serve_forever, daemon=True).start()
FINDINGS = [
    (f"openai {sys.argv[1]} for Python", "APITimeoutError", seen(by_python)),
    (f"openai {sys.argv[2]} for Node", "APIConnectionTimeoutError", seen(by_node)),
]
print(f"Python {sys.version.split()[0]}, a timeout of {TIMEOUT_SECONDS} s, an answer that is under way twice as long")
changed = 0
for what, expected, found in FINDINGS:
    holds = found == "an answer after more than twice that"
    changed += not holds
    print(f"{'holds  ' if holds else 'CHANGED'} {what}: expected {expected}; seen: {found}")
sys.exit(1 if changed else 0)
PYTHON
cd "$folder" && timeout 60 venv/bin/python tried.py "$python" "$node" 2>log
code=$?
if ! [ $code = 0 ] && [ -s "$folder/log" ]; then tail -n 1 "$folder/log"; exit 1; fi
exit $code
