"""What conversations are made of, where the config has any. Nothing of their room is imported where it has none."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime

    from wamon.bridge.people import Aliases
    from wamon.config.schema import Config
    from wamon.conversations.follower import ConversationFollower
    from wamon.ledger.changes import Key
    from wamon.ledger.source import Source
    from wamon.postgres.connection import Database
    from wamon.providers.deliveries import Alias, Receipt


class Talk:
    """What deliveries are about, beside messages: persons who are one, messages that were taken back."""

    def __init__(self, *, is_on: bool) -> None:
        self._is_on = is_on

    def orphan(self, db: Database, uid: str, aliases: Iterable[Alias], next_try_at: datetime | None, why: str) -> None:
        """What these persons wrote can't be recorded now, and so waits for its answer, too."""
        if self._is_on and next_try_at is not None:
            from wamon.conversations.buffer_log import tell_orphans

            tell_orphans(db, uid, aliases, next_try_at, why)

    def join(self, db: Database, other: int, into: int) -> None:
        """These two persons are one. It is rare, and true whether anybody is answered or not."""
        from wamon.conversations.joins import join

        join(db, other, into)

    def take_back(self, db: Database, source: str, messages: Sequence[Key]) -> None:
        """Their senders took these messages back."""
        if messages:
            from wamon.conversations.follower import take_back

            take_back(db, source, messages)

    def receive(self, db: Database, source: str, receipts: Sequence[Receipt]) -> set[int]:
        """Note what became of our answers; the places of those that must wait for an answer's id."""
        if not receipts:
            return set()
        from wamon.conversations.echoes import note_receipts

        return note_receipts(db, source, receipts)


def talking_groups(config: Config) -> frozenset[str]:
    """The groups in which bursts are answered, by JID."""
    if not (config.conversations.enabled and config.conversations.groups):
        return frozenset()
    return frozenset(group.jid for group in config.groups if group.enabled and group.replies)


def follower_of(config: Config, source: Source, known_senders: Aliases | None) -> ConversationFollower | None:
    """What appends a source's messages to conversations; None while those are off."""
    if not config.conversations.enabled:
        return None
    from wamon.conversations.echoes import whose
    from wamon.conversations.follower import ConversationFollower
    from wamon.conversations.senders import Senders

    senders = Senders(source.name, known_senders) if known_senders else None
    return ConversationFollower(source, config.conversations, talking_groups(config), senders, whose)
