"""What `wamon doctor` says of who is told of faults."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from wamon.alerts.channels import channels
from wamon.errors import Fatal
from wamon.health.check import Check, State

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from wamon.alerts.channel import Channel
    from wamon.alerts.model import Book
    from wamon.alerts.state_file import AlertsFile
    from wamon.config.alerts import Alerts


def told(config: Alerts, file: AlertsFile, zone: ZoneInfo) -> list[Check]:
    """Whether anybody is told, and how each channel fared."""
    found = [*_channels(config, file, zone), *_heartbeat(config)]
    if found:
        return [*found, *_reports(config)]
    hint = "Set alerts.channels or alerts.heartbeat: config/wamon.yaml explains them."
    return [Check("alerts.channels", State.WARN, "Nobody is told of faults: no channel, no heartbeat is set.", hint)]


def _channels(config: Alerts, file: AlertsFile, zone: ZoneInfo) -> list[Check]:
    configured = channels(config)
    if not configured:
        return []
    try:
        book = file.read()
    except Fatal as error:
        return [Check("alerts.channels", State.UNKNOWN, str(error), error.hint)]
    return [_channel(channel, book, zone) for channel in configured]


def _channel(channel: Channel, book: Book, zone: ZoneInfo) -> Check:
    worked_at, outage = book.worked.get(channel.name), book.outages.get(channel.name)
    last = f"last worked {_local(worked_at, zone)}" if worked_at else "has sent nothing so far"
    name, numbers = f"alerts.{channel.name}", {"host": channel.host, "worked_at": worked_at}
    if outage:
        sentence = f"Alerts by {channel.name} fail since {_local(outage.since, zone)}; it {last}. {outage.why}"
        return Check(name, State.WARN, sentence, "`wamon alerts test` tries it now.", numbers=numbers)
    return Check(name, State.OK, f"Alerts go by {channel.name} to {channel.host}; it {last}.", numbers=numbers)


def _heartbeat(config: Alerts) -> Iterator[Check]:
    if config.heartbeat:
        host = urlsplit(config.heartbeat.get_secret_value()).hostname
        sentence = f"`wamon run` sends its heartbeat to {host}."
        yield Check("alerts.heartbeat", State.OK, sentence, numbers={"host": host})


def _reports(config: Alerts) -> Iterator[Check]:
    if (config.reports.daily or config.reports.weekly) and not config.channels.named:
        sentence = "Reports are to be sent, and there is no channel by which they could go."
        yield Check("alerts.reports", State.WARN, sentence, "Set alerts.channels: config/wamon.yaml explains them.")


def _local(moment: datetime, zone: ZoneInfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M}"
