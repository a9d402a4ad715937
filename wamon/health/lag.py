"""How far groups are behind their bridge. Only what stands beyond their cursors is read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from wamon.health.ledger_facts import unrecorded
from wamon.model import BEGINNING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from wamon.bridge.store import Store
    from wamon.capture.pipeline import Pipeline
    from wamon.ledger.source import Source
    from wamon.model import Message


@dataclass(frozen=True, slots=True)
class Lag:
    """How far a group is behind its bridge: messages not yet recorded, and the age of the oldest of them."""

    messages: int = 0
    seconds: float = 0.0
    more: bool = False  # there is more beyond what was read: messages are at least so many


def lag(pipeline: Pipeline, jids: Sequence[str]) -> dict[str, Lag]:
    """The lag of these groups. What a tail will read again isn't behind: the ledger holds it."""
    return lag_of(pipeline.store, pipeline.source, jids, pipeline.clock.now())


def lag_of(
    store: Store, position: Source, jids: Sequence[str], now: datetime, most_pages: int | None = None
) -> dict[str, Lag]:
    """As `lag`, reading at most so many pages of each tail."""
    behind = dict.fromkeys(jids, Lag())  # of ten thousand groups few are behind
    tails: dict[str, list[str]] = {}
    for jid in jids:
        tails.setdefault(position.groups[jid].tail, []).append(jid)
    for tail, own in tails.items():
        wanted = {jid.encode(): jid for jid in own}
        for n, (messages, _) in enumerate(store.pages(wanted, position.tails.get(tail, BEGINNING))):
            if n == most_pages:
                for jid in own:
                    behind[jid] = replace(behind[jid], more=True)
                break
            for message in _unrecorded(position, messages):
                behind[message.chat_jid] = _with(behind[message.chat_jid], message.sent_at, now)
    return behind


def _unrecorded(position: Source, messages: Sequence[Message]) -> list[Message]:
    keyed = [(position.groups[message.chat_jid].chat, message) for message in messages]
    return unrecorded(position.db, keyed) if keyed else []


def _with(lag: Lag, sent_at: datetime | None, now: datetime) -> Lag:
    """The lag with a message more."""
    seconds = 0.0 if sent_at is None else round((now - sent_at).total_seconds(), 1)
    return replace(lag, messages=lag.messages + 1, seconds=max(lag.seconds, seconds))
