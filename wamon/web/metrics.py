"""What Prometheus reads: what this process counts, and PostgreSQL's figures. No person, no chat, no path but routes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest
from prometheus_client.exposition import CONTENT_TYPE_LATEST
from starlette.responses import Response

from wamon.errors import WamonError
from wamon.views.figures import figures
from wamon.web.exposition import Exposition
from wamon.web.kept import Kept

if TYPE_CHECKING:
    from collections.abc import Sequence

    from starlette.requests import Request

    from wamon.views.figures import Figures
    from wamon.web.site import Site

KEPT_SECONDS = 5
BUCKETS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5)


class Metrics:
    """Each `wamon web` has its own, in a registry of its own."""

    def __init__(self) -> None:
        registry = CollectorRegistry()
        self._registry = registry
        self.requests = Counter(
            "wamon_web_requests", "Requests answered, by route and status.", ["route", "code"], registry=registry
        )
        self.request_seconds = Histogram(
            "wamon_web_request_seconds",
            "How long answers took to begin.",
            ["route"],
            registry=registry,
            buckets=BUCKETS,
        )
        self.look_seconds = Histogram(
            "wamon_web_look_seconds", "How long a look at PostgreSQL took.", registry=registry, buckets=BUCKETS
        )
        self.viewers = Gauge("wamon_web_viewers", "Live streams that are open.", registry=registry)
        self.refused = Counter(
            "wamon_web_refused", "Requests refused before any page, by why.", ["why"], registry=registry
        )
        self.hook_deliveries = Counter(
            "wamon_hook_deliveries",
            "Deliveries to hooks, by what became of them.",
            ["hook", "result"],
            registry=registry,
        )
        self.hook_seconds = Histogram(
            "wamon_hook_seconds",
            "How long deliveries took that were answered with 200.",
            ["hook"],
            registry=registry,
            buckets=BUCKETS,
        )
        self.hook_batch_rows = Histogram(
            "wamon_hook_batch_rows",
            "Deliveries that were committed together.",
            registry=registry,
            buckets=(1, 2, 4, 8, 16, 32, 64, 128),
        )

    def text(self) -> bytes:
        """All of it in Prometheus's text format."""
        return generate_latest(self._registry)


class MetricsEndpoint:
    """GET /metrics. Where hooks alone are served nothing is asked of PostgreSQL: their role may not read it."""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._known: Sequence[str] = ()  # the sources, as of the last look that found any
        self._figures = Kept(self._look, KEPT_SECONDS, site.clock)

    async def __call__(self, request: Request) -> Response:  # noqa: ARG002 - an endpoint
        text = self._site.metrics.text()
        if self._site.only != "hooks":
            found = await self._figures.now()
            text += generate_latest(Exposition(found, self._known))
        return Response(text, media_type=CONTENT_TYPE_LATEST)

    async def _look(self) -> Figures | None:
        try:
            found = await self._site.database.run(figures)
        except WamonError:
            return None
        self._known = [source.name for source in found.sources]
        return found
