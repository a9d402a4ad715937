"""The host's time zone, for a config that names none, and the zone in which a store's times were written."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from zoneinfo import ZoneInfo, available_timezones

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import datetime

OPERATORS = ZoneInfo("Africa/Johannesburg")
"""Where most who use wamon are: of the zones that fit equally well the one after the host's own."""

_NO_OFFSET = timedelta()


def zone_of(times: Sequence[tuple[datetime, timedelta]], host: ZoneInfo) -> ZoneInfo | None:
    """A zone whose clock has all these offsets from UTC at these moments, the host's before others.

    None where there is no such zone, and where all is UTC: that is what servers are set to, wherever people are.
    """
    spans = _spans(times)
    if spans.keys() <= {_NO_OFFSET}:
        return None
    candidates = (host, OPERATORS, *map(ZoneInfo, sorted(filter(_is_place, available_timezones()))))
    return next((zone for zone in candidates if _fits(zone, spans)), None)


def _spans(times: Sequence[tuple[datetime, timedelta]]) -> dict[timedelta, tuple[datetime, datetime]]:
    """The first and the last moment of each offset."""
    spans: dict[timedelta, tuple[datetime, datetime]] = {}
    for moment, offset in times:
        first, last = spans.get(offset, (moment, moment))
        spans[offset] = min(first, moment), max(last, moment)
    return spans


def _fits(zone: ZoneInfo, spans: Mapping[timedelta, tuple[datetime, datetime]]) -> bool:
    return all(moment.astimezone(zone).utcoffset() == offset for offset, span in spans.items() for moment in span)


def _is_place(name: str) -> bool:
    """Whether a zone is called by a city, and not by a country, an offset or a file's form."""
    return "/" in name and not name.startswith(("Etc/", "posix/", "right/", "SystemV/", "US/"))


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
