"""verygoodplugins' bridge. Pure. A text comes without an id: beside a polled store it only says that there is news."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from wamon.providers.bridge import judged, request
from wamon.providers.fields import each, parsed
from wamon.providers.flat import Names, read
from wamon.providers.peeks import MOST_BYTES, named, peeked, typed
from wamon.providers.signatures import told

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wamon.providers.deliveries import Delivery, Parsed, Peek, Verdict

__all__ = ["judged", "parse", "peek", "request", "verify"]

_PERSON, _TYPE, _ID = named("sender"), typed("mediaType"), named("messageId")
_GROUP = re.compile(rb'"chatJID"\s{0,8}:\s{0,8}"[^"\\]{1,160}@(?:g\.us|broadcast|newsletter)"')
_MOST_BEFORE_PHOTO = 1024 * 1024
"""Of two texts as long as WhatsApp lets them be, and all who are mentioned."""
_NAMES = Names(
    "messageId",
    "chatJID",
    "sender",
    "timestamp",
    "isFromMe",
    "content",
    "mediaType",
    reaction_to="reactionToMessageId",
    has_always_an_id=False,
)


def peek(body: bytes) -> Peek:
    """A group's text has no id: it only rings. What is one-to-one no store is read for."""
    return peeked(body, _PERSON, _TYPE)._replace(only_rings=_has(_GROUP, body) and not _has(_ID, body))


def _has(field: re.Pattern[bytes], body: bytes) -> bool:
    """Whether it is there: before a photo's bytes, and behind what was said and the text that this answers."""
    found = field.search(body, 0, _MOST_BEFORE_PHOTO) or field.search(body, max(0, len(body) - MOST_BYTES))
    return found is not None


def verify(delivery: Delivery, secrets: Sequence[str]) -> Verdict:
    """By the bridge's token."""
    return told(delivery.headers.get("x-bridge-token"), secrets)


def parse(delivery: Delivery) -> list[Parsed]:
    """The one message."""
    return parsed(delivery.body, lambda event: each([event], lambda one: [read(one, _NAMES)]))
