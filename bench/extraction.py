"""What a text says, without any store: against one compiled pattern."""

from __future__ import annotations

import time
from random import Random
from typing import TYPE_CHECKING

from bench.figures import FLOOR, WAMON
from bench.floor import NUMBER
from bench.ground import say
from bench.stores import history
from bench.subjects import EXTRACTION
from wamon.config.schema import PATTERN
from wamon.drops.extraction import Extractor

if TYPE_CHECKING:
    from collections.abc import Callable

    from bench.figures import Figures

_ROUNDS = 5


def measure(figures: Figures, messages: int) -> None:
    """So many texts, some rounds."""
    say("extraction")
    texts = [row[3] for row in history(messages, 1, Random(1))]
    numbers = Extractor(PATTERN).numbers
    for _ in range(_ROUNDS):
        figures.add(EXTRACTION, WAMON, messages / _seconds(lambda: [numbers(text) for text in texts]))
        figures.add(EXTRACTION, FLOOR, messages / _seconds(lambda: [NUMBER.findall(text) for text in texts]))


def _seconds(act: Callable[[], object]) -> float:
    began = time.perf_counter()
    act()
    return time.perf_counter() - began
