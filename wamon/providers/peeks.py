"""What the log may tell of a delivery that nothing proves yet: by patterns, without parsing. Pure; nothing raises."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from wamon.providers.deliveries import Peek
from wamon.providers.fields import alias

if TYPE_CHECKING:
    from wamon.providers.deliveries import Alias

MOST_BYTES = 65_536
"""Of a body that are looked at."""
_NAME = re.compile(rb"[A-Za-z0-9_.-]{1,40}")


def named(*names: str) -> re.Pattern[bytes]:
    """Finds the texts of JSON fields of these names."""
    either = "|".join(map(re.escape, names))
    return re.compile(rf'"(?:{either})"\s{{0,8}}:\s{{0,8}}"([^"\\\x00-\x1f]{{1,160}})"'.encode())


def peeked(body: bytes, person: re.Pattern[bytes], kind: re.Pattern[bytes], *, has_id: bool = True) -> Peek:
    """The first id that is a person's, and the first type."""
    beginning = body[:MOST_BYTES]
    one = _person(person, beginning)
    return Peek(one.kind if one else None, one.value if one else "", _type(kind, beginning), has_id=has_id)


def _person(pattern: re.Pattern[bytes], body: bytes) -> Alias | None:
    for found in pattern.finditer(body):
        if known := alias(found[1].decode("ascii", "replace")):
            return known[0]
    return None


def _type(pattern: re.Pattern[bytes], body: bytes) -> str:
    for found in pattern.finditer(body):
        if _NAME.fullmatch(found[1]):
            return found[1].decode("ascii")
    return "-"
