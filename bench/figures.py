"""What was measured, and what it is held against."""

from __future__ import annotations

from dataclasses import dataclass, field
from statistics import median
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterable

WAMON = "wamon"
BEFORE = "wamon before"
"""Another checkout's build, measured beside this one."""
FLOOR = "floor"
DLT = "dlt"
DLT_DROPS = "dlt, drops only"
SLING = "sling"
MONITOR = "typical monitor"
EVERYBODY = (WAMON, BEFORE, FLOOR, DLT, DLT_DROPS, SLING, MONITOR)


class Subject(NamedTuple):
    """One thing that is measured, and in which unit."""

    what: str
    unit: str


@dataclass(slots=True)
class Figures:
    """Each subject's figures, by whom they were measured of. Of what is measured several times the median counts."""

    _taken: dict[Subject, dict[str, list[float]]] = field(default_factory=dict)

    def add(self, subject: Subject, who: str, *values: float) -> None:
        self._taken.setdefault(subject, {}).setdefault(who, []).extend(values)

    def of(self, subject: Subject, who: str) -> float | None:
        taken = self._taken.get(subject, {}).get(who)
        return median(taken) if taken else None

    def gain(self, subject: Subject) -> float | None:
        """How many times as good as the build before it is; None where that wasn't measured."""
        ours, before = self.of(subject, WAMON), self.of(subject, BEFORE)
        if not ours or not before:
            return None
        return ours / before if subject.unit.endswith("/s") else before / ours

    def subjects(self) -> Iterable[Subject]:
        return self._taken.keys()


@dataclass(frozen=True, slots=True)
class Target:
    """A bound on a figure, or on its ratio to another figure; without a bound it is only told."""

    what: str
    subject: Subject
    bound: float | None
    over: tuple[Subject, str] | None = None  # what it is divided by
    at_least: bool = False
    who: str = WAMON

    def reached(self, figures: Figures) -> float | None:
        """The figure or ratio; None where something of it wasn't measured."""
        ours = figures.of(self.subject, self.who)
        if self.over is None or ours is None:
            return ours
        theirs = figures.of(*self.over)
        return ours / theirs if theirs else None

    def is_met(self, reached: float) -> bool | None:
        """None where nothing was aimed at."""
        if self.bound is None:
            return None
        return reached >= self.bound if self.at_least else reached <= self.bound
