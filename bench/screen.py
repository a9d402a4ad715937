"""The page: what its snapshot costs, what two hundred viewers cost, how soon they see a post, and whom they delay."""

from __future__ import annotations

import json
import os
import socket
import sys
import time
from contextlib import closing, contextmanager, suppress
from pathlib import Path
from subprocess import PIPE
from typing import TYPE_CHECKING, Any, NamedTuple, TypeAlias
from zoneinfo import ZoneInfo

import psycopg

from bench import catchups, latency
from bench.figures import FLOOR, WAMON
from bench.ground import WAMON as COMMAND
from bench.ground import measured, memory_kib, process, say
from bench.stores import Writer
from bench.subjects import (
    RECORDED_MOST,
    SEEN_HALF,
    SEEN_MOST,
    VIEWERS,
    WATCHED,
    WEB_RESIDENT,
    WEB_START,
    snapshot,
    snapshot_cpu,
)
from wamon.postgres.connection import connected
from wamon.views.home import home
from wamon.web.sessions import note_served

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from subprocess import Popen

    from bench.figures import Figures
    from bench.ground import Ground
    from wamon.postgres.connection import Database

_ROUNDS = 30
_STARTS = 5
_SETTLE_SECONDS = 3
_SEEN_WITHIN_SECONDS = 30
_REQUESTS_A_SECOND = 50
_TOKEN = "a-token-of-the-bench-itself"


_Query: TypeAlias = "tuple[Any, Any]"


class Site(NamedTuple):
    """A `wamon web` that serves."""

    pid: int
    port: int


def measure(ground: Ground, figures: Figures, messages: int, groups: int, posts: int) -> None:
    """The snapshot over many groups; the rest beside a daemon of few, which records as people post."""
    say(f"the page's snapshot of {groups:,} groups")
    with ground.database() as dsn:
        config = ground.config(ground.store(messages, groups), dsn, groups)
        catchups.scan(config, messages)
        with connected(dsn) as db:
            note_served(db)
        measured(*COMMAND, "--config", config, "scan")  # which publishes, since there is somebody to read it
        with psycopg.connect(dsn, autocommit=True) as db:
            db.execute("ANALYZE")  # as autovacuum does within a minute
        _measure_snapshot(figures, dsn, messages, groups)
    store = ground.copy(ground.store(messages))
    with ground.database() as dsn:
        config = ground.config(store, dsn)
        catchups.scan(config, messages)
        for _ in range(_STARTS):
            figures.add(WEB_START, WAMON, _start_seconds(config))
        with process(*COMMAND, "--config", config, "run"), _serving(config) as site:
            _await_daemon(site)
            _measure_watched(figures, dsn, store, site, posts)


def _measure_snapshot(figures: Figures, dsn: str, messages: int, groups: int) -> None:
    """In turn with its own queries, sent by hand."""
    subject, zone = snapshot(messages, groups), ZoneInfo("UTC")
    with connected(dsn) as db, psycopg.connect(dsn, autocommit=True) as bare:
        queries = _queries(db, zone)
        began_seconds = _cpu_seconds(bare.info.backend_pid)
        for _ in range(_ROUNDS):
            began = time.perf_counter()
            home(db, zone)
            figures.add(subject, WAMON, (time.perf_counter() - began) * 1000)
            began = time.perf_counter()
            bare.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SET LOCAL jit = off")
            for sql, values in queries:
                bare.execute(sql, values).fetchall()
            bare.execute("COMMIT")
            figures.add(subject, FLOOR, (time.perf_counter() - began) * 1000)
        cpu_seconds = (_cpu_seconds(bare.info.backend_pid) - began_seconds) / _ROUNDS
        figures.add(snapshot_cpu(messages, groups), WAMON, cpu_seconds * 1000)


def _queries(db: Database, zone: ZoneInfo) -> list[_Query]:
    """What a snapshot asks, and with which values."""
    asked: list[_Query] = []
    execute = db.execute

    def noted(sql: str, values: object = None) -> object:
        cursor = execute(sql, values)  # type: ignore[call-overload]
        if cursor.description and "set_config" not in sql:
            asked.append((sql, values))
        return cursor

    db.execute = noted  # type: ignore[assignment, method-assign]
    home(db, zone)
    db.execute = execute  # type: ignore[method-assign]
    return asked


def _measure_watched(figures: Figures, dsn: str, store: Path, site: Site, posts: int) -> None:
    """Alone, watched, and watched while pages are asked for."""
    say(f"{posts} posts that nobody watches")
    figures.add(RECORDED_MOST, FLOOR, latency.measure(dsn, store, 4, posts).p99_seconds * 1000)
    with _viewers(site, VIEWERS, 0):
        say(f"{VIEWERS} viewers")
        figures.add(WATCHED, WAMON, 100 * _cores_used(site.pid, lambda: _posted_once_a_second(store)))
        seen = _seen_seconds(store, site, min(posts, 30))
        figures.add(SEEN_HALF, WAMON, sorted(seen)[len(seen) // 2])
        figures.add(SEEN_MOST, WAMON, max(seen))
        figures.add(WEB_RESIDENT, WAMON, memory_kib(site.pid, "VmRSS") / 1024)
    with _viewers(site, VIEWERS, _REQUESTS_A_SECOND):
        say(f"{VIEWERS} viewers and {_REQUESTS_A_SECOND} requests a second")
        figures.add(RECORDED_MOST, WAMON, latency.measure(dsn, store, 4, posts, first=posts).p99_seconds * 1000)


def _posted_once_a_second(store: Path) -> None:
    with closing(Writer(store, 4, first=time.time_ns())) as writer:
        for n in range(20):
            writer.post(f"DR{6_000_000 + n}")
            time.sleep(1)


def _cores_used(pid: int, meanwhile: Callable[[], object]) -> float:
    before, began = _cpu_seconds(pid), time.monotonic()
    meanwhile()
    return (_cpu_seconds(pid) - before) / (time.monotonic() - began)


def _cpu_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text("ascii").rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _seen_seconds(store: Path, site: Site, posts: int) -> list[float]:
    """From the bridge's commit until a viewer's stream has the drop."""
    seen = []
    with (
        closing(Writer(store, 4, first=time.time_ns())) as writer,
        socket.create_connection(("127.0.0.1", site.port), timeout=_SEEN_WITHIN_SECONDS) as stream,
    ):
        stream.sendall(_request("/live?page=home"))
        for n in range(posts):
            time.sleep(0.7 + n % 10 / 10)
            number = f"DR{7_000_000 + n}"
            writer.post(number)
            posted, text = time.monotonic(), b""
            while number.encode() not in text:
                text = text[-len(number) :] + stream.recv(1 << 20)
            seen.append(time.monotonic() - posted)
    return seen


def _start_seconds(config: Path) -> float:
    began = time.perf_counter()
    with _serving(config):
        return time.perf_counter() - began


@contextmanager
def _serving(config: Path) -> Iterator[Site]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    words = (*COMMAND, "--config", config, "web", "--listen", f"127.0.0.1:{port}")
    with process(*words, environ={"WAMON_WEB_TOKEN": _TOKEN}) as web:
        while not _answers(port, "/health"):
            time.sleep(0.01)
        yield Site(web.pid, port)


def _await_daemon(site: Site) -> None:
    """Until the page has heard of the daemon, and some seconds more for what it begins with."""
    while b'"on-time"' not in _answer(site.port, "/home.json"):
        time.sleep(0.1)
    time.sleep(_SETTLE_SECONDS)


def _answers(port: int, path: str) -> bool:
    with suppress(OSError):
        return b" 200 " in _answer(port, path)[:16]
    return False


def _answer(port: int, path: str) -> bytes:
    with socket.create_connection(("127.0.0.1", port), timeout=10) as sock:
        sock.sendall(_request(path))
        found = b""
        while part := sock.recv(65536):
            found += part
        return found


def _request(path: str) -> bytes:
    head = f"Host: localhost\r\nAuthorization: Bearer {_TOKEN}\r\nConnection: close"
    return f"GET {path} HTTP/1.1\r\n{head}\r\n\r\n".encode()


@contextmanager
def _viewers(site: Site, viewers: int, requests_a_second: int) -> Iterator[Popen[str]]:
    words = map(str, (site.port, _TOKEN, viewers, requests_a_second))
    with process(sys.executable, "-m", "bench.viewers", *words, stdin=PIPE, stdout=PIPE) as crowd:
        assert crowd.stdout
        if crowd.stdout.readline() != "ready\n":
            raise AssertionError("not every viewer was let in")
        yield crowd
        out, _ = crowd.communicate()
    became = json.loads(out)
    say(f"what became of them: {became}")
    if became.get("streams that ended") or {*became} - {"200", "bytes of streams"}:
        raise AssertionError(f"a viewer was left alone: {became}")
