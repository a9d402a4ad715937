"""Stores to measure on: seeded history of projects' groups, and a writer that posts as a bridge does."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import UTC, datetime, timedelta
from itertools import islice
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

SCHEMA = """
    CREATE TABLE chats (jid TEXT PRIMARY KEY, name TEXT, last_message_time TIMESTAMP);
    CREATE TABLE messages (
        id TEXT, chat_jid TEXT, sender TEXT, content TEXT, timestamp TIMESTAMP, is_from_me BOOLEAN, media_type TEXT,
        filename TEXT, url TEXT, media_key BLOB, file_sha256 BLOB, file_enc_sha256 BLOB, file_length INTEGER,
        PRIMARY KEY (id, chat_jid)
    );
"""
_INSERT = (
    "INSERT INTO messages (id, chat_jid, sender, content, timestamp, is_from_me, media_type) VALUES (?,?,?,?,?,0,?)"
)
_ROWS_A_COMMIT = 100_000
_FIRST = datetime(2024, 1, 1, 6, tzinfo=UTC)
_CHATTER = (
    "Good morning team",
    "Splicing at pole P.B123, 20 min",
    "Who has the OTDR?",
    "Sawubona bafethu, sikhona e-site",
    "Goeiemôre manne, ons is op pad",
    "ok 👍🏾",
    "load shedding till 14:30",
    "Stand 1752, gate locked",
)
_POSTS = ("DR{}", "DR{} done", "dr {} complete, power -18.4 dBm", "*DR-{}*", "Good day\nDR{}\nONT ALCLB1234567F")


def jid(group: int) -> str:
    """The JID of the nth group."""
    return f"{120363400000000000 + group}@g.us"


def make(path: Path, messages: int, groups: int = 4, *, seed: int = 1) -> None:
    """A store with this many messages, four in ten with a drop number, the groups in turn. Made once, then kept."""
    if path.exists():
        return
    temporary = path.with_suffix(".part")
    temporary.unlink(missing_ok=True)
    with closing(sqlite3.connect(temporary, isolation_level=None)) as db:
        db.executescript(SCHEMA)
        db.executemany("INSERT INTO chats VALUES (?, ?, NULL)", ((jid(n), f"Project {n}") for n in range(groups)))
        _write(db, history(messages, groups, Random(seed)))
    temporary.rename(path)


def grow(path: Path, messages: int, groups: int = 4, *, seed: int = 2) -> None:
    """Add this many messages to a store, later than those in it."""
    with closing(sqlite3.connect(path, isolation_level=None)) as db:
        first = db.execute("SELECT max(rowid) FROM messages").fetchone()[0]
        _write(db, history(messages, groups, Random(seed), first=first))


def _write(db: sqlite3.Connection, rows: Iterator[tuple[str, ...]]) -> None:
    db.executescript("PRAGMA synchronous = OFF; PRAGMA cache_size = -200000;")
    while batch := list(islice(rows, _ROWS_A_COMMIT)):
        db.execute("BEGIN")
        db.executemany(_INSERT, batch)
        db.execute("COMMIT")


def history(
    messages: int, groups: int, random: Random, *, first: int = 0
) -> Iterator[tuple[str, str, str, str, str, str]]:
    """Rows of a bridge's store: id, chat, sender, text, time, media type."""
    for n in range(first, first + messages):
        at = _FIRST + timedelta(seconds=n)
        number = random.randrange(1_000_000, 10_000_000)
        text = random.choice(_POSTS).format(number) if random.random() < 0.4 else random.choice(_CHATTER)
        sender = f"2782{random.randrange(200):07}"
        yield f"3EB0{random.getrandbits(64):016X}", jid(n % groups), sender, text, f"{at:%Y-%m-%d %H:%M:%S}+00:00", ""


class Writer:
    """Posts new messages into a store, each with a commit of its own, as a bridge does."""

    def __init__(self, path: Path, groups: int, *, first: int = 0, flushes: bool = True) -> None:
        self._db = sqlite3.connect(path, isolation_level=None, timeout=10)
        if not flushes:
            self._db.execute("PRAGMA synchronous = OFF")
        self._groups = groups
        self._posted = first

    def post(self, text: str) -> str:
        """Post one message; its id."""
        self._posted += 1
        message_id = f"3AFE{self._posted:016X}"
        now = datetime.now(UTC)
        values = (message_id, jid(self._posted % self._groups), "27820000001", text, f"{now:%Y-%m-%d %H:%M:%S}+00:00")
        self._db.execute(_INSERT, (*values, ""))
        return message_id

    def close(self) -> None:
        self._db.close()
