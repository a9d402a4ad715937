"""What there is to be told: each rule, the checks that it reads, and what of them counts as a fault. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from wamon.health.check import Check, State

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence

    from wamon.config.alerts import Rule as Thresholds


@dataclass(frozen=True, slots=True)
class Rule:
    """`checks`: by name, from which state on it is a fault. `number`: which of a check's the config bounds."""

    name: str
    title: str
    checks: Mapping[str, State]
    number: str | None = None
    told_at_once: bool = False


RULES = (
    Rule("lag", "Messages wait to be recorded", {"recording.lag": State.WARN}, "stuck_seconds"),
    Rule("silence", "Unusual silence", {"bridge.freshness": State.WARN, "hooks.quiet": State.WARN}, "age_seconds"),
    Rule(
        "bridge",
        "The bridge has stopped, or its store isn't as it should be",
        {
            "bridge.store": State.BAD,
            "bridge.source": State.BAD,
            "bridge.writing": State.BAD,
            "bridge.rights": State.BAD,
            "bridge.dropped": State.WARN,
        },
    ),
    Rule(
        "dead",
        "Messages couldn't be recorded, or answered",
        {"recording.dead": State.WARN, "conversations.dead": State.WARN},
        "dead",
    ),
    Rule(
        "reviews",
        "Rows of the office's tables can't be written",
        {"recording.reviews": State.WARN, "recording.names": State.WARN},
    ),
    Rule("passes", "Nothing can be recorded", {"recording.passes": State.BAD}),
    Rule("database", "PostgreSQL can't be used", {"database.server": State.BAD, "database.schema": State.BAD}),
    Rule(
        "state",
        "The state directory needs a look",
        {"files.set_aside": State.WARN, "files.folder": State.BAD, "files.room": State.BAD},
    ),
    Rule("verify", "The last verify is not clean, or long ago", {"recording.verify": State.WARN}),
    Rule("nightly", "The nightly restart was missed", {"service.nightly": State.WARN}),
    Rule("parked-hook", "A delivery couldn't be recorded", {"hooks.parked": State.WARN}, told_at_once=True),
    Rule("hook-refused", "A hook refuses deliveries", {"hooks.refusing": State.WARN}),
    Rule("orphans", "Somebody waits whom no turn came to", {"conversations.orphans": State.WARN}),
    Rule("unanswered", "Somebody waits for long for an answer", {"conversations.unanswered": State.WARN}),
    Rule("stuck", "Many answers are overdue by minutes", {"conversations.stuck": State.WARN}),
    Rule("turn-errors", "Many turns fail", {"conversations.errors": State.WARN}),
    Rule("slow-turns", "Turns take long", {"conversations.slow": State.WARN}),
    Rule("double-start", "A burst began twice", {"conversations.double_start": State.WARN}),
    Rule("stale", "What somebody wrote was too old to answer", {"conversations.stale": State.WARN}),
    Rule("missed", "Messages lay between our answers", {"conversations.missed": State.OK}, "missed"),
    Rule("events", "Events wait to go out", {"events.behind": State.WARN}, "behind_seconds"),
    Rule("service", "wamon stopped unforeseen", {"service.stopped": State.BAD}, told_at_once=True),
)
"""In the config's order."""

_HIDES = {
    "database.server": ("recording.passes", "recording.lag", "bridge.freshness", "bridge.writing"),
    "bridge.store": ("recording.passes", "recording.lag", "bridge.freshness"),
    "bridge.writing": ("bridge.freshness",),
    "recording.passes": ("recording.lag",),
}
"""What a bad check makes of others: they follow from it, or speak of nothing. One fault is one alert."""

_LONG_NUMBER = re.compile(r"\+?[0-9]{9,}")


@dataclass(frozen=True, slots=True)
class Trouble:
    """A check that its rule calls a fault, in words that name nobody."""

    sentence: str
    hint: str
    group: str | None


@dataclass(frozen=True, slots=True)
class Found:
    """What a rule has found, by key: troubles, and of what nothing can be said now. `hold`: before they are told."""

    troubles: Mapping[str, Trouble] = field(default_factory=dict)
    unknown: Collection[str] = frozenset()
    hold: timedelta = timedelta()


def without_consequences(checks: Sequence[Check]) -> list[Check]:
    """The checks, of which those that follow from a fault of another are unknown."""
    hidden = {name for check in checks if check.state is State.BAD for name in _HIDES.get(check.name, ())}
    return [replace(check, state=State.UNKNOWN) if check.name in hidden else check for check in checks]


def found(rule: Rule, thresholds: Thresholds, checks: Sequence[Check]) -> Found:
    """What these checks, of which those that follow from others are unknown, say by the rule."""
    own = [check for check in checks if check.name in rule.checks]
    troubles = {
        _key(check): Trouble(unnamed(check.sentence), unnamed(check.hint), _group(check))
        for check in own
        if _is_fault(rule, thresholds, check)
    }
    unknown = frozenset(_key(check) for check in own if check.state is State.UNKNOWN)
    return Found(troubles, unknown, timedelta() if rule.told_at_once else thresholds.hold)


def _key(check: Check) -> str:
    """What it is about: a JID may hold somebody's number, but this stays on the host and is told to nobody."""
    about = check.jid or check.numbers.get("hook")
    return f"{check.name} {about}" if about else check.name


def _is_fault(rule: Rule, thresholds: Thresholds, check: Check) -> bool:
    order = list(State)
    if order.index(check.state) < order.index(rule.checks[check.name]):
        return False
    return rule.number is None or _exceeds(check.numbers.get(rule.number), thresholds)


def _exceeds(number: object, thresholds: Thresholds) -> bool:
    most = getattr(thresholds, "more_than", 0)
    most_number = most.total_seconds() if isinstance(most, timedelta) else most
    return isinstance(number, int | float) and number > most_number


def _group(check: Check) -> str | None:
    return None if check.group is None else unnamed(check.group)


def unnamed(text: str) -> str:
    """The text without what may be somebody's number: a chat that has no name is called by its JID."""
    return _LONG_NUMBER.sub("…", text)
