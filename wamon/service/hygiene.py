"""All that is known of one service's uptime, memory and restarts, at one moment."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING

from wamon.service import history, schedule
from wamon.service.restart_log import events
from wamon.service.units import state_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from pathlib import Path

    from wamon.clock import Clock
    from wamon.service.history import Night, Restart, Running
    from wamon.service.schedule import Schedule
    from wamon.service.systemd import Systemd
    from wamon.service.units import Service

DAYS = 7


@dataclass(frozen=True, slots=True)
class Hygiene:
    """`next_at` None: none is planned. `night` None: none was."""

    installed: bool
    running: Running | None
    restarts: Sequence[Restart]
    schedule: Schedule | None
    next_at: datetime | None
    night: Night | None


def look(service: Service, systemd: Systemd, state_dir: Path, clock: Clock) -> Hygiene:
    """Look at everything. Raises Fatal where this account may not see the state directory."""
    now = clock.now()
    kept = events(state_dir)
    planned = planned_by(service)
    recent = [one for one in history.restarts(kept) if one.at >= now - timedelta(days=DAYS)]
    return Hygiene(
        state_of(service.unit_file(service.unit)) != "missing",
        history.running(kept, clock),
        recent,
        planned,
        next_planned(service, systemd, planned, now),
        history.last_night(kept, planned, now) if planned else None,
    )


def planned_by(service: Service) -> Schedule | None:
    """The schedule that the installed timer, or else cron's line, holds."""
    for path in (service.unit_file(service.timer), service.cron_file):
        try:
            return schedule.of_file(path.read_text("utf-8", "replace"))
        except OSError:
            continue
    return None


def next_planned(service: Service, systemd: Systemd, planned: Schedule | None, now: datetime) -> datetime | None:
    """When the next planned restart is: as systemd has it, else as the installed file says."""
    asked = systemd.next_elapse(service.timer) if systemd.is_there else None
    return asked or (planned.after(now) if planned else None)
