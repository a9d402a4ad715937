"""verygoodplugins' bridge. Pure. A text comes without an id: beside a polled store it only says that there is news."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from wamon.providers.deliveries import Verdict, spoken
from wamon.providers.fields import aliases, chat_of, each, maybe_id, moment, parsed, part_of, said
from wamon.providers.peeks import MOST_BYTES, named, peeked
from wamon.providers.signatures import told

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from wamon.providers.deliveries import Delivery, Parsed, Peek
    from wamon.providers.fields import Fields

_PERSON, _TYPE, _ID = named("sender"), named("type", "mediaType"), named("messageId")


def peek(body: bytes) -> Peek:
    """Whether it has an id shows near its beginning: a photo's bytes come last."""
    return peeked(body, _PERSON, _TYPE, has_id=_ID.search(body[:MOST_BYTES]) is not None)


def verify(delivery: Delivery, secrets: Sequence[str]) -> Verdict:
    """By the bridge's token."""
    return told(delivery.headers.get("x-bridge-token"), secrets)


def parse(delivery: Delivery) -> list[Parsed]:
    """The one message."""
    return parsed(delivery.body, lambda event: each([event], _event))


def _event(event: Fields) -> Iterator[Parsed]:
    kind = event.get("mediaType") or event.get("type") or "text"
    what: dict[str, Any] = {
        "message_id": maybe_id(event.get("messageId")),
        "chat": chat_of(event.get("chatJID")),
        "sent_at": moment(event.get("timestamp")),
        "part": part_of(kind),
        "text": said(event.get("content")),
    }
    yield spoken(
        what,
        is_ours=event.get("isFromMe") is True,
        to=aliases(event.get("chatJID")),
        who=aliases(event.get("sender")),
    )
