"""Messages whose fields stand side by side, under names that differ from bridge to bridge. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wamon.providers.deliveries import DIRECT, spoken
from wamon.providers.fields import aliases, chat_of, maybe_id, message_id, moment, part_of, said, shown

if TYPE_CHECKING:
    from wamon.providers.deliveries import Alias, OperatorMessage, PersonMessage
    from wamon.providers.fields import Fields


class Names(NamedTuple):
    """What one bridge calls the fields of a message."""

    message_id: str
    chat: str
    sender: str
    sent_at: str
    from_me: str
    text: str
    media: str
    name: str = ""
    reaction_to: str = ""  # of what is a reaction, the message that it is to
    has_always_an_id: bool = True


def read(message: Fields, names: Names) -> PersonMessage | OperatorMessage:
    """The message with these fields. Raises Malformed."""
    given = message.get(names.message_id)
    chat = message.get(names.chat)
    what = {
        "message_id": message_id(given) if names.has_always_an_id else maybe_id(given),
        "chat": chat_of(chat),
        "sent_at": moment(message.get(names.sent_at)),
        "part": part_of(message.get(names.media) or "text"),
        "text": said(message.get(names.text)),
        "is_reaction": bool(message.get(names.reaction_to)),
    }
    return spoken(
        what,
        is_ours=message.get(names.from_me) is True,
        to=aliases(chat),
        who=_who(chat, message.get(names.sender)),
        name=shown(message.get(names.name)),
    )


def _who(chat: object, sender: object) -> tuple[Alias, ...]:
    """Who wrote it. One-to-one the chat names them, too: a sender's bare digits don't say of which kind they are."""
    if chat_of(chat) != DIRECT:
        return aliases(sender)
    known = aliases(chat)
    return known if any(one.value == sender for one in known) else aliases(chat, sender)
