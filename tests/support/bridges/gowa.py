"""aldinokemal/go-whatsapp-web-multidevice."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Literal

from tests.support.bridges.bridge import Bridge, columns
from tests.support.bridges.forms import (
    OWN_NUMBER,
    SAST,
    Key,
    Row,
    Sent,
    go_string_time,
    mattn_time,
    new_message_id,
    sender_as,
)
from tests.support.clock import first_morning

if TYPE_CHECKING:
    from datetime import tzinfo
    from pathlib import Path

Times = Literal["mattn", "modernc", "modernc-monotonic"]


class Gowa(Bridge):
    """GOWA: WAL, update before insert, edits in place, a revoke deletes the row, and each write's own time is kept.

    `device` is which of its paired phones writes; set it to be another one, with rows of its own.
    """

    flavour = "gowa"
    schema = """
        CREATE TABLE IF NOT EXISTS chats (
            jid VARCHAR(255) NOT NULL, device_id VARCHAR(255) NOT NULL DEFAULT '', name VARCHAR(255) NOT NULL,
            last_message_time TIMESTAMP NOT NULL, ephemeral_expiration INTEGER DEFAULT 0,
            created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP, updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
            PRIMARY KEY (jid, device_id)
        );
        CREATE TABLE IF NOT EXISTS messages (
            id VARCHAR(255) NOT NULL, chat_jid VARCHAR(255) NOT NULL, device_id VARCHAR(255) NOT NULL DEFAULT '',
            sender VARCHAR(255) NOT NULL, content TEXT, timestamp TIMESTAMP NOT NULL, is_from_me BOOLEAN DEFAULT FALSE,
            media_type VARCHAR(50), filename VARCHAR(255), url TEXT, media_key BLOB, file_sha256 BLOB,
            file_enc_sha256 BLOB, file_length INTEGER DEFAULT 0, created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
            updated_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
            call_metadata TEXT, referral_metadata TEXT, direct_path TEXT,
            PRIMARY KEY (id, chat_jid, device_id)
        );
        CREATE TABLE IF NOT EXISTS message_edits (
            original_message_id VARCHAR(255) NOT NULL, edit_event_id VARCHAR(255) NOT NULL,
            chat_jid VARCHAR(255) NOT NULL, device_id VARCHAR(255) NOT NULL DEFAULT '', editor VARCHAR(255),
            previous_content TEXT, new_content TEXT, edited_at TIMESTAMP,
            created_at TIMESTAMP DEFAULT CURRENT_TIMESTAMP,
            PRIMARY KEY (edit_event_id, chat_jid, device_id)
        );
        CREATE INDEX IF NOT EXISTS idx_messages_chat_jid ON messages(chat_jid);
        CREATE INDEX IF NOT EXISTS idx_messages_timestamp ON messages(timestamp);
    """
    wal = True
    live_sender = "full"
    newest_sql = "ORDER BY updated_at DESC, device_id DESC LIMIT 1"

    def __init__(
        self, path: Path, *, seed: int = 0, zone: tzinfo = SAST, durable: bool = True, times: Times = "mattn"
    ) -> None:
        """`modernc` is what its purego build writes; `modernc-monotonic` has Go's m=+0.12 in the message's time too."""
        self.device = f"{OWN_NUMBER}:1@s.whatsapp.net"
        self._times = times
        self._written_ns = 0
        super().__init__(path, seed=seed, zone=zone, durable=durable)

    def edit(self, message_id: str, text: str, *, chat: str | None = None) -> None:
        """In place, and remembered in message_edits. Where the row is missing, it makes one with today's time."""
        key = self.key(message_id, chat)
        before = self.text(message_id, chat=key.chat)
        written = self._write_time()
        change = f"UPDATE messages SET content = ?, updated_at = ? WHERE {self._is_key} AND device_id = ?"
        if not self.db.execute(change, (text, written, *key, self.device)).rowcount:
            sent = self.sent[key] = replace(self.sent[key], text=text, at=self.now)
            self._write_message(sent, sender_as(sent.sender, "full", sent.chat), text)
        self._write_edit(key, before, text, written)
        self._say(key, text)

    def blank(self, message_id: str, *, chat: str | None = None) -> None:
        self._change(self.key(message_id, chat), {"content": "", "updated_at": self._write_time()})

    def revoke(self, message_id: str, *, chat: str | None = None) -> None:
        """The row is deleted, with its edits; if it was the newest, the next message takes its rowid."""
        key = self.key(message_id, chat)
        self.db.execute(f"DELETE FROM messages WHERE {self._is_key} AND device_id = ?", (*key, self.device))
        edits = "DELETE FROM message_edits WHERE chat_jid = ? AND original_message_id = ? AND device_id = ?"
        self.db.execute(edits, (*key, self.device))

    def _write_edit(self, key: Key, before: str | None, after: str, written: str) -> None:
        row: Row = {
            "original_message_id": key.message_id,
            "edit_event_id": new_message_id(self._rng),
            "chat_jid": key.chat,
            "device_id": self.device,
            "editor": sender_as(self.sent[key].sender, "full", key.chat),
            "previous_content": before,
            "new_content": after,
            "edited_at": self._time(self.now),
            "created_at": written,
        }
        self.db.execute(f"INSERT INTO message_edits {columns(row)}", row)

    def _write_chat(self, jid: str, at: datetime) -> None:
        row: Row = {"name": self.names.get(jid, jid), "last_message_time": self._time(at)}
        self._update_or_insert("chats", {"jid": jid, "device_id": self.device}, row)

    def _write_message(self, sent: Sent, sender: str, text: str) -> None:
        key: Row = {"id": sent.message_id, "chat_jid": sent.chat, "device_id": self.device}
        row: Row = {
            "sender": sender,
            "content": text,
            "timestamp": self._time(sent.at),
            "is_from_me": int(sent.from_me),
            "media_type": sent.media,
            **self._file(sent),
        }
        self._update_or_insert("messages", key, row)

    def _update_or_insert(self, table: str, key: Row, row: Row) -> None:
        written = self._write_time()
        row = row | {"updated_at": written}
        settings = ", ".join(f"{name} = :{name}" for name in row)
        where = " AND ".join(f"{name} = :{name}" for name in key)
        if not self.db.execute(f"UPDATE {table} SET {settings} WHERE {where}", key | row).rowcount:
            row = key | row | {"created_at": written}
            self.db.execute(f"INSERT INTO {table} {columns(row)}", row)

    def _time(self, at: datetime) -> str:
        if self._times == "mattn":
            return mattn_time(at, self.zone)
        return go_string_time(at, self.zone, running_for=0.12 if self._times == "modernc-monotonic" else None)

    def _write_time(self) -> str:
        """time.Now(): not before the newest message, and never the same twice."""
        soon = self._written_ns + self._rng.randrange(10_000, 4_000_000)
        self._written_ns = max(soon, int(self.now.timestamp()) * 10**9 + self._rng.randrange(10**8))
        seconds, nanoseconds = divmod(self._written_ns, 10**9)
        at = datetime.fromtimestamp(seconds, UTC)
        if self._times == "mattn":
            return mattn_time(at, self.zone, nanoseconds)
        return go_string_time(at, self.zone, nanoseconds, running_for=(at - first_morning()).total_seconds())
