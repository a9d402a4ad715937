"""whatsmeow's own file, which lies beside a bridge's store: who is who, and the keys that nobody else may read."""

from __future__ import annotations

import sqlite3
from collections.abc import Mapping
from contextlib import closing
from pathlib import Path

_SCHEMA = """
    CREATE TABLE IF NOT EXISTS whatsmeow_device (jid TEXT PRIMARY KEY, noise_key bytea NOT NULL);
    CREATE TABLE IF NOT EXISTS whatsmeow_lid_map (lid TEXT PRIMARY KEY, pn TEXT UNIQUE NOT NULL);
    CREATE TABLE IF NOT EXISTS whatsmeow_contacts (
        our_jid TEXT, their_jid TEXT, first_name TEXT, full_name TEXT, push_name TEXT, business_name TEXT,
        redacted_phone TEXT, PRIMARY KEY (our_jid, their_jid)
    );
"""
OURS = "27820000000:1@s.whatsapp.net"


def write_people(
    folder: Path, *, lids: Mapping[str, str] | None = None, names: Mapping[str, str] | None = None
) -> Path:
    """Write, or correct, whatsapp.db: LID to phone, and JID to the name in our address book."""
    path = folder / "whatsapp.db"
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(_SCHEMA)
        for lid, phone in (lids or {}).items():
            db.execute("DELETE FROM whatsmeow_lid_map WHERE lid = ? OR pn = ?", (lid, phone))
            db.execute("INSERT INTO whatsmeow_lid_map VALUES (?, ?)", (lid, phone))
        for jid, name in (names or {}).items():
            row = (OURS, jid, name.split()[0], name, "~", "", "")
            db.execute("INSERT OR REPLACE INTO whatsmeow_contacts VALUES (?, ?, ?, ?, ?, ?, ?)", row)
    return path
