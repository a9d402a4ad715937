"""What every bridge does with its store. The modules beside this one say what is theirs."""

from __future__ import annotations

import sqlite3
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from random import Random
from typing import TYPE_CHECKING, ClassVar, Literal, Self

from tests.support.bridges.forms import (
    OWN_NUMBER,
    SAST,
    TECHNICIAN,
    Key,
    Row,
    SenderForm,
    Sent,
    Value,
    mattn_time,
    new_message_id,
    sender_as,
)
from tests.support.clock import first_morning

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime, tzinfo
    from pathlib import Path

Renumbering = Literal["reload", "update", "shuffle"]

_ENDINGS = {"image": "jpg", "video": "mp4", "audio": "ogg"}


def columns(row: Row) -> str:
    """The part of an INSERT that names a row's columns and values."""
    return f"({', '.join(row)}) VALUES ({', '.join(f':{name}' for name in row)})"


def excluded(row: Row, *, without: tuple[str, ...]) -> str:
    """The settings of an upsert that takes the new row's values."""
    return ", ".join(f"{name} = excluded.{name}" for name in row if name not in without)


class Bridge:
    """One bridge with its store: a connection that writes as it does.

    A message is named by its id, and by `chat` where several chats know that id and the last one isn't meant.
    """

    flavour: ClassVar[str]
    schema: ClassVar[str]
    wal: ClassVar[bool] = False
    id_column: ClassVar[str] = "id"
    text_column: ClassVar[str] = "content"
    time_column: ClassVar[str] = "timestamp"
    text_sql: ClassVar[str] = "content"
    newest_sql: ClassVar[str] = ""
    live_sender: ClassVar[SenderForm] = "bare"
    keeps_captions: ClassVar[bool] = True
    history_keeps_captions: ClassVar[bool] = True
    keeps_empty: ClassVar[bool] = False

    def __init__(self, path: Path, *, seed: int = 0, zone: tzinfo = SAST, durable: bool = True) -> None:
        """Open or create the store. `durable=False` skips fsync, for tests that need many commits and no real disk."""
        self.path = path
        self.zone = zone
        self.now = first_morning()
        self.names: dict[str, str] = {}
        self.sent: dict[Key, Sent] = {}
        self._rng = Random(seed)
        self._durable = durable
        self._chat_of: dict[str, str] = {}
        self._connect()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self.db.close()

    def reopen(self) -> None:
        """Connect again, as after a restart or when the file was exchanged; what was sent is still known."""
        self.db.close()
        self._connect()

    # What WhatsApp brings

    def chat(self, jid: str, name: str) -> None:
        self.names[jid] = name
        self._write_chat(jid, self.now)

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
        """A message arrives live; without `at`, seven seconds after the newest. Returns its id, row or no row."""
        message_id = new_message_id(self._rng) if message_id is None else message_id
        at = self.now + timedelta(seconds=7) if at is None else at
        self.now = max(self.now, at)
        sent = Sent(chat, message_id, text, OWN_NUMBER if from_me else sender, at, media, from_me, quoted)
        self._deliver(sent, self.live_sender)
        return message_id

    def redeliver(
        self, message_id: str, *, sender_form: SenderForm = "full", text: str | None = None, chat: str | None = None
    ) -> None:
        """The same id comes again: `bare` over the live path, the other forms by history sync."""
        sent = self.sent[self.key(message_id, chat)]
        sent = sent if text is None else replace(sent, text=text)
        if sender_form == "bare":
            self._deliver(sent, self.live_sender)
        else:
            self._deliver(sent, sender_form, history=True)

    def edit(self, message_id: str, text: str, *, chat: str | None = None) -> None:
        """The text changes in place. Under bridges that ignore edits, someone changed the store by hand."""
        key = self.key(message_id, chat)
        self._change(key, {self.text_column: text})
        self._say(key, text)

    def blank(self, message_id: str, *, chat: str | None = None) -> None:
        """The text is emptied in place, the row stays. A later re-delivery can bring it back."""
        self._change(self.key(message_id, chat), {self.text_column: ""})

    def revoke(self, message_id: str, *, chat: str | None = None) -> None:
        """Its sender deletes it for everyone. lharries' bridges ignore that."""

    # What happens to the file

    def delete(self, message_id: str, *, chat: str | None = None) -> None:
        self.db.execute(f"DELETE FROM messages WHERE {self._is_key}", self.key(message_id, chat))

    def delete_top(self, count: int) -> list[Key]:
        """Delete the newest rows by row order. Where rowids are plain, the next posts take their places."""
        top = f"SELECT rowid, chat_jid, {self.id_column} FROM messages ORDER BY rowid DESC LIMIT ?"
        rows = self.db.execute(top, (count,)).fetchall()
        self.db.executemany("DELETE FROM messages WHERE rowid = ?", [row[:1] for row in rows])
        return [Key(chat, message_id) for _, chat, message_id in rows]

    def renumber(self, how: Renumbering = "reload") -> None:
        """Give the rows other rowids: 1, 2, 3… in today's order, or with `shuffle` in no order at all.

        `reload` is a dump into a new file, where wacli's rows keep their numbers. The others work in place.
        """
        if how == "reload":
            self._reload()
            return
        rowids = [rowid for (rowid,) in self.db.execute("SELECT rowid FROM messages ORDER BY rowid")]
        places = list(range(1, len(rowids) + 1))
        if how == "shuffle":
            self._rng.shuffle(places)
        with self._transaction():
            # By way of negative numbers, so that no row meets another's place on its way.
            self.db.executemany("UPDATE messages SET rowid = -? WHERE rowid = ?", zip(places, rowids, strict=True))
            self.db.execute("UPDATE messages SET rowid = -rowid")

    def spoil(self, message_id: str, raw: bytes, *, chat: str | None = None) -> None:
        """Put raw bytes where the text was, also such as are no UTF-8."""
        statement = f"UPDATE messages SET {self.text_column} = CAST(? AS TEXT) WHERE {self._is_key}"
        self.db.execute(statement, (raw, *self.key(message_id, chat)))

    def set_time(self, message_id: str, raw: Value, *, chat: str | None = None) -> None:
        """Put any value where the message's time was."""
        self._change(self.key(message_id, chat), {self.time_column: raw})

    @contextmanager
    def batch(self) -> Iterator[None]:
        """All writes inside are one commit without fsync: for history that nobody watches arriving."""
        # lharries' foreign key has no index: each chat's REPLACE would look at every message.
        self.db.execute("PRAGMA foreign_keys = OFF")
        self.db.execute("PRAGMA synchronous = OFF")
        try:
            with self._transaction():
                yield
        finally:
            self._set_pragmas()

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the store's exclusive lock, as a bridge that hangs in a commit."""
        self.db.execute("BEGIN EXCLUSIVE")
        try:
            yield
        finally:
            self.db.execute("ROLLBACK")

    # What stands there now

    def key(self, message_id: str, chat: str | None = None) -> Key:
        return Key(chat or self._chat_of[message_id], message_id)

    def text(self, message_id: str, *, chat: str | None = None) -> str | None:
        """The text that the store holds for a message: "" where it holds none, None where there is no row."""
        query = f"SELECT CAST({self.text_sql} AS BLOB) FROM messages WHERE {self._is_key} {self.newest_sql}"
        row = self.db.execute(query, self.key(message_id, chat)).fetchone()
        return None if row is None else bytes(row[0] or b"").decode(errors="replace")

    def rowid(self, message_id: str, *, chat: str | None = None) -> int | None:
        return self.rowids().get(self.key(message_id, chat))

    def rowids(self) -> dict[Key, int]:
        query = f"SELECT chat_jid, {self.id_column}, rowid FROM messages ORDER BY rowid"
        return {Key(chat, message_id): rowid for chat, message_id, rowid in self.db.execute(query)}

    # What they differ in

    def _write_chat(self, jid: str, at: datetime) -> None:
        raise NotImplementedError

    def _write_message(self, sent: Sent, sender: str, text: str) -> None:
        raise NotImplementedError

    def _time(self, at: datetime) -> Value:
        return mattn_time(at, self.zone)

    # What they share

    @property
    def _is_key(self) -> str:
        return f"chat_jid = ? AND {self.id_column} = ?"

    def _connect(self) -> None:
        self.db = sqlite3.connect(self.path, timeout=5, isolation_level=None, check_same_thread=False)
        self._set_pragmas()
        self.db.executescript(self.schema)

    def _set_pragmas(self) -> None:
        self.db.execute(f"PRAGMA journal_mode = {'WAL' if self.wal else 'DELETE'}").fetchone()
        careful = "NORMAL" if self.wal else "FULL"
        self.db.execute(f"PRAGMA synchronous = {careful if self._durable else 'OFF'}")
        self.db.execute("PRAGMA foreign_keys = ON")

    def _deliver(self, sent: Sent, form: SenderForm, *, history: bool = False) -> None:
        self.sent[sent.key] = sent
        self._chat_of[sent.message_id] = sent.chat
        captions_kept = self.history_keeps_captions if history else self.keeps_captions
        text = sent.text if captions_kept or not sent.media else ""
        if text or sent.media or self.keeps_empty:
            self._write_chat(sent.chat, sent.at)
            self._write_message(sent, sender_as(sent.sender, form, sent.chat), text)

    def _change(self, key: Key, values: Row) -> None:
        settings = ", ".join(f"{name} = ?" for name in values)
        changed = self.db.execute(f"UPDATE messages SET {settings} WHERE {self._is_key}", (*values.values(), *key))
        if not changed.rowcount:
            raise LookupError(f"The store has no row of {key}.")

    def _say(self, key: Key, text: str) -> None:
        """From now on WhatsApp carries this text for the message."""
        self.sent[key] = replace(self.sent[key], text=text)

    def _file(self, sent: Sent) -> Row:
        """The columns about a message's photo or other file."""
        named = bool(sent.media)
        ending = _ENDINGS.get(sent.media, "pdf")
        return {
            "filename": f"{sent.media}_{self.now.astimezone(self.zone):%Y%m%d_%H%M%S}.{ending}" if named else "",
            "url": f"https://mmg.whatsapp.net/v/{sent.message_id}.enc" if named else "",
            "media_key": self._rng.randbytes(32) if named else None,
            "file_sha256": self._rng.randbytes(32) if named else None,
            "file_enc_sha256": self._rng.randbytes(32) if named else None,
            "file_length": self._rng.randrange(40_000, 400_000) if named else 0,
        }

    def _reload(self) -> None:
        fresh = self.path.with_name(self.path.name + ".reload")
        fresh.unlink(missing_ok=True)
        # Out of WAL first, or its old frames would be read into the new file.
        if self.db.execute("PRAGMA journal_mode = DELETE").fetchone() != ("delete",):
            raise RuntimeError("A reader holds the store, so that it cannot be exchanged.")
        self.db.execute("ATTACH ? AS fresh", (str(fresh),))
        with self._transaction():
            self._copy_tables()
        self.db.execute("DETACH fresh")
        self.db.close()
        fresh.replace(self.path)
        self._connect()

    def _copy_tables(self) -> None:
        """Into the attached store; the indexes are made when it is opened."""
        tables = "SELECT name, sql FROM main.sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%'"
        for name, sql in self.db.execute(tables).fetchall():
            self.db.execute(sql.replace("CREATE TABLE ", "CREATE TABLE fresh.", 1))
            self.db.execute(f"INSERT INTO fresh.{name} SELECT * FROM main.{name} ORDER BY rowid")

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self.db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            self.db.execute("ROLLBACK")
            raise
        self.db.execute("COMMIT")
