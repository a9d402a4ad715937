"""What somebody puts into the view `message_buffer` by hand: deliveries in wamon's own JSON, which its trigger keeps.

They come by no address, and stand under a hook's name that no hook of a config can have. Pure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

from wamon.providers.deliveries import DIRECT, Alias, AliasKind, PersonMessage
from wamon.providers.fields import Malformed, each, message_id, moment, parsed, part_of, said

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wamon.providers.deliveries import Delivery, Parsed
    from wamon.providers.fields import Fields

HOOK = "message_buffer"
"""As what its deliveries stand among those of hooks."""


def parse(delivery: Delivery) -> list[Parsed]:
    """The one message, which has the delivery's id."""
    return parsed(delivery.body, lambda message: each([message], _message))


def _message(message: Fields) -> Iterator[Parsed]:
    kind = next((kind for kind in get_args(AliasKind) if kind == message.get("kind")), None)
    if kind is None:
        raise Malformed("it names nobody")
    alias = Alias(kind, message_id(message.get("id")))
    sent_at, part = moment(message.get("sent_at")), part_of(message.get("type"))
    yield PersonMessage(None, DIRECT, (alias,), sent_at, part, said(message.get("text")))
