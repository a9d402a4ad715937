"""Uptime, memory, and restarts with their reasons."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

if TYPE_CHECKING:
    from wamon.service import hygiene as looked
    from wamon.service.units import Service


@dataclass(frozen=True, slots=True)
class Restart:
    """A restart of the last days."""

    at: Annotated[datetime, "when it stopped, within the last seven days"]
    reason: Annotated[
        str,
        "`planned`, `stopped` (by somebody), `crash`, `watchdog` (it hung), `memory`, `timeout`, `killed`, "
        "`config`, `unavailable`, `busy`, `promise` or `unknown`",
    ]
    detail: Annotated[str, "how the process ended, such as `exited 78`"]
    back_at: Annotated[datetime | None, "when it was ready again"]


@dataclass(frozen=True, slots=True)
class Hygiene:
    """What `wamon hygiene` shows."""

    unit: Annotated[str, "the unit's name"]
    installed: Annotated[bool, "its file is there"]
    running: Annotated[bool, "a daemon works on this state, on this host"]
    pid: Annotated[int | None, "its process"]
    started_at: Annotated[datetime | None, "when that began"]
    uptime_seconds: Annotated[float | None, "how long ago that is"]
    memory_bytes: Annotated[int | None, "resident memory now"]
    memory_at_start_bytes: Annotated[int | None, "resident memory when it was ready"]
    restarts: tuple[Restart, ...]
    restart_at: Annotated[str | None, "the nightly restart, such as `03:00`"]
    timezone: Annotated[str | None, "in this zone"]
    next_restart_at: Annotated[datetime | None, "the next planned restart"]
    last_due_at: Annotated[datetime | None, "when the last planned one was due"]
    last_happened: Annotated[
        bool | None, "whether it happened; null where nothing is kept from before it, or it wasn't planned yet"
    ]
    switched_off: Annotated[str | None, "why the nightly restart is switched off; null where it isn't"]


def hygiene(service: Service, found: looked.Hygiene) -> Hygiene:
    """What was found of this service."""
    running, night, schedule = found.running, found.night, found.nightly.schedule
    return Hygiene(
        unit=service.unit,
        installed=found.installed,
        running=running is not None,
        pid=running.pid if running else None,
        started_at=running.started_at if running else None,
        uptime_seconds=running.uptime_seconds if running else None,
        memory_bytes=running.memory_bytes if running else None,
        memory_at_start_bytes=running.memory_at_start_bytes if running else None,
        restarts=tuple(Restart(one.at, one.reason, one.detail, one.back_at) for one in found.restarts),
        restart_at=f"{schedule.at:%H:%M}" if schedule else None,
        timezone=str(schedule.zone) if schedule else None,
        next_restart_at=found.next_at,
        last_due_at=night.due_at if night else None,
        last_happened=night.happened if night else None,
        switched_off=found.nightly.off,
    )
