"""Checks that return results and print nothing. `wamon status`, `wamon doctor`, alerts and systemd read the same."""

from __future__ import annotations

from wamon.health import bridge, database, files, recording
from wamon.health.check import Absent, Check, State, summary, unknown, worst
from wamon.health.facts import NOT_MADE, Facts, GroupFacts, Subject, look
from wamon.health.lag import Lag, lag
from wamon.health.settings import broken, readable

__all__ = [
    "NOT_MADE",
    "Absent",
    "Check",
    "Facts",
    "GroupFacts",
    "Lag",
    "State",
    "Subject",
    "broken",
    "check_all",
    "lag",
    "look",
    "readable",
    "summary",
    "unknown",
    "worst",
]

_SECTIONS = ("bridge", "recording", "database", "files", "clock")


def check_all(facts: Facts) -> list[Check]:
    """Every check of what was looked at, by section."""
    rooms = (bridge, recording, database, files)
    return sorted((check for room in rooms for check in room.checks(facts)), key=_section)


def _section(check: Check) -> int:
    return _SECTIONS.index(check.section)
