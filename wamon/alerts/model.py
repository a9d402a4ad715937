"""What is kept of alerts: what is firing, what waits to be sent, and how each channel fared."""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, date, datetime, timedelta
from typing import Literal
from zoneinfo import ZoneInfo

Kind = Literal["alert", "reminder", "over", "test", "report"]

MOST_WAITING = 100
KEPT = timedelta(days=3)
"""What couldn't be sent by then tells nobody anything."""

_BEGINNINGS: Mapping[Kind, str] = {"alert": "", "reminder": "Still: ", "over": "Over: ", "test": "Test: ", "report": ""}


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing that is wrong, as one check found it."""

    since: datetime
    sentence: str
    hint: str = ""
    group: str | None = None
    is_told: bool = False
    calm_since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Firing:
    """The faults of one rule. `told_at` None: none of them was told yet."""

    faults: Mapping[str, Fault] = field(default_factory=dict)
    told_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Alert:
    """What is told. It may come twice, with the same id; it names groups, hosts and paths, never a person."""

    id: str
    kind: Kind
    rule: str
    title: str
    source: str
    host: str
    at: datetime
    since: datetime
    sentences: tuple[str, ...] = ()
    hint: str = ""
    groups: tuple[str, ...] = ()
    zone: str = "UTC"  # in whose times it is told

    @property
    def subject(self) -> str:
        """It in one line."""
        return f"{_BEGINNINGS[self.kind]}{self.title} (wamon {self.source} on {self.host})"

    @property
    def text(self) -> str:
        """It in words, for people."""
        hint = self.hint if self.kind in {"alert", "reminder"} else ""
        return "\n".join(line for line in (f"{self.subject}.", *self.sentences, hint, self._times) if line)

    @property
    def _times(self) -> str:
        if self.kind in {"test", "report"}:
            return ""
        since = f"Since {self._local(self.since)}"
        return (
            f"{since}, until {self._local(self.at)} ({self.zone})."
            if self.kind == "over"
            else f"{since} ({self.zone})."
        )

    def _local(self, moment: datetime) -> str:
        return f"{moment.astimezone(ZoneInfo(self.zone)):%Y-%m-%d %H:%M}"

    def document(self) -> dict[str, object]:
        """It as JSON has it: always these fields."""
        return {
            "id": self.id,
            "kind": self.kind,
            "rule": self.rule,
            "title": self.title,
            "text": self.text,
            "source": self.source,
            "host": self.host,
            "at": f"{self.at.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "since": f"{self.since.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}",
            "groups": list(self.groups),
        }


@dataclass(frozen=True, slots=True)
class Waiting:
    """An alert, and the channels by which it is sent already."""

    alert: Alert
    sent: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Outage:
    """A channel that failed: how often in a row, why the last time, and when it is tried again."""

    tries: int
    since: datetime
    failed_at: datetime
    next_at: datetime
    why: str


@dataclass(frozen=True, slots=True)
class Book:
    """All of it."""

    firing: Mapping[str, Firing] = field(default_factory=dict)
    waiting: tuple[Waiting, ...] = ()
    outages: Mapping[str, Outage] = field(default_factory=dict)
    worked: Mapping[str, datetime] = field(default_factory=dict)  # when each channel last took an alert
    reported: Mapping[str, date] = field(default_factory=dict)  # the first day of the last report of each kind

    def queued(self, alerts: tuple[Alert, ...]) -> "Book":
        """With these waiting too; of too many the oldest are dropped."""
        waiting = (*self.waiting, *map(Waiting, alerts))
        return replace(self, waiting=waiting[-MOST_WAITING:])

    def with_report(self, alert: Alert, kind: str, first: date) -> "Book":
        """With this report waiting, which is the one of the period that begins with this day."""
        return replace(self.queued((alert,)), reported={**self.reported, kind: first})

    def sent(self, alert_id: str, channel: str, now: datetime) -> "Book":
        """With this alert sent by this channel, which therefore works."""
        waiting = tuple(
            replace(one, sent=(*one.sent, channel)) if one.alert.id == alert_id else one for one in self.waiting
        )
        outages = {name: outage for name, outage in self.outages.items() if name != channel}
        return replace(self, waiting=waiting, outages=outages, worked={**self.worked, channel: now})

    def failed(self, channel: str, why: str, now: datetime, pause: timedelta) -> "Book":
        """With this channel failed once more, to be tried again after a pause."""
        former = self.outages.get(channel)
        outage = Outage(former.tries + 1 if former else 1, former.since if former else now, now, now + pause, why)
        return replace(self, outages={**self.outages, channel: outage})

    def tidied(self, channels: tuple[str, ...], now: datetime) -> "Book":
        """Without what is sent by all of these channels, what is too old to tell, and what isn't configured now."""
        waiting = tuple(one for one in self.waiting if not set(channels) <= set(one.sent) and one.alert.at > now - KEPT)
        outages = {name: kept for name, kept in self.outages.items() if name in channels}
        worked = {name: kept for name, kept in self.worked.items() if name in channels}
        return replace(self, waiting=waiting, outages=outages, worked=worked)
