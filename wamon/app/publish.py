"""What a scan publishes at its end: how things are, for pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.app.commands import store_of
from wamon.daemon import published
from wamon.errors import WamonError
from wamon.health.checks import judged, unwell
from wamon.health.facts import Subject, collect
from wamon.log import log_failure
from wamon.service.checks import restarts_of

if TYPE_CHECKING:
    from wamon.app.commands import Bridge
    from wamon.clock import Clock
    from wamon.config.schema import Config
    from wamon.postgres.connection import Database


def publish_scan(config: Config, bridge: Bridge, clock: Clock, db: Database) -> None:
    """Publish how things are. Where that fails, it is logged: the scan itself is done."""
    try:
        look = published.Look(collect(Subject(config, store_of(config, bridge), bridge.name, clock), db))
        unwell(look.through(judged(look.facts)))
        published.publish_scan(db, look, restarts_of(config.state.dir, clock))
    except WamonError as error:
        log_failure("publishing", error)
