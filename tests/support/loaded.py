"""All of wamon, imported: for the process that others are forked from."""

from __future__ import annotations

import gc
import importlib
import io
import pkgutil

from rich.console import Console
from rich.table import Table
from typer.testing import CliRunner

import wamon
from wamon.cli.main import app, command
from wamon.config.schema import PATTERN
from wamon.drops.near import Nearness

_WHEN_NEEDED = (
    "_strptime",
    "apscheduler.executors.pool",
    "apscheduler.schedulers.background",
    "apscheduler.schedulers.blocking",
    "apscheduler.triggers.interval",
    "concurrent.futures.process",
    "encodings.ascii",
    "multiprocessing.queues",
    "rich.live",
    "rich.progress",
    "tzlocal",
)
"""What some commands import where they need it."""


def _warm_up() -> None:
    """Have made what nearly every command makes for itself: parsed words, a table, the patterns of numbers."""
    CliRunner().invoke(app, ["config", "show", "--json", "--config", "/nowhere"])
    table = Table()
    table.add_row("1")
    Console(file=io.StringIO()).print(table)
    Nearness(PATTERN, lambda _: None).misses("drop 1752028", ())


for module in pkgutil.walk_packages(wamon.__path__, "wamon."):
    importlib.import_module(module.name)
for name in _WHEN_NEEDED:
    importlib.import_module(name)
command()
_warm_up()
gc.freeze()
