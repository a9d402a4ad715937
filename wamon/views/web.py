"""Signing in to the page."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated


@dataclass(frozen=True, slots=True)
class Link:
    """What `wamon web link` prints."""

    url: Annotated[str, "the link: whoever opens it first is signed in"]
    role: Annotated[str, "`reader`, or `operator`, who may act, and reads texts"]
    minutes: Annotated[int, "for how long it can be used"]
