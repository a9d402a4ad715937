"""Checks that return results and print nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wamon.pipeline import wanted_chats

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from wamon.pipeline import Watch


@dataclass(slots=True)
class Lag:
    """How far a group is behind its bridge: messages not yet recorded, and the age of the oldest of them."""

    messages: int = 0
    seconds: float = 0.0


def lag(watch: Watch, jids: Sequence[str]) -> dict[str, Lag]:
    """The lag of these groups."""
    behind = {jid: Lag() for jid in jids}
    now = watch.clock.now()
    for tail in {watch.source.groups[jid].tail for jid in jids}:
        for messages, _ in watch.store.pages(wanted_chats(watch, tail), watch.source.tails[tail]):
            for message in messages:
                if message.chat_jid in behind:
                    _count(behind[message.chat_jid], message.sent_at, now)
    return behind


def _count(lag: Lag, sent_at: datetime | None, now: datetime) -> None:
    lag.messages += 1
    if sent_at is not None:
        lag.seconds = max(lag.seconds, round((now - sent_at).total_seconds(), 1))
