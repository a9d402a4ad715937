"""Where tests keep their files: in memory where there is room, since a server's data are a thousand files."""

from __future__ import annotations

import contextlib
import os
import tempfile

_MEMORY = "/dev/shm"
_ENOUGH_BYTES = 4 << 30


def use() -> None:
    """Have temporary files made there, by this process and those that it starts. TMPDIR names another place."""
    if "TMPDIR" not in os.environ and _has_room():
        os.environ["TMPDIR"] = tempfile.tempdir = _MEMORY


def _has_room() -> bool:
    with contextlib.suppress(OSError):
        found = os.statvfs(_MEMORY)
        runs_programs = not found.f_flag & os.ST_NOEXEC
        return os.access(_MEMORY, os.W_OK) and runs_programs and found.f_bavail * found.f_frsize > _ENOUGH_BYTES
    return False
