"""Durations, amounts, kinds and states as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

Meaning = Literal["good", "look", "bad", "unknown"]

KINDS = {"new": "new", "resubmission": "posted again", "rejected": "rejected", "retracted": "retracted"}
"""Kinds of posts."""

SLIPS = {
    "too-short": "too short",
    "too-long": "too long",
    "letters-apart": "letters apart",
    "letters-swapped": "letters swapped",
    "letter-missing": "letter missing",
    "letter-doubled": "letter doubled",
    "letter-extra": "letter too many",
    "letter-wrong": "wrong letter",
    "letter-in-digits": "letter in digits",
    "mark": "mark in it",
    "split": "digits divided",
    "separator": "odd separator",
    "next-line": "on two lines",
    "glued": "run together",
    "drop-word": "drop for letters",
    "listed": "listed, no letters",
    "no-letters": "no letters",
}
"""Why a near miss is no drop number, by its reason."""

MEANINGS: Mapping[str, Meaning] = {
    **dict.fromkeys(("ok", "All is well.", "usual", "on", "yes", "sent", "settling", "processing", "answered"), "good"),
    **dict.fromkeys(("warn", "unusual", "retry", "stale", "yes, but has no messages"), "look"),
    **dict.fromkeys(("bad", "dead", "failed", "lost"), "bad"),
    **dict.fromkeys(("unknown", "off", "not enabled"), "unknown"),
}
"""What the words for states mean. A word that isn't here means nothing that is worth a look."""

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))


def span(seconds: float) -> str:
    """A duration in its largest unit that it fills twice, such as `90 min` or `3 d`."""
    seconds = max(seconds, 0)
    return next((f"{int(seconds // size)} {unit}" for unit, size in _UNITS if seconds >= 2 * size), f"{int(seconds)} s")


def age(moment: datetime, now: datetime) -> float:
    """How long ago a moment was, in seconds."""
    return round((now - moment).total_seconds(), 1)


def amount(n: int, noun: str) -> str:
    """A number with its noun: `1 message`, `2,000 messages`, `2 near misses`, `2 deliveries`."""
    return f"{n:,} {noun if n == 1 else _plural(noun)}"


def _plural(noun: str) -> str:
    if noun.endswith("ry"):
        return noun[:-1] + "ies"
    return noun + ("es" if noun.endswith("s") else "s")


def listing(names: Sequence[str], most: int = 5) -> str:
    """The first names of many: `A, B and 48 more`."""
    more = len(names) - most
    return f"{', '.join(names[:most])} and {more:,} more" if more > 0 else ", ".join(names)


def size(n_bytes: float) -> str:
    """An amount of room on a disk."""
    return f"{n_bytes / 1024**3:,.1f} GiB" if n_bytes >= 1024**3 else f"{n_bytes / 1024**2:,.0f} MiB"
