"""A store's times, in every form that bridges write, to UTC. A time is never a position: it ties, jumps and lies."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from wamon.model import microseconds

if TYPE_CHECKING:
    from collections.abc import Sequence

_GO_STRING = re.compile(r"^(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d+)?) ([+-]\d{4})(?: \S+)?(?: m=\S+)?$")
"""Go's time.String(), as bridges built on the modernc driver store it: `2026-11-21 10:00:00 +0200 SAST m=+0.12`."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_JUNK_BEFORE = datetime(1971, 1, 1, tzinfo=UTC)
"""Zero in any unit, and Go's zero time, are a bridge's way to say that it doesn't know."""

_UNITS_PER_SECOND = ((10**17, 10**9), (10**14, 10**6), (10**11, 10**3))
"""A number this large is in nano-, micro- or milliseconds: in the unit above it would lie beyond the year 5000."""


def utc(value: bytes | float | None) -> datetime | None:
    """The aware UTC time of a store's value (text, or a count since 1970); None where it can't be read.

    Text without an offset is taken as UTC: no bridge that we know writes it.
    """
    try:
        moment = _from_text(value.decode()) if isinstance(value, bytes) else _from_number(value)
    except (ValueError, OverflowError):
        return None
    return moment if moment is None or moment >= _JUNK_BEFORE else None


def utc_offset(value: bytes | float | None) -> timedelta | None:
    """The offset from UTC that a store's value names; None where it names none, as a number doesn't."""
    if not isinstance(value, bytes):
        return None
    try:
        text = value.decode()
        go = _GO_STRING.match(text)
        return datetime.fromisoformat(go[1] + go[2] if go else text).utcoffset()
    except ValueError:
        return None


def _from_text(text: str) -> datetime | None:
    if text[4:5] != "-":  # no date; fromisoformat would take digits alone for one
        return _from_number(int(text) if text.isdecimal() else float(text))
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        pass
    else:
        return moment if moment.tzinfo is UTC else _aware(moment)
    go = _GO_STRING.match(text)
    return _aware(datetime.fromisoformat(go[1] + go[2])) if go else None


def _aware(moment: datetime) -> datetime:
    return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)


def _from_number(value: float | None) -> datetime | None:
    if value is None:
        return None
    per_second = next((unit for least, unit in _UNITS_PER_SECOND if abs(value) >= least), 1)
    return _EPOCH + timedelta(seconds=value / per_second)


class Times:
    """Reads times as `utc` does, by columns: they lie near each other, and most of their parts are known."""

    def __init__(self) -> None:
        self._minutes = _Parts(_MINUTE, before=b"", behind=b":00", since=0)
        self._rests = _Parts(_REST, before=_SOME_MINUTE, behind=b"", since=_micros(_SOME_MINUTE + b":00"))

    def read(self, values: Sequence[bytes | int]) -> list[int]:
        """Each value's time. Raises TypeError or KeyError for one that has another form than bridges write most."""
        minutes, rests = self._minutes, self._rests
        try:
            return [minutes[value[:16]] + rests[value[16:]] for value in values]  # type: ignore[index]
        except TypeError:
            return [_of_seconds(v) if type(v) is int else minutes[v[:16]] + rests[v[16:]] for v in values]  # type: ignore[index]


_MINUTE = re.compile(rb"(?:197[2-9]|19[89]\d|[2-8]\d\d\d)-\d\d-\d\d \d\d:\d\d")
_REST = re.compile(rb":\d\d(?:\.\d{1,9})?(?:Z|[+-]\d\d:\d\d| [+-]\d{4}(?: [A-Z]{3,5})?)?")
_SOME_MINUTE = b"2000-01-01 00:00"
_SECONDS = range(63_072_000, 10**11)
"""Of a number in these it is sure that it isn't junk, and that it counts seconds."""
_SECONDS_TO_2000 = 946_684_800
_MOST_PARTS = 4096


class _Parts(dict[bytes, int]):
    """What a part of a time adds to it. Raises KeyError for one of another form."""

    def __init__(self, form: re.Pattern[bytes], *, before: bytes, behind: bytes, since: int) -> None:
        super().__init__()
        self._is_formed = form.fullmatch
        self._before, self._behind, self._since = before, behind, since

    def __missing__(self, part: bytes) -> int:
        if self._is_formed(part) is None:
            raise KeyError(part)
        if len(self) >= _MOST_PARTS:
            self.clear()
        self[part] = found = _micros(self._before + part + self._behind) - self._since
        return found


def _micros(value: bytes) -> int:
    """Raises KeyError where that is no time."""
    moment = utc(value)
    if moment is None:
        raise KeyError(value)
    return microseconds(moment)


def _of_seconds(value: int) -> int:
    if value not in _SECONDS:
        raise KeyError(value)
    return (value - _SECONDS_TO_2000) * 1_000_000
