"""What every measurement stands on: one PostgreSQL, fresh databases, stores, processes with their times."""

from __future__ import annotations

import contextlib
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import TYPE_CHECKING, LiteralString, NamedTuple

import psycopg
import yaml
from psycopg.conninfo import make_conninfo

from bench import figures
from bench.stores import jid, make
from wamon.postgres.embedded import server as embedded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

WAMON = (sys.executable, "-m", "wamon")
Command = tuple[str | Path, ...]
_SECONDS_BETWEEN_LOOKS = 0.02
_SECONDS_TO_START = 30.0


class Measured(NamedTuple):
    """A process that ended well: how long it took from its start to its end, its memory at the peak, what it said."""

    seconds: float
    peak_mb: float
    out: str
    cpu_seconds: float  # of the process and what it started


@dataclass(frozen=True, slots=True)
class Ground:
    """One run of the bench."""

    dsn: str
    folder: Path  # of this run, and gone with it
    kept: Path  # the stores
    before: Path | None = None  # the Python of another checkout's build
    _numbers: count[int] = field(default_factory=count)

    def builds(self) -> dict[str, Command]:
        """The commands of this build and of the one before, as far as there is one, by whose they are."""
        before: Command = (self.before, "-P", "-m", "wamon") if self.before else ()
        return {figures.WAMON: WAMON, **({figures.BEFORE: before} if before else {})}

    def watched(self, run: Callable[[], Measured]) -> Measured:
        """What a process does, with PostgreSQL's CPU in its own."""
        began = self._server_cpu_seconds()
        done = run()
        return done._replace(cpu_seconds=done.cpu_seconds + self._server_cpu_seconds() - began)

    def _server_cpu_seconds(self) -> float:
        """What PostgreSQL has used so far, those of its processes that have ended among it."""
        with psycopg.connect(self.dsn) as db:
            (folder,) = db.execute("SHOW data_directory").fetchall()[0]
        pid = int(Path(folder, "postmaster.pid").read_text("ascii").split()[0])
        return cpu_seconds(pid, ended=True) + sum(map(_cpu_if_there_seconds, _children(pid)))

    def store(self, messages: int, groups: int = 4) -> Path:
        """A store of that size, made once. Nobody writes to it: see `copy`."""
        path = self.kept / f"{messages}-messages-in-{groups}-groups.db"
        if not path.exists():
            say(f"making a store of {messages:,} messages in {groups:,} groups")
        make(path, messages, groups)
        return path

    def copy(self, store: Path) -> Path:
        """A copy that may be written to."""
        path = self.folder / f"{next(self._numbers)}.db"
        shutil.copyfile(store, path)
        return path

    @contextmanager
    def database(self) -> Iterator[str]:
        """The DSN of an empty database, for as long as the block runs."""
        name = f"bench_{next(self._numbers)}"
        with psycopg.connect(self.dsn, autocommit=True) as db:
            db.execute(f"CREATE DATABASE {name}")
            db.execute("CHECKPOINT")
        yield make_conninfo(self.dsn, dbname=name)
        with psycopg.connect(self.dsn, autocommit=True) as db:
            db.execute(f"DROP DATABASE {name} WITH (FORCE)")

    def config(self, store: Path, dsn: str, groups: int = 4, *, review_table: str | None = None) -> Path:
        """A config of wamon's, with a state directory of its own."""
        folder = self.folder / f"config-{next(self._numbers)}"
        folder.mkdir()
        settings = {
            "bridge": {"path": str(store)},
            "database": {"url": dsn, "review_table": review_table or ""},
            "state": {"dir": str(folder / "state")},
            "web": {"token": "${WAMON_WEB_TOKEN:-}"},
            "groups": [{"name": f"Project {n}", "jid": jid(n)} for n in range(groups)],
        }
        path = folder / "wamon.yaml"
        path.write_text(yaml.safe_dump(settings), "utf-8")
        return path


@contextmanager
def ground(kept: Path | None, before: Path | None = None) -> Iterator[Ground]:
    """A PostgreSQL and a folder, both gone at the end; stores are kept in the other folder, if one is named."""
    with tempfile.TemporaryDirectory(prefix="wamon-bench-") as named:
        folder = Path(named)
        folder.chmod(0o711)  # an unprivileged account runs the server where we are root
        stores = kept or folder / "stores"
        stores.mkdir(parents=True, exist_ok=True)
        embedded.ROOT_HOME = folder / "lib"
        with embedded.running(folder / "state") as dsn:
            yield Ground(dsn, folder, stores, before)


def measured(*command: str | Path, environ: dict[str, str] | None = None) -> Measured:
    """Run a command to its end. Raises AssertionError with the end of what it said where it fails."""
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        began, used = time.perf_counter(), _used_seconds()
        with process(*command, stdout=out.fileno(), stderr=err.fileno(), environ=environ) as child:
            peak = _Peak(child.pid)
            child.wait()
            seconds = time.perf_counter() - began
            peak_mb = peak.end()
        for file in (out, err):
            file.seek(0)
        if child.returncode:
            raise AssertionError(f"{command} ended with {child.returncode}: {err.read()[-2000:]}")
        return Measured(seconds, peak_mb, out.read(), _used_seconds() - used)


def _used_seconds() -> float:
    """The CPU of all processes that were started here and have ended."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


@contextmanager
def process(
    *command: str | Path,
    stdin: int = subprocess.DEVNULL,
    stdout: int = subprocess.DEVNULL,
    stderr: int = subprocess.DEVNULL,
    environ: dict[str, str] | None = None,
) -> Iterator[subprocess.Popen[str]]:
    """A child that doesn't outlive the block."""
    left_out = ("WAMON_", "PG", "PYTHONDONTWRITEBYTECODE")  # what is installed has its bytecode
    said = {name: text for name, text in os.environ.items() if not name.startswith(left_out)} | (environ or {})
    child = subprocess.Popen(command, stdin=stdin, stdout=stdout, stderr=stderr, env=said, text=True)
    try:
        yield child
    finally:
        child.kill()
        child.wait()


class _Peak:
    """Looks at the memory of a process and its children until it ends.

    What `wait4` says holds the memory of whoever started it, too.
    """

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self._kib = 0
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._look)
        self._thread.start()

    def _look(self) -> None:
        with contextlib.suppress(OSError, LookupError):  # it has ended
            while not self._ended.wait(_SECONDS_BETWEEN_LOOKS):
                together = memory_kib(self._pid, "VmHWM") + sum(map(_peak_if_there_kib, _begun(self._pid)))
                self._kib = max(self._kib, together)

    def end(self) -> float:
        """The most that was seen, in MB."""
        self._ended.set()
        self._thread.join()
        return self._kib / 1024


def _children(pid: int) -> list[int]:
    threads = Path(f"/proc/{pid}/task").iterdir()
    return [int(child) for thread in threads for child in (thread / "children").read_text("ascii").split()]


def _begun(pid: int) -> list[int]:
    """Its children. One that doesn't run its own program yet has no memory but its parent's."""
    own = _command(pid)
    return [child for child in _children(pid) if _command(child) != own]


def _command(pid: int) -> bytes:
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes()
    return b""


def _peak_if_there_kib(pid: int) -> int:
    with contextlib.suppress(OSError, LookupError):
        return memory_kib(pid, "VmHWM")
    return 0


def memory_kib(pid: int, name: str) -> int:
    """A process's memory, now (VmRSS) or at its peak (VmHWM). Raises OSError or LookupError once it is gone."""
    lines = Path(f"/proc/{pid}/status").read_text("ascii").splitlines()
    found = [line.split()[1] for line in lines if line.startswith(name)]
    return int(found[0])


def settle(dsn: str) -> None:
    """Have a database that was just filled be as it is minutes later.

    Else the server's own work for it, seconds of CPU, is told as that of whichever build is measured meanwhile.
    """
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute("VACUUM ANALYZE")  # as autovacuum does within a minute
        db.execute("CHECKPOINT")


def await_row(dsn: str, sign: LiteralString) -> None:
    """Until this finds a row, and a second more for what follows it."""
    deadline = time.monotonic() + _SECONDS_TO_START
    with psycopg.connect(dsn, autocommit=True) as db:
        while db.execute(sign).fetchone() is None:
            if time.monotonic() > deadline:
                raise AssertionError("it doesn't start")
            time.sleep(0.1)
    time.sleep(1)


def cpu_seconds(pid: int, *, ended: bool = False) -> float:
    """What a process has used of a core; `ended`: with those of its children that have ended."""
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return sum(map(int, fields[11 : 15 if ended else 13])) / os.sysconf("SC_CLK_TCK")


def _cpu_if_there_seconds(pid: int) -> float:
    with contextlib.suppress(OSError):
        return cpu_seconds(pid)
    return 0


def say(what: str) -> None:
    """Progress, on stderr."""
    print(f"{time.strftime('%H:%M:%S')} {what}", file=sys.stderr, flush=True)
