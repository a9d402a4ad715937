"""Durations, amounts and kinds as people read them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from datetime import datetime

KINDS = {"new": "new", "resubmission": "posted again", "rejected": "rejected", "retracted": "retracted"}
"""Kinds of posts."""

_UNITS = (("d", 86_400), ("h", 3_600), ("min", 60))


def span(seconds: float) -> str:
    """A duration in its largest unit that it fills twice, such as `90 min` or `3 d`."""
    seconds = max(seconds, 0)
    return next((f"{int(seconds // size)} {unit}" for unit, size in _UNITS if seconds >= 2 * size), f"{int(seconds)} s")


def age(moment: datetime, now: datetime) -> float:
    """How long ago a moment was, in seconds."""
    return round((now - moment).total_seconds(), 1)


def amount(n: int, noun: str) -> str:
    """A number with its noun: `1 message`, `2,000 messages`."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"


def size(n_bytes: float) -> str:
    """An amount of room on a disk."""
    return f"{n_bytes / 1024**3:,.1f} GiB" if n_bytes >= 1024**3 else f"{n_bytes / 1024**2:,.0f} MiB"
