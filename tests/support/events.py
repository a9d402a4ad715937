"""Who follows events: drops equal ids, and makes of the rest what `wamon.drops` must be."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from tests.support.office import Office
from wamon.events.cursor import Cursor
from wamon.events.model import Event
from wamon.events.stream import begin, read
from wamon.events.told import shown_sender
from wamon.postgres.connection import Database

Told = dict[str, Any]
"""A CloudEvent, as it is on the wire."""


def told(event: Event) -> Told:
    """What whoever follows is told."""
    found: Told = json.loads(event.line)
    return found


class Consumer:
    """Its memory, as of somebody who was never killed: what it saw, and the posts of each drop."""

    def __init__(self) -> None:
        self.ids: set[str] = set()
        self.types: list[str] = []
        self.cursor: str | None = None
        self._posts: dict[tuple[str, str], dict[tuple[str, str, str], Told]] = {}

    def take(self, lines: Iterable[str]) -> None:
        for one in lines:
            self._take(json.loads(one))

    def _take(self, told: Told) -> None:
        self.cursor = told["cursor"]
        if told["id"] in self.ids:
            return
        self.ids.add(told["id"])
        self.types.append(told["type"].removeprefix("wamon."))
        data = told["data"]
        if told["type"] in {"wamon.drop.posted", "wamon.drop.posted_again", "wamon.drop.retracted"}:
            posts = self._posts.setdefault((data["project"], data["drop_number"]), {})
            key = data["source"], data["chat_jid"], data["message_id"]
            posts.pop(key, None)
            if told["type"] != "wamon.drop.retracted":
                posts[key] = data

    def drops(self) -> list[tuple[Any, ...]]:
        return sorted((*drop, *_projected(posts)) for drop, posts in self._posts.items() if posts)


def _projected(posts: Mapping[tuple[str, str, str], Told]) -> tuple[Any, ...]:
    """As wamon.drops has it: first_seen_at, last_seen_at, submissions, submitted_by."""
    times = [datetime.fromisoformat(data["sent_at"]) for data in posts.values()]
    messages = {(data["chat_jid"], data["stanza_id"] or data["message_id"]) for data in posts.values()}
    first = min(posts.values(), key=lambda data: (data["sent_at"], data["chat_jid"], data["message_id"]))
    return min(times), max(times), len(messages), first["submitted_by"]


def told_drops(office: Office) -> list[tuple[Any, ...]]:
    """wamon.drops, its persons as those outside know them."""
    (key,) = office.query("SELECT person_key FROM wamon.instance")
    rows = office.query(
        "SELECT project, drop_number, first_seen_at, last_seen_at, submissions, submitted_by FROM wamon.drops"
    )
    return sorted((*row, shown_sender(bytes(key), by)) for *row, by in rows)


def follow(db: Database, consumer: Consumer, limit: int = 3) -> None:
    """Have it take all that there is, a few at a time."""
    at = Cursor.parse(consumer.cursor) if consumer.cursor else begin(db)
    while found := read(db, at, limit):
        consumer.take(event.line for event in found)
        at = found[-1].cursor
