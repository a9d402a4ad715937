"""The channels that the config names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from wamon.net.failure import NotSent

if TYPE_CHECKING:
    from wamon.alerts.model import Alert
    from wamon.config.alerts import Alerts


class Channel(Protocol):
    """A way to tell people."""

    name: str
    host: str

    def send(self, alert: Alert) -> None:
        """Send it within ten seconds and what the resolver takes. Raises NotSent."""


def deliver(channel: Channel, alert: Alert) -> None:
    """Send an alert by a channel. Raises NotSent, whatever it is that fails: one channel never stops another."""
    try:
        channel.send(alert)
    except NotSent:
        raise
    except Exception as error:  # noqa: BLE001 - its own words may quote a secret
        raise NotSent(f"{channel.host} couldn't be asked: {type(error).__name__}.") from None


def channels(config: Alerts) -> list[Channel]:
    """The channels that are configured, in a fixed order."""
    from wamon.alerts.mail import MailChannel
    from wamon.alerts.webhook import WebhookChannel

    webhook, mail = config.channels.webhook, config.channels.mail
    found: list[Channel] = []
    if webhook.url is not None:
        found.append(WebhookChannel(webhook, webhook.url.get_secret_value()))
    if mail.host is not None:
        found.append(MailChannel(mail, mail.host))
    return found
