"""`wamon verify`, and a running daemon: its latency and its memory, with everything recorded."""

from __future__ import annotations

import json
import sys
from contextlib import ExitStack
from functools import partial
from typing import TYPE_CHECKING, NamedTuple

from bench import catchups, latency
from bench.figures import FLOOR, WAMON
from bench.ground import await_row, measured, memory_kib, process, say, settle
from bench.subjects import LATENCY_HALF, LATENCY_MOST, RESIDENT, cpu_of_verify, peak_of_verify, verified

if TYPE_CHECKING:
    from pathlib import Path

    from bench.figures import Figures
    from bench.ground import Command, Ground, Measured


class _Ledger(NamedTuple):
    """A ledger, and the build that it is of."""

    dsn: str
    config: Path
    command: Command


def measure(ground: Ground, figures: Figures, messages: int, posts: int, rounds: int) -> None:
    """Verify first, so many rounds of each build in turn: a daemon that finds this done doesn't begin with it."""
    store = ground.copy(ground.store(messages))
    with ExitStack() as stack:
        builds = {who: _recorded(ground, stack, store, messages, command) for who, command in ground.builds().items()}
        for n in range(rounds):
            say(f"verifying {messages:,}, round {n + 1} of {rounds}")
            for who, one in builds.items():
                done = ground.watched(partial(_verify, one, messages))
                figures.add(verified(messages), who, done.seconds)
                figures.add(cpu_of_verify(messages), who, done.cpu_seconds / messages * 1e6)
                figures.add(peak_of_verify(messages), who, done.peak_mb)
        say(f"latency of {posts} posts")
        _run(figures, builds[WAMON], store, posts)
    _run_floor(ground, figures, messages, posts)


def _recorded(ground: Ground, stack: ExitStack, store: Path, messages: int, command: Command) -> _Ledger:
    """The ledger that a build made of the store: an older one knows no newer schema."""
    dsn = stack.enter_context(ground.database())
    config = ground.config(store, dsn)
    catchups.scan(config, messages, command)
    settle(dsn)
    return _Ledger(dsn, config, command)


def _verify(one: _Ledger, messages: int) -> Measured:
    done = measured(*one.command, "--config", one.config, "verify", "--json")
    found = json.loads(done.out)
    if not found["clean"] or found["checked"] != messages:
        raise AssertionError(f"verify found {len(found['problems'])} problems in {found['checked']:,} messages")
    return done


def _run(figures: Figures, one: _Ledger, store: Path, posts: int) -> None:
    with process(*one.command, "--config", one.config, "run") as daemon:
        await_row(one.dsn, "SELECT FROM wamon.leases")
        _note(figures, WAMON, latency.of(latency.measure(one.dsn, store, 4, posts)))
        figures.add(RESIDENT, WAMON, memory_kib(daemon.pid, "VmRSS") / 1024)
        daemon.terminate()
        if daemon.wait(timeout=30):
            raise AssertionError(f"asked to stop, the daemon ended with {daemon.returncode}")


def _run_floor(ground: Ground, figures: Figures, messages: int, posts: int) -> None:
    store = ground.copy(ground.store(messages))
    with ground.database() as dsn:
        catchups.floor(dsn, store, messages)
        with process(sys.executable, "-m", "bench.floor", dsn, store, "--follow") as follower:
            await_row(
                dsn, "SELECT FROM pg_stat_activity WHERE query LIKE '%floor.position%' AND pid <> pg_backend_pid()"
            )
            _note(figures, FLOOR, latency.of(latency.measure(dsn, store, 4, posts, table="floor.drops")))
            figures.add(RESIDENT, FLOOR, memory_kib(follower.pid, "VmRSS") / 1024)


def _note(figures: Figures, who: str, found: latency.Latency) -> None:
    figures.add(LATENCY_HALF, who, found.p50_seconds * 1000)
    figures.add(LATENCY_MOST, who, found.p99_seconds * 1000)
