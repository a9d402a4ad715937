"""What a hook makes of a delivery before anything is kept: whose it is, whether it is proven, what it is for. Pure."""

from __future__ import annotations

from os import urandom
from typing import TYPE_CHECKING, Literal

from wamon.providers import meta
from wamon.providers.deliveries import Delivery, Peek, Verdict
from wamon.webhooks.providers import KNOWN

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from wamon.config.hooks import Hook

__all__ = ["Delivery", "Door", "Kind", "Peek", "Verdict", "doors", "new_uid"]

TEST_HEADER = "wamon-test"
"""Proven deliveries with it are counted and not kept."""

Kind = Literal["event", "ring", "test"]


class Door:
    """One hook with a secret."""

    def __init__(self, hook: Hook) -> None:
        known = KNOWN[hook.provider]
        self.name = hook.name
        self.source = hook.source
        self.most_bytes = known.most_bytes
        self.has_suffix = known.has_suffix
        self.answer = known.answer
        self.loses_what_is_put_off = not known.repeats and hook.provider != "evolution"
        self._hook = hook
        self._secrets = hook.secrets
        self._sender = known.sender

    def peek(self, body: bytes) -> Peek:
        """What the log may tell of it before it is proven."""
        return self._sender.peek(body)

    def verify(self, delivery: Delivery) -> Verdict:
        """What its proof is worth, over the bytes as they came."""
        return self._sender.verify(delivery, self._secrets)

    def kind(self, delivery: Delivery, peek: Peek) -> Kind:
        """What a proven delivery is for."""
        if peek.is_test or TEST_HEADER in delivery.headers:
            return "test"
        return "ring" if self._hook.of is not None and peek.only_rings else "event"

    @property
    def is_challenged(self) -> bool:
        """Whether its provider may ask by GET whether the address is ours."""
        return self._hook.provider == "meta"

    def challenge(self, query: Mapping[str, str]) -> str | None:
        """What to answer to that GET; None: it is none of Meta's."""
        token = self._hook.verify_token
        return meta.challenge(query, token.get_secret_value()) if token else None


def new_uid(at: datetime) -> str:
    """The id of a delivery that came then, to the millisecond: a UUID of version 7.

    Deliveries that come together stand together in its index: a random one would write to another page of it each time.
    """
    drawn = urandom(9).hex()
    ms = f"{int(at.timestamp() * 1000):012x}"
    return f"{ms[:8]}-{ms[8:]}-7{drawn[:3]}-8{drawn[3:6]}-{drawn[6:18]}"


def doors(hooks: Sequence[Hook]) -> dict[str, Door]:
    """The addresses that exist: those of hooks that have a secret."""
    return {hook.name: Door(hook) for hook in hooks if hook.secret}
