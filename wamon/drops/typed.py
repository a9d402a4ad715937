"""The drop number that somebody types who looks for one. Pure: no I/O, no clock."""

from __future__ import annotations

import re

from wamon.drops.extraction import Extractor, candidates
from wamon.drops.shape import prefix_of


def typed(text: str, pattern: str) -> str | None:
    """The number in canonical form, however it is spelled: digits alone have the letters that the pattern begins with.

    None where it isn't one number.
    """
    digits = re.sub(r"[ .-]", "", text)
    found = candidates(prefix_of(pattern) + digits if digits.isascii() and digits.isdigit() else text)
    return found[0] if len(found) == 1 and Extractor(pattern).is_number(found[0]) is not None else None
