"""wamon under systemd: its units, its restarts, and what is kept of them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from wamon.config import Config
    from wamon.health import Check


def checks(settings: Config) -> list[Check]:
    """What `wamon doctor` says of the unit and of restarts."""
    from wamon.service.soundness import sound

    return sound(settings)
