"""The position: how far each group is recorded, and corrections of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from wamon.health import lag

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wamon.capture.pipeline import Pipeline
    from wamon.ledger.source import StoreAt


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a group is behind its bridge."""

    messages: Annotated[int, "messages in the store that aren't recorded yet"]
    seconds: Annotated[float, "age of the oldest of them"]


@dataclass(frozen=True, slots=True)
class Position:
    """How far a group is recorded."""

    name: Annotated[str, "the project's name"]
    jid: Annotated[str, "the chat's JID"]
    last_processed_id: Annotated[str | None, "the last message recorded"]
    last_processed_at: Annotated[datetime | None, "when that message was sent"]
    messages: Annotated[int, "messages recorded so far"]
    lag: Lag


@dataclass(frozen=True, slots=True)
class Positions:
    """What `wamon state show` shows."""

    path: Annotated[str, "the state file"]
    instance_id: Annotated[str, "the identity of the database"]
    groups: tuple[Position, ...]


@dataclass(frozen=True, slots=True)
class Rewound:
    """A group that was set back."""

    name: Annotated[str, "the project's name"]
    jid: Annotated[str, "the chat's JID"]
    rowid: Annotated[int, "the next scan reads after this row of the store"]


@dataclass(frozen=True, slots=True)
class Rewind:
    """What `wamon state rewind` did."""

    groups: tuple[Rewound, ...]


@dataclass(frozen=True, slots=True)
class Adopted:
    """What `wamon state adopt` did."""

    adopted: Annotated[tuple[str, ...], "JIDs of the groups whose old position was taken over"]


@dataclass(frozen=True, slots=True)
class StoreAdopted:
    """What `wamon state adopt-store` did."""

    source: Annotated[str, "the bridge's name"]
    path: Annotated[str, "its store's file from now on"]
    host: Annotated[str, "on this host"]
    former_path: Annotated[str | None, "its store's file before; null where none was ever read"]
    former_host: Annotated[str | None, "on this host"]


def store_adopted(source: str, was: StoreAt | None, now: StoreAt) -> StoreAdopted:
    """What became of a source's store."""
    return StoreAdopted(source, *now, *(was or (None, None)))


def positions(pipeline: Pipeline, names: Sequence[str]) -> Positions:
    """How far the groups of these names are recorded, all where none is given."""
    jids = pipeline.named(names)
    behind = lag.lag(pipeline, jids)
    groups = tuple(_position(pipeline, jid, behind[jid]) for jid in jids)
    return Positions(path=str(pipeline.state.path), instance_id=pipeline.source.instance, groups=groups)


def legacy(positions: Positions) -> dict[str, str]:
    """As an older monitor's state file: the last message id by JID, of the groups that have one."""
    return {group.jid: group.last_processed_id for group in positions.groups if group.last_processed_id}


def _position(pipeline: Pipeline, jid: str, behind: lag.Lag) -> Position:
    group = pipeline.source.groups[jid]
    return Position(
        name=group.project,
        jid=jid,
        last_processed_id=group.last_message_id,
        last_processed_at=group.last_sent_at,
        messages=group.messages,
        lag=Lag(messages=behind.messages, seconds=behind.seconds),
    )
