"""What a report is made from: the ledger, and the gaps of the store, where it can be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.app.commands import opened
from wamon.app.configured import bridge_of
from wamon.errors import BridgeUnavailable, BridgeUnknown, ConfigError
from wamon.health.gaps import Window, gaps
from wamon.privacy import people_of
from wamon.reports.report import found, report

if TYPE_CHECKING:
    from wamon.clock import Clock
    from wamon.config.schema import Config
    from wamon.health.gaps import Gap
    from wamon.postgres.connection import Database
    from wamon.reports.period import Period
    from wamon.reports.report import Report


def summed(db: Database, settings: Config, clock: Clock, period: Period, project: str | None = None) -> Report:
    """The report of a period, of one project or all. Raises Retryable, SchemaError."""
    what = found(db, period, project)
    known, unknown = _gaps(settings, clock, period, project)
    return report(period, what, people_of(settings), known, gaps_unknown=unknown)


def _gaps(settings: Config, clock: Clock, period: Period, project: str | None) -> tuple[list[Gap], str | None]:
    """The gaps since the period began, or why nothing can be known of them now: a report doesn't need the bridge."""
    try:
        if settings.has_hooks_alone:
            from wamon.app.intake import gaps_of_hooks

            window = Window(period.since, clock.now(), period.zone)
            return gaps_of_hooks(settings, window, () if project is None else (project,)), None
        with opened(settings, bridge_of(settings), clock) as pipeline:
            served = [group for group in pipeline.source.groups.values() if group.enabled]
            groups = [group for group in served if project in {None, group.project}]
            return gaps(pipeline, groups, period.since, period.zone), None
    except (BridgeUnavailable, BridgeUnknown, ConfigError) as error:
        return [], str(error)
