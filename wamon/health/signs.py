"""How a source's last sign of life is to be taken, by the database's clock: whoever looks finds the same."""

from __future__ import annotations

from typing import Literal

Sign = Literal["on-time", "late", "down", "stopped", "scan", "none"]

_ON_TIME = 3
"""So many times as long as between two signs of life."""
_DOWN_SECONDS = 120
_SECONDS_OF_A_RESTART = 60


def sign(
    by: str | None,
    state: str | None,
    silent_seconds: float | None,
    every_seconds: int | None,
    *,
    is_leased: bool,
    is_planned: bool,
) -> Sign:
    """How a source's last sign of life is to be taken."""
    if by is None or silent_seconds is None or every_seconds is None:
        return "none"
    if by == "scan":
        return "scan"
    if state == "stopped":
        return "stopped" if is_planned and silent_seconds <= _SECONDS_OF_A_RESTART else "down"
    if silent_seconds <= _ON_TIME * every_seconds:
        return "on-time"
    return "late" if is_leased and silent_seconds <= _DOWN_SECONDS else "down"
