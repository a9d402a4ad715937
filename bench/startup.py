"""How long commands take that have nothing to do."""

from __future__ import annotations

import sys
import time
from typing import TYPE_CHECKING

from bench import catchups
from bench.figures import FLOOR, WAMON
from bench.ground import WAMON as COMMAND
from bench.ground import process, say
from bench.subjects import HELP, NOTHING_TO_SCAN

if TYPE_CHECKING:
    from pathlib import Path

    from bench.figures import Figures
    from bench.ground import Ground

_ROUNDS = 15
_BARE = '''
import rich.console
import typer

app = typer.Typer()


@app.command()
def main(name: str = "world") -> None:
    """Greet somebody."""
    rich.console.Console().print(f"Hello {name}")


app()
'''


def measure(ground: Ground, figures: Figures, messages: int) -> None:
    """Each in turn with what it is held against."""
    say("starting up")
    bare = ground.folder / "bare.py"
    bare.write_text(_BARE, "utf-8")
    store = ground.store(messages)
    with ground.database() as dsn:
        config = ground.config(store, dsn)
        catchups.scan(config, messages)
        catchups.floor(dsn, store, messages)
        for _ in range(_ROUNDS):
            figures.add(HELP, WAMON, _ms(*COMMAND, "--help"))
            figures.add(HELP, FLOOR, _ms(sys.executable, bare, "--help"))
            figures.add(NOTHING_TO_SCAN, WAMON, _ms(*COMMAND, "--config", config, "scan"))
            figures.add(NOTHING_TO_SCAN, FLOOR, _ms(sys.executable, "-m", "bench.floor", dsn, store))


def _ms(*command: str | Path) -> float:
    began = time.perf_counter()
    with process(*command) as child:
        if child.wait():
            raise AssertionError(f"{command} ended with {child.returncode}")
    return (time.perf_counter() - began) * 1000
