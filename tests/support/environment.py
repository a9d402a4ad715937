"""Where the commands that tests run as users do find themselves."""

from __future__ import annotations

import os
from pathlib import Path

ROOT_HOME = Path("/var/lib/wamon")
"""Where a wamon run by root keeps its servers; that of the tests' own process is elsewhere."""


def environment(**more: str) -> dict[str, str]:
    """Ours, without what would lead a wamon or PostgreSQL elsewhere."""
    return {name: text for name, text in os.environ.items() if not name.startswith(("WAMON_", "PG", "XDG_"))} | more
