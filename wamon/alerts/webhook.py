"""Posting an alert to a webhook, as its kind takes it."""

from __future__ import annotations

from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from wamon.alerts.bodies import body
from wamon.alerts.channel import Refused
from wamon.net.http import request

if TYPE_CHECKING:
    from wamon.alerts.model import Alert
    from wamon.config.alerts import WebhookKind
    from wamon.net.message import Answer, Bounds

_MALFORMED = frozenset({400, 422})
_PLAINER: tuple[WebhookKind, ...] = ("google-chat", "discord")
"""What a receiver of which no kind was said may take that refuses our JSON: `text` alone, or `content`."""


class WebhookChannel:
    """One webhook."""

    name = "webhook"

    def __init__(self, url: str, kind: WebhookKind, bounds: Bounds, *, allow_private: bool) -> None:
        self._url = url
        self._kinds = (kind, *(_PLAINER if kind == "json" else ()))
        self._allow_private = allow_private
        self._bounds = bounds
        self.host = urlsplit(url).hostname or ""

    def send(self, alert: Alert) -> None:
        """Post it. Raises NotSent, Unknown, Refused."""
        for kind in self._kinds:
            answer = self._posted(kind, alert)
            if 200 <= answer.status < 300:
                return
            if answer.status not in _MALFORMED:
                break
        what = f"{self.host} answered with status {answer.status}."
        raise Refused(what, hint=self._hint(answer.status), retry_after_seconds=answer.retry_after_seconds)

    def _posted(self, kind: WebhookKind, alert: Alert) -> Answer:
        content, headers = body(kind, alert)
        return request("POST", self._url, content, headers, bounds=self._bounds, allow_private=self._allow_private)

    def _hint(self, status: int) -> str:
        if 300 <= status < 400:
            return "It has moved: no redirect is followed, so write its new address into the config."
        if status in {401, 403, 404, 410}:
            return "Is the webhook's address right, and still valid?"
        if status >= 500 or status == 429:
            return "It is tried again."
        if self._kinds[0] == "json":
            return "It takes neither JSON with a field `text` nor that field alone: `kind` of this channel names chats."
        return f"Is it {self._kinds[0]}, as `kind` of this channel says?"
