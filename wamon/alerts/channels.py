"""The channels that the config names."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from wamon.errors import Retryable
from wamon.net.message import Bounds

if TYPE_CHECKING:
    from wamon.alerts.model import Alert
    from wamon.config.alerts import Alerts

BOUNDS = Bounds(connect_seconds=4.0, answer_seconds=6.0, answer_bytes=0)


class Refused(Retryable):
    """A channel's host answered, and didn't take an alert."""


class Channel(Protocol):
    """A way to tell people."""

    name: str
    host: str

    def send(self, alert: Alert) -> None:
        """Send it within ten seconds and what the resolver takes. Raises Retryable.

        Its error names the channel's host, never a path, a token or what the host answered.
        """


def deliver(channel: Channel, alert: Alert) -> None:
    """Send an alert by a channel. Raises Retryable, whatever it is that fails: one channel never stops another."""
    try:
        channel.send(alert)
    except Retryable:
        raise
    except Exception as error:  # noqa: BLE001 - its own words may quote a secret
        raise Retryable(f"{channel.host} couldn't be asked: {type(error).__name__}.") from None


def channels(config: Alerts, bounds: Bounds = BOUNDS) -> list[Channel]:
    """The channels that are configured, in a fixed order."""
    from wamon.alerts.apprise import AppriseChannel
    from wamon.alerts.mail import MailChannel
    from wamon.alerts.webhook import WebhookChannel

    webhook, mail = config.channels.webhook, config.channels.mail
    found: list[Channel] = []
    if webhook.url is not None:
        url = webhook.url.get_secret_value()
        if webhook.kind == "apprise":
            found.append(AppriseChannel(url, bounds))
        else:
            found.append(WebhookChannel(url, webhook.kind, bounds, allow_private=webhook.allow_private))
    if mail.host is not None:
        found.append(MailChannel(mail, mail.host, bounds))
    return found
