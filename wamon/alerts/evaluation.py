"""From what is firing and what was found to what is told. Pure: no I/O, no clock of its own."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wamon.alerts.model import Fault, Firing

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime, timedelta

    from wamon.alerts.model import Kind
    from wamon.alerts.rules import Found
    from wamon.config.alerts import Rule


@dataclass(frozen=True, slots=True)
class Told:
    """What is to be told of a rule, of these faults."""

    kind: Kind
    faults: Sequence[Fault]


def evaluate(firing: Firing, found: Found, rule: Rule, now: datetime) -> tuple[Firing, Told | None]:
    """What is firing from now on, and what is told of it, if anything is.

    A fault is told once it has been there for `hold`, and over once it has been gone as long; those of one rule are
    told together, and again after `repeat`. What can't be seen now stays as it was.
    """
    faults = {**_known(firing, found, now), **_new(firing, found, now)}
    kept = {key: fault for key, fault in faults.items() if not _is_over(fault, rule.hold, now)}
    over = [fault for key, fault in faults.items() if key not in kept]
    seen = [key for key in kept if key in found.troubles]
    ripe = [key for key in seen if not kept[key].is_told and now - kept[key].since >= found.hold]
    told_at = None if firing.told_at is None else min(firing.told_at, now)
    if ripe:
        kept |= {key: replace(kept[key], is_told=True) for key in ripe}
        return Firing(kept, now), Told("alert", _lasting(kept))
    if over and not any(fault.is_told for fault in kept.values()):
        return Firing(kept), Told("over", over)
    if told_at is not None and now - told_at >= rule.repeat and any(kept[key].is_told for key in seen):
        return Firing(kept, now), Told("reminder", _lasting(kept))
    return Firing(kept, told_at), None


def _known(firing: Firing, found: Found, now: datetime) -> dict[str, Fault]:
    """The faults so far as they are now. One that nobody was told of is gone as soon as it is."""
    faults = {key: _not_ahead(fault, now) for key, fault in firing.faults.items()}
    known = {}
    for key, fault in faults.items():
        trouble = found.troubles.get(key)
        if trouble is not None:
            known[key] = replace(
                fault, sentence=trouble.sentence, hint=trouble.hint, group=trouble.group, calm_since=None
            )
        elif key in found.unknown:
            known[key] = fault
        elif fault.is_told:
            known[key] = replace(fault, calm_since=fault.calm_since or now)
    return known


def _new(firing: Firing, found: Found, now: datetime) -> dict[str, Fault]:
    new = {key: trouble for key, trouble in found.troubles.items() if key not in firing.faults}
    return {key: Fault(now, trouble.sentence, trouble.hint, trouble.group) for key, trouble in new.items()}


def _not_ahead(fault: Fault, now: datetime) -> Fault:
    """The fault without a time that is still to come: the clock was set back, and it would wait for that time."""
    calm_since = None if fault.calm_since is None else min(fault.calm_since, now)
    return replace(fault, since=min(fault.since, now), calm_since=calm_since)


def _is_over(fault: Fault, hold: timedelta, now: datetime) -> bool:
    return fault.calm_since is not None and now - fault.calm_since >= hold


def _lasting(faults: Mapping[str, Fault]) -> list[Fault]:
    return [fault for fault in faults.values() if fault.is_told and fault.calm_since is None]
