"""dlt, as its documents advise: an incremental resource over SQLite, a merge into PostgreSQL, drops made on the way.

It runs in the peers' own environment, so that it imports nothing of ours: DSN, store and state folder come as words.
"""

from __future__ import annotations

import re
import sqlite3
import sys
from contextlib import closing
from typing import TYPE_CHECKING, Any

import dlt

if TYPE_CHECKING:
    from collections.abc import Iterator

_NUMBER = re.compile(r"\bDR\W{0,3}(\d{7})\b", re.IGNORECASE)
_ROWS = 5_000
_READ = "SELECT rowid, chat_jid, id, sender, content, timestamp FROM messages WHERE rowid > ? ORDER BY rowid LIMIT ?"


def drops_of(rows: list[tuple[Any, ...]]) -> Iterator[dict[str, Any]]:
    """What the messages say, and with the last one how far they went."""
    for rowid, chat, message_id, sender, text, sent_at in rows:
        for found in sorted(set(_NUMBER.findall(text))):
            yield {
                "row": rowid,
                "chat": chat,
                "message_id": message_id,
                "drop_number": f"DR{found}",
                "sender": sender,
                "sent_at": sent_at,
            }


def main(dsn: str, store: str, state: str) -> None:
    def drops(row: Any = dlt.sources.incremental("row", initial_value=0)) -> Iterator[list[dict[str, Any]]]:  # noqa: ANN401, B008
        rowid = row.last_value
        with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as db:
            while rows := db.execute(_READ, (rowid, _ROWS)).fetchall():
                rowid = rows[-1][0]
                yield list(drops_of(rows))

    destination = dlt.destinations.postgres(dsn)
    pipeline = dlt.pipeline("bench", destination=destination, dataset_name="peer_dlt", pipelines_dir=state)
    resource = dlt.resource(drops, primary_key=("message_id", "drop_number"), write_disposition="merge")
    pipeline.run(resource).raise_on_failed_jobs()


if __name__ == "__main__":
    main(*sys.argv[1:])
