"""The oracle: what must be recorded, worked out without any of wamon's own code.

`Truth` is the model that a test keeps beside the store, which alone doesn't tell: a message that vanished or was
blanked keeps its submissions. `Field` couples a bridge and a Truth, so that one call does both.
"""

from __future__ import annotations

import re
import sqlite3
import unicodedata
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING, Literal, Self

from tests.support.bridges import PROJECTS, TECHNICIAN, Bridge, Key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping
    from datetime import datetime
    from pathlib import Path

    from tests.support.bridges import Renumbering, SenderForm, Value

Drop = tuple[str, str]
"""(project, number)"""
Submission = tuple[str, str, str]
"""(chat, message id, number)"""
Kind = Literal["new", "resubmission"]

_SEPARATORS = " -#:.\u2010\u2011\u2012\u2013\u2014\u2015"
_WORD = re.compile(r"[^\W_]+")
"""In Python's words: a run of `str.isalnum`."""


def numbers(text: str) -> set[str]:
    """The drop numbers in a text, in canonical form, under the shipped pattern DR[0-9]{6,8}."""
    clean = _normalised(text)
    found = set()
    for word in _WORD.finditer(clean):
        if clean[word.start()].isalpha():
            letters, digits = _candidate(clean, word.start())
            if letters.upper() == "DR" and 6 <= len(digits) <= 8:
                found.add("DR" + digits)
    return found


def _normalised(text: str) -> str:
    if text.isascii():
        return text
    visible = (c for c in unicodedata.normalize("NFKC", text) if unicodedata.category(c) != "Cf")
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in visible)


def _candidate(text: str, start: int) -> tuple[str, str]:
    """The letters and digits of the candidate that starts there; two empty texts if there is none."""
    after_letters = _run(text, start, str.isalpha)
    after_separators = _run(text, after_letters, _SEPARATORS.__contains__)
    end = _run(text, after_separators, "0123456789".__contains__)
    ends_the_word = end == len(text) or not text[end].isalnum()
    if after_letters - start <= 8 and after_separators - after_letters <= 3 and 4 <= end - after_separators <= 12:
        return (text[start:after_letters], text[after_separators:end]) if ends_the_word else ("", "")
    return "", ""


def _run(text: str, start: int, belongs: Callable[[str], bool]) -> int:
    end = start
    while end < len(text) and belongs(text[end]):
        end += 1
    return end


def messages(path: Path) -> dict[Key, str]:
    """Every message that the store holds now, of any chat, with its text ("" where there is none)."""
    with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True)) as db:
        db.text_factory = lambda raw: raw.decode(errors="replace")
        return {Key(chat, message_id): text or "" for chat, message_id, text in db.execute(_query(db))}


def _query(db: sqlite3.Connection) -> str:
    names = {row[1] for row in db.execute("PRAGMA table_info(messages)")}
    if "msg_id" in names:
        return "SELECT chat_jid, msg_id, coalesce(nullif(text, ''), media_caption) FROM messages"
    if "device_id" in names:  # a copy for each device: the last one written is kept
        return "SELECT chat_jid, id, content FROM messages ORDER BY updated_at, device_id"
    return "SELECT chat_jid, id, content FROM messages"


def drops_in(path: Path, projects: Mapping[str, str] = PROJECTS) -> set[Drop]:
    """What a first scan of the store as it stands must record."""
    return {
        (projects[key.chat], number)
        for key, text in messages(path).items()
        if key.chat in projects
        for number in numbers(text)
    }


class Truth:
    """What must be recorded of the configured chats, given what happened to the store.

    With `watched`, wamon is taken to have read the store after each change. Without it, only `scanned()` says so, and
    what came and went between two scans doesn't count.
    """

    def __init__(self, projects: Mapping[str, str] = PROJECTS, *, watched: bool = True) -> None:
        self.projects = dict(projects)
        self.watched = watched
        self._texts: dict[Key, str] = {}  # as the store stands
        self._times: dict[Key, datetime] = {}
        self._unread: set[Key] = set()
        self._recorded: dict[Key, set[str]] = {}
        self._ever: set[Submission] = set()

    def posted(self, chat: str, message_id: str, text: str, at: datetime | None = None) -> None:
        """The store now holds the message with this text: new, delivered again, or edited."""
        if chat not in self.projects:
            return
        key = Key(chat, message_id)
        if at is not None:
            self._times[key] = at
        if self._texts.get(key) != text:
            self._texts[key] = text
            self._ever |= {(*key, number) for number in numbers(text)}
            self._changed(key)

    def edited(self, chat: str, message_id: str, text: str) -> None:
        """What the new text no longer says is retracted."""
        self.posted(chat, message_id, text)

    def blanked(self, chat: str, message_id: str) -> None:
        """The row stays without text, and keeps its submissions."""
        self.posted(chat, message_id, "")

    def vanished(self, chat: str, message_id: str) -> None:
        """The row is gone, and keeps its submissions."""
        key = Key(chat, message_id)
        self._texts.pop(key, None)
        self._unread.discard(key)

    def scanned(self) -> None:
        """wamon has read the whole store as it stands."""
        for key in self._unread:
            text = self._texts[key]
            if text or key not in self._recorded:
                self._recorded[key] = numbers(text)
        self._unread.clear()

    @contextmanager
    def unwatched(self) -> Iterator[None]:
        """Nothing is read before the end: only how the store stands then counts."""
        watched, self.watched = self.watched, False
        try:
            yield
        finally:
            self.watched = watched
            if watched:
                self.scanned()

    def drops(self) -> set[Drop]:
        return {(self.projects[chat], number) for chat, _, number in self.submissions()}

    def submissions(self) -> set[Submission]:
        """The live ones."""
        return {(*key, number) for key, found in self._recorded.items() for number in found}

    def kinds(self) -> dict[Submission, Kind]:
        """New or resubmission, of each live submission: for messages whose time was told."""
        firsts: dict[Drop, Submission] = {}
        for submission in sorted(self.submissions(), key=self._age):
            firsts.setdefault((self.projects[submission[0]], submission[2]), submission)
        new = set(firsts.values())
        return {submission: "new" if submission in new else "resubmission" for submission in self.submissions()}

    def ledger(self) -> set[Key]:
        """The messages that must have a ledger row, with or without numbers."""
        return set(self._recorded)

    def ever(self) -> set[Submission]:
        """Every submission that some text ever said, read or not: nothing else may be recorded, live or retracted."""
        return set(self._ever)

    def _changed(self, key: Key) -> None:
        self._unread.add(key)
        if self.watched:
            self.scanned()

    def _age(self, submission: Submission) -> tuple[datetime, str, str]:
        chat, message_id, _ = submission
        return self._times[Key(chat, message_id)], chat, message_id


class Field:
    """A bridge and the truth about its store: each call does the one and tells the other.

    What the truth hears is the text that the store holds afterwards, so that it knows what the bridge left out.
    """

    def __init__(self, bridge: Bridge, projects: Mapping[str, str] = PROJECTS, *, watched: bool = True) -> None:
        self.bridge = bridge
        self.truth = Truth(projects, watched=watched)
        for jid, name in projects.items():
            bridge.chat(jid, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def path(self) -> Path:
        return self.bridge.path

    def close(self) -> None:
        self.bridge.close()

    def chat(self, jid: str, name: str) -> None:
        self.bridge.chat(jid, name)

    def post(
        self,
        chat: str,
        text: str,
        *,
        message_id: str | None = None,
        sender: str = TECHNICIAN,
        at: datetime | None = None,
        media: str = "",
        from_me: bool = False,
        quoted: str = "",
    ) -> str:
        message_id = self.bridge.post(
            chat, text, message_id=message_id, sender=sender, at=at, media=media, from_me=from_me, quoted=quoted
        )
        self._settle(Key(chat, message_id))
        return message_id

    def redeliver(
        self, message_id: str, *, sender_form: SenderForm = "full", text: str | None = None, chat: str | None = None
    ) -> None:
        self.bridge.redeliver(message_id, sender_form=sender_form, text=text, chat=chat)
        self._settle(self.bridge.key(message_id, chat))

    def edit(self, message_id: str, text: str, *, chat: str | None = None) -> None:
        self.bridge.edit(message_id, text, chat=chat)
        self._settle(self.bridge.key(message_id, chat))

    def blank(self, message_id: str, *, chat: str | None = None) -> None:
        self.bridge.blank(message_id, chat=chat)
        self._settle(self.bridge.key(message_id, chat))

    def revoke(self, message_id: str, *, chat: str | None = None) -> None:
        self.bridge.revoke(message_id, chat=chat)
        self._settle(self.bridge.key(message_id, chat))

    def delete(self, message_id: str, *, chat: str | None = None) -> None:
        self.bridge.delete(message_id, chat=chat)
        self._settle(self.bridge.key(message_id, chat))

    def delete_top(self, count: int) -> list[Key]:
        keys = self.bridge.delete_top(count)
        for key in keys:
            self._settle(key)
        return keys

    def renumber(self, how: Renumbering = "reload") -> None:
        self.bridge.renumber(how)

    def spoil(self, message_id: str, raw: bytes, *, chat: str | None = None) -> None:
        """Raw bytes for a text; the truth takes what is no UTF-8 as U+FFFD."""
        self.bridge.spoil(message_id, raw, chat=chat)
        self._settle(self.bridge.key(message_id, chat))

    def set_time(self, message_id: str, raw: Value, *, chat: str | None = None) -> None:
        """The truth doesn't follow: `kinds()` goes on with the message's true time."""
        self.bridge.set_time(message_id, raw, chat=chat)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """One commit: what came and went inside was never to be seen."""
        with self.truth.unwatched(), self.bridge.batch():
            yield

    def _settle(self, key: Key) -> None:
        text = self.bridge.text(key.message_id, chat=key.chat)
        if text is None:
            self.truth.vanished(*key)
        else:
            self.truth.posted(*key, text, self.bridge.sent[key].at)
