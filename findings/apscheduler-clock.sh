#!/bin/bash
# What APScheduler's jobs of every half second do once the host's clock is set back. Tried with libfaketime, without wamon.
# Exit code: 0 all of it still holds, 1 something has changed, 2 it can't be tried here.
set -u
apscheduler=3.11.3
library=$(ls /usr/lib/*/faketime/libfaketimeMT.so.1 2>/dev/null | head -n 1)
[ -n "$library" ] || { echo "This needs Debian's faketime."; exit 2; }
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" 2>"$folder/log" &&
  "$folder/venv/bin/python" -m pip --disable-pip-version-check install --quiet "apscheduler==$apscheduler" 2>"$folder/log" ||
  { tail -n 1 "$folder/log"; exit 2; }
cat >"$folder/tried.py" <<'PYTHON'
"""Each finding: what one would expect of an interval, and what was seen. The library takes the clock's offset from a file."""
import logging
import os
import sys
import threading
import time

from apscheduler.schedulers.background import BackgroundScheduler

logging.disable(logging.CRITICAL)
pause = threading.Event().wait


def set_clock(by):
    with open(os.environ["FAKETIME_TIMESTAMP_FILE"], "w") as file:
        file.write(f"{by}\n")


def seen(by):
    """Whether the job goes on for eight seconds once the clock is set; the monotonic clock isn't touched."""
    set_clock("+0")
    runs = []
    scheduler = BackgroundScheduler(timezone="UTC", job_defaults={"coalesce": True, "misfire_grace_time": None})
    scheduler.add_job(lambda: runs.append(1), "interval", seconds=0.5)
    scheduler.start()
    while not runs:
        pause(0.1)
    began, clock = time.monotonic(), time.time()
    set_clock(by)
    pause(1)
    if by != "+0" and not time.time() < clock:
        sys.exit("the clock can't be set here")
    runs.clear()
    pause(8)
    assert time.monotonic() - began > 8.9
    scheduler.shutdown(wait=False)
    return "runs" if runs else "no run"


FINDINGS = [
    ("the clock stays as it is, to compare", seen("+0"), "runs"),
    ("the clock is set back by a minute", seen("-60s"), "no run"),
]
print(f"APScheduler {sys.argv[1]}, Python {sys.version.split()[0]}")
changed = 0
for what, found, as_found in FINDINGS:
    holds = found == as_found
    changed += not holds
    print(f"{'holds  ' if holds else 'CHANGED'} {what}; the next eight seconds: expected runs; seen: {found}")
sys.exit(1 if changed else 0)
PYTHON
echo +0 >"$folder/offset"
LD_PRELOAD=$library FAKETIME_TIMESTAMP_FILE=$folder/offset FAKETIME_NO_CACHE=1 FAKETIME_DONT_FAKE_MONOTONIC=1 \
  DONT_FAKE_MONOTONIC=1 timeout 60 "$folder/venv/bin/python" "$folder/tried.py" "$apscheduler" 2>"$folder/log"
code=$?
if ! [ $code = 0 ] && [ -s "$folder/log" ]; then tail -n 1 "$folder/log"; exit 1; fi
exit $code
