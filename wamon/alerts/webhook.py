"""Posting an alert as JSON."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from wamon.alerts.channels import Refused
from wamon.net.http import request

if TYPE_CHECKING:
    from wamon.alerts.model import Alert
    from wamon.config.alerts import Webhook
    from wamon.net.message import Bounds

_HEADERS = {"Content-Type": "application/json; charset=utf-8"}


class WebhookChannel:
    """One webhook."""

    name = "webhook"

    def __init__(self, config: Webhook, url: str, bounds: Bounds) -> None:
        self._url = url
        self._allow_private = config.allow_private
        self._bounds = bounds
        self.host = urlsplit(url).hostname or ""

    def send(self, alert: Alert) -> None:
        """Post it. Raises NotSent, Unknown, Refused."""
        body = json.dumps(alert.document()).encode()
        answer = request("POST", self._url, body, _HEADERS, bounds=self._bounds, allow_private=self._allow_private)
        if not 200 <= answer.status < 300:
            what = f"{self.host} answered with status {answer.status}."
            raise Refused(what, hint=_hint(answer.status), retry_after_seconds=answer.retry_after_seconds)


def _hint(status: int) -> str:
    if 300 <= status < 400:
        return "It has moved: no redirect is followed, so write its new address into the config."
    if status in {401, 403, 404, 410}:
        return "Is the webhook's address right, and still valid?"
    return "It is tried again." if status >= 500 or status == 429 else "Does it take JSON with a field `text`?"
