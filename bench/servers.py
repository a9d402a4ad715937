"""The latency of a daemon on Debian's PostgreSQL beside that of one on the embedded server: in turn, in one run."""

from __future__ import annotations

import os
import shutil
import subprocess
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from psycopg.conninfo import make_conninfo

from bench import catchups, latency
from bench.figures import FLOOR, WAMON
from bench.ground import WAMON as COMMAND
from bench.ground import await_row, measured, process, say
from bench.subjects import ON_DEBIAN_HALF, ON_DEBIAN_MOST

if TYPE_CHECKING:
    from collections.abc import Iterator

    from bench.figures import Figures
    from bench.ground import Ground

_SLICES = 4
_LEAST_POSTS = 200
"""Of fewer a hundredth tells nothing."""


class _Watched(NamedTuple):
    """A store on which a daemon works."""

    dsn: str
    store: Path


def measure(ground: Ground, figures: Figures, messages: int, posts: int) -> None:
    """On the oldest server that Debian has here."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[-3]))
    if not found:
        say("Debian's PostgreSQL isn't installed here: its latency is left out")
        return
    posts = max(posts, _LEAST_POSTS) // _SLICES
    say(f"latency of {_SLICES * posts} posts each on PostgreSQL {found[0].parts[-3]} and on the embedded one")
    with ExitStack() as stack:
        others = replace(ground, dsn=stack.enter_context(_running(found[0].parent, ground.folder / "debian")))
        watched = {who: stack.enter_context(_watched(one, messages)) for who, one in ((WAMON, others), (FLOOR, ground))}
        seconds = {who: list[float]() for who in watched}
        for n in range(_SLICES):
            for who, one in watched.items():
                seconds[who] += latency.measure(one.dsn, one.store, 4, posts, first=n * posts)
    for who, taken in seconds.items():
        figures.add(ON_DEBIAN_HALF, who, latency.of(taken).p50_seconds * 1000)
        figures.add(ON_DEBIAN_MOST, who, latency.of(taken).p99_seconds * 1000)


@contextmanager
def _running(programs: Path, folder: Path) -> Iterator[str]:
    """The DSN of a new server of its own in this folder, as its programs make it. Root lets nobody run it."""
    account: dict[str, Any] = {"user": "nobody", "group": "nogroup"} if os.geteuid() == 0 else {}

    def run(*words: str | Path) -> None:
        subprocess.run(words, check=True, stdout=subprocess.DEVNULL, cwd="/", **account)

    folder.mkdir()
    if account:
        shutil.chown(folder, account["user"], account["group"])
    data = folder / "data"
    run(programs / "initdb", "-D", data, "-A", "trust", "-U", "wamon", "-E", "UTF8", "--locale=C")
    options = f"-k {folder} -c listen_addresses=''"
    run(programs / "pg_ctl", "-D", data, "-l", folder / "log", "-o", options, "-w", "start")
    try:
        yield make_conninfo("", host=str(folder), user="wamon", dbname="postgres")
    finally:
        run(programs / "pg_ctl", "-D", data, "-m", "fast", "-w", "stop")


@contextmanager
def _watched(ground: Ground, messages: int) -> Iterator[_Watched]:
    store = ground.copy(ground.store(messages))
    with ground.database() as dsn:
        config = ground.config(store, dsn)
        catchups.scan(config, messages)
        measured(*COMMAND, "--config", config, "verify")  # a daemon that finds this done doesn't begin with it
        with process(*COMMAND, "--config", config, "run"):
            await_row(dsn, "SELECT FROM wamon.leases")
            yield _Watched(dsn, store)
