"""What the log tells, as events: each type with its id, its subject and its data. Pure.

In a backlog there are tens of thousands a second: of drops and review rows the lines are put together by columns.
"""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from functools import cache, lru_cache, partial
from hashlib import sha256
from json.encoder import encode_basestring as _text
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

from wamon.events.model import Event, written
from wamon.model import is_bsuid, sender_parts
from wamon.privacy import person_hash
from wamon.providers.wamids import stanza_id

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    # Kind, whether again, chat, message, number, project, time, sender, version; of review rows no time and no sender.
    _Element = tuple[str, bool | None, int | None, str, str, str, str, str | None, int | None]

_WITHOUT_NUMBER = re.compile(r"\d{16,}@g\.us|direct", re.ASCII)
"""JIDs of chats that are no person's: older groups' begin with the number of who made them."""
_ID_DIGITS = 32
_REVIEW = "review."
_WHOLE_SECONDS = len("2026-11-29 08:00:00+00")
_json = json.JSONEncoder(ensure_ascii=False).encode


class Row(NamedTuple):
    """Of a row of the log, the elements from `first` on: `others`, or else columns of equal length."""

    place: int
    timeline: int
    of_base: bool
    at: datetime
    first: int
    others: Sequence[Mapping[str, Any]] | None
    kinds: Sequence[str] | None = None
    again: Sequence[bool] | None = None
    chats: Sequence[int | None] | None = None
    message_ids: Sequence[str] | None = None
    drop_numbers: Sequence[str] | None = None
    projects: Sequence[str] | None = None
    sent_ats: Sequence[str] | None = None  # as PostgreSQL writes a time in UTC
    senders: Sequence[str | None] | None = None
    versions: Sequence[int] | None = None

    def elements(self) -> Iterator[_Element]:
        """What the columns tell, element by element."""
        nothing = [None] * len(self.kinds or ())
        return zip(*(nothing if column is None else column for column in self[6:]), strict=True)

    def chats_named(self) -> set[int]:
        """The chats of its elements."""
        named = self.chats or [other.get("chat") for other in self.others or ()]
        return {chat for chat in named if chat is not None}


class _Chat(NamedTuple):
    """A chat as it may be seen, and as it stands in a line."""

    source: str
    jid: str
    source_text: str
    uri_text: str
    jid_text: str

    @classmethod
    def seen(cls, source: str, jid: str) -> _Chat:
        return cls(source, jid, _text(source), _text(f"/wamon/{quote(source, safe='')}"), _text(jid))


_UNKNOWN = _Chat.seen("", "")


class _Common(NamedTuple):
    """What elements of one kind, chat and project have in common: pieces of the texts of their ids and lines."""

    before_message: str
    before_number: str
    before_subject: str
    before_data: str
    before_chat: str


class Told:
    """Makes events of the rows of one generation's log. `key` hashes persons; `chats` are (source, JID) by number."""

    def __init__(self, generation: str, key: bytes, chats: Mapping[int, tuple[str, str]]) -> None:
        self._generation = generation
        self._key = key
        self._chats: dict[int | None, _Chat] = {
            chat: _Chat.seen(source, shown_jid(key, jid)) for chat, (source, jid) in chats.items()
        }

    def events(self, row: Row) -> Iterator[Event]:
        """The events of these elements, in their order."""
        place, base = f"{self._generation}-{row.timeline}-{row.place}-", "b" if row.of_base else ""
        at = written(row.at)
        if row.others is not None:
            return (self._other(f"{place}{n}{base}", at, other) for n, other in enumerate(row.others, row.first))
        kinds = row.kinds or ()
        cursors = [f"{place}{n}{base}" for n, _ in enumerate(kinds, row.first)]
        tell = self._review_changes if kinds and kinds[0].startswith(_REVIEW) else self._posts
        return tell(cursors, at, row.elements())

    def _posts(self, cursors: Sequence[str], at: str, elements: Iterator[_Element]) -> Iterator[Event]:
        """That drops were posted, rejected or retracted. A post happened when it was sent."""
        common, by_text = cache(self._common), cache(self._by_text)
        for cursor, element in zip(cursors, elements, strict=True):
            kind, is_again, chat, message_id, drop_number, project, sent_at, sender, version = element
            of = common(kind, "drop.posted_again" if is_again else f"drop.{kind}", chat, project)
            own_id = _hash(f"{of.before_message}{message_id}{of.before_number}{drop_number}\0{version}")
            number, stanza, sent_at = _text(drop_number), stanza_id(message_id), _written(sent_at)
            line = (
                f'{{"specversion": "1.0", "id": "{own_id}{of.before_subject}{number[1:-1]}", '
                f'"time": "{at if kind == "retracted" else sent_at}", "datacontenttype": "application/json", '
                f'"cursor": "{cursor}{of.before_data}{number}{of.before_chat}{_text(message_id)}, '
                f'"stanza_id": {_text(stanza) if stanza else "null"}, "sent_at": "{sent_at}", '
                f'"submitted_by": {by_text(sender)}, "version": {version}}}}}'
            )
            yield Event(own_id, f"{project}/{drop_number}", cursor, line)

    def _by_text(self, sender: str | None) -> str:
        """Who sent a post, as it stands in a line."""
        by = shown_sender(self._key, sender or "")
        return _text(by) if by else "null"

    def _review_changes(self, cursors: Sequence[str], at: str, elements: Iterator[_Element]) -> Iterator[Event]:
        """That wamon changed review rows."""
        common = cache(partial(self._common, "review.changed", "review.changed"))
        for cursor, element in zip(cursors, elements, strict=True):
            kind, _, chat, message_id, drop_number, project, _, _, version = element
            of, change = common(chat, project), kind.removeprefix(_REVIEW)
            known = "" if version is None else version
            own_id = _hash(f"{of.before_message}{message_id}{of.before_number}{drop_number} {change}\0{known}")
            number = _text(drop_number)
            line = (
                f'{{"specversion": "1.0", "id": "{own_id}{of.before_subject}{number[1:-1]}", "time": "{at}", '
                f'"datacontenttype": "application/json", "cursor": "{cursor}{of.before_data}{number}{of.before_chat}'
                f'{_text(message_id)}, "change": "{change}"}}}}'
            )
            yield Event(own_id, f"{project}/{drop_number}", cursor, line)

    def _common(self, kind: str, name: str, chat: int | None, project: str) -> _Common:
        where, named = self._chats.get(chat, _UNKNOWN), _text(project)
        return _Common(
            before_message=f"{where.source}\0{where.jid}\0",
            before_number=f"\0{kind}\0{project}\0",
            before_subject=f'", "source": {where.uri_text}, "type": "wamon.{name}", "subject": {named[:-1]}/',
            before_data=f'", "data": {{"source": {where.source_text}, "project": {named}, "drop_number": ',
            before_chat=f', "chat_jid": {where.jid_text}, "message_id": ',
        )

    def _other(self, cursor: str, at: str, other: Mapping[str, Any]) -> Event:
        """What isn't told by columns: `other` names what there is of it."""
        where = self._chats.get(other.get("chat"), _UNKNOWN)
        kind, message_id, project, number = map(other.get, ("type", "message_id", "project", "drop_number"))
        if other.get("source"):
            where = _Chat.seen(other["source"], where.jid)
        data = {"source": where.source, "project": project, "drop_number": number}
        if message_id:
            data |= {"chat_jid": where.jid, "message_id": message_id}
        if moment := other.get("time"):
            at = written(datetime.fromisoformat(moment).astimezone(UTC))
            if sender := other.get("sender"):
                data |= {"sent_at": at, "submitted_by": shown_sender(self._key, sender)}
        data = {name: value for name, value in data.items() if value is not None} | other["data"]
        version = other.get("version")
        named = (message_id, kind, project, other.get("key"), version)
        own_id = event_id(where.source, where.jid, *("" if part is None else str(part) for part in named))
        subject = f"{project}/{number}" if project and number else where.source
        return _event(own_id, where.uri_text, str(kind), subject, at, cursor, _json(data))


def _event(own_id: str, uri_text: str, kind: str, subject: str, time: str, cursor: str, data: str) -> Event:
    line = (
        f'{{"specversion": "1.0", "id": "{own_id}", "source": {uri_text}, "type": "wamon.{kind}", '
        f'"subject": {_text(subject)}, "time": "{time}", "datacontenttype": "application/json", "cursor": "{cursor}", '
        f'"data": {data}}}'
    )
    return Event(own_id, subject, cursor, line)


def _written(moment: str) -> str:
    """A time as PostgreSQL writes it in UTC, as RFC 3339."""
    if len(moment) == _WHOLE_SECONDS:
        return f"{moment[:10]}T{moment[11:19]}Z"
    return written(datetime.fromisoformat(moment))


def event_id(*parts: str) -> str:
    """The id of what these parts name: the same whoever tells it, and whenever."""
    return _hash("\0".join(parts))


def _hash(text: str) -> str:
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
