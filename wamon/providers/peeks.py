"""What the log may tell of a delivery that nothing proves yet: by patterns, without parsing. Pure; nothing raises."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING

from wamon.providers.deliveries import Peek
from wamon.providers.fields import alias

if TYPE_CHECKING:
    from wamon.providers.deliveries import Alias

MOST_BYTES = 65_536
"""Of a body that are looked at."""
_TEXT, _NAME = r'[^"\\\x00-\x1f]{1,160}', r"[A-Za-z0-9_.-]{1,40}"


def named(*names: str) -> re.Pattern[bytes]:
    """Finds the texts of JSON fields of these names."""
    return _found(names, _TEXT)


def typed(*names: str) -> re.Pattern[bytes]:
    """Finds the texts of JSON fields of these names that may be a type's name."""
    return _found(names, _NAME)


def _found(names: tuple[str, ...], value: str) -> re.Pattern[bytes]:
    either = "|".join(map(re.escape, names))
    return re.compile(rf'"(?:{either})"\s{{0,8}}:\s{{0,8}}"({value})"'.encode())


def peeked(body: bytes, person: re.Pattern[bytes], kind: re.Pattern[bytes]) -> Peek:
    """The first id that is a person's, and the first type."""
    beginning = body[:MOST_BYTES]
    one, type_ = _person(person, beginning), kind.search(beginning)
    told = type_[1].decode("ascii") if type_ else "-"
    return Peek(one.kind if one else None, one.value if one else "", told)


def _person(pattern: re.Pattern[bytes], body: bytes) -> Alias | None:
    for found in pattern.finditer(body):
        if one := _alias(found[1]):
            return one
    return None


@lru_cache(1024)  # who writes once writes again
def _alias(text: bytes) -> Alias | None:
    known = alias(text.decode("ascii", "replace"))
    return known[0] if known else None
