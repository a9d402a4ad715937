"""What health looks at, of a config's bridge and database. Nothing is written, and what is absent is told so."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from wamon.app.configured import store_of
from wamon.app.database import database
from wamon.errors import WamonError
from wamon.health.check import Absent
from wamon.health.facts import NOT_MADE, Facts, Subject, collect, compared
from wamon.postgres.connection import connected
from wamon.postgres.embedded import server as embedded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wamon.app.configured import Bridge
    from wamon.clock import Clock
    from wamon.config.schema import Config
    from wamon.postgres.connection import Database


def looked_at(config: Config, bridge: Bridge | None, clock: Clock) -> Facts:
    """What health judges, of a bridge or of none. Nothing is written; what can't be opened is told as absent."""
    with _facts(config, bridge, clock) as facts:
        return facts


@contextmanager
def looking(config: Config, bridge: Bridge | None, clock: Clock) -> Iterator[Callable[[], Facts]]:
    """What looks, also at what is usual, for as long as the block runs, in which an embedded server goes on running."""

    def look() -> Facts:
        with _facts(config, bridge, clock) as facts:
            return compared(facts)

    with ExitStack() as stack:
        if config.database.url is None and embedded.exists(config.state.dir):
            with suppress(WamonError):  # each look tells
                stack.enter_context(database(config))
        yield look


@contextmanager
def _facts(config: Config, bridge: Bridge | None, clock: Clock) -> Iterator[Facts]:
    """What was looked at, on a connection that lasts as long as the block."""
    store = None if bridge is None else store_of(config, bridge)
    subject = Subject(config, store, config.source if bridge is None else bridge.name, clock)
    with ExitStack() as stack:
        yield collect(subject, _opened(config, stack))


def _opened(config: Config, stack: ExitStack) -> Database | Absent:
    try:
        if config.database.url is None and not embedded.exists(config.state.dir):
            return NOT_MADE
        return stack.enter_context(connected(stack.enter_context(database(config))))
    except WamonError as error:
        return Absent.because(error)
