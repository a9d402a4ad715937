"""One short, read-only look into a bridge's SQLite store, as a guest: opened fresh, closed before any work.

Never `immutable=1` (it reads garbage from a live file), never read-write (it would create, recover or lock). A
statement of ours that stays open makes a bridge in rollback-journal mode drop messages: callers fetch whole and leave.
So does a process that is frozen within a read: the long ones are tried without a lock first.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing, contextmanager, suppress
from stat import S_ISREG
from typing import TYPE_CHECKING, TypeVar

from wamon.bridge.access import has_log, other_name, real
from wamon.errors import BridgeUnavailable, BridgeUnknown, WamonError
from wamon.failpoints import failpoint

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

T = TypeVar("T")

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
    with _explaining(path):
        failpoint("bridge.open")
        with closing(_connect(path)) as db:
            db.execute("BEGIN")
            yield db
            failpoint("bridge.read")
            db.execute("COMMIT")


def unlocked(path: Path, read: Callable[[sqlite3.Connection], T]) -> T | None:
    """What `read` finds without holding a lock; None where that may be wrong, since something was written meanwhile.

    It is right where no commit came between two looks of one connection (SQLite counts them in the file), and nothing
    was written that was then rolled back: that shows in the file's times. Only a store with a rollback journal is read
    like this; beside a write-ahead log readers hold up nobody. Raises as `snapshot`.
    """
    _refuse_what_no_bridge_writes(path)
    if os.path.lexists(f"{real(path)}-wal"):
        return None
    with _explaining(path), closing(_connect(path)) as counting:
        counting.execute("CREATE TEMP TABLE counted(n)")
        before = _counted(path, counting)
        found = None
        with suppress(sqlite3.Error, WamonError, ValueError), closing(_connect(path, "&nolock=1")) as db:
            found = read(db)
        failpoint("bridge.read")
        is_unwritten = _counted(path, counting) == before and counting.execute(_ARE_EQUAL).fetchone() == (1,)
        return found if is_unwritten else None


_COUNT = "INSERT INTO counted SELECT data_version FROM pragma_data_version"
"""One step of SQLite's without a row: else the lock would last until Python's next turn, if another thread works."""
_ARE_EQUAL = "SELECT count(DISTINCT n) FROM counted"


def _counted(path: Path, counting: sqlite3.Connection) -> tuple[int, ...]:
    """Keep SQLite's count of commits to the file; what else changes with each write to it."""
    about = path.stat()
    counting.execute(_COUNT)
    return about.st_dev, about.st_ino, about.st_size, about.st_mtime_ns, about.st_ctime_ns


@contextmanager
def _explaining(path: Path) -> Iterator[None]:
    try:
        yield
    except sqlite3.Error as error:
        raise _explained(path, error) from None
    except UnicodeDecodeError:  # of SQLite's own words, which quote what a damaged schema says
        raise _unavailable(path, *_SAYINGS["SQLITE_CORRUPT"]) from None
    except OSError as error:
        raise _unavailable(path, str(error.strerror), "Look at it once more; `wamon doctor` looks closer.") from None


def _connect(path: Path, more: str = "") -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?mode=ro{more}"
    db = sqlite3.connect(uri, uri=True, timeout=_BUSY_TIMEOUT_SECONDS, isolation_level=None)
    db.text_factory = bytes
    return db


def _refuse_what_no_bridge_writes(path: Path) -> None:
    try:
        found = path.stat()
    except (FileNotFoundError, NotADirectoryError):
        raise BridgeUnavailable(
            f"The bridge's store {path} isn't there.",
            hint="Is bridge.path, or --bridge, right, and has the bridge run? wamon never creates it.",
        ) from None
    except OSError as error:
        raise BridgeUnavailable(
            f"The bridge's store {path} can't be read now: {error.strerror}.",
            hint="Run wamon as the bridge's user, or let it into the folder.",
        ) from None
    if found.st_nlink == 0 and (why := other_name(path)):
        raise _unavailable(path, f"{why} where the bridge writes, and shows the old one", MOUNT_THE_FOLDER)
    if not S_ISREG(found.st_mode):
        raise BridgeUnavailable(
            f"The bridge's store {path} is no file.", hint="bridge.path, or --bridge, names the .db file itself."
        )
    if found.st_size == 0:  # also beside a -wal file: SQLite would delete that, even as a reader
        raise BridgeUnavailable(
            f"The bridge's store {path} is empty: the bridge has written nothing yet.",
            hint="If it has messages on the phone, is this the file that the bridge writes?",
        )


def refuse_without_its_log(path: Path, db: sqlite3.Connection) -> None:
    """Raise BridgeUnavailable where the store's log, which holds the newest messages, may stand elsewhere.

    SQLite tells nothing of it: it looks for the log beside the path by which it was opened, and shows old rows.
    """
    if is_wal(db) and not has_log(path) and (why := other_name(path)):
        raise _hidden(path, why)


def is_wal(db: sqlite3.Connection) -> bool:
    """Whether a store is written with a write-ahead log."""
    return bool(db.execute("PRAGMA journal_mode").fetchone() == (b"wal",))


def _hidden(path: Path, why: str) -> BridgeUnavailable:
    elsewhere = f"{why}, and its -wal, which holds the newest messages, isn't beside this one"
    return _unavailable(path, elsewhere, MOUNT_THE_FOLDER)


MOUNT_THE_FOLDER = (
    "Mount the bridge's whole folder instead of the file; on one host name the path that the bridge itself opens, or a "
    "symbolic link to it."
)


def _explained(path: Path, error: sqlite3.Error) -> WamonError:
    name = getattr(error, "sqlite_errorname", type(error).__name__)
    if name == "SQLITE_NOTADB":
        return BridgeUnknown(
            f"The bridge's store {path} is no SQLite file.",
            hint="bridge.path, or --bridge, names the bridge's message store, such as store/messages.db.",
        )
    if name.startswith(_NOT_OPENED):
        with suppress(OSError):
            if why := other_name(path):
                return _hidden(path, why)
            if name.startswith("SQLITE_CANTOPEN") and os.access(path, os.R_OK, effective_ids=True):
                return _unavailable(path, *_NO_ROOM)
    saying = next((said for known, said in _SAYINGS.items() if name.startswith(known)), None)
    return _unavailable(path, *(saying or (f"SQLite says {name}", "`wamon doctor` looks closer.")))


_NOT_OPENED = ("SQLITE_CANTOPEN", "SQLITE_READONLY")
_NO_ROOM = (
    "SQLite can't open it or a file beside it, though this user may read it",
    "May this process open more files (`ulimit -n`), and may its user write the folder, as a store in WAL mode needs?",
)


def _unavailable(path: Path, why: str, hint: str) -> BridgeUnavailable:
    return BridgeUnavailable(f"The bridge's store {path} can't be read now: {why}.", hint=hint)
