#!/bin/bash
# What sqlite-utils changes beside what it is asked to, in tables like those of a bridge's store. Tried without wamon.
# Exit code: 0 all of it still holds, 1 something has changed, 2 it can't be tried here.
set -u
sqlite_utils=4.2.1
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" 2>"$folder/log" &&
  "$folder/venv/bin/python" -m pip --disable-pip-version-check install --quiet "sqlite-utils==$sqlite_utils" \
    2>"$folder/log" || { tail -n 1 "$folder/log"; exit 2; }
cat >"$folder/tried.py" <<'PYTHON'
"""Each finding: what one would expect of valid use, and what was seen."""
import csv
import sqlite3
import subprocess
import sys

import sqlite_utils

COLUMNS = "id TEXT COLLATE NOCASE, content TEXT, timestamp TIMESTAMP, is_from_me BOOLEAN, PRIMARY KEY (id)"
SENT_NANOSECONDS = 1795860000123456789


def renamed(of):
    """What this select gives before one column is renamed, and after it."""
    db = sqlite_utils.Database(memory=True)
    db.execute(f"CREATE TABLE messages ({COLUMNS})")
    db.execute("INSERT INTO messages VALUES ('3EB0AA', 'DR1752028', ?, 1)", [SENT_NANOSECONDS])
    before = db.execute(of).fetchone()
    db["messages"].transform(rename={"content": "text"})
    return before, db.execute(of).fetchone()


def imported(numbers):
    """What the command makes of a CSV file with these numbers."""
    with open("numbers.csv", "w", newline="") as file:
        csv.writer(file).writerows([["number"], *([number] for number in numbers)])
    words = [sys.executable, "-m", "sqlite_utils", "insert", "numbers.db", "numbers", "numbers.csv", "--csv", "--silent"]
    subprocess.run(words, check=True, capture_output=True, timeout=30)
    with sqlite3.connect("numbers.db") as db:
        return db.execute("SELECT count(*), count(DISTINCT number) FROM numbers").fetchone()


TYPES = "SELECT group_concat(name || ' ' || type, ', ') FROM pragma_table_info('messages') WHERE name IN ('timestamp', 'is_from_me')"
FOUND_BY = "SELECT count(*) FROM messages WHERE id = '3eb0aa'"
FINDINGS = [
    ("transform(rename=...) of another column: declared types", *renamed(TYPES), ("timestamp REAL, is_from_me REAL",)),
    ("the same: a timestamp in nanoseconds", *renamed("SELECT timestamp FROM messages"), (1.7958600001234568e18,)),
    ("the same: rows found by an id in lower case, COLLATE NOCASE", *renamed(FOUND_BY), (0,)),
    (
        "insert --csv of two SIM cards' numbers, of 20 digits: rows, and different numbers",
        (2, 2),
        imported(["89270000000000000018", "89270000000000000026"]),
        (2, 1),
    ),
]
print(f"sqlite-utils {sys.argv[1]}, SQLite {sqlite3.sqlite_version}, Python {sys.version.split()[0]}")
changed = 0
for what, expected, found, as_found in FINDINGS:
    holds = found == as_found != expected
    changed += not holds
    print(f"{'holds  ' if holds else 'CHANGED'} {what}: expected {expected}; seen: {found}")
sys.exit(1 if changed else 0)
PYTHON
cd "$folder" && timeout 60 venv/bin/python tried.py "$sqlite_utils" 2>log
code=$?
if ! [ $code = 0 ] && [ -s "$folder/log" ]; then tail -n 1 "$folder/log"; exit 1; fi
exit $code
