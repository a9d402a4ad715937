"""The page: what two hundred viewers cost, how soon they see a post, and whom they delay."""

from __future__ import annotations

import json
import socket
import sys
import time
from contextlib import closing, contextmanager, suppress
from subprocess import PIPE
from typing import TYPE_CHECKING, NamedTuple

from bench import catchups, latency
from bench.figures import FLOOR, WAMON
from bench.ground import WAMON as COMMAND
from bench.ground import cpu_seconds, memory_kib, process, say
from bench.stores import Writer
from bench.subjects import (
    RECORDED_MOST,
    SEEN_HALF,
    SEEN_MOST,
    VIEWERS,
    WATCHED,
    WEB_RESIDENT,
    WEB_START,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path
    from subprocess import Popen

    from bench.figures import Figures
    from bench.ground import Ground

_STARTS = 5
_SETTLE_SECONDS = 3
_SEEN_WITHIN_SECONDS = 30
_REQUESTS_A_SECOND = 50
_SLICES = 6
_POSTS_A_SLICE = 100
_PAUSES_SECONDS = (0.02, 0.08)
_TOKEN = "a-token-of-the-bench-itself"


class Site(NamedTuple):
    """A `wamon web` that serves."""

    pid: int
    port: int


def measure(ground: Ground, figures: Figures, messages: int, posts: int) -> None:
    """Beside a daemon that records as people post."""
    store = ground.copy(ground.store(messages))
    with ground.database() as dsn:
        config = ground.config(store, dsn)
        catchups.scan(config, messages)
        for _ in range(_STARTS):
            figures.add(WEB_START, WAMON, _start_seconds(config))
        with process(*COMMAND, "--config", config, "run"), _serving(config) as site:
            _await_daemon(site)
            _measure_watched(figures, dsn, store, site, posts)


def _measure_watched(figures: Figures, dsn: str, store: Path, site: Site, posts: int) -> None:
    """Watched, watched while pages are asked for, and alone."""
    with _viewers(site, VIEWERS, 0):
        say(f"{VIEWERS} viewers")
        figures.add(WATCHED, WAMON, 100 * _cores_used(site.pid, lambda: _posted_once_a_second(store)))
        seen = _seen_seconds(store, site, min(posts, 30))
        figures.add(SEEN_HALF, WAMON, sorted(seen)[len(seen) // 2])
        figures.add(SEEN_MOST, WAMON, max(seen))
        figures.add(WEB_RESIDENT, WAMON, memory_kib(site.pid, "VmRSS") / 1024)
    say(f"{_SLICES * _POSTS_A_SLICE} posts beside viewers and {_REQUESTS_A_SECOND} requests/s, and as many alone")
    beside: list[float] = []
    alone: list[float] = []
    for n in range(0, 2 * _SLICES, 2):
        alone += _posted(dsn, store, n)
        with _viewers(site, VIEWERS, _REQUESTS_A_SECOND):
            beside += _posted(dsn, store, n + 1)
    figures.add(RECORDED_MOST, WAMON, latency.of(beside).p99_seconds * 1000)
    figures.add(RECORDED_MOST, FLOOR, latency.of(alone).p99_seconds * 1000)


def _posted(dsn: str, store: Path, piece: int) -> list[float]:
    """In slices that take turns, since a machine's speed wanders."""
    first = piece * _POSTS_A_SLICE
    return latency.measure(dsn, store, 4, _POSTS_A_SLICE, first=first, pauses_seconds=_PAUSES_SECONDS)


def _posted_once_a_second(store: Path) -> None:
    with closing(Writer(store, 4, first=time.time_ns())) as writer:
        for n in range(20):
            writer.post(f"DR{6_000_000 + n}")
            time.sleep(1)


def _cores_used(pid: int, meanwhile: Callable[[], object]) -> float:
    before, began = cpu_seconds(pid), time.monotonic()
    meanwhile()
    return (cpu_seconds(pid) - before) / (time.monotonic() - began)


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
