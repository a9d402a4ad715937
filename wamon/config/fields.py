"""What each value of the config means. Each function returns it, or raises ValueError with what was expected.

No message repeats the value: it may be a secret, or somebody's phone number.
"""

from __future__ import annotations

import difflib
import os
import re
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from zoneinfo import ZoneInfo, available_timezones

if TYPE_CHECKING:
    from collections.abc import Mapping

FOREVER = "forever"
EXAMPLE_JID = "120363418298130331@g.us"


@dataclass(frozen=True, slots=True)
class Start:
    """Where a group begins that the ledger doesn't know yet: `value` is a UTC time, an age, or nothing."""

    kind: Literal["beginning", "now", "time", "age"]
    value: datetime | timedelta | None = None

    def __str__(self) -> str:
        if isinstance(self.value, datetime):
            return self.value.isoformat().replace("+00:00", "Z")
        return self.kind if self.value is None else written(self.value)


_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\ud800-\udfff]")


def text(value: object) -> str:
    """Return a text without its outer spaces; a whole number is one, too."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise ValueError("should be text" if isinstance(value, list | dict) else "should be text: put it in quotes")  # noqa: TRY004
    found = value.strip()
    if _CONTROL.search(found):
        raise ValueError("should be one line of text without control characters")
    return found


def name(value: object) -> str:
    """Return a name: text with something in it, short enough for a row's key."""
    found = text(value)
    if not found or len(found) > 200:
        raise ValueError("should be a name of 1 to 200 characters")
    return found


def path(value: object, base: Path, environ: Mapping[str, str]) -> Path:
    """Return an absolute path, `~` expanded, relative to `base`."""
    found = text(os.fspath(value) if isinstance(value, Path) else value)
    if not found:
        raise ValueError("should be a path")
    try:
        return _tidy(base.absolute() / home(found, environ))
    except OSError as error:
        raise ValueError("is relative to a directory that is gone: give an absolute path") from error


def home(found: str, environ: Mapping[str, str]) -> str:
    """Return `found` with a leading `~` or `~user` expanded."""
    own = environ.get("HOME")
    if own and (found == "~" or found.startswith("~/")):
        return own + found[1:]
    expanded = os.path.expanduser(found)  # noqa: PTH111 - Path.expanduser raises RuntimeError
    if expanded.startswith("~"):
        raise ValueError("begins with ~ and a user who has no home here; write ./~ for a file of that name")
    return expanded


def _tidy(found: Path) -> Path:
    """Fold `x/../` away unless x is a link: then it is another directory."""
    folded = Path(os.path.normpath(found))
    return folded if os.path.realpath(folded) == os.path.realpath(found) else found


_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_PART = re.compile(r"([0-9]{1,9}(?:\.[0-9]{1,6})?)\s*([smhdw])\s*")
_SPAN = re.compile(rf"(?:{_PART.pattern})+")
_BARE = re.compile(r"[0-9]{1,9}(?:\.[0-9]{1,9})?")
_LONGEST = timedelta(days=36_525)


def duration(value: object) -> timedelta:
    """Return the span that `15s`, `2m`, `1h30m`, `90d` or `2w` says."""
    found = str(value).lower().strip() if isinstance(value, str | int) else ""
    if found == "0":
        return timedelta()
    if not _SPAN.fullmatch(found):
        raise ValueError("should be a duration such as 15s, 2m, 24h or 90d")
    return _span(sum(Decimal(number) * _UNITS[unit] for number, unit in _PART.findall(found)))


def _span(seconds: Decimal | int) -> timedelta:
    if seconds > _LONGEST.total_seconds():
        raise ValueError("should be at most 100 years")
    return timedelta(milliseconds=round(seconds * 1000))


def interval(value: object) -> timedelta:
    """Return a duration or plain seconds, between a second and a day."""
    found = str(value).strip() if isinstance(value, str | int | float) and not isinstance(value, bool) else ""
    try:
        span = _span(Decimal(found)) if _BARE.fullmatch(found) else duration(value)
    except ValueError:
        raise ValueError("should be a duration such as 15s, 2m or 1h, or a number of seconds") from None
    if not timedelta(seconds=1) <= span <= timedelta(days=1):
        raise ValueError("should be between 1s and 1d")
    return span


def written(span: timedelta) -> str:
    """Return a duration as one would write it: the largest unit that says it whole."""
    seconds = Decimal(span // timedelta(milliseconds=1)) / 1000
    if not seconds:
        return "0s"
    unit = next((unit for unit in "dhm" if seconds % _UNITS[unit] == 0), "s")
    return f"{seconds / _UNITS[unit]:f}{unit}"


def keep(value: object) -> timedelta | None:
    """Return how long texts are kept; None is for ever."""
    if value is None or (isinstance(value, str) and value.strip().lower() == FOREVER):
        return None
    try:
        return duration(value)
    except ValueError:
        raise ValueError(f"should be a duration with its unit such as 90d, 0d to keep none, or {FOREVER}") from None


_STARTS = {"beginning": Start("beginning"), "now": Start("now")}


def start(value: object, zone: ZoneInfo) -> Start:
    """Return where a new group begins; a time without an offset is one of `zone`."""
    found = value.strip() if isinstance(value, str) else ""
    if found in _STARTS:
        return _STARTS[found]
    if _SPAN.fullmatch(found.lower()):
        return Start("age", duration(found))
    try:
        return Start("time", _time(found, zone))
    except (ValueError, OverflowError):
        expected = "should be beginning, now, a time such as 2026-11-10 06:00, or an age with its unit such as 24h"
        raise ValueError(expected) from None


def _time(found: str, zone: ZoneInfo) -> datetime:
    parsed = datetime.fromisoformat(found)
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=zone)).astimezone(UTC)


_TIME_OF_DAY = re.compile(r"([01]?[0-9]|2[0-3]):([0-5][0-9])")


def time_of_day(value: object) -> time:
    """Return the time that a clock shows, such as `06:30`."""
    if isinstance(value, time):
        return value
    match = _TIME_OF_DAY.fullmatch(value.strip()) if isinstance(value, str) else None
    if match is None:
        raise ValueError("should be a time of day such as 06:30, or empty")
    return time(int(match[1]), int(match[2]))


def timezone(value: object) -> ZoneInfo:
    """Return the zone of that name in the IANA list."""
    found = text(value)
    try:
        return ZoneInfo(found)
    except (KeyError, ValueError, OSError):  # a directory of zones is an OSError
        raise ValueError(f"is not a time zone; {_near(found)}") from None


def _near(found: str) -> str:
    zones = {zone.lower(): zone for zone in available_timezones()}
    near = difflib.get_close_matches(found[:60].lower(), zones, n=1)
    return f"did you mean {zones[near[0]]}?" if near else "write one such as Africa/Johannesburg"


_CHAT = re.compile(r"[!-?A-~]+@(?:g\.us|s\.whatsapp\.net|lid)")


def jid(value: object) -> str:
    """Return a chat's JID."""
    found = text(value)
    if re.fullmatch(r"[0-9-]+", found):
        raise ValueError(f'lacks its server: a group\'s JID is written whole, in quotes: "{EXAMPLE_JID}"')
    if not _CHAT.fullmatch(found):
        raise ValueError(f'should be a chat\'s JID such as "{EXAMPLE_JID}"; `wamon groups` lists them')
    return found


_PHONE = re.compile(r"\+?[1-9][0-9]{5,17}")


def sender(value: object) -> str:
    """Return a JID as it is, or the bare digits of a phone number."""
    found = text(value)
    if _CHAT.fullmatch(found):
        return found
    digits = re.sub(r"[\s().-]", "", found)
    if not _PHONE.fullmatch(digits):
        raise ValueError("should be a phone number with its country code, such as 27821234567, or a JID")
    return digits.removeprefix("+")


_TABLE = re.compile(r"(?:[A-Za-z_][A-Za-z0-9_]{0,62}\.)?[A-Za-z_][A-Za-z0-9_]{0,62}")


def table(value: object) -> str | None:
    """Return a table's name, or None where it is empty."""
    found = "" if value is None else text(value)
    if found and not _TABLE.fullmatch(found):
        raise ValueError("should be a table or schema.table of letters, digits and underscores, or empty")
    return found or None


_URL = re.compile(r"postgres(?:ql)?://.*|\w+\s*=.*", re.DOTALL)


def database_url(value: object) -> str:
    """Return a PostgreSQL URL, or a connection string of `host=… dbname=…`."""
    found = text(value)
    if not _URL.fullmatch(found):
        raise ValueError("should be a PostgreSQL URL (postgresql://user:password@host/name), or empty")
    return found


def hold(value: object) -> timedelta:
    """Return how long something must last before it is told: at most a day."""
    return _between(value, timedelta(), timedelta(days=1), "between 0s and 1d")


def repeat(value: object) -> timedelta:
    """Return after how long something is said again."""
    return _between(value, timedelta(minutes=1), _LONGEST, "at least 1m")


def span_to_wait(value: object) -> timedelta:
    """Return how long something may last: a minute, the least that is looked for, to 30 days."""
    return _between(value, timedelta(minutes=1), timedelta(days=30), "between 1m and 30d")


def _between(value: object, least: timedelta, most: timedelta, said: str) -> timedelta:
    span = value if isinstance(value, timedelta) else duration(value)
    if not least <= span <= most:
        raise ValueError(f"should be {said}")
    return span


def count(value: object) -> int:
    """Return a whole number, 0 or more."""
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise ValueError("should be a whole number, 0 or more")
    return value


def per_minute(value: object) -> int:
    """Return how many a minute, 1 to 60."""
    found = count(value)
    if not 1 <= found <= 60:
        raise ValueError("should be 1 to 60")
    return found


def age(value: object) -> timedelta:
    """Return how old something may be: a minute to a day."""
    return _between(value, timedelta(minutes=1), timedelta(days=1), "between 1m and 1d")


def token(value: object) -> str:
    """Return a token that can stand in an HTTP header."""
    found = text(value)
    if not found.isascii() or " " in found:
        raise ValueError("should be a token of ASCII characters without spaces")
    return found


def port(value: object) -> int:
    """Return a port; one in quotes, such as of a variable, is one, too."""
    found = text(value)
    if not found.isascii() or not found.isdigit() or not 1 <= int(found) <= 65_535:
        raise ValueError("should be a port, 1 to 65535")
    return int(found)


_HOST = r"(?:[A-Za-z0-9](?:[A-Za-z0-9._-]{0,251}[A-Za-z0-9])?|\[[0-9A-Fa-f:.]{2,45}\])"
_HTTP = re.compile(rf"https?://{_HOST}(?::([0-9]{{1,5}}))?(?:[/?][!-~]*)?", re.IGNORECASE)
_ADDRESS = re.compile(rf"[A-Za-z0-9!#$%&'*+/=?^_`{{|}}~.-]{{1,64}}@{_HOST}")


def http_url(value: object) -> str:
    """Return the address of a webhook, without a password in front of its host and without a fragment."""
    found = text(value)
    match = _HTTP.fullmatch(found)
    if not match or "#" in found or (match[1] and not 1 <= int(match[1]) <= 65_535):
        raise ValueError("should be a webhook's address such as https://hooks.example.com/…, or empty")
    return found


def host(value: object) -> str:
    """Return a host's name or address; one of IPv6 may stand in brackets."""
    found = text(value)
    bare = f"[{found}]" if ":" in found and not found.startswith("[") else found
    if not re.fullmatch(_HOST, bare):
        raise ValueError("should be a host's name such as mail.example.com")
    return bare.strip("[]")


def mail_address(value: object) -> str:
    """Return a plain mail address."""
    found = text(value)
    if not _ADDRESS.fullmatch(found):
        raise ValueError("should be a mail address such as office@example.com")
    return found
