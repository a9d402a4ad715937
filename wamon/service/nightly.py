"""Whether a service is restarted each night, as this host's files and systemd have it, and who switched that off.

Off means off: nobody is warned of a restart that somebody doesn't want.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from wamon.service import schedule
from wamon.service.systemd import NoSystemd
from wamon.service.units import cron_entries, state_of

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from wamon.service.schedule import Schedule
    from wamon.service.systemd import Systemd
    from wamon.service.units import Service

_SWITCHED_OFF = {"disabled", "masked", "masked-runtime"}


@dataclass(frozen=True, slots=True)
class Nightly:
    """A service's nightly restart.

    `schedule`: what the installed file holds, switched on or not; None where none does, or in a form of somebody's own.
    `off`: why it is switched off; None where it is on, and where no service is installed. `since`: as of when it is so.
    """

    schedule: Schedule | None
    off: str | None
    since: datetime | None

    @property
    def planned(self) -> Schedule | None:
        """The schedule by which it is restarted; None where it isn't."""
        return None if self.off else self.schedule


def nightly(service: Service, systemd: Systemd) -> Nightly:
    """The nightly restart of this service: its timer's or cron's, whichever is switched on."""
    timer, by_cron = service.unit_file(service.timer), cron_entries(service).get(service.unit)
    found = []
    if state_of(timer) != "missing":
        found.append(
            Nightly(
                schedule.of_timer(_text(timer)),
                _unit_off(service, systemd, service.timer),
                _changed_at([timer, *_links(service, service.timer)]),
            )
        )
    if by_cron:
        off = None if by_cron.command else f"{service.cron_file} has no line that restarts it"
        found.append(Nightly(schedule.of_cron(by_cron.sentence), off, _changed_at([service.cron_file])))
    is_installed = state_of(service.unit_file(service.unit)) != "missing"
    none = Nightly(None, f"{service.unit} is installed without one" if is_installed else None, None)
    return next((one for one in found if one.off is None), (found or [none])[0])


def is_kept_off(service: Service, systemd: Systemd) -> bool:
    """Whether somebody switched the nightly restart off; not where the service itself was never enabled yet."""
    found = nightly(service, systemd)
    awaits_its_start = found.schedule is not None and _unit_off(service, systemd, service.unit) is not None
    return found.off is not None and not awaits_its_start


def _unit_off(service: Service, systemd: Systemd, unit: str) -> str | None:
    """Why a unit isn't started: as systemd says, else by the link that enables it."""
    if systemd.is_there:
        try:
            shown = systemd.show(unit)
        except NoSystemd:
            pass
        else:
            is_off = shown.file_state in _SWITCHED_OFF and shown.active != "active"
            return f"{unit} is {shown.file_state}" if is_off else None
    return None if _links(service, unit) else f"{unit} isn't enabled"


def _links(service: Service, unit: str) -> list[Path]:
    """What enables a unit. Of another root, they may point nowhere."""
    wanting = service.unit_file("").glob("*.wants")
    return [folder / unit for folder in wanting if os.path.lexists(folder / unit)]


def _changed_at(paths: Sequence[Path]) -> datetime:
    return datetime.fromtimestamp(max(path.lstat().st_mtime for path in paths), UTC)


def _text(path: Path) -> str:
    try:
        return path.read_text("utf-8", "replace")
    except OSError:
        return ""
