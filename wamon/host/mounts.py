"""Which paths of this host are mount points, as the kernel tells it."""

from __future__ import annotations

import re
from pathlib import Path

_TABLE = Path("/proc/self/mountinfo")
_ESCAPED = re.compile(rb"\\([0-7]{3})")


def is_mounted(path: Path) -> bool:
    """Whether something is mounted at just this path, links resolved; False where the kernel doesn't tell."""
    wanted = bytes(path.resolve())
    try:
        lines = _TABLE.read_bytes().splitlines()
    except OSError:
        return False
    return any(_unescaped(line.split(b" ")[4]) == wanted for line in lines)


def _unescaped(field: bytes) -> bytes:
    """A path as it is: spaces and the like stand there as octal numbers."""
    return _ESCAPED.sub(lambda found: bytes([int(found[1], 8)]), field)
