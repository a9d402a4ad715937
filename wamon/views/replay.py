"""What a replay read again and added."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wamon.capture.pipeline import Pipeline
    from wamon.capture.replay import Replayed


@dataclass(frozen=True, slots=True)
class Added:
    """What a replay found in a group and nobody had recorded."""

    new: Annotated[int, "drop numbers found for the first time"]
    resubmission: Annotated[int, "drop numbers found that had been posted before"]
    rejected: Annotated[int, "drop numbers found that aren't on the project's list"]
    near_miss: Annotated[int, "near misses found"]


@dataclass(frozen=True, slots=True)
class ReplayedGroup:
    """What a replay did with a group's messages."""

    name: Annotated[str, "the project's name"]
    jid: Annotated[str, "the chat's JID"]
    read: Annotated[int, "messages read again"]
    added: Added


@dataclass(frozen=True, slots=True)
class WithoutReview:
    """A drop without a review row."""

    project: Annotated[str, "the project of a drop that has no review row"]
    drop_number: Annotated[str, "its number"]


@dataclass(frozen=True, slots=True)
class Replay:
    """What `wamon replay` did."""

    read: Annotated[int, "messages read again, of those selected"]
    elapsed_seconds: Annotated[float, "how long it took"]
    groups: tuple[ReplayedGroup, ...]
    without_review: tuple[WithoutReview, ...]
    dry_run: Annotated[bool, "nothing was written"]


def replay(pipeline: Pipeline, done: Replayed, jids: Sequence[str], elapsed_seconds: float, *, dry_run: bool) -> Replay:
    """What this replay did with these groups."""
    return Replay(
        read=sum(done.read.values()),
        elapsed_seconds=round(elapsed_seconds, 3),
        groups=tuple(_group(pipeline, done, jid) for jid in jids),
        without_review=tuple(WithoutReview(project, number) for project, number in done.without_review),
        dry_run=dry_run,
    )


def _group(pipeline: Pipeline, done: Replayed, jid: str) -> ReplayedGroup:
    counts = done.recorded.counts
    return ReplayedGroup(
        name=pipeline.source.groups[jid].project,
        jid=jid,
        read=done.read[jid],
        added=Added(
            new=counts[jid, "new"],
            resubmission=counts[jid, "resubmission"],
            rejected=counts[jid, "rejected"],
            near_miss=counts[jid, "near-miss"],
        ),
    )
