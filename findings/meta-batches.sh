#!/bin/bash
# How much of one delivery of Meta's WhatsApp Cloud API three of its libraries hand on. Each is tried without wamon.
# Exit code: 0 all of it still holds, 1 something has changed, 2 it can't be tried here.
set -u
pywa=4.5.0 whatsapp_api_js=6.3.0 whatsapp_cloud_api=0.3.1
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
command -v npm >/dev/null || { echo "This needs Node and npm."; exit 2; }
python3 -m venv "$folder/venv" 2>"$folder/log" &&
  "$folder/venv/bin/python" -m pip --disable-pip-version-check install --quiet "pywa==$pywa" 2>"$folder/log" &&
  npm install --prefix "$folder" --ignore-scripts --no-audit --no-fund --silent \
    "whatsapp-api-js@$whatsapp_api_js" "whatsapp-cloud-api@$whatsapp_cloud_api" >"$folder/log" 2>&1 ||
  { tail -n 1 "$folder/log"; exit 2; }
cat >"$folder/tried.mjs" <<'NODE'
// What two libraries for Node hand on of each delivery in the file: a line of JSON, by library and delivery.
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import express from "express";
import cloud from "whatsapp-cloud-api";
import { WhatsAppAPI } from "whatsapp-api-js";

const deliveries = JSON.parse(readFileSync("deliveries.json", "utf8"));
const found = { "whatsapp-api-js": {}, "whatsapp-cloud-api": {} };

const api = new WhatsAppAPI({ token: "none", secure: false, v: "v25.0" });
let handed = [];
api.on.message = ({ message }) => void handed.push(message.id);
api.on.status = ({ id }) => void handed.push(id);
for (const [name, delivery] of Object.entries(deliveries)) {
  handed = [];
  await api.post(delivery);
  found["whatsapp-api-js"][name] = handed;
}

const app = express();
const bot = cloud.createBot("900222", "none");
await bot.startExpressServer({ app, webhookVerifyToken: "none" });
bot.on("message", ({ id }) => handed.push(id));
const server = createServer(app);
await new Promise((ready) => server.listen(0, "127.0.0.1", ready));
for (const [name, delivery] of Object.entries(deliveries)) {
  handed = [];
  const headers = { "content-type": "application/json", connection: "close" };
  await fetch(`http://127.0.0.1:${server.address().port}/webhook/whatsapp`, { method: "POST", headers, body: JSON.stringify(delivery) });
  await new Promise((later) => setTimeout(later, 100));  // it hands on by a timer
  found["whatsapp-cloud-api"][name] = handed;
}
server.close();
console.log(JSON.stringify(found));
NODE
cat >"$folder/tried.py" <<'PYTHON'
"""Each finding: what a valid delivery holds, and what was handed on of it."""
import json
import logging
import subprocess
import sys

import pywa

logging.disable(logging.CRITICAL)


def value(*numbers, **more):
    """One change's value: a text message from each of these people."""
    return {
        "messaging_product": "whatsapp",
        "metadata": {"display_phone_number": "27820009999", "phone_number_id": "900222"},
        "contacts": [{"profile": {"name": "T"}, "wa_id": f"2782000000{n}", "user_id": f"ZA.{n}"} for n in numbers],
        "messages": [
            {"from": f"2782000000{n}", "from_user_id": f"ZA.{n}", "id": f"M{n}", "timestamp": "1795860000", "type": "text", "text": {"body": "DR"}}
            for n in numbers
        ],
        **more,
    }


def delivery(*entries):
    """Meta sends updates in batches: each list is one entry's changes."""
    return {
        "object": "whatsapp_business_account",
        "entry": [{"id": "900111", "changes": [{"field": "messages", "value": one} for one in entry]} for entry in entries],
    }


STATUS = {"id": "S1", "status": "read", "timestamp": "1795860000", "recipient_id": "27820000001", "recipient_user_id": "ZA.1"}
DELIVERIES = {
    "two messages in one change": delivery([value(1, 2)]),
    "two changes in one entry": delivery([value(1), value(2)]),
    "two entries": delivery([value(1)], [value(2)]),
    "a message and a status in one change": delivery([value(1, statuses=[STATUS])]),
}
EXPECTED = dict.fromkeys(DELIVERIES, ["M1", "M2"]) | {"a message and a status in one change": ["M1", "S1"]}
FIRST = dict.fromkeys(DELIVERIES, ["M1"])
AS_FOUND = {
    "pywa": FIRST,
    "whatsapp-api-js": FIRST,
    "whatsapp-cloud-api": FIRST | {"a message and a status in one change": []},
}


def handed_by_pywa(body):
    client = pywa.WhatsApp(phone_id="900222", token="none", server=None, verify_token="none", validate_updates=False)
    handed = []
    client.on_message(lambda _, message: handed.append(message.id))
    client.on_message_status(lambda _, status: handed.append(status.id))
    client.webhook_update_handler(json.dumps(body).encode())
    return handed


with open("deliveries.json", "w") as file:
    json.dump(DELIVERIES, file)
seen = {"pywa": {name: handed_by_pywa(body) for name, body in DELIVERIES.items()}}
seen |= json.loads(subprocess.run(["node", "tried.mjs"], capture_output=True, text=True, check=True, timeout=60).stdout)
print(f"pywa {sys.argv[1]}, whatsapp-api-js {sys.argv[2]}, whatsapp-cloud-api {sys.argv[3]}, Python {sys.version.split()[0]}")
changed = 0
for library, by_delivery in AS_FOUND.items():
    for name, as_found in by_delivery.items():
        found = seen[library][name]
        holds = found == as_found
        changed += not holds
        print(f"{'holds  ' if holds else 'CHANGED'} {library}, {name}: expected {EXPECTED[name]}; seen: {found}")
sys.exit(1 if changed else 0)
PYTHON
cd "$folder" && timeout 80 venv/bin/python tried.py "$pywa" "$whatsapp_api_js" "$whatsapp_cloud_api" 2>log
code=$?
if ! [ $code = 0 ] && [ -s "$folder/log" ]; then tail -n 1 "$folder/log"; exit 1; fi
exit $code
