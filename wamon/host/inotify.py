"""Linux's inotify: who is told when the files of a folder are written. Held as one object, which leaks nothing.

Each failure leaves nothing behind, so that it may be tried as often as one likes.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
from struct import Struct
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator

MODIFY = 0x2
MOVED_TO = 0x80
CREATE = 0x100
DELETE_SELF = 0x400
MOVE_SELF = 0x800
_ONLY_FOLDERS = 0x01000000

_HEADER = Struct("iIII")
"""A watch's number, what happened, a cookie, and how many bytes of name follow."""
_MOST_BYTES = 64 * 1024

_libc = ctypes.CDLL(None, use_errno=True)


class Event(NamedTuple):
    """What happened, and to which file of the folder; to the folder itself, or to the watch, where there is no name."""

    watch: int
    what: int
    name: str


class Inotify:
    """An instance. Raises OSError where the host, or this process, has none left."""

    def __init__(self) -> None:
        self._file = _made(_libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK))
        try:
            self._ended = os.eventfd(0, os.EFD_CLOEXEC)
        except OSError:
            os.close(self._file)
            raise

    def watch(self, folder: str, what: int) -> int:
        """Be told of this in a folder from now on: the watch's number, the same for the same folder. Raises OSError."""
        return _made(_libc.inotify_add_watch(self._file, os.fsencode(folder), what | _ONLY_FOLDERS), folder)

    def unwatch(self, watch: int) -> None:
        """Be told nothing more by this watch. One whose folder is gone has ended by itself."""
        _libc.inotify_rm_watch(self._file, watch)

    def events(self) -> Iterator[Event]:
        """What happens, as it happens, until `end`; then the instance is closed."""
        poll = select.poll()
        poll.register(self._file, select.POLLIN)
        poll.register(self._ended, select.POLLIN)
        while all(file != self._ended for file, _ in poll.poll()):
            yield from _parsed(os.read(self._file, _MOST_BYTES))
        self.close()

    def end(self) -> None:
        """Have `events` end."""
        os.eventfd_write(self._ended, 1)

    def close(self) -> None:
        """Give it back, where nobody goes through its events."""
        os.close(self._file)
        os.close(self._ended)


def _made(result: int, path: str | None = None) -> int:
    if result == -1:
        number = ctypes.get_errno()
        raise OSError(number, _LIMITS.get(number) or os.strerror(number), path)
    return result


_LIMITS = {
    errno.EMFILE: "too many inotify instances (fs.inotify.max_user_instances) or open files",
    errno.ENOSPC: "too many inotify watches (fs.inotify.max_user_watches)",
}
"""What the system's own words for these don't say."""


def _parsed(read: bytes) -> Iterator[Event]:
    at = 0
    while at < len(read):
        watch, what, _, length = _HEADER.unpack_from(read, at)
        at += _HEADER.size + length
        yield Event(watch, what, os.fsdecode(read[at - length : at].rstrip(b"\0")))
