"""The time, injected, so that tests move it instead of waiting for it."""

from __future__ import annotations

import time
from datetime import UTC, datetime


class Clock:
    """The host's clocks. Durations are measured with `monotonic_seconds`, which no clock change moves."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic_seconds(self) -> float:
        return time.monotonic()
