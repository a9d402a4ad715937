"""wacli in its two forms: as it was first published, and with edits and revokes."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.bridges.bridge import Bridge, columns, excluded

if TYPE_CHECKING:
    from datetime import datetime

    from tests.support.bridges.forms import Row, Sent, Value

_MESSAGE = """
    rowid INTEGER PRIMARY KEY AUTOINCREMENT, chat_jid TEXT NOT NULL, chat_name TEXT, msg_id TEXT NOT NULL,
    sender_jid TEXT, sender_name TEXT, ts INTEGER NOT NULL, from_me INTEGER NOT NULL, text TEXT,
    media_type TEXT, media_caption TEXT, filename TEXT, mime_type TEXT, direct_path TEXT, media_key BLOB,
    file_sha256 BLOB, file_enc_sha256 BLOB, file_length INTEGER, local_path TEXT, downloaded_at INTEGER,
"""
_LATER = """
    display_text TEXT, quoted_msg_id TEXT, quoted_sender_jid TEXT, is_forwarded INTEGER NOT NULL DEFAULT 0,
    forwarding_score INTEGER NOT NULL DEFAULT 0, reaction_to_id TEXT, reaction_emoji TEXT, media_unavailable_at INTEGER,
    revoked INTEGER NOT NULL DEFAULT 0, deleted_for_me INTEGER NOT NULL DEFAULT 0, deleted_at INTEGER,
    deletion_reason TEXT, payload_purged_at INTEGER, edited INTEGER NOT NULL DEFAULT 0,
    edited_ts INTEGER NOT NULL DEFAULT 0, buttons TEXT,
"""
_SCHEMA = """
    CREATE TABLE IF NOT EXISTS chats (jid TEXT PRIMARY KEY, kind TEXT NOT NULL, name TEXT, last_message_ts INTEGER);
    CREATE TABLE IF NOT EXISTS messages ({columns}
        UNIQUE (chat_jid, msg_id), FOREIGN KEY (chat_jid) REFERENCES chats(jid) ON DELETE CASCADE
    );
    CREATE INDEX IF NOT EXISTS idx_messages_chat_ts ON messages(chat_jid, ts);
    CREATE INDEX IF NOT EXISTS idx_messages_ts ON messages(ts);
"""


class WacliJanuary(Bridge):
    """wacli as of January 2026: WAL, unix seconds, row numbers never used twice; knows no edits and no revokes."""

    flavour = "wacli"
    schema = _SCHEMA.format(columns=_MESSAGE)
    wal = True
    id_column = "msg_id"
    text_column = "text"
    time_column = "ts"
    text_sql = "coalesce(nullif(text, ''), media_caption)"
    live_sender = "full"
    keeps_empty = True

    def blank(self, message_id: str, *, chat: str | None = None) -> None:
        self._change(self.key(message_id, chat), {"text": None, "media_caption": None})

    def _time(self, at: datetime) -> Value:
        return int(at.timestamp())

    def _write_chat(self, jid: str, at: datetime) -> None:
        row: Row = {
            "jid": jid,
            "kind": "group" if jid.endswith("@g.us") else "dm",
            "name": self.names.get(jid, ""),
            "last_message_ts": self._time(at),
        }
        self.db.execute(
            f"INSERT INTO chats {columns(row)} ON CONFLICT (jid) DO UPDATE SET kind = excluded.kind,"
            " name = coalesce(nullif(excluded.name, ''), name),"
            " last_message_ts = max(excluded.last_message_ts, coalesce(last_message_ts, 0))",
            row,
        )

    def _write_message(self, sent: Sent, sender: str, text: str) -> None:
        row = self._message_row(sent, sender, text)
        self._upsert(row, excluded(row, without=("chat_jid", "msg_id")))

    def _upsert(self, row: Row, settings: str) -> None:
        statement = f"INSERT INTO messages {columns(row)} ON CONFLICT (chat_jid, msg_id) DO UPDATE SET {settings}"
        self.db.execute(statement, row)

    def _message_row(self, sent: Sent, sender: str, text: str) -> Row:
        file = {name: value or None for name, value in self._file(sent).items()}
        file["direct_path"] = file.pop("url")
        body = text.strip() or None
        return {
            "chat_jid": sent.chat,
            "chat_name": self.names.get(sent.chat),
            "msg_id": sent.message_id,
            "sender_jid": sender,
            "ts": self._time(sent.at),
            "from_me": int(sent.from_me),
            "text": body,
            "media_type": sent.media or None,
            "media_caption": body if sent.media else None,
            "mime_type": "image/jpeg" if sent.media == "image" else None,
            **file,
        }

    def _copy_tables(self) -> None:
        super()._copy_tables()
        self.db.execute("DELETE FROM fresh.sqlite_sequence")
        self.db.execute("INSERT INTO fresh.sqlite_sequence SELECT * FROM main.sqlite_sequence")


class Wacli(WacliJanuary):
    """wacli as of August 2026: edits and revokes are marked in place, and a re-delivery undoes neither."""

    schema = _SCHEMA.format(columns=_MESSAGE + _LATER)

    def edit(self, message_id: str, text: str, *, chat: str | None = None) -> None:
        key = self.key(message_id, chat)
        body = text.strip() or None
        self._change(key, {"text": body, "display_text": body, "edited": 1, "edited_ts": self._time(self.now)})
        self._say(key, text)

    def blank(self, message_id: str, *, chat: str | None = None) -> None:
        """`wacli messages purge`."""
        super().blank(message_id, chat=chat)
        self._change(self.key(message_id, chat), {"display_text": None, "payload_purged_at": self._time(self.now)})

    def revoke(self, message_id: str, *, chat: str | None = None) -> None:
        """The text stays, the row is marked."""
        statement = f"UPDATE messages SET revoked = 1, deleted_at = ?, deletion_reason = 'revoked' WHERE {self._is_key}"
        self.db.execute(statement, (self._time(self.now), *self.key(message_id, chat)))

    def _write_message(self, sent: Sent, sender: str, text: str) -> None:
        row = self._message_row(sent, sender, text)
        row |= {"display_text": row["text"], "quoted_msg_id": sent.quoted or None}
        guarded = ("text", "display_text", "media_caption", "ts")
        settings = [f"{name} = iif(edited OR revoked, {name}, excluded.{name})" for name in guarded]
        self._upsert(row, ", ".join([excluded(row, without=("chat_jid", "msg_id", *guarded)), *settings]))
