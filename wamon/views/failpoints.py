"""The step boundaries at which a test ends a process."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, slots=True)
class Failpoints:
    """What `wamon failpoints` lists."""

    failpoints: Annotated[tuple[str, ...], "names, in the order in which a first pass meets them"]
