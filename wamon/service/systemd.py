"""systemd, as its own command shows and moves it."""

from __future__ import annotations

import json
import subprocess
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from wamon.errors import Fatal

if TYPE_CHECKING:
    from pathlib import Path

_SECONDS_TO_ANSWER = 30.0


class NoSystemd(Fatal):
    """systemd isn't there, or doesn't do what it is told."""

    exit_code = 69


@dataclass(frozen=True, slots=True)
class Shown:
    """A unit, as `systemctl show` has it."""

    load: str
    active: str
    pid: int
    status: str
    file_state: str

    @property
    def is_ready(self) -> bool:
        return self.active == "active" and self.pid > 0


class Systemd:
    """The host's systemd; that of another root is there only if that root was booted with it."""

    def __init__(self, root: Path) -> None:
        self._booted = root / "run/systemd/system"

    @property
    def is_there(self) -> bool:
        """Whether systemd is this host's init, and not only installed."""
        return self._booted.is_dir()

    def show(self, unit: str) -> Shown:
        """How a unit is. Raises NoSystemd."""
        names = ("LoadState", "ActiveState", "MainPID", "StatusText", "UnitFileState")
        lines = self.run("show", unit, *(f"--property={name}" for name in names)).splitlines()
        said = dict(line.partition("=")[::2] for line in lines)
        pid = said.get("MainPID", "0")
        return Shown(
            said.get("LoadState", "not-found"),
            said.get("ActiveState", "inactive"),
            int(pid) if pid.isdecimal() else 0,
            said.get("StatusText", ""),
            said.get("UnitFileState", ""),
        )

    def next_elapse(self, timer: str) -> datetime | None:
        """When a timer rings next; None where it is not enabled, or systemd doesn't say it."""
        try:
            timers = json.loads(self.run("list-timers", "--all", "--output=json", timer))
            next_us = next((entry["next"] for entry in timers if entry["unit"] == timer), None)
            return datetime.fromtimestamp(next_us / 1e6, UTC) if next_us else None
        except (NoSystemd, ValueError, TypeError, KeyError, OverflowError, OSError):
            return None

    def run(self, *words: str, seconds: float = _SECONDS_TO_ANSWER) -> str:
        """What `systemctl` answers. Raises NoSystemd, with what it says, where it fails."""
        said = f"`systemctl {' '.join(words[:2])}`"
        try:
            done = subprocess.run(  # noqa: S603 - our own words
                ["systemctl", *words],  # noqa: S607 - wherever this host has it
                check=False,
                capture_output=True,
                text=True,
                errors="replace",
                stdin=subprocess.DEVNULL,
                timeout=seconds,
            )
        except OSError as error:
            raise NoSystemd(f"{said} can't be run: {error.strerror}.", hint="Is systemd installed?") from None
        except subprocess.TimeoutExpired:
            raise NoSystemd(f"{said} didn't end within {seconds:.0f} s.", hint="Look at the journal.") from None
        if done.returncode != 0:
            why = " ".join(done.stderr.split()) or f"exit code {done.returncode}"
            raise NoSystemd(f"{said} failed: {why}", hint="Run this as root.")
        return done.stdout
