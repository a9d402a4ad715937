"""What is asked of another host, within which bounds, and what it answers. Pure."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping


class Request(NamedTuple):
    """An HTTP request, in the order in which net/http takes it."""

    method: str
    url: str
    body: bytes | None
    headers: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer of any status: 3xx too, for no redirect is followed."""

    status: int
    body: bytes  # its beginning: no more than was asked for
    retry_after_seconds: float | None = None  # from Retry-After, or what some hosts say in its place
    correlation_id: str | None = None  # from Wamon-Correlation-Id


@dataclass(frozen=True, slots=True)
class Bounds:
    """How long a host is given, beside what the resolver takes, and how much of its answer is read."""

    connect_seconds: float
    answer_seconds: float  # from the connection to the answer's end
    answer_bytes: int
    in_all_seconds: float = math.inf  # connecting included
