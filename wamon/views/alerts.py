"""Whom people are told by, of what, and what is firing."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Annotated

from wamon.alerts.channels import channels
from wamon.alerts.rules import RULES
from wamon.config.fields import written

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wamon.alerts import model
    from wamon.alerts import rules as alerts_rules
    from wamon.config import alerts as config


@dataclass(frozen=True, slots=True)
class Channel:
    """A channel, and whether it works."""

    name: Annotated[str, "`webhook` or `mail`"]
    host: Annotated[str, "where it leads; nothing more of it, for the rest is secret"]
    works: Annotated[bool, "the last try didn't fail"]
    last_worked_at: Annotated[datetime | None, "when it last took an alert; null: nothing was sent so far"]
    failing_since: Annotated[datetime | None, "since when every try failed"]
    next_try_at: Annotated[datetime | None, "when it is tried again"]
    why: Annotated[str | None, "why the last try failed"]


@dataclass(frozen=True, slots=True)
class Rule:
    """Of what people are told, and when."""

    name: Annotated[str, "as in the config"]
    title: Annotated[str, "what it tells"]
    enabled: Annotated[bool, "it is told"]
    more_than: Annotated[str | None, "its threshold, a duration or a number, where it has one"]
    hold: Annotated[str, "how long it must last before it is told, and be gone before that is told"]
    repeat: Annotated[str, "how often it is told again"]


@dataclass(frozen=True, slots=True)
class Firing:
    """A rule that fires."""

    rule: Annotated[str, "the rule"]
    title: Annotated[str, "what it tells"]
    since: Annotated[datetime, "when it began"]
    told_at: Annotated[datetime | None, "when it was last told; null: not yet"]
    groups: Annotated[tuple[str, ...], "the projects' names, where it is about groups"]
    sentences: Annotated[tuple[str, ...], "what was found"]
    hints: Annotated[tuple[str, ...], "what to do; empty where nothing is known"]


@dataclass(frozen=True, slots=True)
class Waiting:
    """An alert that waits to be sent."""

    id: Annotated[str, "the id that a receiver gets, twice at worst"]
    kind: Annotated[str, "`alert`, `reminder`, `over` or `report`"]
    rule: Annotated[str, "the rule; of a report, `daily` or `weekly`"]
    at: Annotated[datetime, "when it was raised"]
    channels: Annotated[tuple[str, ...], "by which it is still to be sent"]


@dataclass(frozen=True, slots=True)
class Scheduled:
    """A report that is sent by the channels."""

    kind: Annotated[str, "`daily`, of the day before, or `weekly`, on Mondays of the week before"]
    at: Annotated[str, "from this time of day on, such as `06:30`, in the config's zone"]
    first_day: Annotated[str | None, "the first day of the last one, such as `2026-11-20`; null: none was made so far"]


@dataclass(frozen=True, slots=True)
class Alerts:
    """What `wamon alerts list` lists."""

    channels: tuple[Channel, ...]
    rules: tuple[Rule, ...]
    firing: tuple[Firing, ...]
    waiting: tuple[Waiting, ...]
    reports: tuple[Scheduled, ...] = ()


@dataclass(frozen=True, slots=True)
class Trial:
    """What a channel did with a test."""

    name: Annotated[str, "`webhook` or `mail`"]
    host: Annotated[str, "where it leads"]
    sent: Annotated[bool, "it took the test; where one didn't, the command ends with 1"]
    why: Annotated[str | None, "why not, and what to do"]


@dataclass(frozen=True, slots=True)
class Trials:
    """What `wamon alerts test` did."""

    channels: tuple[Trial, ...]


_TITLES = {rule.name: rule.title for rule in RULES}


def alerts(settings: config.Alerts, book: model.Book) -> Alerts:
    """What the config says of alerts, and what is kept of them."""
    return Alerts(
        channels=_channels(settings, book),
        rules=tuple(_rule(rule, settings) for rule in RULES),
        firing=tuple(_firing(rule, firing) for rule, firing in book.firing.items()),
        waiting=tuple(_waiting(one, settings) for one in book.waiting),
        reports=tuple(_scheduled(settings.reports, book)),
    )


def _scheduled(wanted: config.Reports, book: model.Book) -> Iterator[Scheduled]:
    for kind, at in (("daily", wanted.daily), ("weekly", wanted.weekly)):
        if at is not None:
            last = book.reported.get(kind)
            yield Scheduled(kind, f"{at:%H:%M}", last.isoformat() if last else None)


def _channels(settings: config.Alerts, book: model.Book) -> tuple[Channel, ...]:
    found = []
    for channel in channels(settings):
        outage = book.outages.get(channel.name)
        failing = (outage.since, outage.next_at, outage.why) if outage else (None, None, None)
        worked_at = book.worked.get(channel.name)
        found.append(Channel(channel.name, channel.host, outage is None, worked_at, *failing))
    return tuple(found)


def _rule(rule: alerts_rules.Rule, settings: config.Alerts) -> Rule:
    thresholds = settings.rules.of(rule.name)
    most = getattr(thresholds, "more_than", None)
    return Rule(
        name=rule.name,
        title=rule.title,
        enabled=thresholds.enabled,
        more_than=written(most) if isinstance(most, timedelta) else None if most is None else str(most),
        hold=written(thresholds.hold),
        repeat=written(thresholds.repeat),
    )


def _firing(rule: str, firing: model.Firing) -> Firing:
    faults = firing.faults.values()
    return Firing(
        rule=rule,
        title=_TITLES.get(rule, rule),
        since=min(fault.since for fault in faults),
        told_at=firing.told_at,
        groups=tuple(sorted({fault.group for fault in faults if fault.group})),
        sentences=tuple(fault.sentence for fault in faults),
        hints=tuple(dict.fromkeys(fault.hint for fault in faults if fault.hint)),
    )


def _waiting(one: model.Waiting, settings: config.Alerts) -> Waiting:
    alert = one.alert
    left = tuple(name for name in settings.channels.named if name not in one.sent)
    return Waiting(alert.id, alert.kind, alert.rule, alert.at, left)
