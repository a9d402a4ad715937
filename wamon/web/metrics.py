"""What this process counts for Prometheus. No person, no chat, no path but routes."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

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
