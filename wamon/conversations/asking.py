"""Asking the agent about a burst: what it may cost is spent before, and set right after. No transaction is open then.

The call takes a minute at most, as the config says, and the lease is renewed before it: it holds for two.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from wamon.conversations import contexts, counts, sessions
from wamon.conversations.agent import CUT_OFF, Said
from wamon.conversations.judged import OF_ITS_WORDS
from wamon.conversations.missed import combined, lines_of
from wamon.log import logger
from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from wamon.config.conversations import Conversations
    from wamon.conversations import missed
    from wamon.conversations.agent import Agent, Failed
    from wamon.conversations.answers import Untold
    from wamon.conversations.breaker import Breaker
    from wamon.conversations.sessions import Reserved
    from wamon.conversations.turns import Turns
    from wamon.postgres.connection import Database

SQL = Queries("wamon.conversations", "asking")


class Answer(NamedTuple):
    """What came of asking. Without a text: `why` in one word it failed, or `until` when nobody is asked, or neither."""

    text: str = ""
    why: str = ""
    until: datetime | None = None
    left_out: int = 0  # messages that were missed and had no room


@dataclass(frozen=True, slots=True)
class Asker:
    """Asks over one worker's connection."""

    turns: Turns
    agent: Agent
    breaker: Breaker
    conversations: Conversations
    zone: ZoneInfo

    def ask(self, one: Untold, before: Sequence[missed.Said], burst: Sequence[missed.Said]) -> Answer | None:
        """Ask about a burst, `before` which this was missed. None: somebody else holds the turn by now.

        Raises DatabaseUnavailable.
        """
        turn, db = one.turn, self.turns.db
        with transaction(db):
            if SQL.value(db, "is_off", source=self.turns.source):
                return Answer()
            if until := self.breaker.rests_until(db):
                return Answer(until=until)
            window = contexts.window(db, turn.uid, turn.claimed_at - self.conversations.keep_text)
        prompt = self.agent.prompt(
            facts=one.facts,
            heading=self.conversations.labels.heading,
            missed=lines_of(before, self.conversations.labels, self.zone),
            burst=combined("", burst),
            window=window,
        )
        if not self.turns.renew(turn):
            return None
        with transaction(db):
            reserved = sessions.reserve(db, turn, prompt.tokens)
        said = self.agent.ask(prompt, one.numbers)
        self._settle(reserved, said)
        if isinstance(said, Said):
            return Answer(said.text, left_out=prompt.missed_left_out)
        return Answer(why=said.why, left_out=prompt.missed_left_out)

    def _settle(self, reserved: Reserved, said: Said | Failed) -> None:
        """Keep what it cost, and what the others are to know of it."""
        with transaction(self.turns.db) as db:
            if isinstance(said, Said):
                sessions.settle(db, reserved, said.spent, messages=reserved.turn.messages + 1)
                self.breaker.succeed(db)
                outcome = "answered"
            elif said.why == CUT_OFF:
                sessions.settle(db, reserved, said.spent)
                outcome = "cut-off"
            else:
                sessions.settle(db, reserved, said.spent, errors=1)
                if said.why in OF_ITS_WORDS:  # or one person could have nobody asked
                    self.breaker.succeed(db)
                else:
                    self._rest(db, said)
                outcome = "failed"
            counts.add(db, f"agent-calls {outcome}", 1)
            counts.add(db, "agent-tokens counted", said.spent or 0)
            counts.add(db, "agent-tokens estimated", reserved.tokens if said.spent is None else 0)

    def _rest(self, db: Database, failed: Failed) -> None:
        pause = None if failed.pause_seconds is None else timedelta(seconds=failed.pause_seconds)
        if until := self.breaker.fail(db, pause):
            logger.warning(
                "The agent isn't asked before %s. %s", f"{until:%Y-%m-%d %H:%M:%S}", failed.why,
                extra={"action": "agent.rests", "correlation_id": None},
            )  # fmt: skip
