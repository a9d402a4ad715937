"""What a scan publishes for pages, in this process; and a page's view of it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from tests.support.office import Office
from wamon.app.configured import bridge_of, configured
from wamon.app.publish import publish
from wamon.capture.scan import scan
from wamon.postgres.connection import Database, connected

P = ParamSpec("P")
T = TypeVar("T")


def published(office: Office) -> None:
    """As at the end of `wamon scan` while a page is served."""
    config = configured(office.config_path, {})
    with office.opened() as pipeline:
        scan(pipeline)
        publish(config, bridge_of(config), office.clock, pipeline.source.db)


def seen(office: Office, view: Callable[Concatenate[Database, P], T], /, *values: P.args, **named: P.kwargs) -> T:
    """What a view answers, on a connection of its own."""
    with connected(office.dsn) as db:
        return view(db, *values, **named)


def noon(office_clock_hour: int) -> str:
    """A zone in which it is about noon, so that a minute ago is today. POSIX has their signs turned round."""
    return f"Etc/GMT{office_clock_hour - 12:+d}"
