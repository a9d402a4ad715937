"""What every page and endpoint of one `wamon web` works with."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Literal

from wamon import __version__

if TYPE_CHECKING:
    import asyncio
    from collections.abc import Callable
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from starlette.requests import Request

    from wamon.clock import Clock
    from wamon.config.hooks import Hook
    from wamon.config.web import Listen
    from wamon.privacy import Show
    from wamon.views.actions import Terms
    from wamon.web.database import DatabaseThreads
    from wamon.web.hooks import Hooks
    from wamon.web.metrics import Metrics

Only = Literal["all", "page", "hooks"]


@dataclass(frozen=True, slots=True)
class Site:
    """One `wamon web`. `listen` is where it really listens; `token`, `public_url` None: there is none.

    `only`: which half it serves.
    """

    instance: str
    only: Only
    listen: Listen
    hosts: tuple[str, ...]
    token: bytes | None
    public_url: str | None
    zone: ZoneInfo
    pattern: str  # drops.pattern
    review_table: str | None
    show: Show  # privacy.show
    answers: bool  # conversations.enabled
    terms: Callable[[], Terms]  # on which an operator's action is done now
    clock: Clock
    database: DatabaseThreads
    metrics: Metrics
    stopping: asyncio.Event
    started_at: datetime
    started_seconds: float
    hooks: Hooks
    configured_hooks: tuple[Hook, ...]  # also those that have no secret, or that another `wamon web` serves
    version: str = __version__
    pid: int = field(default_factory=os.getpid)

    @property
    def answered(self) -> Show | None:
        """How those who are answered are shown; None: nobody is."""
        return self.show if self.answers else None

    @property
    def url(self) -> str:
        """How links to it begin."""
        return self.public_url or self.listen.url

    def uptime_seconds(self) -> float:
        return round(self.clock.monotonic_seconds() - self.started_seconds, 1)


def site_of(request: Request) -> Site:
    """The site that a request came to."""
    site: Site = request.app.state.site
    return site
