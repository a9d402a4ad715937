"""An alert as each kind of receiver takes it, within that receiver's limits. Pure."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from wamon.alerts.model import Alert
    from wamon.config.alerts import WebhookKind

_MOST_BYTES = 4_000
"""Google Chat takes 4,096 characters; Slack asks for no more than 4,000; ntfy makes an attachment of more than 4,096
bytes; and escaped they stay within the 28 KB of a Teams card."""
_MOST_DISCORD_UNITS = 2_000
_CUT = "…"


class Body(NamedTuple):
    """What is posted."""

    content: bytes
    headers: Mapping[str, str]


def body(kind: WebhookKind, alert: Alert) -> Body:
    """What to post to a receiver of this kind."""
    return _BODIES[kind](alert)


def _json(alert: Alert) -> Body:
    return _as_json(alert.document())


def _google_chat(alert: Alert) -> Body:
    """It refuses any other field, and <users/all> in a group's name would ring everybody."""
    return _as_json({"text": _cut(alert.text.replace("<", "("))})


def _discord(alert: Alert) -> Body:
    """Nobody is mentioned, whatever a group is called."""
    units = alert.text.encode("utf-16-le")
    text = alert.text
    if len(units) > 2 * _MOST_DISCORD_UNITS:
        text = units[: 2 * (_MOST_DISCORD_UNITS - 1)].decode("utf-16-le", "ignore") + _CUT
    return _as_json({"content": text, "allowed_mentions": {"parse": []}})


def _slack(alert: Alert) -> Body:
    """Its three special characters are escaped, so that <!channel> rings nobody."""
    text = _cut(alert.text)
    return _as_json({"text": text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")})


def _teams(alert: Alert) -> Body:
    """An adaptive card: workflows take nothing else, and the connectors before them take it, too."""
    first, *rest = _cut(alert.text).splitlines()
    blocks = [_block(first, weight="Bolder"), _block("\n\n".join(rest))]  # a single one is no new line there
    card = {
        "$schema": "http://adaptivecards.io/schemas/adaptive-card.json",
        "type": "AdaptiveCard",
        "version": "1.4",
        "body": blocks,
    }
    attachment = {"contentType": "application/vnd.microsoft.card.adaptive", "contentUrl": None, "content": card}
    return _as_json({"type": "message", "attachments": [attachment]})


def _block(line: str, **more: str) -> dict[str, object]:
    return {"type": "TextBlock", "text": line, "wrap": True, **more}


def _ntfy(alert: Alert) -> Body:
    """Posted to its topic's address: the text is the body, the title a header, which takes ASCII."""
    headers = {"Title": _header(alert.subject), "Content-Type": "text/plain; charset=utf-8"}
    if alert.kind in {"alert", "reminder"}:
        headers |= {"Priority": "high", "Tags": "warning"}
    return Body(_cut(alert.text).encode(), headers)


def _header(text: str) -> str:
    """Text as a header's value, encoded (RFC 2047) where it isn't plain ASCII."""
    if text.isascii() and text.isprintable():
        return text
    return f"=?utf-8?B?{base64.b64encode(text.encode()).decode()}?="


def _as_json(document: object) -> Body:
    return Body(json.dumps(document).encode(), {"Content-Type": "application/json; charset=utf-8"})


def _cut(text: str) -> str:
    """The text, or its beginning, in as many bytes of UTF-8 as fit everywhere."""
    encoded = text.encode()
    if len(encoded) <= _MOST_BYTES:
        return text
    return encoded[: _MOST_BYTES - len(_CUT.encode())].decode(errors="ignore") + _CUT


_BODIES: Mapping[WebhookKind, Callable[[Alert], Body]] = {
    "json": _json,
    "google-chat": _google_chat,
    "discord": _discord,
    "slack": _slack,
    "teams": _teams,
    "ntfy": _ntfy,
}
