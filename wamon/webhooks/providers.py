"""The nine senders of webhooks by their names in the config, and what the door knows of each."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from wamon.providers import evolution, felixisaac, gowa, manychat, meta, vgp, wacli, waha, wati

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wamon.config.hooks import Provider
    from wamon.providers.deliveries import Delivery, Parsed, Peek, Verdict

_MIB = 1024 * 1024


class Sender(Protocol):
    """A provider's module."""

    def peek(self, body: bytes) -> Peek: ...
    def verify(self, delivery: Delivery, secrets: Sequence[str]) -> Verdict: ...
    def parse(self, delivery: Delivery) -> list[Parsed]: ...


@dataclass(frozen=True, slots=True)
class Known:
    """A provider. `answer` is the body of a 200."""

    sender: Sender
    most_bytes: int = _MIB
    has_suffix: bool = False  # whether its address may go on behind the hook's name
    repeats: bool = True  # whether it delivers again what was refused
    answer: bytes = b""


KNOWN: Mapping[Provider, Known] = {
    "meta": Known(meta, most_bytes=4 * _MIB),  # 1,000 updates at once
    "wati": Known(wati, has_suffix=True),  # the secret
    "manychat": Known(manychat, repeats=False, answer=manychat.ANSWER),
    "gowa": Known(gowa),
    "wacli": Known(wacli, repeats=False),
    "vgp": Known(vgp, most_bytes=16 * _MIB, repeats=False),  # photos within the body
    "felixisaac": Known(felixisaac),
    "evolution": Known(evolution, most_bytes=16 * _MIB, has_suffix=True, repeats=False),  # photos; the event's name
    "waha": Known(waha),
}
