"""A restart that loses nothing: look that all is recorded, have systemd restart the unit, and wait until it works."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING

from wamon.capture.state_file import StateFile
from wamon.errors import Fatal, Retryable
from wamon.ledger.source import Source
from wamon.service.installation import as_account
from wamon.service.systemd import NoSystemd
from wamon.service.units import handed_over, installed

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from wamon.clock import Clock
    from wamon.postgres.connection import Database
    from wamon.service.systemd import Shown, Systemd
    from wamon.service.units import Installed, Service

_SECONDS_TO_MIRROR = 5.0
_SECONDS_TO_PREPARE = 90.0
_SECONDS_TO_RESTART = 360.0
"""As long as the unit may take to stop and to start, and some."""

_SECONDS_TO_A_PASS = 60.0
_SECONDS_BETWEEN_LOOKS = 0.2
_DEGRADED = "Degraded"
"""How STATUS begins while no pass can be finished."""


class NotReady(Retryable):
    """The service was restarted, and doesn't work as it should yet."""


@dataclass(frozen=True, slots=True)
class Position:
    """How far a source is recorded, by PostgreSQL, and whether the state file says it too."""

    source: str
    seq: int
    mirrored: bool


@dataclass(frozen=True, slots=True)
class Restarted:
    """What a restart did."""

    unit: str
    position: Position
    before: Shown
    after: Shown
    seconds: float


def position(db: Database, source_name: str, state_dir: Path | None, clock: Clock) -> Position:
    """Read the position from PostgreSQL, and wait for the state file to say as much: it follows within a second.

    `state_dir` None: no store is read, so no file says it.
    Raises DatabaseUnavailable where PostgreSQL can't be asked. The file may be behind: nothing depends on it.
    """
    source = Source(db, source_name)
    source.collect()
    if state_dir is None:
        return Position(source_name, source.seq, mirrored=True)
    until = clock.monotonic_seconds() + _SECONDS_TO_MIRROR
    while not (mirrored := _mirrored(source, state_dir, clock)) and clock.monotonic_seconds() < until:
        time.sleep(_SECONDS_BETWEEN_LOOKS)
    return Position(source_name, source.seq, mirrored)


def _mirrored(source: Source, state_dir: Path, clock: Clock) -> bool:
    if source.seq == 0:
        return True
    found = StateFile(state_dir, clock).look()
    seq = found.sources.get(source.name, {}).get("seq", 0)
    return found.instance_id == source.instance and isinstance(seq, int) and seq >= source.seq


def restart(service: Service, systemd: Systemd, clock: Clock) -> Restarted:
    """Restart the service's unit between two batches. Raises NoSystemd, NotReady, and what keeps from looking first."""
    before = _standing(service, systemd)
    recorded = _prepared(service)
    began = clock.monotonic_seconds()
    try:
        systemd.run("restart", service.unit, seconds=_SECONDS_TO_RESTART)
    except NoSystemd as error:
        raise NoSystemd(
            f"{service.unit} didn't come back. {error}",
            hint=f"Nothing recorded is lost. See `journalctl -u {service.unit} -n 50`.",
        ) from None
    after = _passing(service, systemd, before, clock)
    return Restarted(service.unit, recorded, before, after, round(clock.monotonic_seconds() - began, 1))


def _standing(service: Service, systemd: Systemd) -> Shown:
    """The unit, where there is one that may be restarted."""
    if not systemd.is_there:
        raise NoSystemd(
            "systemd doesn't run this host, so nothing would start wamon again: nothing was done.",
            hint="Have whatever started wamon restart it, at night by cron, such as: 0 1 * * * docker restart wamon. "
            "SIGTERM ends it between two batches.",
        )
    shown = systemd.show(service.unit)
    if shown.load != "loaded":
        instance = f" --instance {service.instance}" if service.instance else ""
        raise NoSystemd(f"systemd knows no {service.unit}.", hint=f"`wamon service install{instance}` writes it.")
    if shown.active == "inactive":
        raise NoSystemd(
            f"{service.unit} doesn't run, so there is nothing to restart.",
            hint=f"`systemctl start {service.unit}` starts it.",
        )
    return shown


def _prepared(service: Service) -> Position:
    """Have a process of the service's own account look at the state, and note there that the restart is meant."""
    unit = installed(service)
    try:
        done = subprocess.run(  # type: ignore[call-overload]
            [sys.executable, "-m", "wamon", "service", "prepare", "--json"],
            check=False,
            capture_output=True,
            text=True,
            stdin=subprocess.DEVNULL,
            timeout=_SECONDS_TO_PREPARE,
            env=environ_of(unit, os.environ),
            **as_account(unit.account if unit else None),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise Fatal(
            f"The state couldn't be looked at as the service's account: {type(error).__name__}.",
            hint=f"Run this as root, or restart without a look: `systemctl restart {service.unit}`.",
        ) from None
    if done.returncode != 0:
        raise _Unprepared(done.returncode, " ".join(done.stderr.split()), service)
    return Position(**json.loads(done.stdout))


class _Unprepared(Fatal):
    """What the look at the state said, with its exit code."""

    def __init__(self, exit_code: int, said: str, service: Service) -> None:
        hint = f"`systemctl restart {service.unit}` restarts it without a look."
        super().__init__(f"Nothing was restarted, for the state couldn't be looked at. {said}", hint=hint)
        self.exit_code = exit_code


def environ_of(unit: Installed | None, environ: Mapping[str, str]) -> dict[str, str]:
    """The environment in which the unit's wamon finds its config, state and database."""
    if unit is None:
        return dict(environ)
    ours = {name: value for name, value in environ.items() if not name.startswith("WAMON_")}
    return ours | dict(unit.environ) | handed_over(unit.credential)


def _passing(service: Service, systemd: Systemd, before: Shown, clock: Clock) -> Shown:
    """Wait until another process than before is ready, and says that it passed over the store."""
    until = clock.monotonic_seconds() + _SECONDS_TO_A_PASS
    while True:
        shown = systemd.show(service.unit)
        is_new = shown.is_ready and shown.pid != before.pid
        if is_new and shown.status and not shown.status.startswith(_DEGRADED):
            return shown
        if clock.monotonic_seconds() >= until:
            said = f"it says: {shown.status}" if is_new and shown.status else f"systemd calls it {shown.active}."
            raise NotReady(
                f"{service.unit} was restarted and doesn't pass over the store yet: {said}",
                hint=f"Nothing recorded is lost. See `journalctl -u {service.unit} -n 50`, and `wamon doctor`.",
            )
        time.sleep(_SECONDS_BETWEEN_LOOKS)
