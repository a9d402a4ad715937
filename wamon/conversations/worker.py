"""A worker: claims what is due of a source, works it, ends it, and logs each step.

What needs no outside call is answered and finished in sets. A turn that fails is tried again by itself, so that it
keeps back no other; what PostgreSQL cut off is given back once it is there again. Where a call may be needed, one turn
is claimed at a time, so that none waits for another's call.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, NamedTuple
from uuid import uuid4

from wamon.conversations import sessions
from wamon.conversations.agent import CUT_OFF
from wamon.conversations.answers import Words, answers, fallback
from wamon.conversations.asking import Asker
from wamon.conversations.breaker import Breaker
from wamon.conversations.budget import Entry, estimated
from wamon.conversations.missed import burst_of, combined, in_words, missed
from wamon.conversations.turns import KINDS, Ended, Turns
from wamon.errors import DatabaseUnavailable
from wamon.log import logger
from wamon.postgres.connection import transaction

if TYPE_CHECKING:
    from collections.abc import Sequence
    from uuid import UUID

    from wamon.clock import Clock
    from wamon.config.hooks import Hook
    from wamon.config.schema import Config
    from wamon.conversations.agent import Agent
    from wamon.conversations.answers import Untold
    from wamon.conversations.asking import Answer
    from wamon.conversations.missed import Missed, Said
    from wamon.conversations.turns import Claimed, Finished, Turn
    from wamon.postgres.connection import Database

_MOST_AT_ONCE = 50
_RENEW_SECONDS = 40.0
_LONGEST_SECONDS = 600.0
"""A turn that takes longer fails, and is tried again: what it found is old by then."""


class Heard(NamedTuple):
    """What a turn is about: what was missed before it, and a person's burst; a group's isn't read."""

    gap: Missed
    burst: Sequence[Said] = ()


@dataclass(slots=True)
class Worker:
    """Works one source's turns over one connection at a time. `kinds`: of which conversations."""

    turns: Turns
    config: Config
    clock: Clock
    agent: Agent | None = None
    kinds: Sequence[str] = KINDS
    in_hand: list[Turn] = field(default_factory=list)
    """Claimed, and not ended yet."""
    _hook: Hook | None = field(init=False)
    """By which a provider's history is read."""
    _words: Words = field(init=False)
    _asker: Asker | None = field(init=False)

    def __post_init__(self) -> None:
        hooks = (hook for hook in self.config.hooks if hook.source == self.turns.source)
        self._hook = next((hook for hook in hooks if hook.history and hook.send.url), None)
        conversations, zone = self.config.conversations, self.config.timezone
        self._words = Words(self.config.words(), conversations.templates, zone)
        asks = self.agent and Asker(self.turns, self.agent, Breaker(uuid4()), conversations, zone)
        self._asker = asks or None

    def work(self) -> bool:
        """Claim what is due, and end it; whether there was something. Raises DatabaseUnavailable and SchemaError."""
        calls = "direct" in self.kinds and (self._hook or self._asker)
        claimed = self.turns.claim(1 if calls else _MOST_AT_ONCE, self.kinds)
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
        """End these turns: what needs nobody else together, then what the agent is asked about one by one."""
        finished, untold = self._told(turns, began_seconds)
        for one, heard in untold:
            finished += self._asked(one, heard, began_seconds)
        return finished

    def _told(self, turns: Sequence[Turn], began_seconds: float) -> tuple[list[Finished], list[tuple[Untold, Heard]]]:
        """End these turns together; where one fails, each by itself. And those of which no template tells."""
        try:
            return self._answered(turns, began_seconds)
        except DatabaseUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever fails is tried again, and told by its class
            if len(turns) > 1:
                each = [self._told([turn], began_seconds) for turn in turns]
                return [one for some, _ in each for one in some], [one for _, some in each for one in some]
            self._fail(turns[0], type(error).__name__, self._spent_ms(began_seconds))
            return [], []

    def _answered(
        self, turns: Sequence[Turn], began_seconds: float
    ) -> tuple[list[Finished], list[tuple[Untold, Heard]]]:
        heard = {turn.conversation: self._heard(turn) for turn in turns}
        ended, untold = answers(self.turns.db, turns, self._words)
        if self._asker is None:
            ended += [fallback(one.turn, self._words.templates) for one in untold]
            untold = []
        finished = self._finish([self._with(one, heard[one.turn.conversation]) for one in ended], began_seconds)
        open_ones = {one.turn.conversation for one in untold}
        self.in_hand = [turn for turn in self.in_hand if turn.conversation in open_ones or turn not in turns]
        return finished, [(one, heard[one.turn.conversation]) for one in untold]

    def _heard(self, turn: Turn) -> Heard:
        """What was missed before a turn, and a person's burst, logged."""
        conversations, zone = self.config.conversations, self.config.timezone
        gap = missed(self.turns.db, turn, conversations, self._hook)
        if turn.kind != "direct":
            return Heard(gap)
        burst = burst_of(self.turns.db, turn)
        said, count = combined(in_words(gap.messages or (), conversations.labels, zone), burst), turn.messages
        logger.info(
            "[BUFFER] Sending combined prompt for %s: %d messages, %d characters",
            turn.person.hash, count, len(said), extra=_about(turn, "turn.working"),
        )  # fmt: skip
        return Heard(gap, burst)

    def _with(self, ended: Ended, heard: Heard) -> Ended:
        """The same, with what was missed, and with what the agent is told of it later."""
        gap = heard.gap
        count = None if gap.messages is None else len(gap.messages)
        left_out = (gap.left_out + (ended.missed_left_out or 0)) or None
        entries = self._entries(ended.turn, combined("", heard.burst), ended.body) if ended.body else ()
        return replace(
            ended, missed=count, missed_left_out=left_out, history=gap.history, found=gap.found, entries=entries
        )

    def _entries(self, turn: Turn, burst: str, body: str) -> list[Entry]:
        """A burst, as much of its end as could ever be told, and what was said to it."""
        if self._asker is None or turn.kind != "direct":
            return []
        said = burst[-3 * self.config.conversations.agent.budget :]
        at = turn.claimed_at
        return [Entry(at, "person", said, estimated(said, 1.0)), Entry(at, "agent", body, estimated(body, 1.0))]

    def _asked(self, one: Untold, heard: Heard, began_seconds: float) -> list[Finished]:
        """Ask the agent about a burst, and end its turn."""
        try:
            finished = self._ask(one, heard, began_seconds)
        except DatabaseUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - as above
            self._fail(one.turn, type(error).__name__, self._spent_ms(began_seconds))
            finished = []
        self.in_hand = [turn for turn in self.in_hand if turn is not one.turn]
        return finished

    def _ask(self, one: Untold, heard: Heard, began_seconds: float) -> list[Finished]:
        if self._asker is None:
            return []
        answer, turn = self._asker.ask(one, heard.gap.messages or (), heard.burst), one.turn
        if answer is None:
            return []
        ended = Ended(turn, "answered", answer.text) if answer.text else fallback(turn, self._words.templates)
        if answer.why == CUT_OFF:
            self.turns.release(turn)
        elif answer.until and not ended.body:
            self.turns.release(turn, "breaker-open", answer.until)
        elif answer.why and not ended.body:
            self._fail(turn, answer.why, self._spent_ms(began_seconds))
        else:
            _tell_fallback(turn, answer)
            ended = replace(ended, error=answer.why or None, missed_left_out=answer.left_out)
            return self._finish([self._with(ended, heard)], began_seconds)
        return []

    def _finish(self, ended: Sequence[Ended], began_seconds: float) -> list[Finished]:
        spent_ms = self._spent_ms(began_seconds)
        ours = [replace(one, work_ms=spent_ms) for one in ended if self._is_held(one.turn, spent_ms)]
        return self.turns.finish(ours) if ours else []

    def _spent_ms(self, began_seconds: float) -> float:
        return (self.clock.monotonic_seconds() - began_seconds) * 1000

    def _is_held(self, turn: Turn, spent_ms: float) -> bool:
        """A turn that took long is held for longer, unless somebody else holds it. Raises TimeoutError: too long."""
        if spent_ms > _LONGEST_SECONDS * 1000:
            raise TimeoutError
        return spent_ms < _RENEW_SECONDS * 1000 or self.turns.renew(turn)

    def _fail(self, turn: Turn, kind: str, spent_ms: float) -> None:
        outcome = self.turns.fail(turn, kind, spent_ms)
        if outcome == "dead" and self._asker:
            with transaction(self.turns.db) as db:
                sessions.give_up(db, turn, "timeout" if kind == "timeout" else "failed")
        if outcome is not None:
            what = "was parked: `wamon dead list`" if outcome == "dead" else "is tried again"
            logger.warning("A turn failed, and %s. %s", what, kind, extra=_about(turn, "turn.failed"))


def _tell_fallback(turn: Turn, answer: Answer) -> None:
    if answer.why:
        logger.warning("The agent failed, and a template is sent. %s", answer.why, extra=_about(turn, "agent.failed"))


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


def worker_of(
    config: Config, groups: frozenset[str], source: str, db: Database, me: UUID, clock: Clock,
    agent: Agent | None = None, kinds: Sequence[str] = KINDS,
) -> Worker:  # fmt: skip
    """A worker of a source over this connection."""
    return Worker(Turns(db, source, config.conversations, groups, me, clock), config, clock, agent, kinds)
