"""A worker: claims what is due of a source, works it, ends it, and logs each step.

What needs no outside call is answered and finished in sets. A turn that fails is tried again by itself, so that it
keeps back no other; what PostgreSQL cut off is given back once it is there again.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from wamon.conversations.answers import Words, answers
from wamon.conversations.missed import burst_of, combined, in_words, missed
from wamon.conversations.turns import Turns
from wamon.errors import DatabaseUnavailable
from wamon.log import logger

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from wamon.clock import Clock
    from wamon.config.hooks import Hook
    from wamon.config.schema import Config
    from wamon.conversations.turns import Claimed, Ended, Finished, Turn
    from wamon.postgres.connection import Database

_MOST_AT_ONCE = 50
_RENEW_SECONDS = 40.0
_LONGEST_SECONDS = 600.0
"""A turn that takes longer fails, and is tried again: what it found is old by then."""


@dataclass(slots=True)
class Worker:
    """Works one source's turns over one connection at a time."""

    turns: Turns
    config: Config
    clock: Clock
    in_hand: list[Turn] = field(default_factory=list)
    """Claimed, and not ended yet."""
    _hook: Hook | None = field(init=False)
    """By which a provider's history is read."""
    _words: Words = field(init=False)

    def __post_init__(self) -> None:
        hooks = (hook for hook in self.config.hooks if hook.source == self.turns.source)
        self._hook = next((hook for hook in hooks if hook.history and hook.send.url), None)
        self._words = Words(self.config.words(), self.config.conversations.templates, self.config.timezone)

    def work(self) -> bool:
        """Claim what is due, and end it; whether there was something. Raises DatabaseUnavailable and SchemaError."""
        claimed = self.turns.claim(1 if self._hook else _MOST_AT_ONCE)
        self.in_hand = list(claimed.turns)
        _tell_claimed(claimed)
        if claimed.turns:
            began_seconds = self.clock.monotonic_seconds()
            for one in self._worked(claimed.turns, began_seconds):
                _tell_finished(one)
        self.in_hand = []
        return not claimed.is_empty

    def give_back(self) -> None:
        """Release what was in hand as PostgreSQL went away: others may have taken it over by now."""
        for turn in self.in_hand:
            self.turns.release(turn)
        self.in_hand = []

    def _worked(self, turns: Sequence[Turn], began_seconds: float) -> list[Finished]:
        """End these turns together; where one fails, each by itself."""
        try:
            ended = self._answered(turns)
            spent_ms = (self.clock.monotonic_seconds() - began_seconds) * 1000
            ours = [replace(one, work_ms=spent_ms) for one in ended if self._is_held(one.turn, spent_ms)]
            return self.turns.finish(ours)
        except DatabaseUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever fails is tried again, and told by its class
            if len(turns) > 1:
                return [one for turn in turns for one in self._worked([turn], began_seconds)]
            self._fail(turns[0], error, (self.clock.monotonic_seconds() - began_seconds) * 1000)
            return []

    def _is_held(self, turn: Turn, spent_ms: float) -> bool:
        """A turn that took long is held for longer, unless somebody else holds it. Raises TimeoutError: too long."""
        if spent_ms > _LONGEST_SECONDS * 1000:
            raise TimeoutError
        return spent_ms < _RENEW_SECONDS * 1000 or self.turns.renew(turn)

    def _answered(self, turns: Sequence[Turn]) -> list[Ended]:
        """What each turn comes to: what was missed before it, and what is said."""
        db, conversations = self.turns.db, self.config.conversations
        found = {turn.conversation: missed(db, turn, conversations, self._hook) for turn in turns}
        for turn in turns:
            if turn.kind == "direct":
                self._tell_prompt(turn, in_words(found[turn.conversation].messages or (), conversations.labels,
                                                 self.config.timezone))  # fmt: skip
        ended = []
        for one in answers(db, turns, self._words):
            gap = found[one.turn.conversation]
            count = None if gap.messages is None else len(gap.messages)
            left_out = gap.left_out or None
            ended.append(replace(one, missed=count, missed_left_out=left_out, history=gap.history, found=gap.found))
        return ended

    def _tell_prompt(self, turn: Turn, missed_words: str) -> None:
        said, count = combined(missed_words, burst_of(self.turns.db, turn)), turn.messages
        logger.info(
            "[BUFFER] Sending combined prompt for %s: %d messages, %d characters",
            turn.person.hash, count, len(said), extra=_about(turn, "turn.working"),
        )  # fmt: skip

    def _fail(self, turn: Turn, error: Exception, spent_ms: float) -> None:
        kind = type(error).__name__
        outcome = self.turns.fail(turn, kind, spent_ms)
        if outcome is not None:
            what = "was parked: `wamon dead list`" if outcome == "dead" else "is tried again"
            logger.warning("A turn failed, and %s. %s", what, kind, extra=_about(turn, "turn.failed"))


def _tell_claimed(claimed: Claimed) -> None:
    for turn in (*claimed.turns, *(one.ended.turn for one in claimed.closed)):
        began_at, count = turn.burst_at or turn.due_at, turn.messages
        logger.info(
            "[BUFFER] Timer for %s started at %s, settled after %.1fs: %d messages",
            turn.person.hash,
            f"{began_at:%Y-%m-%d %H:%M:%S}",
            (turn.claimed_at - began_at).total_seconds(),
            count,
            extra=_about(turn, "turn.claimed"),
        )
    for one in claimed.closed:
        _tell_finished(one)


def _tell_finished(one: Finished) -> None:
    turn, person = one.ended.turn, one.ended.turn.person.hash
    if one.state == "settling":
        logger.warning(
            "[BUFFER] Orphaned messages detected for %s - starting new timer to process them",
            person,
            extra=_about(turn, "turn.beyond"),
        )
        at = f"{one.due_at:%Y-%m-%d %H:%M:%S}"
        logger.info(
            "[TIMER_THREAD] Started new timer for orphaned messages at %s", at, extra=_about(turn, "turn.beyond")
        )
    else:
        logger.info(
            "[BUFFER] Timer cleanup complete for %s, no orphaned messages", person, extra=_about(turn, "turn.finished")
        )


def _about(turn: Turn, action: str) -> dict[str, str]:
    return {"action": action, "correlation_id": str(turn.correlation_id)}


def worker_of(config: Config, groups: frozenset[str], source: str, db: Database, me: UUID, clock: Clock) -> Worker:
    """A worker of a source over this connection."""
    return Worker(Turns(db, source, config.conversations, groups, me, clock), config, clock)
