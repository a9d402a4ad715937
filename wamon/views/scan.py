"""What a scan read and recorded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wamon.capture.pipeline import Pipeline
    from wamon.capture.scan import Scanned


@dataclass(frozen=True, slots=True)
class Submissions:
    """What a scan made of a group's drop numbers."""

    new: Annotated[int, "drop numbers posted for the first time"]
    resubmission: Annotated[int, "drop numbers posted again"]
    rejected: Annotated[int, "drop numbers turned away by the project's list"]
    retracted: Annotated[int, "drop numbers taken away by an edit"]


@dataclass(frozen=True, slots=True)
class ScannedGroup:
    """What a scan did with a group's messages."""

    name: Annotated[str, "the project's name"]
    jid: Annotated[str, "the chat's JID"]
    read: Annotated[int, "messages read"]
    submissions: Submissions
    dead: Annotated[int, "messages that became dead letters"]
    last_processed_id: Annotated[str | None, "the last message recorded"]


@dataclass(frozen=True, slots=True)
class Scan:
    """What `wamon scan` did.

    With `--dry-run`: what would be recorded.
    """

    complete: Annotated[bool, "nothing was left when it ended"]
    read: Annotated[int, "messages read beyond the old position, of the groups scanned"]
    elapsed_seconds: Annotated[float, "how long it took"]
    groups: tuple[ScannedGroup, ...]
    events: Annotated[int, "deliveries of hooks taken in"]


def scan(pipeline: Pipeline, scanned: Scanned, names: Sequence[str], elapsed_seconds: float, events: int = 0) -> Scan:
    """What this scan did with the groups of these names, of all where none is given."""
    groups = tuple(_group(pipeline, scanned, jid) for jid in pipeline.named(names))
    return Scan(
        complete=True,
        read=sum(scanned.read.values()),
        elapsed_seconds=round(elapsed_seconds, 3),
        groups=groups,
        events=events,
    )


def without_store(events: int, elapsed_seconds: float) -> Scan:
    """What a scan did where hooks alone bring messages."""
    return Scan(complete=True, read=0, elapsed_seconds=round(elapsed_seconds, 3), groups=(), events=events)


def _group(pipeline: Pipeline, scanned: Scanned, jid: str) -> ScannedGroup:
    group, counts = pipeline.source.groups[jid], scanned.recorded.counts
    return ScannedGroup(
        name=group.project,
        jid=jid,
        read=scanned.read[jid],
        submissions=Submissions(
            new=counts[jid, "new"],
            resubmission=counts[jid, "resubmission"],
            rejected=counts[jid, "rejected"],
            retracted=counts[jid, "retracted"],
        ),
        dead=counts[jid, "dead"],
        last_processed_id=group.last_message_id,
    )
