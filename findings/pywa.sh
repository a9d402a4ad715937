#!/bin/bash
# What pywa, a library for Meta's WhatsApp Cloud API, does when Meta sends a delivery again. Tried without wamon.
# Exit code: 0 all of it still holds, 1 something has changed, 2 it can't be tried here.
set -u
pywa=4.5.0
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" 2>"$folder/log" &&
  "$folder/venv/bin/python" -m pip --disable-pip-version-check install --quiet "pywa==$pywa" 2>"$folder/log" ||
  { tail -n 1 "$folder/log"; exit 2; }
cat >"$folder/tried.py" <<'PYTHON'
"""Each finding: what one would expect of valid deliveries, and what was seen."""
import json
import logging
import sys

import pywa

logging.disable(logging.CRITICAL)


def message(**sender):
    return {"id": "M1", "timestamp": "1795860000", "type": "text", "text": {"body": "DR1752028"}, **sender}


def delivery(contact, *messages):
    metadata = {"display_phone_number": "27820009999", "phone_number_id": "900222"}
    value = {"messaging_product": "whatsapp", "metadata": metadata, "contacts": [contact], "messages": messages}
    changes = [{"field": "messages", "value": value}]
    return {"object": "whatsapp_business_account", "entry": [{"id": "900111", "changes": changes}]}


NOW = delivery(
    {"profile": {"name": "T. One"}, "wa_id": "27820000001", "user_id": "ZA.1"},
    message(**{"from": "27820000001", "from_user_id": "ZA.1"}),
)
BEFORE = delivery({"profile": {"name": "T. One"}, "wa_id": "27820000001"}, message(**{"from": "27820000001"}))


def seen(*bodies, failures=0):
    """What each of these bodies is answered, with what the program's handler was called for while it was."""
    client = pywa.WhatsApp(phone_id="900222", token="none", server=None, verify_token="none", validate_updates=False)
    calls = []

    def handler(_, update):
        calls.append(update.id)
        if len(calls) <= failures:
            raise ConnectionError("the database is away")

    client.on_message(handler)
    found = []
    for body in bodies:
        before = len(calls)
        _, code = client.webhook_update_handler(body)
        found.append(f"{code} with {len(calls) - before} calls")
    return ", then ".join(found)


SAME, SPACED = json.dumps(NOW).encode(), json.dumps(NOW, indent=1).encode()
FINDINGS = [
    (
        "a message comes, its handler raises; it comes again",
        "an answer that isn't 200, as Meta sends nothing again that was answered 200; then the handler called once more",
        seen(SAME, SAME, failures=1),
        "200 with 1 calls, then 200 with 0 calls",
    ),
    (
        "a message comes; it comes again in other bytes; duplicates are skipped by default",
        "the second skipped, by its id",
        seen(SAME, SPACED),
        "200 with 1 calls, then 200 with 1 calls",
    ),
    (
        "a message comes in the form of before 2026, with wa_id and without user_id",
        "the handler called, or an answer that isn't 200",
        seen(json.dumps(BEFORE).encode()),
        "200 with 0 calls",
    ),
]
print(f"pywa {sys.argv[1]}, Python {sys.version.split()[0]}")
changed = 0
for what, expected, found, as_found in FINDINGS:
    holds = found == as_found
    changed += not holds
    print(f"{'holds  ' if holds else 'CHANGED'} {what}: expected {expected}; seen: {found}")
sys.exit(1 if changed else 0)
PYTHON
timeout 60 "$folder/venv/bin/python" "$folder/tried.py" "$pywa" 2>"$folder/log"
code=$?
if ! [ $code = 0 ] && [ -s "$folder/log" ]; then tail -n 1 "$folder/log"; exit 1; fi
exit $code
