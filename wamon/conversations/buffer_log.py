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

    from wamon.conversations.model import Message
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
        for n, brought in enumerate(one.messages):
            person = person_hash(self.key, *brought.alias)
            if one.is_new and n == 0:
                _tell_new(brought, person, one.uid)
            _tell_buffered(brought, person)
            if one.starts and n == 0:
                _tell_started(brought, person, one.at)
            else:
                logger.info(
                    "[TIMER_THREAD] Timer already running, message buffered for %s",
                    person,
                    extra=_about(brought, "burst.grown"),
                )


def _tell_new(brought: Message, person: str, uid: UUID) -> None:
    logger.info(
        "[CONVERSATION] No conversation found for %s, creating new conversation",
        person,
        extra=_about(brought, "conversation.new"),
    )
    logger.info(
        "[CONVERSATION] Created new conversation %s for %s", uid, person, extra=_about(brought, "conversation.new")
    )


def _tell_buffered(brought: Message, person: str) -> None:
    characters = len(brought.text)
    logger.debug(
        "[DEBUG] Parsed waId: %s, message: %d characters",
        person,
        characters,
        extra=_about(brought, "burst.appended"),
    )
    logger.debug("[WEBHOOK] Detected %s message for buffering", brought.part, extra=_about(brought, "burst.appended"))
    logger.info("[WEBHOOK] Message buffered successfully for %s", person, extra=_about(brought, "burst.appended"))


def _tell_started(brought: Message, person: str, at: datetime) -> None:
    logger.info(
        "[TIMER_THREAD] Started new timer thread for %s at %s",
        person,
        f"{at:%Y-%m-%d %H:%M:%S}",
        extra=_about(brought, "burst.started"),
    )


def _about(message: Message, action: str) -> dict[str, str]:
    return {"action": action, "correlation_id": str(message.correlation_id)}


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
