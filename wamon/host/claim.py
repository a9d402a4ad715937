"""Names that one process of this host holds at a time: a locked file each, which is free however its holder ends.

Whoever sees the same /run/lock meets, containers too. Where that can't be written, /tmp is the place.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import re
import stat
import weakref
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

FOLDERS = (Path("/run/lock"), Path("/tmp"))  # noqa: S108 - no file is followed or trusted there, only locked

_FLAGS = os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW | os.O_NONBLOCK
_UNIT = re.compile(r"/([^/]+)\.service$", re.MULTILINE)
_LONGEST, _LONGEST_NAME = 300, 60
_ANOTHER = "another process"


class _Held(NamedTuple):
    path: Path
    number: int
    let_go: weakref.finalize[[Path, int, int], Claim]


class Claim:
    """The names that a process holds. One thread at a time calls its methods."""

    def __init__(self) -> None:
        self._held: dict[str, _Held] = {}

    def hold(self, *names: str) -> dict[str, str]:
        """Hold these names and no others from now on; of those that other processes hold, who they are. Raises OSError.

        They are taken in this order, and let go in the reverse one. Whoever holds names asks again now and then: a file
        may be taken away, and what is old is in /tmp.
        """
        for name in [held for held in reversed(self._held) if held not in names]:
            self._let_go(name)
        others = {}
        for name in names:
            if name in self._held and not _is_there(*self._held[name][:2]):
                self._let_go(name)
            if name not in self._held and (other := self._take(name)):
                others[name] = other
        return others

    def release(self) -> None:
        """Hold nothing."""
        self.hold()

    def _let_go(self, name: str) -> None:
        self._held.pop(name).let_go()

    def _take(self, name: str) -> str | None:
        path, number = _opened(f"wamon-{hashlib.sha256(name.encode()).hexdigest()[:16]}.lock")
        try:
            fcntl.flock(number, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            other = _holder(number)
            os.close(number)
            return other
        if not _is_there(path, number):  # its last holder has just taken it away
            os.close(number)
            return self._take(name)
        with suppress(OSError):  # it is held also where nobody can be told by whom
            os.ftruncate(number, 0)
            os.pwrite(number, _described(os.getpid()).encode(), 0)
        self._held[name] = _Held(path, number, weakref.finalize(self, _end, path, number, os.getpid()))
        return None


def _opened(file: str) -> tuple[Path, int]:
    refusal: OSError | None = None
    for folder in FOLDERS:
        try:
            return folder / file, _open(folder / file)
        except OSError as error:
            refusal = error
    raise refusal or FileNotFoundError(file)


def _open(path: Path) -> int:
    """A file that everybody may lock. One that another account made may only be opened as one that is there."""
    number = _made(path)
    while number is None:
        try:
            number = os.open(path, _FLAGS)
        except FileNotFoundError:  # its holder has just taken it away
            number = _made(path)
    found = os.fstat(number)
    if not stat.S_ISREG(found.st_mode) or found.st_nlink > 1:  # it isn't ours to write into
        os.close(number)
        raise OSError(f"{path} is no lock")
    return number


def _made(path: Path) -> int | None:
    """A new file; None where it is there already."""
    try:
        number = os.open(path, _FLAGS | os.O_CREAT | os.O_EXCL, 0o666)
    except FileExistsError:
        return None
    os.fchmod(number, 0o666)
    return number


def _is_there(path: Path, number: int) -> bool:
    """Whether the file that is locked is the one at its path, still; it is as young as if it were new."""
    try:
        with suppress(PermissionError):
            os.utime(number)
        return os.path.samestat(os.fstat(number), path.lstat())
    except OSError:
        return False


def _end(path: Path, number: int, pid: int) -> None:
    """Let a lock go, and take its file away while it is ours; a process that was forked with it leaves it alone."""
    if os.getpid() == pid and _is_there(path, number):
        with suppress(OSError):
            path.unlink()
    os.close(number)


def _holder(number: int) -> str:
    said = os.pread(number, _LONGEST, 0).decode("utf-8", "replace")
    return said if said and said.isprintable() else _ANOTHER


def _described(pid: int) -> str:
    """A process as people know it: by its unit of systemd, else by its command."""
    name = ""
    with suppress(OSError):
        if found := _UNIT.search(Path(f"/proc/{pid}/cgroup").read_text("utf-8", "replace")):
            name = found[1]
    with suppress(OSError):
        command = Path(f"/proc/{pid}/cmdline").read_text("utf-8", "replace")
        name = name or " ".join(" ".join(Path(part).name for part in command.split("\0")[:3]).split())
    return f"{name[:_LONGEST_NAME]} (pid {pid})".strip()
