"""Posts that were written to a file."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, slots=True)
class Exported:
    """What `wamon drops export` wrote.

    Only with a file; without one, the CSV goes to stdout.
    """

    path: Annotated[str, "the file"]
    posts: Annotated[int, "rows written"]
