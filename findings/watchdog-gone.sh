#!/bin/bash
# What watchdog's observer hears once a folder that it watches has gone, or has been moved elsewhere. Without wamon.
# Exit code: 0 all of it still holds, 1 something has changed, 2 it can't be tried here.
set -u
watchdog=7.1.0
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
[ "$(uname)" = Linux ] || { echo "This is about Linux's inotify."; exit 2; }
python3 -m venv "$folder/venv" 2>"$folder/log" &&
  "$folder/venv/bin/python" -m pip --disable-pip-version-check install --quiet --only-binary :all: \
    "watchdog==$watchdog" 2>"$folder/log" || { tail -n 1 "$folder/log"; exit 2; }
cat >"$folder/tried.py" <<'PYTHON'
"""Each finding: what one would expect of valid use, and what was seen."""
import os
import shutil
import sys
import time

from watchdog.events import FileCreatedEvent, FileSystemEventHandler
from watchdog.observers import Observer

FOLDER, VERSION = sys.argv[1:]
CREATED = [FileCreatedEvent]
observer = Observer()
observer.start()


class Heard(FileSystemEventHandler):
    def __init__(self):
        self.paths = []

    def on_any_event(self, event):
        self.paths.append(os.path.relpath(event.src_path, FOLDER))


def written(path, heard):
    """What is heard of a file that is written there."""
    heard.paths.clear()
    with open(path, "w"):
        pass
    time.sleep(1)
    return ", ".join(heard.paths) or "nothing"


def a_folder_that_comes_back(then):
    """It is removed, and made again once the observer has seen that; what the program does then is given."""
    store, heard = f"{FOLDER}/store", Heard()
    os.makedirs(store)
    watch = observer.schedule(heard, store, event_filter=CREATED)
    os.rmdir(store)
    for _ in range(100):
        if not any(one.watch == watch and one.is_alive() for one in observer.emitters):
            break
        time.sleep(0.05)
    os.mkdir(store)
    then(watch, heard, store)
    found = f"{written(f'{store}/file', heard)}; the observer {'lives' if observer.is_alive() else 'has ended'}"
    observer.unschedule_all()
    shutil.rmtree(store)
    return found


def scheduled(_, heard, store):
    observer.schedule(heard, store, event_filter=CREATED)


def unscheduled_and_scheduled(watch, heard, store):
    observer.unschedule(watch)
    scheduled(watch, heard, store)


def a_folder_that_is_moved_away():
    heard = Heard()
    os.makedirs(f"{FOLDER}/tree/group")
    observer.schedule(heard, f"{FOLDER}/tree", recursive=True, event_filter=CREATED)
    os.rename(f"{FOLDER}/tree/group", f"{FOLDER}/archive")
    time.sleep(1)
    return written(f"{FOLDER}/archive/file", heard)


FINDINGS = [
    (
        "a watched folder is removed and made again; schedule() is called for it again; a file is written in it",
        "store/file, or an error of schedule()",
        a_folder_that_comes_back(scheduled),
        "nothing; the observer lives",
    ),
    (
        "the same after unschedule(), to compare",
        "store/file",
        a_folder_that_comes_back(unscheduled_and_scheduled),
        "store/file; the observer lives",
    ),
    (
        "a folder is moved out of a tree that is watched; a file is written in it where it is now",
        "nothing",
        a_folder_that_is_moved_away(),
        "tree/group/file",
    ),
]
observer.stop()
observer.join()
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
