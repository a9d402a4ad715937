"""How long to wait before the next try: ever longer, up to a bound. Pure."""

from __future__ import annotations

_MOST_DOUBLINGS = 64
_LEAST_SHARE = 0.6


def pause_seconds(tries: int, *, first: float, most: float, random: float = 1.0) -> float:
    """Seconds to wait after `tries` (1, 2, …) failed tries in a row: `first`, then twice as long each, up to `most`.

    `random`, from 0 to 1, spreads those that failed together: 0 takes three fifths of the pause, 1 all of it.
    """
    pause = min(most, first * 2.0 ** min(tries - 1, _MOST_DOUBLINGS))
    return pause * (_LEAST_SHARE + (1 - _LEAST_SHARE) * random)
