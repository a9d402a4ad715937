"""The units by which systemd runs wamon."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

from wamon.service.units import present, state_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wamon.service.nightly import Nightly
    from wamon.service.schedule import CronTime, Schedule
    from wamon.service.systemd import Systemd
    from wamon.service.units import Host, Service


@dataclass(frozen=True, slots=True)
class WrittenFile:
    """What an install did with a file, or would do."""

    path: Annotated[str, "a file"]
    state: Annotated[
        str, "`written`, `updated`, `unchanged` or `removed`; of a dry run as `service show` has it, or `older`"
    ]


@dataclass(frozen=True, slots=True)
class Installation:
    """What `wamon service install` did."""

    unit: Annotated[str, "the unit's name"]
    instance: Annotated[str | None, "as `--instance` says"]
    command: Annotated[tuple[str, ...], "how the unit runs wamon"]
    account: Annotated[str, "as whom"]
    config: Annotated[str, "with which config"]
    state_dir: Annotated[str, "where it keeps its state"]
    restart_at: Annotated[str | None, "the nightly restart, such as `03:00`; null: none"]
    timezone: Annotated[str | None, "in this zone"]
    cron: Annotated[str | None, "when cron restarts it, by the host's clock; null: a timer of systemd does"]
    dry_run: Annotated[bool, "nothing was written"]
    files: tuple[WrittenFile, ...]
    ran: Annotated[tuple[str, ...], "what systemd was told"]
    next: Annotated[tuple[str, ...], "commands to run next"]
    notes: Annotated[tuple[str, ...], "what is missing, and what to know"]


@dataclass(frozen=True, slots=True)
class File:
    """One of the units' files."""

    path: Annotated[str, "a file that an install may write"]
    state: Annotated[str, "`installed`, `changed` by somebody, or `missing`"]


@dataclass(frozen=True, slots=True)
class Units:
    """What `wamon service show` shows."""

    unit: Annotated[str, "the unit's name"]
    installed: Annotated[bool, "its file is there"]
    files: tuple[File, ...]
    systemd: Annotated[bool, "systemd runs this host"]
    active: Annotated[str | None, "what systemd calls the unit, such as `active` or `failed`"]
    enabled: Annotated[str | None, "whether it is started at boot, such as `enabled`"]
    status: Annotated[str | None, "what the daemon last told systemd"]
    restart_at: Annotated[str | None, "the nightly restart, such as `03:00`"]
    timezone: Annotated[str | None, "in this zone"]
    switched_off: Annotated[str | None, "why the nightly restart is switched off; null where it isn't"]


@dataclass(frozen=True, slots=True)
class Uninstalled:
    """What `wamon service uninstall` did."""

    unit: Annotated[str, "the unit's name"]
    removed: Annotated[tuple[str, ...], "files that were removed"]


def installation(
    service: Service,
    host: Host,
    planned: Schedule | None,
    cron: CronTime | None,
    *,
    dry_run: bool,
    files: tuple[WrittenFile, ...],
    ran: Sequence[str],
    following: Sequence[str],
    notes: Sequence[str],
) -> Installation:
    """What an install of these units did, or would do."""
    return Installation(
        unit=service.unit,
        instance=service.instance,
        command=tuple(host.command),
        account=host.account,
        config=str(host.config),
        state_dir=str(service.state_dir),
        restart_at=f"{planned.at:%H:%M}" if planned else None,
        timezone=str(planned.zone) if planned else None,
        cron=f"{cron.minute} {cron.hour} * * *" if cron else None,
        dry_run=dry_run,
        files=files,
        ran=tuple(ran),
        next=tuple(following),
        notes=tuple(notes),
    )


def units(service: Service, systemd: Systemd, nightly: Nightly) -> Units:
    """Which units are on this host, and what systemd says of them."""
    shown = systemd.show(service.unit) if systemd.is_there else None
    there = present(service)
    shown_files = [path for path in service.all_files() if path in there or path not in service.files_of_the_page]
    states = {str(path): state_of(path) if path in there else "missing" for path in shown_files}
    return Units(
        unit=service.unit,
        installed=state_of(service.unit_file(service.unit)) != "missing",
        files=tuple(File(path, "installed" if state == "current" else state) for path, state in states.items()),
        systemd=systemd.is_there,
        active=shown.active if shown else None,
        enabled=shown.file_state if shown else None,
        status=shown.status if shown else None,
        restart_at=f"{nightly.schedule.at:%H:%M}" if nightly.schedule else None,
        timezone=str(nightly.schedule.zone) if nightly.schedule else None,
        switched_off=nightly.off,
    )
