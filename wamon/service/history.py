"""What the kept starts and stops say: which restarts there were and why, and who runs now."""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any

from wamon.service.restart_log import memory_bytes

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wamon.clock import Clock
    from wamon.service.restart_log import Event
    from wamon.service.schedule import Schedule

_MEANT_FOR = timedelta(minutes=5)
"""A stop this long after a planned restart was announced is that restart's."""

_LATE = timedelta(minutes=10)
"""A planned restart is missed when it is this late."""

_BY_RESULT = {"watchdog": "watchdog", "oom-kill": "memory", "timeout": "timeout", "signal": "killed"}
_BY_STATUS = {"69": "unavailable", "70": "promise", "75": "busy", "78": "config"}
_BY_HAND = "stopped"


@dataclass(frozen=True, slots=True)
class Restart:
    """One time that the service ended. `back_at` is None where it isn't ready again, or failed once more before."""

    at: datetime
    reason: str
    detail: str
    back_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Running:
    """The wamon that runs."""

    pid: int
    started_at: datetime
    uptime_seconds: float
    memory_bytes: int | None
    memory_at_start_bytes: int | None


@dataclass(frozen=True, slots=True)
class Night:
    """The last restart that was due. `happened` None: before it was planned, or before anything that is kept."""

    due_at: datetime
    happened: bool | None
    back_at: datetime | None = None


def restarts(events: Sequence[Event]) -> list[Restart]:
    """Every restart that is kept, the oldest first."""
    found: list[Restart] = []
    planned_at: datetime | None = None
    runs = False
    for event in events:
        if event.what == "planned":
            planned_at = event.at
            continue
        ended = event.what == "stopped" or runs  # a start that follows a start: its end was seen by nobody
        if ended:
            found.append(_restart(event, planned_at))
            planned_at = None
        if event.what == "started" and found and found[-1].back_at is None:
            found[-1] = replace(found[-1], back_at=event.at)
        runs = event.what == "started"
    return found


def planned_at(events: Sequence[Event], now: datetime) -> datetime | None:
    """When the restart was announced that is to come now; None where none was."""
    last = events[-1] if events else None
    return last.at if last and last.what == "planned" and now - last.at <= _MEANT_FOR else None


def reason(said: Mapping[str, Any]) -> str:
    """Why it stopped, in a word, by what systemd said."""
    result = str(said.get("result", ""))
    if result == "success":
        return _BY_HAND
    if result == "exit-code":
        return _BY_STATUS.get(str(said.get("status")), "crash")
    return _BY_RESULT.get(result, "crash" if result else "unknown")


def _restart(event: Event, planned_at: datetime | None) -> Restart:
    meant = planned_at is not None and event.at - planned_at <= _MEANT_FOR
    if event.what == "started":
        return Restart(event.at, "planned" if meant else "unknown", "its end was not seen")
    why = reason(event.said)
    detail = " ".join(str(event.said[name]) for name in ("code", "status") if name in event.said)
    return Restart(event.at, "planned" if meant and why == _BY_HAND else why, detail)


def running(events: Sequence[Event], clock: Clock) -> Running | None:
    """Who runs now on this host, if the last one that started still does."""
    from wamon.host.process import Process

    said = next((event.said for event in reversed(events) if event.what == "started"), None)
    if said is None:
        return None
    try:
        process = Process(said["host"], said["boot"], int(said["pid"]), int(said["process_started"]))
    except (KeyError, TypeError, ValueError):
        return None
    here = Process.this()
    if (process.host, process.boot) != (here.host, here.boot) or process.is_gone():
        return None
    uptime_seconds = time.clock_gettime(time.CLOCK_BOOTTIME) - process.process_started / os.sysconf("SC_CLK_TCK")
    at_start = said.get("memory_bytes")
    return Running(
        process.pid,
        clock.now() - timedelta(seconds=uptime_seconds),
        round(uptime_seconds, 1),
        memory_bytes(process.pid),
        at_start if isinstance(at_start, int) else None,
    )


def last_night(events: Sequence[Event], schedule: Schedule, now: datetime, planned_since: datetime | None) -> Night:
    """Whether the last restart that was due by the schedule, which holds since then, happened, be it late."""
    due_at = schedule.before(now - _LATE)
    since = [restart for restart in restarts(events) if restart.at >= due_at and restart.reason == "planned"]
    if since:
        return Night(due_at, since[0].back_at is not None, since[0].back_at)
    was_planned = planned_since is None or planned_since <= due_at
    is_known = was_planned and bool(events) and events[0].at <= due_at
    return Night(due_at, False if is_known else None)
