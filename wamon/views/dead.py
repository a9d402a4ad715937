"""Dead letters: what couldn't be recorded or answered."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any

if TYPE_CHECKING:
    from collections.abc import Iterable

    from wamon.ledger import dead_letters


@dataclass(frozen=True, slots=True)
class Letter:
    """A message that couldn't be recorded."""

    message_id: Annotated[str, "the message's id in the bridge; `event:12` for a delivery, `turn:7:4` for a burst"]
    project: Annotated[str, "its group's project"]
    jid: Annotated[str, "the chat's JID"]
    status: Annotated[str, "`retry`, or `dead` once the third retry has failed"]
    reason: Annotated[str, "why it couldn't be recorded, or answered"]
    attempts: Annotated[int, "how often it was tried"]
    sent_at: Annotated[datetime | None, "when it was sent"]
    failed_at: Annotated[datetime, "when it was last tried"]
    next_try_at: Annotated[datetime | None, "when it is tried again; null: not by itself"]
    correlation_id: Annotated[str, "what the log's records of it carry"]
    chat: Annotated[int, "its group's number"]
    given_up: Annotated[bool, "an operator discarded it on the page, and `wamon run` does so within a minute"]


@dataclass(frozen=True, slots=True)
class Letters:
    """What `wamon dead list` lists."""

    letters: tuple[Letter, ...]


@dataclass(frozen=True, slots=True)
class ShownLetter(Letter):
    """What `wamon dead show` tells."""

    in_store: Annotated[bool, "the bridge's store still holds it"]


@dataclass(frozen=True, slots=True)
class Retried:
    """What `wamon dead retry` did."""

    recorded: Annotated[tuple[str, ...], "ids of the messages that are recorded now"]
    still_dead: Annotated[tuple[str, ...], "ids of those that still can't be recorded"]


@dataclass(frozen=True, slots=True)
class Discarded:
    """What `wamon dead discard` did."""

    discarded: Annotated[tuple[str, ...], "ids of the messages that were given up"]
    still_dead: Annotated[tuple[str, ...], "ids of those that couldn't even be given up"]


def letters(found: Iterable[dead_letters.Letter]) -> Letters:
    """These letters, in their order."""
    return Letters(tuple(Letter(**_known(letter)) for letter in found))


def shown_letter(letter: dead_letters.Letter, *, in_store: bool) -> ShownLetter:
    """One letter, and whether the bridge's store still holds its message."""
    return ShownLetter(**_known(letter), in_store=in_store)


def _known(letter: dead_letters.Letter) -> dict[str, Any]:
    return {
        "message_id": letter.message_id,
        "project": letter.project,
        "jid": letter.chat_jid,
        "status": letter.status,
        "reason": letter.reason,
        "attempts": letter.attempts,
        "sent_at": letter.sent_at,
        "failed_at": letter.failed_at,
        "next_try_at": letter.next_try_at,
        "correlation_id": letter.correlation_id,
        "chat": letter.chat,
        "given_up": letter.given_up,
    }
