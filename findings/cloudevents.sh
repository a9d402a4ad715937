#!/bin/bash
# What CloudEvents' own SDKs for Python and Node make of valid events. Each is tried without wamon.
# Exit code: 0 all of it still holds, 1 something has changed, 2 it can't be tried here.
set -u
python=2.2.0 node=10.0.0
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
command -v npm >/dev/null || { echo "This needs Node and npm."; exit 2; }
python3 -m venv "$folder/venv" 2>"$folder/log" &&
  "$folder/venv/bin/python" -m pip --disable-pip-version-check install --quiet "cloudevents==$python" 2>"$folder/log" &&
  npm install --prefix "$folder" --ignore-scripts --no-audit --no-fund --silent "cloudevents@$node" >"$folder/log" 2>&1 ||
  { tail -n 1 "$folder/log"; exit 2; }
cat >"$folder/tried.py" <<'PYTHON'
"""What was seen of the SDK for Python, a line each: an event that is read in structured mode, and sent on in binary mode."""
import json

from cloudevents.core.bindings.http import HTTPMessage, from_http_event, to_binary_event

STRUCTURED = {"content-type": "application/cloudevents+json"}
EVENT = {"id": "1", "source": "/bridge", "type": "drop", "specversion": "1.0", "datacontenttype": "application/json"}
for data in ("1752028", [{"drop": "DR1752028", "done": True}]):
    body = json.dumps({**EVENT, "data": data}).encode()
    sent = to_binary_event(from_http_event(HTTPMessage(STRUCTURED, body)))
    print(f"{sent.body.decode()}, read as {type(from_http_event(sent).get_data()).__name__}")
PYTHON
cat >"$folder/tried.mjs" <<'NODE'
// What was seen of the SDK for Node, a line each: events in structured mode, as they are read and sent on.
import { HTTP } from "cloudevents";

const headers = { "content-type": "application/cloudevents+json" };
const event = { id: "1", source: "/bridge", type: "drop", specversion: "1.0" };
const read = (more) => HTTP.toEvent({ headers, body: JSON.stringify({ ...event, ...more }) });
const sent = (more) => JSON.parse(HTTP.structured(read(more)).body);

console.log([0, false, ""].map((data) => `data ${"data" in sent({ data }) ? "kept" : "gone"}`).join(", "));
console.log(sent({ time: "2026-11-28T08:00:00.123456789+02:00" }).time);
const first = read({}).time;
while (Date.now() <= Date.parse(first ?? 0));
console.log(first === undefined ? "no time" : first === read({}).time ? "a time" : "a time, and another when read again");
console.log(`${read({ data_base64: Buffer.from("DR1").toString("base64") }).data.byteLength} bytes`);
NODE
found=$(cd "$folder" && timeout 60 venv/bin/python tried.py 2>log && timeout 60 node tried.mjs 2>log) || { tail -n 1 "$folder/log"; exit 1; }
echo "cloudevents $python for Python $(python3 --version | cut -d' ' -f2), $node for Node $(node --version)"
changed=0
finding() {  # what, what one would expect, what was seen first; what is seen now comes from standard input
  read -r seen
  if [ "$seen" = "$3" ]; then mark="holds  "; else mark=CHANGED changed=1; fi
  echo "$mark $1: expected $2; seen: $seen"
}
{
  finding 'Python: data is the text "1752028", read, sent on in binary mode' '"1752028", read as str' "1752028, read as int"
  finding 'Python: data is [{"drop": "DR1752028", "done": true}], read, sent on in binary mode' "JSON, read as list" \
    "[{'drop': 'DR1752028', 'done': True}], read as str"
  finding "Node: data is 0, false or an empty text, read, sent on" "data kept: the JSON format allows any value" \
    "data gone, data gone, data gone"
  finding "Node: time is 2026-11-28T08:00:00.123456789+02:00, read, sent on" "the same moment" \
    "2026-11-28T06:00:00.123Z"
  finding "Node: an event without the optional time, read twice" "none, or the same each time" \
    "a time, and another when read again"
  finding "Node: three bytes in data_base64, read" "3 bytes of data" "12 bytes"
} <<<"$found"
exit $changed
