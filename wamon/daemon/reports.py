"""The reports that the config has sent by the channels of alerts, each once its time has come."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.daemon.side_tasks import Chore
from wamon.host.memory import give_back
from wamon.reports.period import last_over
from wamon.reports.summary import summary

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import time

    from wamon.alerts.notifier import Notifier
    from wamon.capture.pipeline import Pipeline
    from wamon.clock import Clock
    from wamon.config.schema import Config
    from wamon.daemon.stopping import Stopping
    from wamon.reports.period import Kind, Period
    from wamon.reports.report import Report


class Reports(Chore):
    """Sums up what is due. `summed` makes the report of a period; `ring` has what waits be sent."""

    name = "reports"
    beat_seconds = 60.0

    def __init__(
        self,
        config: Config,
        clock: Clock,
        notifier: Notifier,
        summed: Callable[[Period], Report],
        ring: Callable[[], None],
    ) -> None:
        self._config = config
        self._clock = clock
        self._notifier = notifier
        self._summed = summed
        self._ring = ring

    def is_due(self, pipeline: Pipeline) -> bool:  # noqa: ARG002 - what was reported is kept beside the alerts
        return bool(self._due())

    def run(self, stopping: Stopping) -> None:
        try:
            for period in self._due():
                if stopping.is_set():
                    return
                title = f"{period.kind.capitalize()} report: {period}"
                self._notifier.report(period.kind, period.first, title, summary(self._summed(period)))
                self._ring()
        finally:
            give_back()

    def _due(self) -> list[Period]:
        """The periods that are over and weren't reported, the last of each kind."""
        wanted, zone, now = self._config.alerts.reports, self._config.timezone, self._clock.now()
        times: dict[Kind, time | None] = {"daily": wanted.daily, "weekly": wanted.weekly}
        periods = [last_over(kind, at, zone, now) for kind, at in times.items() if at is not None]
        if not periods:
            return []
        reported = self._notifier.file.read_kept().reported
        return [one for one in periods if one.kind not in reported or reported[one.kind] < one.first]
