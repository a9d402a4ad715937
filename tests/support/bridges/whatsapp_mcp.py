"""lharries/whatsapp-mcp and those that began as a copy of it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.bridges.bridge import Bridge, columns, excluded
from tests.support.bridges.forms import PROJECTS, SAST, Row, Sent

if TYPE_CHECKING:
    from collections.abc import Mapping
    from datetime import datetime, tzinfo
    from pathlib import Path


class Lharries(Bridge):
    """lharries/whatsapp-mcp: rollback journal, REPLACE (so a re-delivery moves the row), no captions, no edits."""

    flavour = "whatsapp-mcp"
    keeps_captions = False
    history_keeps_captions = False
    schema = """
        CREATE TABLE IF NOT EXISTS chats (jid TEXT PRIMARY KEY, name TEXT, last_message_time TIMESTAMP);
        CREATE TABLE IF NOT EXISTS messages (
            id TEXT, chat_jid TEXT, sender TEXT, content TEXT, timestamp TIMESTAMP, is_from_me BOOLEAN, media_type TEXT,
            filename TEXT, url TEXT, media_key BLOB, file_sha256 BLOB, file_enc_sha256 BLOB, file_length INTEGER,
            PRIMARY KEY (id, chat_jid), FOREIGN KEY (chat_jid) REFERENCES chats(jid)
        );
    """

    def _write_chat(self, jid: str, at: datetime) -> None:
        row = self._chat_row(jid, at)
        self.db.execute(f"INSERT OR REPLACE INTO chats {columns(row)}", row)

    def _chat_row(self, jid: str, at: datetime) -> Row:
        return {"jid": jid, "name": self.names.get(jid, jid), "last_message_time": self._time(at)}

    def _write_message(self, sent: Sent, sender: str, text: str) -> None:
        row = self._message_row(sent, sender, text)
        self.db.execute(f"INSERT OR REPLACE INTO messages {columns(row)}", row)

    def _message_row(self, sent: Sent, sender: str, text: str) -> Row:
        return {
            "id": sent.message_id,
            "chat_jid": sent.chat,
            "sender": sender,
            "content": text,
            "timestamp": self._time(sent.at),
            "is_from_me": int(sent.from_me),
            "media_type": sent.media,
            **self._file(sent),
        }


class VelocityFibre(Lharries):
    """The contractor's own copy of lharries' bridge, whose chats name their project."""

    schema = Lharries.schema.replace("last_message_time TIMESTAMP", "last_message_time TIMESTAMP, project_name TEXT")

    def __init__(
        self,
        path: Path,
        *,
        seed: int = 0,
        zone: tzinfo = SAST,
        durable: bool = True,
        projects: Mapping[str, str] = PROJECTS,
    ) -> None:
        self._projects = projects
        super().__init__(path, seed=seed, zone=zone, durable=durable)

    def _chat_row(self, jid: str, at: datetime) -> Row:
        return super()._chat_row(jid, at) | {"project_name": self._projects.get(jid)}


class VeryGoodPlugins(Lharries):
    """verygoodplugins/whatsapp-mcp: upserts (the row stays), live captions that history sync blanks, deleted_at."""

    keeps_captions = True
    schema = """
        CREATE TABLE IF NOT EXISTS chats (
            jid TEXT PRIMARY KEY, name TEXT, last_message_time TIMESTAMP, last_read_time TIMESTAMP,
            ephemeral_expiration INTEGER DEFAULT 0, ephemeral_setting_timestamp INTEGER DEFAULT 0
        );
        CREATE TABLE IF NOT EXISTS messages (
            id TEXT, chat_jid TEXT, sender TEXT, content TEXT, timestamp TIMESTAMP, is_from_me BOOLEAN, media_type TEXT,
            filename TEXT, url TEXT, media_key BLOB, file_sha256 BLOB, file_enc_sha256 BLOB, file_length INTEGER,
            deleted_at TIMESTAMP, quoted_message_id TEXT,
            PRIMARY KEY (id, chat_jid), FOREIGN KEY (chat_jid) REFERENCES chats(jid)
        );
        CREATE INDEX IF NOT EXISTS idx_messages_chat_jid ON messages(chat_jid);
    """

    def revoke(self, message_id: str, *, chat: str | None = None) -> None:
        """The text stays, deleted_at says when; the first time wins."""
        statement = f"UPDATE messages SET deleted_at = ? WHERE {self._is_key} AND deleted_at IS NULL"
        self.db.execute(statement, (self._time(self.now), *self.key(message_id, chat)))

    def _write_chat(self, jid: str, at: datetime) -> None:
        row = self._chat_row(jid, at)
        settings = excluded(row, without=("jid",))
        self.db.execute(f"INSERT INTO chats {columns(row)} ON CONFLICT (jid) DO UPDATE SET {settings}", row)

    def _write_message(self, sent: Sent, sender: str, text: str) -> None:
        row = self._message_row(sent, sender, text) | {"quoted_message_id": sent.quoted or None}
        settings = excluded(row, without=("id", "chat_jid"))
        statement = f"INSERT INTO messages {columns(row)} ON CONFLICT (id, chat_jid) DO UPDATE SET {settings}"
        self.db.execute(statement, row)
