"""A delivery that says nothing, proven as a hook's sender proves its own: what `wamon hooks test` sends. Pure."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING, NamedTuple
from urllib.parse import quote

from wamon.webhooks.door import TEST_HEADER

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wamon.config.hooks import Hook, Provider

BODY = b'{"wamon":"test"}'

_SIGNED: Mapping[Provider, tuple[str, str, str]] = {
    "meta": ("X-Hub-Signature-256", "sha256=", "sha256"),
    "gowa": ("X-Hub-Signature-256", "sha256=", "sha256"),
    "wacli": ("X-Wacli-Signature", "sha256=", "sha256"),
    "felixisaac": ("X-Webhook-Signature", "sha256=", "sha256"),
    "waha": ("X-Webhook-Hmac", "", "sha512"),
}
_TOLD: Mapping[Provider, str] = {
    "vgp": "X-Bridge-Token",
    "manychat": "X-Wamon-Secret",
    "evolution": "X-Wamon-Secret",
}


class Sample(NamedTuple):
    """What is posted. `query` follows the hook's address: it may hold the secret."""

    query: str
    headers: Mapping[str, str]


def sample(hook: Hook) -> Sample:
    """The delivery that this hook takes for proven, by the newer of its secrets, and for a test."""
    secret, headers = hook.secrets[-1], {TEST_HEADER.title(): "1", "Content-Type": "application/json"}
    if signing := _SIGNED.get(hook.provider):
        header, prefix, digest = signing
        return Sample("", {**headers, header: prefix + hmac.digest(secret.encode(), BODY, digest).hex()})
    if header_told := _TOLD.get(hook.provider):
        return Sample("", {**headers, header_told: secret})
    return Sample(f"?secret={quote(secret, safe='')}", headers)
