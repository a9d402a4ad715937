"""Anchors: about a dozen rows that we saw, exponentially spaced, by which a position knows that it is still right.

A row order can slip (a re-delivered row moves up, a freed top rowid is given out again) or be made anew. So before
anything is read, the newest anchor whose row still holds its message becomes the position: never a higher place, since
following a message that moved up would skip what lies between.
"""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING, Any

from wamon.model import Anchor, Place, key_hash

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

_SPACING_BITS = 2
"""Each anchor of a page stands four times as far back as the one before it."""

_FURTHEST_APART = 8
"""How many times as far back as an anchor the next one may stand at most: a dozen reach back millions of rows."""


def still_standing(place: Place, keys: Mapping[int, str]) -> Place:
    """The place, or as much of it as still holds. `keys` says which key hash now stands at a rowid."""
    for n, anchor in enumerate(place.anchors):
        if keys.get(anchor.rowid) == anchor.key_hash:
            return Place(place.anchors[n:])
    return Place()


def advanced(place: Place, rows: Sequence[Sequence[Any]]) -> Place:
    """The place after these rows (rowid, chat, id, …; raw, ascending, all beyond the place)."""
    if not rows:
        return place
    return Place(_thinned([*_spaced(rows), *place.anchors]))


def _spaced(rows: Sequence[Sequence[Any]]) -> list[Anchor]:
    backs = [0, *(1 << shift for shift in range(0, len(rows).bit_length(), _SPACING_BITS))]
    return [anchor_of(rows[-1 - back]) for back in backs if back < len(rows)]


def anchor_of(row: Sequence[Any]) -> Anchor:
    """The anchor of a raw row (rowid, chat, id, …)."""
    return Anchor(row[0], key_hash(raw(row[1]), raw(row[2])))


def raw(value: object) -> bytes:
    """A key column's bytes, also where a store holds something that is no text in it."""
    return value if isinstance(value, bytes) else str(value).encode()


def _thinned(anchors: Sequence[Anchor]) -> tuple[Anchor, ...]:
    """Without those whose neighbours stand near enough to each other; as the history grows, they only come nearer."""
    newest = anchors[0]
    kept = [newest]
    for anchor, further in pairwise(anchors[1:]):
        if newest.rowid - further.rowid >= _FURTHEST_APART * (newest.rowid - kept[-1].rowid + 1):
            kept.append(anchor)
    return (*kept, *anchors[1:][-1:])
