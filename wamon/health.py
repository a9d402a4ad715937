"""Checks that return results and print nothing."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from wamon.pipeline import wanted_chats
from wamon.postgres.comparison import Comparison

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
    """The lag of these groups. What a tail will read again isn't behind: the ledger holds it."""
    behind = {jid: Lag() for jid in jids}
    comparison = Comparison(watch.source)
    now = watch.clock.now()
    for tail in {watch.source.groups[jid].tail for jid in jids}:
        for messages, _ in watch.store.pages(wanted_chats(watch, tail), watch.source.tails[tail]):
            held = comparison.held(messages) if messages else {}
            for message in messages:
                if message.chat_jid in behind and (message.chat_jid, message.message_id) not in held:
                    _count(behind[message.chat_jid], message.sent_at, now)
    return behind


def _count(lag: Lag, sent_at: datetime | None, now: datetime) -> None:
    lag.messages += 1
    if sent_at is not None:
        lag.seconds = max(lag.seconds, round((now - sent_at).total_seconds(), 1))
