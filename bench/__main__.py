"""`python -m bench`: measure everything once, and write the page of results."""

from __future__ import annotations

import argparse
import signal
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING

from bench import (
    catchups,
    door,
    events,
    extraction,
    growth,
    holding,
    intake,
    lists,
    looks,
    passes,
    peers,
    proof,
    screen,
    servers,
    startup,
    turns,
)
from bench.figures import Figures
from bench.ground import ground, say
from bench.page import about, page
from bench.subjects import FOLLOWED, FULL, QUICK, targets

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from bench.ground import Ground
    from bench.subjects import Plan

_PAGE = Path(__file__).with_name("RESULTS.md")


def main(words: Sequence[str]) -> None:
    parser = argparse.ArgumentParser(prog="python -m bench", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="20,000 messages only; the page goes to stdout")
    parser.add_argument("--only", metavar="PART", help="this part alone; the page goes to stdout")
    parser.add_argument("--folder", type=_absolute, help="keep the stores there for the next run")
    parser.add_argument("--peers", type=_absolute, help="the Python of an environment with dlt and sling")
    parser.add_argument("--before", type=_absolute, help="the Python of an older checkout, whose build is measured too")
    said = parser.parse_args(words)
    plan = QUICK if said.quick else FULL
    figures = Figures()
    with ground(said.folder, said.before) as here:
        parts = _parts(here, figures, plan, said.peers)
        if said.only and said.only not in parts:
            parser.error(f"--only takes one of: {', '.join(parts)}")
        for name in [said.only] if said.only else parts:
            parts[name]()
        text = page(figures, targets(plan), about(here.dsn, _versions(said.peers)))
    if said.only:
        print(text, end="")
    elif said.quick:
        print(text, end="")
        say("of so few messages a catch-up is mostly starting up: its ratios tell little")
    else:
        _PAGE.write_text(text, "utf-8")
        say(f"{_PAGE.name} is written")


def _absolute(path: str) -> Path:
    """As it is named, and not where it leads to: an environment's Python is a link."""
    return Path(path).absolute()


def _parts(here: Ground, figures: Figures, plan: Plan, python: Path | None) -> dict[str, Callable[[], None]]:
    """What is measured, in this order."""
    large, posts, rounds = plan.large, plan.posts, plan.rounds
    return {
        "catchups": lambda: catchups.measure(here, figures, large, rounds),
        "peers": lambda: _measure_peers(here, figures, plan, python),
        "passes": lambda: _measure_passes(here, figures, plan),
        "growth": lambda: growth.measure(here, figures, large, plan.largest, rounds) if plan.largest else None,
        "proof": lambda: proof.measure(here, figures, large, posts, rounds),
        "servers": lambda: servers.measure(here, figures, plan.sizes[0], posts),
        "holding": lambda: holding.measure(here, figures, large),
        "startup": lambda: startup.measure(here, figures, large),
        "extraction": lambda: extraction.measure(figures, large),
        "door": lambda: door.measure(here, figures, plan.deliveries, rounds),
        "beside": lambda: door.measure_beside(here, figures, large, posts),
        "intake": lambda: intake.measure(here, figures, large, rounds, plan.backlog),
        "turns": lambda: turns.measure(here, figures, plan.backlog // 10),
        "lists": lambda: lists.measure(here, figures, large),
        "looks": lambda: looks.measure(here, figures),
        "events": lambda: events.measure(here, figures, min(large, FOLLOWED), rounds),
        "screen": lambda: screen.measure(here, figures, large, posts),
    }


def _measure_peers(here: Ground, figures: Figures, plan: Plan, python: Path | None) -> None:
    peers.measure(here, figures, plan.large, python)
    peers.measure_monitor(here, figures, plan.large, plan.monitored)


def _measure_passes(here: Ground, figures: Figures, plan: Plan) -> None:
    for size in plan.sizes:
        passes.measure(here, figures, size)
    if plan.many_groups:
        passes.measure(here, figures, plan.large, plan.many_groups)


def _versions(python: Path | None) -> list[str]:
    """The peers that were there, with their versions."""
    if python is None or not python.exists():
        return []
    listed = subprocess.run(
        [python, "-m", "pip", "list", "--format=freeze"], check=True, capture_output=True, text=True
    )
    pins = (line.split("==") for line in listed.stdout.splitlines())
    return [f"{name.partition('-')[0]} {pin}" for name, pin in pins if name.partition("-")[0] in {"dlt", "sling"}]


if __name__ == "__main__":
    for number in (signal.SIGINT, signal.SIGTERM):  # by the way out: children and the server end with us
        signal.signal(number, lambda number, _: sys.exit(128 + number))
    main(sys.argv[1:])
