"""What the log tells, as events: each type with its id, its subject and its data. Pure."""

from __future__ import annotations

import re
from functools import lru_cache
from hashlib import sha256
from typing import TYPE_CHECKING, Any

from wamon.events.cursor import Cursor
from wamon.events.model import Event, written
from wamon.model import is_bsuid, sender_parts
from wamon.privacy import person_hash
from wamon.providers.wamids import stanza_id

if TYPE_CHECKING:
    from datetime import datetime

_WITHOUT_NUMBER = re.compile(r"\d{16,}@g\.us|direct", re.ASCII)
"""JIDs of chats that are no person's: older groups' begin with the number of who made them."""
_ID_DIGITS = 32


class Told:
    """Makes events of the rows of one generation's log. `key` hashes persons."""

    def __init__(self, generation: str, key: bytes) -> None:
        self._generation = generation
        self._key = key

    def event(
        self,
        place: int,
        timeline: int,
        of_base: bool,  # noqa: FBT001 - as a row has them
        at: datetime,
        element: int,
        kind: str,
        is_again: bool | None,  # noqa: FBT001
        source: str | None,
        jid: str | None,
        message_id: str | None,
        drop_number: str | None,
        project: str | None,
        sent_at: datetime | None,
        sender: str | None,
        version: int | None,
        other: dict[str, Any] | None,
    ) -> Event:
        """One element of a row. `other` is what isn't of a drop's post."""
        cursor = Cursor(self._generation, timeline, place, element, of_base)
        source, chat = source or "", shown_jid(self._key, jid) if jid else ""
        subject = f"{project}/{drop_number}" if project and drop_number else source
        happened_at = at if kind == "retracted" or sent_at is None else sent_at  # a post, when it was sent
        if other is None:
            data = {
                "source": source,
                "project": project,
                "drop_number": drop_number,
                "chat_jid": chat,
                "message_id": message_id,
                "stanza_id": stanza_id(message_id or ""),
                "sent_at": sent_at and written(sent_at),
                "submitted_by": shown_sender(self._key, sender or ""),
                "version": version,
            }
            name = "wamon.drop.posted_again" if is_again else f"wamon.drop.{kind}"
            own_id = event_id(source, chat, message_id, kind, project, drop_number, version)
            return Event(own_id, name, source, subject, happened_at, data, cursor)
        data = {"source": source, "project": project, "drop_number": drop_number}
        if message_id:
            data |= {"chat_jid": chat, "message_id": message_id}
        if sent_at and sender:
            data |= {"sent_at": written(sent_at), "submitted_by": shown_sender(self._key, sender)}
        data = {name: value for name, value in data.items() if value is not None} | other["data"]
        own_id = event_id(source, chat, message_id, kind, project, other.get("key"), version)
        return Event(own_id, f"wamon.{kind}", source, subject, happened_at, data, cursor)


def event_id(*parts: str | int | None) -> str:
    """The id of what these parts name: the same whoever tells it, and whenever."""
    text = "\0".join(["" if part is None else str(part) for part in parts])
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:_ID_DIGITS]


@lru_cache(4096)
def shown_sender(key: bytes, sender: str) -> str | None:
    """A sender as the keyed hash by which logs and `wamon conversations` know the person; None: nobody is named."""
    user, server = sender_parts(sender)
    if not user:
        return None
    kind = "lid" if server.endswith("lid") else "bsuid" if is_bsuid(user) else "phone"
    return person_hash(key, kind, user)


@lru_cache(4096)
def shown_jid(key: bytes, jid: str) -> str:
    """A chat's JID where no person's number stands in it, else a keyed hash in its place."""
    user, _, server = jid.partition("@")
    return jid if _WITHOUT_NUMBER.fullmatch(jid) else f"{person_hash(key, 'chat', user)}@{server}"
