"""The embedded PostgreSQL: one server to a state directory, shared by every wamon there, stopped by the last to leave.

Who uses a server is known by a shared flock on its `users` file; starting and stopping take turns by an exclusive flock
on its `lock` file. So no way of dying leaves a count or a process id behind that would have to be believed.
"""

from __future__ import annotations

import contextlib
import os
import re
import shutil
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import psycopg
from psycopg.pq import PGconn, Ping

from wamon.errors import Busy, ConfigError, DatabaseUnavailable
from wamon.failpoints import failpoint
from wamon.host.files import fsync_folder
from wamon.postgres.embedded import lock
from wamon.postgres.embedded.home import (
    SOCKET_NAME,
    USE_ANOTHER,
    Account,
    Home,
    explained,
    give,
    locate,
    make_parent,
    make_private,
    note_origin,
    open_private,
    unprivileged_account,
)
from wamon.postgres.embedded.lock import locked, share, shared
from wamon.postgres.embedded.programs import programs, run, spawn, version

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["ROOT_HOME", "Account", "Home", "binary", "exists", "home", "keep", "running", "runs", "stop"]

ROOT_HOME = Path("/var/lib/wamon")
"""Where root's servers live, whatever their state directories: an unprivileged account must get there."""
STARTS = 10
INITDB = (
    *("--auth=peer", "--username=wamon", "--encoding=UTF8", "--locale=C", "--no-instructions"),
    # In the directory itself: where the disk is full initdb would leave its segments in memory, at every attempt.
    "--set=dynamic_shared_memory_type=mmap",
)
LOG_LIMIT = 10 * 1024 * 1024
SETTINGS = {
    "listen_addresses": "",
    "port": "5432",
    "unix_socket_permissions": "0700",
    "max_connections": "50",
    "fsync": "on",
    "full_page_writes": "on",
    "synchronous_commit": "on",
    "wal_level": "minimal",
    "max_wal_size": "4GB",  # after a checkpoint each page is logged whole once: catching up, the fewer the better
    "max_wal_senders": "0",
    "timezone": "UTC",
    "log_timezone": "UTC",
    # An error's own words can quote a message: errors go to the client that made them, and nowhere else.
    "log_min_messages": "log",
    "log_min_error_statement": "panic",
    "log_error_verbosity": "terse",
    "log_checkpoints": "off",
}


@dataclass(frozen=True, slots=True)
class _Server:
    """What postmaster.pid says, true or not."""

    pid: int
    socket: Path


def home(state_dir: Path) -> Home:
    """Where the embedded server of this state directory lives; makes nothing. ConfigError if nobody could run it."""
    return locate(state_dir, ROOT_HOME)


def exists(state_dir: Path) -> bool:
    """Whether this state directory's server was ever made. Raises as `home` does, and where it can't be seen."""
    place = home(state_dir)
    with explained(place.data):
        return (place.data / "PG_VERSION").exists()


@contextlib.contextmanager
def running(state_dir: Path) -> Iterator[str]:
    """The DSN of this state directory's server, started if need be, and stopped at the end if nobody else uses it.

    The DSN serves the OS user who runs the server, and root. Nesting and threads are fine; a forked child counts as a
    user until it ends. Raises ConfigError, Busy or DatabaseUnavailable.
    """
    place = home(state_dir)
    with explained(place.data):
        make_parent(place)
        users = open_private(place.users)
    try:
        with explained(place.data), _turn(place):
            share(users)
            dsn = _serve(place)
            note_origin(place, state_dir)
            _make_database(place, dsn)
        yield dsn
    finally:
        with explained(place.data):
            _leave(place, users)


def keep(state_dir: Path) -> None:
    """From now on this state directory's server goes on running after the last wamon left, until `stop`."""
    place = home(state_dir)
    with explained(place.data):
        make_parent(place)
        with _turn(place):
            os.close(open_private(place.keep))


def stop(state_dir: Path) -> bool:
    """Forget `keep` and stop the server: False if none ran. Busy if a wamon uses it: it stops when that one leaves."""
    place = home(state_dir)
    if not place.data.exists():
        return False
    with explained(place.data), _turn(place):
        place.keep.unlink(missing_ok=True)
        if not runs(place):
            return False
        if not shared(place.users):
            _stop(place)
            return True
    raise Busy(
        f"The embedded PostgreSQL in {place.data} is in use by another wamon.",
        hint="It stops by itself when the last one leaves: stop the daemon, or wait for the command to end.",
    )


def binary(name: str) -> Path:
    """A PostgreSQL program that matches the embedded server, such as `pg_dump`. ConfigError if there is none."""
    account = unprivileged_account() if os.geteuid() == 0 else None
    with explained(ROOT_HOME):
        path = programs(account, ROOT_HOME) / name
    if not path.is_file():
        raise ConfigError(f"The embedded PostgreSQL has no program {name}.", hint=USE_ANOTHER)
    return path


@contextlib.contextmanager
def _turn(place: Home) -> Iterator[None]:
    with locked(place.lock, f"Another wamon is still starting or stopping the embedded PostgreSQL in {place.data}."):
        yield


def _leave(place: Home, users: int) -> None:
    os.close(users)
    # Whoever holds the lock for so long leaves after us, and finds that we are gone.
    with contextlib.suppress(Busy), _turn(place):
        if runs(place) and not place.keep.exists() and not shared(place.users):
            _stop(place)


def _serve(place: Home) -> str:
    """The DSN of a server that answers, started if need be: again and again where a killed one's children linger."""
    _trim(place.log)
    reason = "it ends as soon as it has started"
    for attempt in range(STARTS):
        if server := _answering(place):
            return _dsn(server.socket)
        if attempt:
            time.sleep(0.5)
        _prepare(place)
        if failure := _start(place):
            reason = failure
            if "in use" not in failure and "already exists" not in failure:
                break
    raise DatabaseUnavailable(
        f"The embedded PostgreSQL in {place.data} doesn't start: {reason}.",
        hint=f"Its log is {place.log}. Put right what that says and try again; or move {place.data} away and have "
        f"`wamon db restore` bring back the newest file of dumps/ in the state directory. {USE_ANOTHER}",
    )


def _answering(place: Home) -> _Server | None:
    """The running server, waited for while it starts or stops; None if none runs."""
    deadline = time.monotonic() + lock.PATIENCE
    while server := _recorded(place):
        # Asked first, because a server in another container answers here though its process id means nothing here.
        answer = PGconn.ping(f"{_dsn(server.socket)}&dbname=postgres&connect_timeout=5".encode())
        if answer == Ping.OK:
            return server
        if answer != Ping.REJECT and not _is_postmaster(server.pid, place):
            return None
        if time.monotonic() > deadline:
            raise DatabaseUnavailable(
                f"The embedded PostgreSQL in {place.data} runs (process {server.pid}) but takes no connections.",
                hint=f"It may be recovering from a crash: look at {place.log}, wait, and try again.",
            )
        time.sleep(0.02)
    return None


def _dsn(socket: Path) -> str:
    # The port is said because PGPORT in the caller's environment would choose another.
    return f"postgresql://wamon@/wamon?host={quote(os.fsencode(socket))}&port=5432"


def _recorded(place: Home) -> _Server | None:
    try:
        lines = (place.data / "postmaster.pid").read_text(errors="surrogateescape").splitlines()
        pid, data, socket = int(lines[0]), lines[1], lines[4] if len(lines) > 4 else ""
    except (FileNotFoundError, IndexError, ValueError):
        return None
    # Another wamon's environment may have put the socket elsewhere; but a copied home's record means the original's.
    return _Server(pid, Path(socket) if socket and data == str(place.data) else place.socket)


def _is_postmaster(pid: int, place: Home) -> bool:
    """Whether this process is the living postmaster of this data: no zombie, no reused number, no orphaned child."""
    process = Path("/proc", str(pid))
    try:
        program = (process / "cmdline").read_bytes().split(b"\0")[0]  # a zombie has none
        return Path(os.fsdecode(program)).name == "postgres" and (process / "cwd").samefile(place.data)
    except OSError:
        return False


def runs(place: Home) -> bool:
    """Whether its server runs."""
    server = _recorded(place)
    return server is not None and _is_postmaster(server.pid, place)


def _stop(place: Home) -> None:
    failpoint("embedded.stop")
    try:
        run(place, place.data, "pg_ctl", "stop", "-s", "-w", "-m", "fast")
    except DatabaseUnavailable:
        if runs(place):
            run(place, place.data, "pg_ctl", "stop", "-s", "-w", "-m", "immediate")


def _start(place: Home) -> str:
    """Start the server and wait until it takes connections. Why it didn't, or nothing."""
    log = open_private(place.log, os.O_WRONLY | os.O_APPEND)
    try:
        before = os.fstat(log).st_size
        words = ("pg_ctl", "start", "-s", "-w", "-t", f"{lock.PATIENCE:.0f}")
        process = spawn(place, place.data, words, log)
    finally:
        os.close(log)
    try:
        process.wait()
    finally:
        process.wait()  # interrupted: before it ends nobody knows of the server, so nobody could stop it
    if process.returncode and not runs(place):
        return _why(place.log, before)
    failpoint("embedded.start")
    return ""


def _why(log: Path, start: int) -> str:
    with log.open("rb") as file:
        file.seek(start)
        lines = file.read(100_000).decode(errors="replace").strip().splitlines()
    # All of them, since a killed server's orphans write their last words into the same file.
    if grave := re.findall(r"(?:FATAL|PANIC): +(.*)", "\n".join(lines)):
        return "; ".join(dict.fromkeys(grave))
    return " ".join(line for line in lines if not line.startswith(("pg_ctl: ", "Examine "))) or "it left no word"


def _trim(log: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        if log.lstat().st_size > LOG_LIMIT:
            os.truncate(log, 0)


# Its user and wamon's schema share a name: what people create there by hand belongs into public, and they find wamon's
# tables and views by their names. A path that somebody chose stays.
_WITHOUT_OUR_PATH = """
    select 1 from pg_database as d left join pg_db_role_setting as s on s.setdatabase = d.oid and s.setrole = 0
    where d.datname = 'wamon' and coalesce('search_path=public' = any(s.setconfig), s.setconfig is null)
"""


def _make_database(place: Home, dsn: str) -> None:
    try:
        with psycopg.connect(dsn, dbname="postgres", autocommit=True, connect_timeout=10) as connection:
            if not connection.execute("select 1 from pg_database where datname = 'wamon'").fetchone():
                connection.execute("create database wamon")
            if connection.execute(_WITHOUT_OUR_PATH).fetchone():
                connection.execute("alter database wamon set search_path = public, wamon")
    except psycopg.Error as error:
        raise DatabaseUnavailable(
            f"The embedded PostgreSQL in {place.data} runs but refuses us: {str(error).strip().splitlines()[-1]}.",
            hint=f"Its log is {place.log}.",
        ) from error


def _prepare(place: Home) -> None:
    for left_over in place.data.parent.glob(f"{place.data.name}.new-*"):
        shutil.rmtree(left_over, ignore_errors=True)
    if not place.data.exists() or not any(place.data.iterdir()):
        _initialise(place)
    _require_same_major(place)
    make_private(place.socket, place)
    _configure(place)
    if not runs(place):
        for dead in (place.data / "postmaster.pid", place.socket / SOCKET_NAME, place.socket / f"{SOCKET_NAME}.lock"):
            dead.unlink(missing_ok=True)


def _initialise(place: Home) -> None:
    """A data directory appears whole or not at all."""
    new = Path(tempfile.mkdtemp(prefix=f"{place.data.name}.new-", dir=place.data.parent))
    try:
        give(new, place)
        run(place, new, "initdb", *INITDB)
        failpoint("embedded.initdb")
        new.rename(place.data)
        fsync_folder(place.data.parent)
    finally:
        shutil.rmtree(new, ignore_errors=True)


def _require_same_major(place: Home) -> None:
    try:
        theirs = (place.data / "PG_VERSION").read_text().strip()
    except FileNotFoundError as error:
        raise ConfigError(
            f"{place.data} exists but holds no PostgreSQL data.", hint="Move it away, or choose another state.dir."
        ) from error
    ours = version().partition(".")[0]
    if theirs != ours:
        raise DatabaseUnavailable(
            f"{place.data} was written by PostgreSQL {theirs}, and this wamon brings PostgreSQL {ours}.",
            hint=f"With the wamon that wrote it, run `wamon db dump`; move {place.data} away; then, with this one, "
            "run `wamon db restore`.",
        )


def _configure(place: Home) -> None:
    """Written at every start, so that a new wamon's settings and a moved home's names and places hold at once."""
    settings = SETTINGS | {"unix_socket_directories": str(place.socket), "shared_buffers": f"{_buffers_mb()}MB"}
    names = dict.fromkeys(("root", place.owner.name))
    _write(place, "postgresql.conf", "".join(f"{name} = '{value}'\n" for name, value in settings.items()))
    _write(place, "pg_hba.conf", "local all all peer map=wamon\n")
    _write(place, "pg_ident.conf", "".join(f'wamon "{name}" wamon\n' for name in names))


def _buffers_mb() -> int:
    """An eighth of the host's memory, within bounds: an index that outgrows them slows a large ledger down."""
    host_mb = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 1024**2
    return min(max(64, host_mb // 8), 1024)


def _write(place: Home, name: str, text: str) -> None:
    path = place.data / name
    # As root in a directory of an unprivileged account: never through a link which that account may have laid.
    path.unlink(missing_ok=True)
    with os.fdopen(open_private(path, os.O_WRONLY | os.O_EXCL), "w", encoding="utf-8") as file:
        file.write("# wamon writes this file anew at every start; ALTER SYSTEM overrides settings.\n" + text)
    give(path, place)
