"""The host's time zone, for a config that names none."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping


def host_zone(environ: Mapping[str, str], etc: Path = Path("/etc")) -> ZoneInfo:
    """Return the zone of $TZ, /etc/timezone or /etc/localtime, the first that is one; else UTC."""
    for name in _candidates(environ, etc):
        try:
            return ZoneInfo(name)
        except (KeyError, ValueError, OSError):
            continue
    return ZoneInfo("UTC")


def _candidates(environ: Mapping[str, str], etc: Path) -> Iterator[str]:
    yield _name(environ.get("TZ", "").removeprefix(":"))
    yield _first_line(etc / "timezone")
    yield _name(os.path.realpath(etc / "localtime"))


def _name(found: str) -> str:
    """Return the zone's name in the path of a zone's file; another text as it is."""
    name = found.rpartition("zoneinfo/")[2]
    return name.removeprefix("posix/").removeprefix("right/")


def _first_line(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").partition("\n")[0].strip()
    except (OSError, ValueError):
        return ""
