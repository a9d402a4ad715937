"""What health looks at, of a config's bridge and database. Nothing is written, and what is absent is told so."""

from __future__ import annotations

from contextlib import ExitStack, contextmanager, suppress
from typing import TYPE_CHECKING

from wamon.app.commands import database, store_of
from wamon.errors import WamonError
from wamon.health.check import Absent
from wamon.health.facts import NOT_MADE, Facts, Subject, collect
from wamon.postgres.connection import connected
from wamon.postgres.embedded import server as embedded

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from wamon.app.commands import Bridge
    from wamon.clock import Clock
    from wamon.config.schema import Config
    from wamon.postgres.connection import Database


def looked_at(config: Config, bridge: Bridge | None, clock: Clock) -> Facts:
    """What health judges, of a bridge or of none. Nothing is written; what can't be opened is told as absent."""
    store = None if bridge is None else store_of(config, bridge)
    subject = Subject(config, store, config.bridge.name if bridge is None else bridge.name, clock)
    with ExitStack() as stack:
        return collect(subject, _opened(config, stack))


@contextmanager
def looking(config: Config, bridge: Bridge | None, clock: Clock) -> Iterator[Callable[[], Facts]]:
    """What looks, as `looked_at` does, for as long as the block runs: an embedded server that runs goes on running."""
    with ExitStack() as stack:
        if config.database.url is None and embedded.exists(config.state.dir):
            with suppress(WamonError):  # each look tells
                stack.enter_context(database(config))
        yield lambda: looked_at(config, bridge, clock)


def _opened(config: Config, stack: ExitStack) -> Database | Absent:
    try:
        if config.database.url is None and not embedded.exists(config.state.dir):
            return NOT_MADE
        return stack.enter_context(connected(stack.enter_context(database(config))))
    except WamonError as error:
        return Absent.because(error)
