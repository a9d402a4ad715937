"""Sending replies beside the passes: an API that doesn't answer delays none.

Of several installations on one store or one number, such as prod and dev, the first on a host speaks, and the others
leave it to it. A source's replies are sent by the `run` that holds its lease; of several on one database a former
holder that stalled hasn't let go of its way yet: what is due waits for that.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.backoff import pause_seconds
from wamon.daemon.side_tasks import Chore, SideTask
from wamon.errors import Retryable
from wamon.host.claim import Claim
from wamon.log import logger
from wamon.replies.queue import Queue, database_of, has_work
from wamon.replies.sender import Replier, limits_of
from wamon.replies.ways import Ways

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from contextlib import AbstractContextManager

    from wamon.capture.pipeline import Pipeline
    from wamon.clock import Clock
    from wamon.config.schema import Config
    from wamon.daemon.passes import Passes
    from wamon.daemon.stopping import Stopping
    from wamon.postgres.connection import Database

_LOOK_SECONDS = 1.0
_FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 0.5, 20.0


class _Voices:
    """Who speaks by which way: this wamon, or another of this host."""

    def __init__(self, claim: Claim) -> None:
        self._claim = claim
        self._others: Mapping[str, str] = {}
        self.left_to: dict[str, str] = {}  # after an end of the other's: the one that did when these were posted

    def known(self, database: str, ways: Mapping[str, Ways]) -> Mapping[str, Ways]:
        """The sources, with their ways, of which it is known who speaks. What is due of others waits while it is young.

        Another `run` of this database speaks for nobody: it stalled, and would else seem another installation. So the
        database's name goes before the way's: who lets go frees it last.
        """
        ours = {source: [f"{database} {way.name}" for way in its.all] for source, its in ways.items()}
        names = [way.name for its in ways.values() for way in its.all]
        try:
            others = self._claim.hold(*(name for some in ours.values() for name in some), *names)
        except OSError:
            return {}
        known = {source: its for source, its in ways.items() if others.keys().isdisjoint(ours[source])}
        spoken = {way.name for its in known.values() for way in its.all}
        self._hear({name: other for name, other in others.items() if name in spoken})
        return known

    def _hear(self, others: Mapping[str, str]) -> None:
        for other in sorted(set(others.values()) - set(self.left_to.values())):
            logger.warning("Replies are sent by %s.", other, extra={"action": "reply.left"})
        self._others = others
        self.left_to |= others

    def have_skipped(self) -> None:
        """What another spoke of before its end is skipped: what comes now is ours where nobody else is there."""
        self.left_to = dict(self._others)


class ReplySender(Chore):
    """Sends one polled source's replies. `ledger` gives a connection, `holder` says who holds the lease now.

    `claim` is held for as long as the lease is: who works with that lets it go.
    """

    name = "replies"
    beat_seconds = 15.0

    def __init__(
        self,
        config: Config,
        source: str,
        clock: Clock,
        ledger: Callable[[Config], AbstractContextManager[Database]],
        holder: Callable[[], str],
        claim: Claim,
    ) -> None:
        self._config = config
        self._source = source
        self._clock = clock
        self._ledger = ledger
        self._holder = holder
        self._ways = Ways(config, source)
        self._voices = _Voices(claim)

    def is_due(self, pipeline: Pipeline) -> bool:
        db = pipeline.source.db
        self._ways = Ways(self._config, self._source)  # a store may lie behind a link, which may be laid anew
        if self._config.voices() and not self._voices.known(database_of(db), {self._source: self._ways}):
            return False
        return has_work(db, self._source, self._clock.now())

    def run(self, stopping: Stopping) -> None:
        with self._ledger(self._config) as db:
            queue = Queue(db, self._source, self._holder(), limits_of(self._config))
            replier = Replier(queue, self._config, self._ways, self._clock, self._voices.left_to)
            replier.send(lambda: not stopping.is_set())
        self._voices.have_skipped()


class AnswerSender(SideTask):
    """Sends the replies of these sources as soon as they are due: it looks once a second."""

    name = "replies"

    def __init__(
        self,
        config: Config,
        sources: Sequence[str],
        clock: Clock,
        ledger: Callable[[Config], AbstractContextManager[Database]],
        passes: Passes,
    ) -> None:
        self._config = config
        self._sources = sources
        self._clock = clock
        self._ledger = ledger
        self._passes = passes

    def run(self, stopping: Stopping) -> None:
        claim = Claim()
        voices, tries = _Voices(claim), 0
        try:
            for _ in self._passes.spare_turns(stopping, _LOOK_SECONDS):
                try:
                    with self._ledger(self._config) as db:
                        tries = 0
                        self._work(db, voices, stopping)
                except Retryable as error:
                    tries += 1
                    if tries == 1:
                        logger.warning("Replies wait. %s", error.paragraph(), extra={"action": "reply.waits"})
                    first, most = _FIRST_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS
                    stopping.wait(pause_seconds(tries, first=first, most=most))
        finally:
            claim.release()

    def _work(self, db: Database, voices: _Voices, stopping: Stopping) -> None:
        """Look again and again, as long as PostgreSQL stays connected and the passes don't lack a connection."""
        database = database_of(db)
        while not stopping.is_set() and not self._passes.lack_a_connection:
            self._look(db, database, voices, stopping)
            stopping.wait(_LOOK_SECONDS)

    def _look(self, db: Database, database: str, voices: _Voices, stopping: Stopping) -> None:
        """Send what is due of each source whose lease this daemon holds."""
        held = {source: holder for source in self._sources if (holder := self._passes.holder_of(source))}
        ways = {source: Ways(self._config, source) for source in held}  # as of now: a link may be laid anew
        for source, its_ways in voices.known(database, ways).items():
            if has_work(db, source, self._clock.now()):
                queue = Queue(db, source, held[source], limits_of(self._config))
                replier = Replier(queue, self._config, its_ways, self._clock, voices.left_to)
                replier.send(lambda: not stopping.is_set())
        voices.have_skipped()
