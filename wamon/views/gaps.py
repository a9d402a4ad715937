"""What can't be proven."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wamon.health import gaps as health


@dataclass(frozen=True, slots=True)
class Gap:
    """A time of which the bridge's store may lack something."""

    kind: Annotated[str, "`bridge`, `silence`, `gone`, `replaced` or `captions`"]
    start: Annotated[datetime, "when it began"]
    end: Annotated[datetime | None, "when it ended; null: it lasts still"]
    group: Annotated[str | None, "the project's name; null: every group"]
    jid: Annotated[str | None, "the chat's JID"]
    detail: Annotated[str, "how long, or how many"]
    meaning: Annotated[str, "what may be lacking, in a sentence"]


@dataclass(frozen=True, slots=True)
class Gaps:
    """What `wamon gaps` found."""

    since: Annotated[datetime, "gaps before it aren't looked for"]
    gaps: tuple[Gap, ...]


def gaps(since: datetime, found: Iterable[health.Gap]) -> Gaps:
    """The gaps that were found from a time on."""
    return Gaps(since, tuple(map(_gap, found)))


def _gap(gap: health.Gap) -> Gap:
    return Gap(gap.kind, gap.start, gap.end, gap.group, gap.jid, gap.detail, gap.meaning)
