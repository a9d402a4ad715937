"""The floor: the fastest honest pipeline that can be written in Python. It records drops only, and promises little.

Pages by rowid, one compiled pattern, COPY into a staging table, one upsert and one durable commit a batch. It has no
ledger, so it can't tell what it missed; no edits, no late rows, no kinds, no review.
"""

from __future__ import annotations

import re
import sqlite3
import sys
import threading
from contextlib import closing
from pathlib import Path
from typing import TYPE_CHECKING, Any

import psycopg

from wamon.bridge.doorbell import Doorbell

if TYPE_CHECKING:
    from collections.abc import Iterable

NUMBER = re.compile(r"\bDR\W{0,3}(\d{7})\b", re.IGNORECASE)
_ROWS = 5_000
_READ = "SELECT rowid, chat_jid, id, sender, content, timestamp FROM messages WHERE rowid > ? ORDER BY rowid LIMIT ?"
_TABLES = """
    CREATE SCHEMA IF NOT EXISTS floor;
    CREATE TABLE IF NOT EXISTS floor.drops (
        chat text, message_id text, drop_number text, sender text, sent_at timestamptz,
        PRIMARY KEY (message_id, drop_number)
    );
    CREATE TABLE IF NOT EXISTS floor.position (rowid bigint);
    INSERT INTO floor.position SELECT 0 WHERE NOT EXISTS (SELECT FROM floor.position);
    CREATE TEMPORARY TABLE staging (LIKE floor.drops) ON COMMIT DELETE ROWS;
"""


class Floor:
    """A connection, and the position from which it goes on."""

    def __init__(self, db: psycopg.Connection[Any], store: Path) -> None:
        self._db = db
        self._store = store
        self._db.execute(_TABLES)
        self._rowid = int(db.execute("SELECT rowid FROM floor.position").fetchall()[0][0])

    def catch_up(self) -> int:
        """Read what is new; how many messages there were."""
        messages = 0
        while rows := self._page():
            drops = [
                (chat, message_id, f"DR{found}", sender, sent_at)
                for _, chat, message_id, sender, text, sent_at in rows
                for found in set(NUMBER.findall(text))
            ]
            self._rowid = rows[-1][0]
            messages += len(rows)
            self._record(drops)
        return messages

    def follow(self) -> None:
        """Catch up whenever the store is written, until the process ends."""
        rung = threading.Event()
        with Doorbell(self._store, rung.set) as doorbell:
            doorbell.listen()
            while True:
                self.catch_up()
                rung.wait()
                rung.clear()

    def _page(self) -> list[tuple[int, str, str, str, str, str]]:
        with closing(sqlite3.connect(f"{self._store.as_uri()}?mode=ro", uri=True)) as db:
            return db.execute(_READ, (self._rowid, _ROWS)).fetchall()

    def _record(self, drops: Iterable[tuple[str, ...]]) -> None:
        with self._db.transaction(), self._db.cursor() as cursor:
            with cursor.copy("COPY staging FROM STDIN") as copy:
                for drop in drops:
                    copy.write_row(drop)
            cursor.execute("INSERT INTO floor.drops SELECT * FROM staging ON CONFLICT DO NOTHING")
            cursor.execute("UPDATE floor.position SET rowid = %s", [self._rowid])


if __name__ == "__main__":
    with psycopg.connect(sys.argv[1], autocommit=True) as connection:
        floor = Floor(connection, Path(sys.argv[2]))
        if "--follow" in sys.argv:
            floor.follow()
        print(floor.catch_up())
