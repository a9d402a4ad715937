"""All that is known of one service's uptime, memory and restarts, at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from wamon.service import history
from wamon.service.nightly import nightly
from wamon.service.restart_log import events
from wamon.service.units import state_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from wamon.clock import Clock
    from wamon.service.history import Night, Restart, Running
    from wamon.service.nightly import Nightly
    from wamon.service.restart_log import Event
    from wamon.service.systemd import Systemd
    from wamon.service.units import Service

DAYS = 7


@dataclass(frozen=True, slots=True)
class Hygiene:
    """`next_at` None: none is planned. `night` None: none was, or the nightly restart is switched off."""

    installed: bool
    running: Running | None
    restarts: Sequence[Restart]
    nightly: Nightly
    next_at: datetime | None
    night: Night | None


def collect(service: Service, systemd: Systemd, state_dir: Path, clock: Clock) -> Hygiene:
    """Look at everything. Raises Fatal where this account may not see the state directory."""
    now = clock.now()
    kept = events(state_dir)
    found = nightly(service, systemd)
    recent = [one for one in history.restarts(kept) if one.at >= now - timedelta(days=DAYS)]
    return Hygiene(
        state_of(service.unit_file(service.unit)) != "missing",
        history.running(kept, clock),
        recent,
        found,
        _next_at(service, systemd, found, now),
        last_night(kept, found, now),
    )


def last_night(kept: Sequence[Event], found: Nightly, now: datetime) -> Night | None:
    """The last planned restart that was due; None where none is planned."""
    return history.last_night(kept, found.planned, now, found.since) if found.planned else None


def _next_at(service: Service, systemd: Systemd, found: Nightly, now: datetime) -> datetime | None:
    """When the next planned restart is: as systemd has it, else as the installed file says."""
    if found.off:
        return None
    asked = systemd.next_elapse(service.timer) if systemd.is_there else None
    return asked or (found.planned.after(now) if found.planned else None)
