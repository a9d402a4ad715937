"""What the log tells of messages that were appended: told once the recording is committed, and never in their words."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from wamon.log import logger
from wamon.postgres.queries import Queries
from wamon.privacy import person_hash
from wamon.words import amount

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from datetime import datetime
    from uuid import UUID

    from wamon.conversations.follower import Message
    from wamon.postgres.connection import Database
    from wamon.providers.deliveries import Alias

SQL = Queries("wamon.conversations", "follower")


@dataclass(frozen=True, slots=True)
class _Appended:
    messages: Sequence[Message]
    uid: UUID
    at: datetime
    is_new: bool
    starts: bool


@dataclass(slots=True)
class BufferLog:
    """What one recording has to tell. `key` hashes persons."""

    key: bytes = b""
    _appended: list[_Appended] = field(default_factory=list)
    _old_posts: int = 0

    def begin(self) -> None:
        """Forget what was to be told of a recording that was rolled back."""
        self._appended = []
        self._old_posts = 0

    def old_posts(self, count: int) -> None:
        """So many of a group's posts are too old to be answered."""
        self._old_posts += count

    def appended(self, messages: Sequence[Message], uid: UUID, at: datetime, *, is_new: bool, starts: bool) -> None:
        """These messages wait for their answer now."""
        self._appended.append(_Appended(messages, uid, at, is_new, starts))

    def tell(self) -> None:
        """Log it all: the recording is committed."""
        for one in self._appended:
            self._tell(one)
        if self._old_posts:
            logger.info(
                "Kept %s as history, which nobody answers: longer ago than conversations.group.answer_within.",
                amount(self._old_posts, "post"),
                extra={"action": "conversation.history", "messages": self._old_posts},
            )
        self.begin()

    def _tell(self, one: _Appended) -> None:
        starts = one.starts
        for n, message in enumerate(one.messages):
            person = person_hash(self.key, *message.alias)
            what = {"correlation_id": str(message.correlation_id)}
            if one.is_new and n == 0:
                _info(
                    what,
                    "conversation.new",
                    "[CONVERSATION] No conversation found for %s, creating new conversation",
                    person,
                )
                _info(what, "conversation.new", "[CONVERSATION] Created new conversation %s for %s", one.uid, person)
            _debug(what, "[DEBUG] Parsed waId: %s, message: %d characters", person, len(message.text))
            _debug(what, "[WEBHOOK] Detected %s message for buffering", message.part)
            _info(what, "burst.appended", "[WEBHOOK] Message buffered successfully for %s", person)
            if starts:
                at = f"{one.at:%Y-%m-%d %H:%M:%S}"
                _info(what, "burst.started", "[TIMER_THREAD] Started new timer thread for %s at %s", person, at)
            else:
                said = "[TIMER_THREAD] Timer already running, message buffered for %s"
                _info(what, "burst.grown", said, person)
            starts = False


def _info(what: dict[str, str], action: str, said: str, *values: object) -> None:
    logger.info(said, *values, extra={"action": action, **what})


def _debug(what: dict[str, str], said: str, *values: object) -> None:
    logger.debug(said, *values, extra={"action": "burst.appended", **what})


def tell_orphans(db: Database, uid: str, aliases: Iterable[Alias], next_try_at: datetime, why: str) -> None:
    """Log whose messages couldn't be recorded, and so aren't answered before that."""
    key = bytes(SQL.value(db, "person_key"))
    for alias in aliases:
        logger.critical(
            "[WEBHOOK] CRITICAL: Timer creation failed for %s after buffering message! Message is orphaned and will be "
            "processed on next startup or at %s. Error: %s",
            person_hash(key, *alias),
            f"{next_try_at:%Y-%m-%d %H:%M:%S}",
            why,
            extra={"action": "burst.orphaned", "correlation_id": uid},
        )
