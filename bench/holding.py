"""Whether reading holds up the bridge: a writer's worst commit in a store with a rollback journal, read meanwhile.

The writer doesn't flush, so that what it waits for is readers, and not the disk that PostgreSQL flushes to as well. The
same beside a wamon that reads another store shows what a busy machine adds.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from contextlib import closing
from pathlib import Path
from subprocess import PIPE
from typing import TYPE_CHECKING

from bench.figures import MONITOR, WAMON
from bench.ground import WAMON as COMMAND
from bench.ground import measured, process, say
from bench.monitor import poll
from bench.stores import Writer, jid
from bench.subjects import HELD_UP, NOT_HELD_UP

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.figures import Figures
    from bench.ground import Ground

_SECONDS_BETWEEN_POSTS = 0.02
_POLLS = 3


def measure(ground: Ground, figures: Figures, messages: int) -> None:
    """While wamon catches up with the store; with another one; while a typical monitor polls it."""
    say("holding up the bridge")
    kept = ground.store(messages)
    written = ground.copy(kept)
    figures.add(HELD_UP, WAMON, _worst_ms(written, lambda: _catch_up(ground, written)))
    figures.add(NOT_HELD_UP, WAMON, _worst_ms(written, lambda: _catch_up(ground, kept)))
    figures.add(HELD_UP, MONITOR, _worst_ms(written, lambda: [poll(written, jid(0), "") for _ in range(_POLLS)]))


def _catch_up(ground: Ground, store: Path) -> None:
    with ground.database() as dsn:
        measured(*COMMAND, "--config", ground.config(store, dsn), "scan")


def _worst_ms(store: Path, meanwhile: Callable[[], object]) -> float:
    """The worst commit of a process that posts into the store as long as something goes on."""
    with process(sys.executable, "-m", "bench.holding", store, stdin=PIPE, stdout=PIPE) as writer:
        time.sleep(0.5)
        meanwhile()
        out, _ = writer.communicate()
        if writer.returncode:
            raise AssertionError(f"the writer ended with {writer.returncode}")
    return float(json.loads(out)["worst_ms"])


def _write(store: Path) -> float:
    """Post until stdin ends; the worst commit in milliseconds."""
    ended = threading.Event()
    threading.Thread(target=_await_end, args=[ended], daemon=True).start()
    worst_seconds = 0.0
    with closing(Writer(store, 4, first=time.time_ns(), flushes=False)) as writer:
        while not ended.wait(_SECONDS_BETWEEN_POSTS):
            began = time.perf_counter()
            writer.post("ok")
            worst_seconds = max(worst_seconds, time.perf_counter() - began)
    return worst_seconds * 1000


def _await_end(ended: threading.Event) -> None:
    sys.stdin.read()
    ended.set()


if __name__ == "__main__":
    print(json.dumps({"worst_ms": _write(Path(sys.argv[1]))}))
