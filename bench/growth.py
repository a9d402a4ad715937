"""Growth: what a million costs first, as one of five, and after five. In turn, since a machine's speed wanders."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from bench import catchups
from bench.figures import FLOOR, WAMON
from bench.ground import say
from bench.stores import grow
from bench.subjects import cold_seconds, grown_seconds

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from bench.figures import Figures
    from bench.ground import Ground, Measured

    CatchUp = Callable[[int], Measured]  # with so many messages


def measure(ground: Ground, figures: Figures, large: int, largest: int, rounds: int) -> None:
    """So many rounds of each, wamon and the floor."""
    for n in range(rounds):
        for who in (WAMON, FLOOR):
            say(f"growth, {who}: {large:,}, {largest:,}, {large:,} more, round {n + 1} of {rounds}")
            with ground.database() as dsn:
                first = _catching_up(ground, who, dsn, ground.store(large))(large)
            figures.add(cold_seconds(large), who, first.seconds)
            _grown(ground, figures, who, largest, large)


def _grown(ground: Ground, figures: Figures, who: str, messages: int, by: int) -> None:
    store = ground.copy(ground.store(messages))
    with ground.database() as dsn:
        catch_up = _catching_up(ground, who, dsn, store)
        figures.add(cold_seconds(messages), who, catch_up(messages).seconds)
        grow(store, by)
        figures.add(grown_seconds(messages, by), who, catch_up(by).seconds)
    store.unlink()


def _catching_up(ground: Ground, who: str, dsn: str, store: Path) -> CatchUp:
    if who == FLOOR:
        return partial(catchups.floor, dsn, store)
    return partial(catchups.scan, ground.config(store, dsn))
