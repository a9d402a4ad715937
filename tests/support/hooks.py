"""Hooks of an office's `wamon web`, and deliveries to them as their senders make them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from tests.support.deliveries import SECRET, SENDERS
from tests.support.web import Answer, Site

OTHER_SECRET = "the-secret-of-another-hook"
VERIFY_TOKEN = "what-meta-is-told"


def hook(name: str, provider: str, **more: object) -> dict[str, object]:
    return {"name": name, "provider": provider, "secret": SECRET, **more}


HOOKS = [
    *(hook(name, name) for name in SENDERS if name != "meta"),
    hook("meta", "meta", verify_token=VERIFY_TOKEN),
    hook("doorbell", "vgp", of="main"),
    hook("other", "gowa", secret=OTHER_SECRET),
    hook("turning", "gowa", secret=[OTHER_SECRET, SECRET]),
    {"name": "shut", "provider": "gowa"},
    *(hook(name, "gowa") for name in ("counted", "tested", "measured", "flooded")),
]
"""One of each sender, those that differ, and those of one test each: counts are written a second later."""


def good(provider: str, body: Mapping[str, Any] | bytes | None = None) -> tuple[str, bytes, dict[str, str]]:
    """What follows the hook's name in the address of a proven delivery, its body, and its headers."""
    sender = SENDERS[provider]
    raw = body if isinstance(body, bytes) else json.dumps(sender.message if body is None else body).encode()
    if provider == "evolution":
        return "/messages-upsert", raw, {"X-Wamon-Secret": SECRET}
    proof = dict(sender.proof(raw))
    return (f"?secret={proof.pop('secret')}" if "secret" in proof else ""), raw, proof


def deliver(
    site: Site, provider: str, body: Mapping[str, Any] | bytes | None = None, *, to: str = "", **headers: str
) -> Answer:
    """Deliver it to the hook of this provider, or to another. Headers beside the proof, or instead of it."""
    suffix, raw, proof = good(provider, body)
    return site.ask("POST", f"/hooks/{to or provider}{suffix}", raw, **{**proof, **headers})
