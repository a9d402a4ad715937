"""The embedded servers of this user, each with its data: which there are, and how one goes whose folder has gone."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from wamon.errors import Busy
from wamon.postgres.embedded.home import Home, explained, home_at, locate, origin_of
from wamon.postgres.embedded.lock import locked, shared
from wamon.postgres.embedded.server import runs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

_DIGEST = re.compile(r"[0-9a-f]{12}")


@dataclass(frozen=True, slots=True)
class Cluster:
    """One server's data. `state_dir` is None where an older wamon made it and didn't keep whose it is."""

    home: Home
    state_dir: Path | None
    last_used_at: datetime  # its server came to rest, or wrote all that it had: PostgreSQL's control file says it

    @property
    def runs(self) -> bool:
        """Whether its server runs."""
        return runs(self.home)

    def size_bytes(self) -> int:
        """How much room it takes on the disk."""
        paths = (Path(folder, name) for folder, _, names in os.walk(self.home.data) for name in names)
        return sum(map(_room_of, paths))


def clusters(state_dirs: Iterable[Path], root_home: Path) -> list[Cluster]:
    """Those of these state directories, and as root all of root's. ConfigError where they can't be seen."""
    homes: dict[Path, tuple[Home, Path | None]] = {}
    for folder in state_dirs:
        home = locate(folder, root_home)
        homes[home.data] = home, Path(os.path.realpath(folder))
    with explained(root_home):
        for data in _roots(root_home):
            home = home_at(data)
            homes.setdefault(data, (home, origin_of(home)))
        seen = [_seen(*homes[data]) for data in sorted(homes)]
    return [cluster for cluster in seen if cluster]


def remove(cluster: Cluster) -> int:
    """Remove it; how many bytes that frees. Busy where it runs or is used."""
    home = cluster.home
    busy = Busy(
        f"The embedded PostgreSQL in {home.data} runs.",
        hint=f"`WAMON_STATE_DIR={cluster.state_dir} wamon db stop` stops it where no wamon uses it.",
    )
    with explained(home.data), locked(home.lock, str(busy)):
        if cluster.runs or shared(home.users):
            raise busy
        freed = cluster.size_bytes()
        going = home.data.with_name(f"{home.data.name}.new-going")  # what is left of it nobody takes for a whole one
        home.data.rename(going)
        shutil.rmtree(going)
        shutil.rmtree(home.socket, ignore_errors=True)
        for file in (home.log, home.users, home.keep, home.origin, home.lock):
            file.unlink(missing_ok=True)
    return freed


def _roots(root_home: Path) -> Iterator[Path]:
    if os.geteuid() == 0 and root_home.is_dir():
        yield from (path for path in root_home.iterdir() if _DIGEST.fullmatch(path.name))


def _seen(home: Home, state_dir: Path | None) -> Cluster | None:
    """The cluster in this home; None where there is none, or it goes at this moment."""
    try:
        control = (home.data / "global" / "pg_control").stat()
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Cluster(home, state_dir, datetime.fromtimestamp(control.st_mtime, UTC))


def _room_of(path: Path) -> int:
    try:
        return path.lstat().st_blocks * 512
    except FileNotFoundError:  # a server that runs removes files
        return 0
