"""What is firing at every source, and by which channels people are told: what `wamon alerts list` says on each host."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

from wamon.postgres.queries import Queries
from wamon.views.alerts import Alerts
from wamon.views.document import from_json
from wamon.views.home import stale_since
from wamon.views.snapshot import Failed, snapshot
from wamon.views.sources import sources

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from wamon.postgres.connection import Database

SQL = Queries("wamon.views", "alerts_page")


@dataclass(frozen=True, slots=True)
class SourceAlerts:
    """A source's alerts, as it last published them."""

    source: Annotated[str, "the source's name"]
    host: Annotated[str | None, "where it runs, or ran"]
    sign: Annotated[str, "its last sign of life, as `/home.json` has it"]
    published_at: Annotated[datetime | None, "when it published them"]
    alerts: Alerts | None


@dataclass(frozen=True, slots=True)
class AlertsPage:
    """The page `/alerts`: of each source what `wamon alerts list --json` says there; null: it published nothing."""

    at: Annotated[datetime, "the moment that it shows, by the database's clock"]
    zone: Annotated[str, "the zone in which its times are to be shown"]
    stale: Annotated[datetime | None, "the last sign of life of the source that is down for longest; null: none is"]
    sources: tuple[SourceAlerts, ...]
    failed: tuple[Failed, ...]


def alerts_page(db: Database, zone: ZoneInfo) -> AlertsPage:
    """Every source's alerts. Raises DatabaseUnavailable, SchemaError."""
    with snapshot(db) as moment:
        known = sources(db)
        published = dict(SQL.run(db, "alerts").fetchall())
    read, failed = dict[str, Alerts](), list[Failed]()
    for source, text in published.items():
        try:
            read[source] = from_json(Alerts, text)
        except ValueError:
            failed.append(Failed(source, "publishes alerts as another version of wamon has them"))
    own = tuple(SourceAlerts(one.name, one.host, one.sign, one.published_at, read.get(one.name)) for one in known)
    return AlertsPage(moment.at, str(zone), stale_since(known), own, tuple(failed))
