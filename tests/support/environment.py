"""Where the commands that tests run as users do find themselves, and how they are started."""

from __future__ import annotations

import os
import sys
from pathlib import Path

from tests.support.clock import CLOCK, HOST
from wamon.clock import Clock

EXAMPLES = int(os.environ.get("WAMON_CHAOS_EXAMPLES", "0"))
"""How many random histories `make chaos` asks for, beside all else that it has more of; 0 in the suite.

Read here, since the session's fixtures remove such variables before any test runs.
"""


def examples(most: int) -> int:
    """How many a property test tries: a quarter in the suite, all of them in `make chaos`."""
    return most if EXAMPLES else most // 4


ROOT_HOME = Path("/var/lib/wamon")
"""Where a wamon run by root keeps its servers; that of the tests' own process is elsewhere."""


def environment(**more: str) -> dict[str, str]:
    """Ours, without what would lead a wamon or PostgreSQL elsewhere."""
    return {name: text for name, text in os.environ.items() if not name.startswith(("WAMON_", "PG", "XDG_"))} | more


def program(clock: Clock = CLOCK) -> list[str]:
    """The words that start a real wamon whose clock shows what this one shows."""
    ahead_seconds = round((clock.now() - HOST.now()).total_seconds())
    by_module = [sys.executable, "-m"]
    return [*by_module, "tests.support.moved", str(ahead_seconds)] if ahead_seconds else [*by_module, "wamon"]
