#!/bin/bash
# What watchdog's observer leaves behind where it can't begin: a folder that isn't there yet. Tried without wamon.
# Exit code: 0 all of it still holds, 1 something has changed, 2 it can't be tried here.
set -u
watchdog=7.1.0
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
[ -d /proc/self/fd ] || { echo "This needs /proc."; exit 2; }
python3 -m venv "$folder/venv" 2>"$folder/log" &&
  "$folder/venv/bin/python" -m pip --disable-pip-version-check install --quiet --only-binary :all: \
    "watchdog==$watchdog" 2>"$folder/log" || { tail -n 1 "$folder/log"; exit 2; }
cat >"$folder/tried.py" <<'PYTHON'
"""A program that tries again each minute, as one would."""
import gc
import os
import sys
import threading

from watchdog.events import FileSystemEventHandler
from watchdog.observers import Observer

TRIES = 5


def held():
    return len(os.listdir("/proc/self/fd")), threading.active_count()


def tried():
    observer = Observer()
    observer.schedule(FileSystemEventHandler(), sys.argv[1])
    try:
        observer.start()
    except FileNotFoundError:
        return
    sys.exit(1)


before = held()
for _ in range(TRIES):
    tried()
gc.collect()
descriptors, threads = (after - was for after, was in zip(held(), before))
holds = (descriptors, threads) == (3 * TRIES, TRIES)
print(f"watchdog {sys.argv[2]}, Python {sys.version.split()[0]}")
print(
    f"{'holds  ' if holds else 'CHANGED'} start() raises FileNotFoundError {TRIES} times, and the observers are dropped:"
    f" expected nothing left; seen: {descriptors} descriptors and {threads} threads left"
)
sys.exit(0 if holds else 1)
PYTHON
timeout 60 "$folder/venv/bin/python" "$folder/tried.py" "$folder/later" "$watchdog" 2>"$folder/log"
code=$?
if ! [ $code = 0 ] && [ -s "$folder/log" ]; then tail -n 1 "$folder/log"; exit 1; fi
exit $code
