"""From what health found to what people are told: the book is kept, and what waits is sent."""

from __future__ import annotations

import os
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING
from uuid import uuid4

from wamon.alerts.channel import deliver
from wamon.alerts.channels import channels
from wamon.alerts.evaluation import evaluate
from wamon.alerts.model import Alert, Firing
from wamon.alerts.rules import RULES, found, without_consequences
from wamon.alerts.state_file import AlertsFile
from wamon.backoff import pause_seconds
from wamon.clock import Clock
from wamon.errors import Retryable
from wamon.log import logger

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import date

    from wamon.alerts.channel import Channel
    from wamon.alerts.evaluation import Told
    from wamon.alerts.model import Book, Kind
    from wamon.alerts.rules import Rule
    from wamon.clock import Clock
    from wamon.config.alerts import Alerts
    from wamon.config.schema import Config
    from wamon.health.check import Check

_FIRST_PAUSE = timedelta(minutes=1)
_LONGEST_PAUSE = timedelta(hours=1)
_MOST_TOLD = 10
_MOST_GROUPS = 100


def notifier(config: Config, clock: Clock, file: AlertsFile | None = None) -> Notifier:
    """Who tells people by this config's channels."""
    return Notifier(
        file or AlertsFile(config.state.dir), config.alerts, config.bridge.name, clock, str(config.timezone)
    )


@dataclass(frozen=True, slots=True)
class Notifier:
    """Who tells, of which source, by which config. One may be made for each occasion: what lasts is in the file."""

    file: AlertsFile
    config: Alerts
    source: str
    clock: Clock
    zone: str = "UTC"  # in whose times it is told

    def evaluate(self, checks: Sequence[Check], rules: Sequence[Rule] = RULES) -> None:
        """Judge these checks by these rules, and have what is to be told wait to be sent."""
        self.file.change(lambda book: self._taken(book, checks, rules))

    def _taken(self, book: Book, checks: Sequence[Check], rules: Sequence[Rule]) -> Book:
        now = self.clock.now()
        judged = without_consequences(checks)
        firing = dict(book.firing)
        alerts = []
        for rule in rules:
            thresholds = self.config.rules.of(rule.name)
            former = firing.pop(rule.name, Firing())
            if not thresholds.enabled:
                continue
            latter, told = evaluate(former, found(rule, thresholds, judged), thresholds, now)
            if latter.faults:
                firing[rule.name] = latter
            if told:
                alerts.append(self._alert(rule, told))
        return replace(book, firing=firing).queued(tuple(alerts))

    def _alert(self, rule: Rule, told: Told) -> Alert:
        faults = sorted(told.faults, key=lambda fault: fault.since)
        sentences = list(dict.fromkeys(fault.sentence for fault in faults))
        more = [f"And {len(sentences) - _MOST_TOLD:,} more."] if len(sentences) > _MOST_TOLD else []
        groups = list(dict.fromkeys(fault.group for fault in faults if fault.group))
        return replace(
            self._empty(told.kind, rule.name, rule.title),
            since=faults[0].since,
            sentences=(*sentences[:_MOST_TOLD], *more),
            hint=faults[0].hint,
            groups=tuple(groups[:_MOST_GROUPS]),
        )

    def test(self) -> Alert:
        """An alert that says that it is a test."""
        return replace(self._empty("test", "test", "alerts arrive"), sentences=("Alerts of wamon come this way.",))

    def report(self, kind: str, first: date, title: str, sentences: Sequence[str]) -> None:
        """Have a report wait to be sent: the last of its kind from now on, of the period that begins with this day."""
        alert = replace(self._empty("report", kind, title), sentences=tuple(sentences))
        self.file.change(lambda book: book.with_report(alert, kind, first))

    def _empty(self, kind: Kind, rule: str, title: str) -> Alert:
        now = self.clock.now()
        return Alert(str(uuid4()), kind, rule, title, self.source, os.uname().nodename, now, now, zone=self.zone)

    def send(self) -> None:
        """Send what waits by each channel that may be tried now, and keep what came of it."""
        configured = self.config.channels.named
        now = self.clock.now()
        book = self.file.read_kept()
        if book.tidied(configured, now) != book:
            book = self.file.change(lambda kept: kept.tidied(configured, now))
        if book.waiting:
            for channel in channels(self.config):
                self._send_by(channel, book)
            self.file.change(lambda kept: kept.tidied(configured, now))

    def _send_by(self, channel: Channel, book: Book) -> None:
        """Send by one channel until it fails: then the others wait for its next try."""
        outage = book.outages.get(channel.name)
        now = self.clock.now()
        if outage and now < outage.next_at <= now + _LONGEST_PAUSE:  # else the clock was set back
            return
        for alert in [one.alert for one in book.waiting if channel.name not in one.sent]:
            try:
                deliver(channel, alert)
            except Retryable as error:
                self._note_failure(channel, error)
                return
            book = self._note_sent(alert.id, channel)
        if outage:
            logger.info("Alerts are sent by %s again.", channel.name, extra={"action": "alerts.sent"})

    def _note_sent(self, alert_id: str, channel: Channel) -> Book:
        return self.file.change(lambda kept: kept.sent(alert_id, channel.name, self.clock.now()))

    def _note_failure(self, channel: Channel, error: Retryable) -> None:
        former = self.file.read_kept().outages.get(channel.name)
        pause = _pause((former.tries if former else 0) + 1, error)
        self.file.change(lambda kept: kept.failed(channel.name, str(error), self.clock.now(), pause))
        if former is None:
            logger.warning(
                "Alerts can't be sent by %s, and wait. %s",
                channel.name,
                error.paragraph(),
                extra={"action": "alerts.failed", "channel": channel.name},
            )


def _pause(tries: int, error: Retryable) -> timedelta:
    most_seconds = _LONGEST_PAUSE.total_seconds()
    seconds = pause_seconds(tries, first=_FIRST_PAUSE.total_seconds(), most=most_seconds)
    return timedelta(seconds=max(seconds, min(error.retry_after_seconds or 0, most_seconds)))
