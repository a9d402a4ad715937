"""Working conversations beside the passes: each thread looks once a second, and at the next known due time.

Of each source whose lease this `run` holds. The first thread begins a source: what deliveries wait is taken in first,
what former workers left behind is due now. It sweeps, too. Fences make a second `run` harmless. Where there is an
agent, the first thread answers groups, and the others persons: no call holds a group up.
"""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID, uuid4

from wamon.backoff import pause_seconds
from wamon.conversations import sessions
from wamon.conversations.orphans import clean_up_stuck, make_due
from wamon.conversations.rescue import forget_former, intake_waits, waiting_at_start
from wamon.conversations.turns import KINDS, next_due_seconds
from wamon.conversations.worker import worker_of
from wamon.daemon.side_tasks import SideTask
from wamon.errors import Retryable
from wamon.log import logger
from wamon.postgres.connection import keep_session, transaction

if TYPE_CHECKING:
    from collections.abc import Callable
    from contextlib import AbstractContextManager

    from wamon.clock import Clock
    from wamon.config.schema import Config
    from wamon.conversations.agent import Agent
    from wamon.conversations.worker import Worker
    from wamon.daemon.passes import Passes
    from wamon.daemon.stopping import Stopping
    from wamon.postgres.connection import Database

_LOOK_SECONDS = 1.0
_UNHELD_SECONDS = 0.2
"""Until a look at what is held, where nothing is yet: what a killed one left behind waits for it."""
_SOON_SECONDS = 0.02
"""Until the next look where something is due that another thread works on."""
_SWEEP_SECONDS = 300.0
_INTAKE_SECONDS = 30.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 20.0
_MOST_NAMED = 20
_SECONDS_TO_ANSWER = 5.0
"""So long a call goes on after the work is asked to end."""
_ME = uuid4()
"""This process, to which what it holds still belongs after a reload."""


@dataclass(slots=True)
class Begun:
    """The sources that are begun, as all threads of one config know it."""

    sources: set[str] = field(default_factory=set)
    lock: threading.Lock = field(default_factory=threading.Lock)


class ConversationWorker(SideTask):
    """One thread. `number` 0 begins sources, and sweeps."""

    def __init__(
        self,
        number: int,
        config: Config,
        groups: frozenset[str],
        clock: Clock,
        ledger: Callable[[Config], AbstractContextManager[Database]],
        passes: Passes,
        begun: Begun,
        agent: Agent | None = None,
        me: UUID = _ME,
    ) -> None:
        self.name = f"conversations {number + 1}"
        self._leads = number == 0
        self._agent = agent
        self._kinds = KINDS if agent is None else ("group",) if self._leads else ("direct",)
        self._config = config
        self._groups = groups
        self._clock = clock
        self._ledger = ledger
        self._passes = passes
        self._begun = begun
        self._me = me
        self._workers: dict[str, Worker] = {}
        self._swept_at_seconds = float("-inf")
        self._told = ""

    def run(self, stopping: Stopping) -> None:
        tries = 0
        while not stopping.is_set():
            try:
                with self._ledger(self._config) as db:
                    keep_session(db)
                    self._connect(db)
                    while not stopping.is_set():
                        wait_seconds = self._look(db, stopping)
                        tries, self._told = 0, ""
                        stopping.wait(wait_seconds)
            except Retryable as error:
                tries += 1
                self._tell(error)
                first, most = _FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS
                stopping.wait(pause_seconds(tries, first=first, most=most))

    def _tell(self, error: Retryable) -> None:
        """Log a trouble once, as long as it lasts."""
        if str(error) != self._told and self._leads:
            logger.warning("Answers wait. %s", error.paragraph(), extra={"action": "conversations.wait"})
        self._told = str(error)

    def _connect(self, db: Database) -> None:
        """Work over this connection, and give back what the former one left in hand."""
        for source in self._config.all_sources:
            former = self._workers.get(source)
            self._workers[source] = worker_of(
                self._config, self._groups, source, db, self._me, self._clock, self._agent, self._kinds
            )
            if former is not None:
                self._workers[source].in_hand = former.in_hand
                self._workers[source].give_back()

    def _look(self, db: Database, stopping: Stopping) -> float:
        """Work what is due; how long to wait for the next look."""
        held = {source: holder for source in self._workers if (holder := self._passes.holder_of(source))}
        if self._leads:
            self._lead(db, set(held), stopping)
        ready = {source: holder for source, holder in held.items() if source in self._begun.sources}
        if not ready:
            return _LOOK_SECONDS if held else _UNHELD_SECONDS
        next_seconds = next_due_seconds(db, ready, self._kinds)
        if next_seconds is None or next_seconds > 0:
            return min(_LOOK_SECONDS, next_seconds or _LOOK_SECONDS)
        found = [self._work(source, stopping) for source in ready]
        return 0.0 if any(found) else _SOON_SECONDS

    def _work(self, source: str, stopping: Stopping) -> bool:
        return not stopping.is_set() and self._workers[source].work()

    def _lead(self, db: Database, held: set[str], stopping: Stopping) -> None:
        self._begun.sources &= held
        for source in sorted(held - self._begun.sources):
            self._begin(db, source, stopping)
            self._begun.sources.add(source)
        now_seconds = self._clock.monotonic_seconds()
        if held and now_seconds - self._swept_at_seconds > _SWEEP_SECONDS:
            self._swept_at_seconds = now_seconds
            self._sweep(db)

    def _begin(self, db: Database, source: str, stopping: Stopping) -> None:
        """Begin a source: deliveries first, then what former workers left behind, and a word about what waits."""
        began_seconds = self._clock.monotonic_seconds()
        while intake_waits(db, source) and self._clock.monotonic_seconds() - began_seconds < _INTAKE_SECONDS:
            if stopping.wait(_SOON_SECONDS * 5):
                return
        forget_former(db, source, self._me)
        logger.info("[STARTUP] Checking for orphaned messages in buffer...", extra=_about("startup"))
        waiting = waiting_at_start(db, source, self._config.conversations)
        if waiting:
            named = ", ".join(one.person for one in waiting[:_MOST_NAMED])
            logger.info(
                "[STARTUP] Found %d wa_ids with orphaned messages: [%s]", len(waiting), named, extra=_about("startup")
            )
        for one in waiting[:_MOST_NAMED]:
            if one.is_too_old:
                logger.info("[STARTUP] Too old to answer, kept and listed: %s", one.person, extra=_about("startup"))
            else:
                logger.info(
                    "[STARTUP] Starting immediate processing for orphaned messages: %s",
                    one.person,
                    extra=_about("startup"),
                )

    def _sweep(self, db: Database) -> None:
        """Make due what nobody came to, and end sessions in which nothing is said any more."""
        with transaction(db):
            found = make_due(db)
            clean_up_stuck(db)
            sessions.complete(db)
        if found:
            logger.warning(
                "[ORPHAN] Found %d wa_ids with orphaned messages",
                len(found),
                extra={"action": "sweep.orphans", "correlation_id": str(self._me)},
            )


class AgentStop(SideTask):
    """Ends the agent's calls some seconds after the work is asked to end: whose turns they are gives them back."""

    name = "agent's end"
    may_be_cut = True

    def __init__(self, config: Config, agent: Agent) -> None:
        self._instructions = config.conversations.agent.told
        self._agent = agent

    def run(self, stopping: Stopping) -> None:
        logger.info(
            "[CONVERSATION] Loaded system instructions: %d chars", len(self._instructions), extra=_about("agent.loaded")
        )
        while not stopping.wait(_LOOK_SECONDS * 3600):
            pass
        threading.Event().wait(_SECONDS_TO_ANSWER)
        self._agent.cut()


def _about(action: str) -> dict[str, str]:
    return {"action": action, "correlation_id": str(_ME)}
