"""Which number somebody meant, among those that it can have been. Pure: no I/O, no clock."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from wamon.drops.slips import LOOK_ALIKES

if TYPE_CHECKING:
    from collections.abc import Sequence

_MOST_EDITS = 2
"""A character wrong, missing, too many, or exchanged with its neighbour is one."""


def likeliest(written: str, numbers: Sequence[str]) -> str | None:
    """The number, of these canonical ones, that differs least from what was written.

    None where none is near enough, or two are equally near.
    """
    from rapidfuzz import process  # its 40 modules, which a page needs that looks for a number
    from rapidfuzz.distance import OSA

    plain = _plain(written)
    nearest = process.extract(plain, numbers, scorer=OSA.distance, score_cutoff=_MOST_EDITS, limit=2)
    if not nearest or (len(nearest) > 1 and nearest[0][1] == nearest[1][1]):
        return None
    return str(nearest[0][0])


def _plain(written: str) -> str:
    """Letters and digits alone, where letters that stand among digits are the digits that they look like."""
    joined = "".join(filter(str.isalnum, written.upper()))
    letters, rest = re.match(r"(\D*)(.*)", joined, re.DOTALL).groups()  # type: ignore[union-attr]
    return f"{letters}{rest.translate(LOOK_ALIKES)}"
