"""The send API that whatsapp-mcp and its forks share: {recipient, message}, answered with {success, message}. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.providers.sending import Refused, Sent, fields_of, id_of, is_taken, jid_of, not_sent, post

if TYPE_CHECKING:
    from collections.abc import Mapping

    from wamon.net.message import Answer, Request
    from wamon.providers.fields import Fields
    from wamon.providers.sending import Judged, Outgoing

_NOT_CONNECTED = "Not connected"
"""How the bridge's refusal begins while WhatsApp is away. Its other failures may come after the message went out."""


def request(outgoing: Outgoing, headers: Mapping[str, str] | None = None) -> Request | None:
    """The request that sends a message; None where the person has no id that a bridge can send to."""
    recipient = jid_of(outgoing)
    return post(outgoing, {"recipient": recipient, "message": outgoing.text}, headers) if recipient else None


def judged(answer: Answer) -> Judged:
    """What came of it."""
    said = fields_of(answer)
    success = said.get("success")
    if success is True and is_taken(answer):
        return Sent(_id(said))
    if success is False and (answer.status < 300 or str(said.get("message")).startswith(_NOT_CONNECTED)):
        return Refused(f"The send API said that it failed, with status {answer.status}.", "Is the bridge connected?")
    return not_sent(answer)


def _id(said: Fields) -> str | None:
    """The message's id, by any of the names that bridges give it."""
    return id_of(next((said[name] for name in ("message_id", "messageId", "id") if name in said), None))
