"""One at a time, by flock, which the kernel releases however a process dies."""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from typing import TYPE_CHECKING

from wamon.errors import Busy
from wamon.postgres.embedded.home import open_private

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

PATIENCE = 60.0
"""Seconds to wait for another wamon to let go, or for a server that is starting or stopping."""


@contextlib.contextmanager
def locked(path: Path, otherwise: str) -> Iterator[None]:
    """Hold this file's lock, alone, in this process too. Busy, saying `otherwise`, if others don't let go of it."""
    descriptor = open_private(path)
    try:
        deadline = time.monotonic() + PATIENCE
        while not _take(descriptor):
            if time.monotonic() > deadline:
                raise Busy(otherwise, hint=f"Try again. `fuser {path}` names the process that holds it.")
            time.sleep(0.01)
        yield
    finally:
        os.close(descriptor)


def share(descriptor: int) -> None:
    """Hold this open file's lock with others until it is closed."""
    fcntl.flock(descriptor, fcntl.LOCK_SH)


def shared(path: Path) -> bool:
    """Whether anybody shares this file's lock."""
    descriptor = open_private(path)
    try:
        return not _take(descriptor)
    finally:
        os.close(descriptor)


def _take(descriptor: int) -> bool:
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
