"""The floor: the fastest honest pipeline that can be written in Python. It records drops only, and promises little.

Pages by rowid, one compiled pattern, COPY into a staging table, one upsert and one durable commit a batch. It has no
ledger, so it can't tell what it missed; no edits, no late rows, no kinds, no review.
"""

from __future__ import annotations

import re
import sqlite3
from contextlib import closing
from typing import TYPE_CHECKING

import psycopg

if TYPE_CHECKING:
    from pathlib import Path

_ROWS = 5_000
_READ = "SELECT rowid, chat_jid, id, sender, content, timestamp FROM messages WHERE rowid > ? ORDER BY rowid LIMIT ?"
_TABLES = """
    DROP SCHEMA IF EXISTS floor CASCADE;
    CREATE SCHEMA floor;
    CREATE TABLE floor.drops (
        chat text, message_id text, drop_number text, sender text, sent_at timestamptz,
        PRIMARY KEY (message_id, drop_number)
    );
    CREATE TABLE floor.position (rowid bigint);
    INSERT INTO floor.position VALUES (0);
    CREATE TEMPORARY TABLE staging (LIKE floor.drops) ON COMMIT DELETE ROWS;
"""


def catch_up(dsn: str, store: Path) -> int:
    """Read the whole store; how many messages there were."""
    number = re.compile(r"\bDR\W{0,3}(\d{7})\b", re.IGNORECASE)
    messages = rowid = 0
    with psycopg.connect(dsn, autocommit=True) as db:
        db.execute(_TABLES)
        while rows := _page(store, rowid):
            drops = [
                (chat, message_id, f"DR{found}", sender, sent_at)
                for _, chat, message_id, sender, text, sent_at in rows
                for found in set(number.findall(text))
            ]
            rowid = rows[-1][0]
            messages += len(rows)
            with db.transaction(), db.cursor() as cursor:
                with cursor.copy("COPY staging FROM STDIN") as copy:
                    for drop in drops:
                        copy.write_row(drop)
                cursor.execute("INSERT INTO floor.drops SELECT * FROM staging ON CONFLICT DO NOTHING")
                cursor.execute("UPDATE floor.position SET rowid = %s", [rowid])
    return messages


def _page(store: Path, rowid: int) -> list[tuple[int, str, str, str, str, str]]:
    with closing(sqlite3.connect(f"{store.as_uri()}?mode=ro", uri=True)) as db:
        return db.execute(_READ, (rowid, _ROWS)).fetchall()
