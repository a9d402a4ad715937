"""What is published of a source beside its health, and what a scan publishes at its end: how things are, for pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.app.configured import store_of
from wamon.errors import Fatal, WamonError
from wamon.log import log_failure
from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from wamon.alerts.state_file import AlertsFile
    from wamon.app.configured import Bridge
    from wamon.clock import Clock
    from wamon.config import alerts as config_alerts
    from wamon.config.schema import Config
    from wamon.postgres.connection import Database
    from wamon.views.alerts import Alerts

SQL = Queries("wamon.app", "publish")


def alerts_of(config: config_alerts.Alerts, file: AlertsFile) -> Alerts | None:
    """What people are told, and what is firing; None where this account may not see it, which `doctor` tells."""
    from wamon.views.alerts import alerts

    try:
        return alerts(config, file.read_kept())
    except Fatal:
        return None


def publish_scan(config: Config, bridge: Bridge, clock: Clock, db: Database) -> None:
    """Publish how things are where a `wamon web` served from this database within a day: nobody else reads it.

    Where that fails, it is logged: the scan itself is done.
    """
    try:
        with transaction(db):
            is_read = SQL.value(db, "page_is_served")
        if is_read:
            publish(config, bridge, clock, db)
    except WamonError as error:
        log_failure("publishing", error)


def publish(config: Config, bridge: Bridge, clock: Clock, db: Database) -> None:
    """Publish how things are, unless a `run` speaks for the source."""
    # Imported here: a scan that nobody reads needs none of it.
    from wamon.alerts.state_file import AlertsFile
    from wamon.daemon import published
    from wamon.health.checks import judged, unwell
    from wamon.health.facts import Subject, collect
    from wamon.service.checks import restarts_of

    look = published.Look(collect(Subject(config, store_of(config, bridge), bridge.name, clock), db))
    unwell(look.through(judged(look.facts)))
    told = alerts_of(config.alerts, AlertsFile(config.state.dir))
    published.publish_scan(db, look, restarts_of(config.state.dir, clock), told)
