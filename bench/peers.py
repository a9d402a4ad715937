"""What else people would use: dlt and sling from their wheels, and a typical monitor.

dlt and sling live in an environment of their own, whose Python the option `--peers` names.
"""

from __future__ import annotations

import sys
import time
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from psycopg.conninfo import conninfo_to_dict

from bench import catchups, monitor
from bench.figures import DLT, DLT_DROPS, FLOOR, MONITOR, SLING, WAMON
from bench.ground import WAMON as COMMAND
from bench.ground import measured, say
from bench.stores import Writer, jid
from bench.subjects import catch_up, next_run

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.figures import Figures
    from bench.ground import Ground, Measured

_DLT = Path(__file__).with_name("dlt_pipeline.py")
_NEW_ROWS = 10
_QUERY = "SELECT rowid AS position, * FROM messages WHERE {incremental_where_cond}"
_SLING = (
    *("--src-conn", "BENCH_STORE", "--src-stream", _QUERY, "--tgt-conn", "BENCH_DATABASE"),
    *("--tgt-object", "peer_sling.messages", "--mode", "incremental"),
    *("--primary-key", "chat_jid,id", "--update-key", "position"),
)


class Run(NamedTuple):
    """Where a peer reads and writes."""

    dsn: str
    store: Path
    state: Path


def measure(ground: Ground, figures: Figures, messages: int, python: Path | None) -> None:
    """A catch-up of that many messages by each, and what a whole run takes them when ten have come since."""
    _measure(ground, figures, messages, WAMON, lambda run: _wamon(ground, run))
    _measure(ground, figures, messages, FLOOR, _floor)
    if python is None or not python.exists():
        say("dlt and sling are left out: their environment isn't there")
        return
    _measure(ground, figures, messages, DLT, lambda run: _dlt(python, run, "messages"))
    _measure(ground, figures, messages, DLT_DROPS, lambda run: _dlt(python, run, "drops"))
    binary = next(python.parents[1].glob("lib/*/site-packages/sling_*/bin/sling-*"), None)
    if binary is None:
        say("sling is left out: it has no binary for this machine")
    else:
        _measure(ground, figures, messages, SLING, lambda run: _sling(binary, run))


def _measure(ground: Ground, figures: Figures, messages: int, who: str, run: Callable[[Run], Measured]) -> None:
    say(f"{who}: {messages:,} messages, then {_NEW_ROWS} more")
    store = ground.copy(ground.store(messages))
    with ground.database() as dsn:
        where = Run(dsn, store, ground.folder / f"state-of-{who}")
        where.state.mkdir()
        catchups.note(figures, who, messages, ground.watched(lambda: run(where)))
        add_rows(store, _NEW_ROWS)
        figures.add(next_run(messages), who, run(where).seconds)


def add_rows(store: Path, rows: int, groups: int = 4, *, first: int = 0) -> None:
    """Post that many drops, as the bridge does."""
    with closing(Writer(store, groups, first=first)) as writer:
        for n in range(rows):
            writer.post(f"DR{5_000_000 + first + n}")


def _wamon(ground: Ground, run: Run) -> Measured:
    config = run.state / "wamon.yaml"
    if not config.exists():
        ground.config(run.store, run.dsn).rename(config)
    return measured(*COMMAND, "--config", config, "scan")


def _floor(run: Run) -> Measured:
    return measured(sys.executable, "-m", "bench.floor", run.dsn, run.store)


def _dlt(python: Path, run: Run, what: str) -> Measured:
    environ = {"RUNTIME__DLTHUB_TELEMETRY": "false", "HOME": str(run.state), "DLT_DATA_DIR": str(run.state)}
    return measured(python, _DLT, _url(run.dsn, "localhost"), run.store, run.state, what, environ=environ)


def _sling(binary: Path, run: Run) -> Measured:
    environ = {
        "SLING_DISABLE_TELEMETRY": "true",
        "SLING_HOME_DIR": str(run.state),
        "BENCH_STORE": f"sqlite://{run.store}",
        "BENCH_DATABASE": f"{_url(run.dsn, '')}&sslmode=disable",
    }
    return measured(binary, "run", *_SLING, environ=environ)


def _url(dsn: str, host: str) -> str:
    """A URL that leads to a socket's folder. dlt wants a host's name too, sling none; both have the folder win."""
    parts = {name: str(value) for name, value in conninfo_to_dict(dsn).items()}
    return f"postgresql://{parts['user']}:none@{host}/{parts['dbname']}?host={quote(parts['host'], '')}"


def measure_monitor(ground: Ground, figures: Figures, messages: int, most: int) -> None:
    """A typical monitor on the same store, for as many messages as there is patience for."""
    say(f"typical monitor: {most:,} messages of {messages:,}")
    with ground.database() as dsn:
        began = time.perf_counter()
        done = monitor.catch_up(dsn, ground.store(messages), [jid(n) for n in range(4)], most)
        figures.add(catch_up(messages), MONITOR, done / (time.perf_counter() - began))
