"""A typical monitor's algorithm: a connection for each statement, a query by timestamp, a commit for each drop."""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from pathlib import Path

_TABLE = """
    DROP TABLE IF EXISTS monitor_drops;
    CREATE TABLE monitor_drops (drop_number text PRIMARY KEY, sender text, sent_at text)
"""
_READ = (
    "SELECT sender, content, timestamp FROM messages WHERE chat_jid = ? AND timestamp > ? ORDER BY timestamp LIMIT 500"
)


def catch_up(dsn: str, store: Path, jids: list[str], most: int) -> int:
    """Read each group until it is done, or so many messages are; how many there were."""
    number = re.compile(r"DR\d{7}")
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute(_TABLE)
    messages = 0
    for jid in jids:
        since = ""
        while messages < most and (rows := poll(store, jid, since)):
            for sender, text, sent_at in rows:
                for found in number.findall(text):
                    with psycopg.connect(dsn) as db:
                        known = db.execute("SELECT 1 FROM monitor_drops WHERE drop_number = %s", [found]).fetchone()
                    if not known:
                        with psycopg.connect(dsn) as db:
                            db.execute("INSERT INTO monitor_drops VALUES (%s, %s, %s)", [found, sender, sent_at])
            messages += len(rows)
            since = rows[-1][2]
    return messages


def poll(store: Path, jid: str, since: str) -> list[tuple[str, str, str]]:
    """What a group said since then."""
    with closing(sqlite3.connect(store)) as db:
        return db.execute(_READ, (jid, since)).fetchall()
