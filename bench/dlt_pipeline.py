"""dlt, as its documents advise: an incremental resource over SQLite, drops made of it by a transformer, both merged.

It runs in the peers' own environment, so that it imports nothing of ours: DSN, store and state folder come as words,
and what is loaded: `drops`, or `messages` as well, which is more like a ledger.
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

    Row = dict[str, Any]

_NUMBER = re.compile(r"\bDR\W{0,3}(\d{7})\b", re.IGNORECASE)
_ROWS = 5_000
_READ = """
    SELECT rowid AS position, chat_jid, id, sender, content, timestamp FROM messages
    WHERE rowid > ? ORDER BY rowid LIMIT ?
"""


def pages(store: str, position: int) -> Iterator[list[Row]]:
    """The messages beyond a position."""
    with closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as db:
        db.row_factory = sqlite3.Row
        while rows := db.execute(_READ, (position, _ROWS)).fetchall():
            position = rows[-1]["position"]
            yield [dict(row) for row in rows]


def drops_of(messages: list[Row]) -> Iterator[list[Row]]:
    """What the messages say."""
    yield [
        {
            "chat_jid": message["chat_jid"],
            "id": message["id"],
            "drop_number": f"DR{found}",
            "sender": message["sender"],
            "timestamp": message["timestamp"],
        }
        for message in messages
        for found in sorted(set(_NUMBER.findall(message["content"])))
    ]


def main(dsn: str, store: str, state: str, what: str) -> None:
    def read(position: Any = dlt.sources.incremental("position", initial_value=0)) -> Iterator[list[Row]]:  # noqa: ANN401, B008
        yield from pages(store, position.last_value)

    selected = what == "messages"
    messages = dlt.resource(
        read, name="messages", primary_key=("chat_jid", "id"), write_disposition="merge", selected=selected
    )
    drops = dlt.transformer(
        drops_of,
        data_from=messages,
        name="drops",
        primary_key=("chat_jid", "id", "drop_number"),
        write_disposition="merge",
    )

    def source() -> list[Any]:
        return [messages, drops]

    pipeline = dlt.pipeline(
        "bench", destination=dlt.destinations.postgres(dsn), dataset_name="peer_dlt", pipelines_dir=state
    )
    pipeline.run(dlt.source(source)()).raise_on_failed_jobs()


if __name__ == "__main__":
    main(*sys.argv[1:])
