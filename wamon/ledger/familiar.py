"""Which drops may be known, of those that one source alone feeds: a Bloom filter, so that most needn't be asked for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wamon.ledger.changes import Drop

_BITS_A_MESSAGE = 12
_MOST_BITS = 1 << 26


class Familiar:
    """Remembers the drops of so many messages: of those that four in ten hold, one in forty is taken for another.

    It forgets none.
    """

    def __init__(self, messages: int) -> None:
        self._size = min(1 << (_BITS_A_MESSAGE * messages).bit_length(), _MOST_BITS)
        self._bits = bytearray(self._size // 8 + 1)

    def meet(self, drops: Sequence[Drop]) -> list[int]:
        """Remember drops; the places of those that may have been known before."""
        bits, size = self._bits, self._size
        known = []
        for n, drop in enumerate(drops):
            at, bit = divmod(hash(drop) % size, 8)
            if bits[at] >> bit & 1:
                known.append(n)
            else:
                bits[at] |= 1 << bit
        return known
