"""wamon under systemd: its units, its restarts, and what is kept of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from wamon.clock import Clock
    from wamon.config.schema import Config
    from wamon.health import Check


def checks(settings: Config) -> list[Check]:
    """What `wamon doctor` says of the unit and of restarts."""
    from wamon.service.soundness import sound

    return sound(settings)


def nightly(state_dir: Path, clock: Clock) -> list[Check]:
    """Whether the last nightly restart happened, of a service that has one; else nothing. systemd isn't asked."""
    from wamon.service.soundness import last_night

    return last_night(state_dir, clock)
