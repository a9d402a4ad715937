#!/bin/bash
# What watchdog's observer does where it can't begin: a folder that isn't there yet, or may not be read. Without wamon.
# Exit code: 0 all of it still holds, 1 something has changed, 2 it can't be tried here.
set -u
watchdog=7.1.0
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
chmod 711 "$folder"
[ -d /proc/self/fd ] || { echo "This needs /proc."; exit 2; }
python3 -m venv "$folder/venv" 2>"$folder/log" &&
  "$folder/venv/bin/python" -m pip --disable-pip-version-check install --quiet --only-binary :all: \
    "watchdog==$watchdog" 2>"$folder/log" || { tail -n 1 "$folder/log"; exit 2; }
cat >"$folder/tried.py" <<'PYTHON'
"""Each finding: what one would expect of valid use, and what was seen."""
import gc
import os
import sys
import tempfile
import threading
import time

from watchdog.events import FileSystemEventHandler
from watchdog.observers import Observer

TRIES = 5
FOLDER, VERSION = sys.argv[1:]


def held():
    return len(os.listdir("/proc/self/fd")), threading.active_count()


def left_by_failures():
    """A program that tries again each minute, as one would."""
    before = held()
    for _ in range(TRIES):
        observer = Observer()
        observer.schedule(FileSystemEventHandler(), FOLDER + "/later")
        try:
            observer.start()
        except FileNotFoundError:
            continue
        sys.exit(1)
    gc.collect()
    descriptors, threads = (after - was for after, was in zip(held(), before))
    return f"{descriptors} descriptors and {threads} threads"


def heard_of_a_shut_folder():
    """What is said of a folder that may not be read, and heard of a file that is written once it may."""
    shut = tempfile.mkdtemp(dir=FOLDER)
    os.chmod(shut, 0)
    heard = []
    handler = FileSystemEventHandler()
    handler.on_any_event = lambda event: heard.append(event)
    observer = Observer()
    observer.schedule(handler, shut)
    try:
        observer.start()
    except OSError as error:
        return f"{type(error).__name__}"
    os.chmod(shut, 0o700)
    with open(shut + "/file", "w") as file:
        file.write("written")
    time.sleep(1)
    observer.stop()
    observer.join()
    return f"no error, {len(heard)} events"


if os.geteuid() == 0:  # whom no folder is shut to
    os.chmod(FOLDER, 0o777)
    os.setgid(65534)
    os.setuid(65534)
FINDINGS = [
    (
        f"start() raises FileNotFoundError {TRIES} times, and the observers are dropped",
        "nothing left",
        left_by_failures(),
        f"{3 * TRIES} descriptors and {TRIES} threads",
    ),
    (
        "start() on a folder that may not be read; then it may, and a file in it is written",
        "PermissionError",
        heard_of_a_shut_folder(),
        "no error, 0 events",
    ),
]
print(f"watchdog {VERSION}, Python {sys.version.split()[0]}")
changed = 0
for what, expected, seen, as_found in FINDINGS:
    holds = seen == as_found
    changed += not holds
    print(f"{'holds  ' if holds else 'CHANGED'} {what}: expected {expected}; seen: {seen}")
sys.exit(1 if changed else 0)
PYTHON
mkdir "$folder/work"
timeout 60 "$folder/venv/bin/python" "$folder/tried.py" "$folder/work" "$watchdog" 2>"$folder/log"
code=$?
if ! [ $code = 0 ] && [ -s "$folder/log" ]; then tail -n 1 "$folder/log"; exit 1; fi
exit $code
