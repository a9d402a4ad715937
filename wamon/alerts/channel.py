"""A way to tell people, whichever it is, and what it raises."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from wamon.errors import Retryable

if TYPE_CHECKING:
    from wamon.alerts.model import Alert


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
