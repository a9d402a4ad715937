"""Which drops may be known, of those that one source alone feeds: a Bloom filter, so that most needn't be asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wamon.ledger.changes import Drop

_BITS = 1 << 25
"""Of two million drops one in seventeen is asked for in vain."""


class Familiar:
    """Remembers drops. It forgets none, and takes some for others."""

    def __init__(self) -> None:
        self._bits = bytearray(_BITS // 8)

    def meet(self, drops: Sequence[Drop]) -> list[int]:
        """Remember drops; the places of those that may have been known before."""
        bits = self._bits
        known = []
        for n, drop in enumerate(drops):
            at, bit = divmod(hash(drop) % _BITS, 8)
            if bits[at] >> bit & 1:
                known.append(n)
            else:
                bits[at] |= 1 << bit
        return known
