"""Which versions work together here."""

from __future__ import annotations

import platform
from dataclasses import dataclass
from typing import Annotated

import wamon
from wamon.postgres.embedded import programs
from wamon.postgres.migrations import migrations


@dataclass(frozen=True, slots=True)
class Version:
    """What `wamon --version` shows."""

    wamon: Annotated[str, "wamon's"]
    schema: Annotated[int, "the newest schema that this wamon makes"]
    python: Annotated[str, "Python's"]
    postgresql: Annotated[str, "the embedded PostgreSQL's"]

    def line(self) -> str:
        return f"wamon {self.wamon} · schema {self.schema} · Python {self.python} · PostgreSQL {self.postgresql}"


def version() -> Version:
    """Nothing is connected to: a server of yours tells its own version in `wamon doctor`."""
    major_minor = ".".join(programs.version().split(".")[:2])
    return Version(wamon.__version__, migrations()[-1].version, platform.python_version(), f"{major_minor} (embedded)")
