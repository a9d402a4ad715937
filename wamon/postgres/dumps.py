"""A dump of the embedded database a day, a week of them: nobody else backs it up."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from wamon.postgres.backup import dump

if TYPE_CHECKING:
    from datetime import datetime
    from pathlib import Path

    from wamon.postgres.backup import Table

_KEPT = 7


def dump_today(dsn: str, review: Table | None, folder: Path, now: datetime) -> Path | None:
    """Write today's dump to the folder, unless it stands there, and remove all but the newest seven."""
    path = folder / f"wamon-{now:%Y-%m-%d}.dump"
    if path.exists():
        return None
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    half = path.with_suffix(".half")
    with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        dump(dsn, review, file)
        file.flush()
        os.fsync(file.fileno())
    half.replace(path)
    for old in sorted(folder.glob("wamon-*.dump"))[:-_KEPT]:
        old.unlink()
    return path
