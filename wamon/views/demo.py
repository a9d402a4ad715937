"""What the demonstration found."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from wamon.capture.pipeline import Pipeline
    from wamon.capture.scan import Scanned
    from wamon.capture.verify import Verified
    from wamon.reports import posts


@dataclass(frozen=True, slots=True)
class Drop:
    """A drop, by its posts."""

    project: Annotated[str, "the project's name"]
    drop_number: Annotated[str, "in canonical form"]
    kind: Annotated[str, "of the last post: `new` or `resubmission`"]
    first_seen_at: Annotated[datetime, "when the first post was sent"]
    last_seen_at: Annotated[datetime, "when the last post was sent"]
    submissions: Annotated[int, "messages that posted it"]


@dataclass(frozen=True, slots=True)
class Demo:
    """What `wamon demo` did."""

    config: Annotated[str, "the demonstration's config, for `--config`"]
    bridge: Annotated[str, "its store"]
    state: Annotated[str, "its state directory"]
    read: Annotated[int, "messages read this time"]
    checked: Annotated[int, "messages compared with the ledger"]
    clean: Annotated[bool, "none is missing"]
    drops: tuple[Drop, ...]
    page: Annotated[tuple[str, ...], "the first lines of `wamon web`'s page; empty without the extra `web`"] = ()
    asked: Annotated[tuple[str, ...], "what somebody wrote by a hook; empty without the extra `web`"] = ()
    answered: Annotated[str | None, "the one answer that they got"] = None


def demo(
    path: Path,
    pipeline: Pipeline,
    scanned: Scanned,
    verified: Verified,
    drops: Iterable[posts.Drop],
) -> Demo:
    """What the demonstration of this config read, compared and found."""
    return Demo(
        config=str(path),
        bridge=str(pipeline.store.path),
        state=str(pipeline.state.path.parent),
        read=sum(scanned.read.values()),
        checked=verified.checked,
        clean=verified.clean,
        drops=tuple(map(_drop, drops)),
    )


def _drop(drop: posts.Drop) -> Drop:
    return Drop(drop.project, drop.drop_number, drop.kind, drop.first_seen_at, drop.last_seen_at, drop.submissions)
