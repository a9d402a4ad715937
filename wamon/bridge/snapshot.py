"""One short, read-only look into a bridge's SQLite store, as a guest: opened fresh, closed before any work.

Never `immutable=1` (it reads garbage from a live file), never read-write (it would create, recover or lock). A
statement of ours that stays open makes a bridge in rollback-journal mode drop messages: callers fetch whole and leave.
"""

from __future__ import annotations

import sqlite3
from contextlib import closing, contextmanager
from stat import S_ISREG
from typing import TYPE_CHECKING

from wamon.errors import BridgeUnavailable, BridgeUnknown, WamonError
from wamon.failpoints import failpoint

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

_BUSY_TIMEOUT_SECONDS = 2.0

_SAYINGS = {
    "SQLITE_BUSY": ("its writer holds it locked", "Nothing is lost; try again in a moment."),
    "SQLITE_READONLY_ROLLBACK": (
        "the bridge died in the middle of a write and left a hot journal, which only the bridge may roll back",
        "Start the bridge; wamon never writes its file.",
    ),
    "SQLITE_READONLY_DIRECTORY": (
        "the bridge is stopped, and a store in WAL mode can then be read only by a user who may write its folder",
        "Start the bridge, or run wamon as the bridge's user.",
    ),
    "SQLITE_READONLY_CANTINIT": ("its -shm file can't be set up by this user", "Run wamon as the bridge's user."),
    "SQLITE_READONLY_RECOVERY": ("its write-ahead log needs recovery, which is the bridge's", "Start the bridge."),
    "SQLITE_CANTOPEN": ("this user may not open it", "Run wamon as the bridge's user, or grant it read access."),
    "SQLITE_PERM": ("this user may not read it", "Run wamon as the bridge's user, or grant it read access."),
    "SQLITE_CORRUPT": (
        "its pages are damaged",
        "Stop the bridge and check the file: sqlite3 FILE 'PRAGMA quick_check'.",
    ),
    "SQLITE_IOERR": ("the disk failed to read it", "Look at the disk; the system's log says more."),
}


@contextmanager
def snapshot(path: Path) -> Iterator[sqlite3.Connection]:
    """A connection within one read transaction; text comes as bytes.

    Raises BridgeUnavailable (missing, empty, locked, unreadable, damaged: again later), BridgeUnknown (no SQLite file).
    """
    _refuse_what_no_bridge_writes(path)
    try:
        failpoint("bridge.open")
        with closing(_connect(path)) as db:
            db.execute("BEGIN")
            yield db
            db.execute("COMMIT")
    except sqlite3.Error as error:
        raise _explained(path, error) from None


def _connect(path: Path) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode=ro"
    db = sqlite3.connect(uri, uri=True, timeout=_BUSY_TIMEOUT_SECONDS, isolation_level=None)
    db.text_factory = bytes
    return db


def _refuse_what_no_bridge_writes(path: Path) -> None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise BridgeUnavailable(
            f"The bridge's store {path} isn't there.",
            hint="Is bridge.path right, and has the bridge run? wamon never creates it.",
        ) from None
    except OSError as error:
        raise BridgeUnavailable(
            f"The bridge's store {path} can't be read now: {error.strerror}.",
            hint="Run wamon as the bridge's user, or let it into the folder.",
        ) from None
    if not S_ISREG(found.st_mode):
        raise BridgeUnavailable(f"The bridge's store {path} is no file.", hint="bridge.path names the .db file itself.")
    if found.st_size == 0:  # also beside a -wal file: SQLite would delete that, even as a reader
        raise BridgeUnavailable(
            f"The bridge's store {path} is empty: the bridge has written nothing yet.",
            hint="If it has messages on the phone, is bridge.path the file that the bridge writes?",
        )


def _explained(path: Path, error: sqlite3.Error) -> WamonError:
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    if name == "SQLITE_NOTADB":
        return BridgeUnknown(
            f"The bridge's store {path} is no SQLite file.",
            hint="bridge.path names the bridge's message store, such as store/messages.db.",
        )
    saying = next((said for known, said in _SAYINGS.items() if name.startswith(known)), None)
    why, hint = saying or (f"SQLite says {name}", "`wamon doctor` looks closer.")
    return BridgeUnavailable(f"The bridge's store {path} can't be read now: {why}.", hint=hint)
