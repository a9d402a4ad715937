"""A bridge that waits for its disk in the middle of a commit: its last write is done, and readers don't see it yet.

It is a process of its own, since whoever closes a file drops all locks that his process holds on it.
"""

from __future__ import annotations

import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

_HEADERS = slice(0, 96)
_FRAMES = slice(136, None)
"""Of a -shm, by SQLite's page on the WAL format: between them stand the marks and locks of those who read."""


@contextmanager
def half_committed(store: Path, sql: str) -> Iterator[Callable[[], None]]:
    """Within it, this statement's frames stand in the -wal of a store in WAL mode; what is given shows them."""
    words = [sys.executable, "-m", "tests.support.half_commit", str(store), sql]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as bridge:
        assert bridge.stdout
        assert bridge.stdout.readline() == "written\n"
        yield lambda: bridge.communicate("show\n") and None


def main(store: Path, sql: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder, "copy.db")
        for ending in ("", "-wal"):
            shutil.copy(f"{store}{ending}", f"{copy}{ending}")
        db = sqlite3.connect(copy, isolation_level=None)
        db.execute(sql)
        wal, shm = (Path(f"{copy}{ending}").read_bytes() for ending in ("-wal", "-shm"))
        _append(Path(f"{store}-wal"), wal)
        sys.stdout.write("written\n")
        sys.stdout.flush()
        sys.stdin.readline()
        _show(Path(f"{store}-shm"), shm)


def _append(path: Path, whole: bytes) -> None:
    with path.open("ab") as file:
        file.write(whole[file.tell() :])


def _show(path: Path, whole: bytes) -> None:
    with path.open("r+b") as file:
        for part in (_FRAMES, _HEADERS):
            file.seek(part.start)
            file.write(whole[part])


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
