#!/bin/bash
# What a SQLite database in WAL mode shows of its writes to those who watch its files. Tried with apsw, without wamon.
# Exit code: 0 all of it still holds, 1 something has changed, 2 it can't be tried here.
set -u
apsw=3.54.1.0
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" 2>"$folder/log" &&
  "$folder/venv/bin/python" -m pip --disable-pip-version-check install --quiet --only-binary :all: "apsw==$apsw" \
    2>"$folder/log" || { tail -n 1 "$folder/log"; exit 2; }
cat >"$folder/tried.py" <<'PYTHON'
"""Each finding: what one would expect of valid use, and what was seen."""
import os
import subprocess
import sys

import apsw

PATH = sys.argv[1]


class SlowFile(apsw.VFSFile):
    """The -wal on a disk that takes its time: a sync ends when a line comes."""

    def __init__(self, vfs, name, flags):
        super().__init__(vfs, name, flags)
        self._is_wal = isinstance(name, str) and name.endswith("-wal")

    def xSync(self, flags):
        if self._is_wal and SlowDisk.waits:
            print("syncing", flush=True)
            sys.stdin.readline()
        super().xSync(flags)


class SlowDisk(apsw.VFS):
    waits = False

    def __init__(self):
        super().__init__("slow", "")

    def xOpen(self, name, flags):
        return SlowFile("", name, flags)


def bridge():
    disk = SlowDisk()
    db = apsw.Connection(PATH, vfs="slow")
    db.execute("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL; CREATE TABLE t (a)").fetchall()
    SlowDisk.waits = True
    db.execute("INSERT INTO t VALUES (1)")
    SlowDisk.waits = False
    print("committed", flush=True)
    sys.stdin.readline()
    db.close()


def rows():
    db = apsw.Connection(PATH, flags=apsw.SQLITE_OPEN_READONLY)
    try:
        return db.execute("SELECT count(*) FROM t").fetchone()[0]
    finally:
        db.close()


def files():
    found = [os.stat(PATH + ending) for ending in ("", "-wal")]
    return [(one.st_ino, one.st_size, one.st_mtime_ns) for one in found]


if len(sys.argv) > 2:
    bridge()
    sys.exit()

one = subprocess.Popen([sys.executable, __file__, PATH, "bridge"], stdin=-1, stdout=-1, text=True)
assert one.stdout.readline() == "syncing\n"
written, before = files(), rows()
one.stdin.write("\n"); one.stdin.flush()
assert one.stdout.readline() == "committed\n"
as_before, after = files() == written, rows()
changed_before = os.stat(PATH + "-wal").st_ctime_ns
rows()
is_changed = os.stat(PATH + "-wal").st_ctime_ns != changed_before
one.communicate("\n")

FINDINGS = [
    (
        "a commit with synchronous=FULL while its -wal is synced, and after it",
        "size or time of the file or its -wal to move when the row can be read first",
        f"rows {before} then {after}, size and time {'the same' if as_before else 'moved'}",
        "rows 0 then 1, size and time the same",
    ),
]
if os.geteuid() == 0:
    FINDINGS.append(
        (
            "root opens the database to read only, reads, and closes it",
            "the -wal's inode to stay as it was",
            f"its ctime {'moved' if is_changed else 'stayed'}",
            "its ctime moved",
        )
    )
print(f"SQLite {apsw.sqlite_lib_version()}, apsw {apsw.apsw_version()}, Python {sys.version.split()[0]}")
changed = 0
for what, expected, seen, as_found in FINDINGS:
    holds = seen == as_found
    changed += not holds
    print(f"{'holds  ' if holds else 'CHANGED'} {what}: expected {expected}; seen: {seen}")
sys.exit(1 if changed else 0)
PYTHON
timeout 60 "$folder/venv/bin/python" "$folder/tried.py" "$folder/store.db" 2>"$folder/log"
code=$?
if ! [ $code = 0 ] && [ -s "$folder/log" ]; then tail -n 1 "$folder/log"; exit 1; fi
exit $code
