"""Files that others read while they are written, or that a crash must not tear: replaced whole, and locked."""

from __future__ import annotations

import errno
import fcntl
import glob
import os
import stat
from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

_LACKS_FOLDER_FSYNC = frozenset({errno.EACCES, errno.EBADF, errno.EINVAL, errno.EISDIR})
"""How a file system refuses to open or flush a folder. What it holds then is as durable as it can be."""


@contextmanager
def replacing(path: Path, *, mode: int = 0o600) -> Iterator[Path]:
    """Give an empty file in the same folder, which replaces `path` when the block ends, and not when it fails.

    Both the content and the new name are on the disk after it. `mode` is subject to the umask. Raises OSError.
    """
    with _temporary(path, mode) as temporary:
        yield temporary
        _fsync(temporary)
        temporary.replace(path)
    fsync_folder(path.parent)


def replace_all(texts: Mapping[Path, str], *, mode: int) -> None:
    """Write these files: none is replaced before all of them are on the disk. Raises OSError."""
    with ExitStack() as stack:
        temporaries = {path: stack.enter_context(_temporary(path, mode)) for path in texts}
        for path, temporary in temporaries.items():
            temporary.write_text(texts[path], "utf-8")
            temporary.chmod(mode)
            _fsync(temporary)
        for path, temporary in temporaries.items():
            temporary.replace(path)
    for folder in {path.parent for path in texts}:
        fsync_folder(folder)


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold this lock file's lock, alone: waits for the process or thread that holds it. Makes its folder (0700)."""
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    with path.open("a") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def fsync_folder(folder: Path) -> None:
    """Have the folder's entries on the disk: without it a rename can be lost with the power."""
    try:
        _fsync(folder)
    except OSError as error:
        if error.errno not in _LACKS_FOLDER_FSYNC:
            raise


def remove_leftovers(folder: Path, names: str) -> None:
    """Remove the temporary files that killed processes left for files of these names (a pattern)."""
    for leftover in folder.glob(f".{names}.{'[0-9a-f]' * 8}.tmp"):
        with suppress(OSError):  # another process is writing it, or it is another account's
            handle = os.open(leftover, os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
                leftover.unlink()
            finally:
                os.close(handle)


@contextmanager
def _temporary(path: Path, mode: int) -> Iterator[Path]:
    """An empty file beside `path`, removed at the end. Its lock says that its process lives."""
    _refuse_what_is_no_file(path)
    remove_leftovers(path.parent, glob.escape(path.name))
    temporary, handle = _made(path, mode)
    try:
        yield temporary
    finally:
        with suppress(OSError):
            temporary.unlink()
        os.close(handle)


def _refuse_what_is_no_file(path: Path) -> None:
    """Raises OSError for a folder, and for a device or a pipe: root would put a file in the place of /dev/stdout."""
    try:
        mode = path.stat().st_mode
    except FileNotFoundError:
        return
    if stat.S_ISDIR(mode):
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, "it is no file that could be replaced")


def _made(path: Path, mode: int) -> tuple[Path, int]:
    while True:
        temporary = path.with_name(f".{path.name}.{os.urandom(4).hex()}.tmp")
        handle = os.open(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        with suppress(OSError):  # a file system without locks
            fcntl.flock(handle, fcntl.LOCK_EX)
        if os.fstat(handle).st_nlink:
            return temporary, handle
        os.close(handle)  # removed as a leftover before it was locked


def _fsync(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
