"""The channels that the config names."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.net.message import Bounds

if TYPE_CHECKING:
    from wamon.alerts.channel import Channel
    from wamon.config.alerts import Alerts

BOUNDS = Bounds(connect_seconds=4.0, answer_seconds=6.0, answer_bytes=0)


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
