"""Checks that return results and print nothing. `wamon status`, `wamon doctor`, alerts and systemd read the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.health import bridge, database, files, recording
from wamon.health.check import Absent, Check, State, summary, unknown, worst
from wamon.health.facts import NOT_MADE, Facts, GroupFacts, Subject, look
from wamon.health.lag import Lag, lag
from wamon.health.settings import broken, people, readable

if TYPE_CHECKING:
    from collections.abc import Iterator

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
    "people",
    "readable",
    "summary",
    "unknown",
    "unwell",
    "worst",
]

_SECTIONS = ("bridge", "recording", "database", "files", "clock")


def check_all(facts: Facts) -> list[Check]:
    """Every check of what was looked at, by section."""
    return sorted(_judged(facts), key=_section)


def unwell(facts: Facts) -> list[Check]:
    """Those that aren't in order, by section: of ten thousand groups' checks the others aren't even kept."""
    return sorted((check for check in _judged(facts) if check.state is not State.OK), key=_section)


def _judged(facts: Facts) -> Iterator[Check]:
    for room in (bridge, recording, database, files):
        yield from room.checks(facts)


def _section(check: Check) -> int:
    return _SECTIONS.index(check.section)
