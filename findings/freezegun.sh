#!/bin/bash
# What freezegun makes of the hour that a clock shows twice, when summer time ends. Tried without wamon.
# Exit code: 0 all of it still holds, 1 something has changed, 2 it can't be tried here.
set -u
freezegun=1.5.5 tzdata=2026.6
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" 2>"$folder/log" &&
  "$folder/venv/bin/python" -m pip --disable-pip-version-check install --quiet \
    "freezegun==$freezegun" "tzdata==$tzdata" 2>"$folder/log" || { tail -n 1 "$folder/log"; exit 2; }
cat >"$folder/tried.py" <<'PYTHON'
"""Each finding: what Python's own datetime gives of the same moment, and what was seen while time was frozen there."""
import datetime
import sys
from zoneinfo import ZoneInfo

from freezegun import freeze_time

# Germany's clocks showed 02:30 at 00:30 and again at 01:30 UTC; PEP 495 tells the two apart by `fold`.
BERLIN = ZoneInfo("Europe/Berlin")
SECOND = datetime.datetime(2026, 10, 25, 1, 30, tzinfo=datetime.timezone.utc)


def seen(local):
    """A local time as a reader sees it, and how far it is from the moment it was made of."""
    return f"{local.isoformat()}, off by {(local.astimezone(datetime.timezone.utc) - SECOND).total_seconds():.0f} s"


expected = seen(SECOND.astimezone(BERLIN))
with freeze_time(SECOND):
    FINDINGS = [
        ("datetime.now(Berlin)", seen(datetime.datetime.now(BERLIN))),
        ("datetime.now(UTC).astimezone(Berlin)", seen(datetime.datetime.now(datetime.timezone.utc).astimezone(BERLIN))),
        ("datetime.fromtimestamp(seconds, Berlin)", seen(datetime.datetime.fromtimestamp(SECOND.timestamp(), BERLIN))),
    ]
AS_FOUND = "2026-10-25T02:30:00+02:00, off by -3600 s"

print(f"freezegun {sys.argv[1]}, Python {sys.version.split()[0]}")
changed = 0
for what, found in FINDINGS:
    holds = found == AS_FOUND != expected
    changed += not holds
    print(f"{'holds  ' if holds else 'CHANGED'} frozen in the second 02:30, {what}: expected {expected}; seen: {found}")
sys.exit(1 if changed else 0)
PYTHON
timeout 60 "$folder/venv/bin/python" "$folder/tried.py" "$freezegun" 2>"$folder/log"
code=$?
if ! [ $code = 0 ] && [ -s "$folder/log" ]; then tail -n 1 "$folder/log"; exit 1; fi
exit $code
