"""A source's position in PostgreSQL: its tails, the groups that each serves, and the fence that guards every change."""

from __future__ import annotations

import json
from contextlib import contextmanager
from dataclasses import dataclass
from sys import intern
from typing import TYPE_CHECKING, Any, Literal, NamedTuple, Protocol

from wamon.errors import DatabaseUnavailable, Superseded
from wamon.failpoints import failpoint
from wamon.model import BEGINNING, MAIN, Anchor, Group, Place
from wamon.postgres.connection import UNHURRIED_SECONDS, keyed_transaction, transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from uuid import UUID

    from wamon.model import Message
    from wamon.postgres.connection import Database

    ChatKind = Literal["group", "direct"]

SQL = Queries("wamon.ledger", "source")


_GROUPS_AT_ONCE = 1_000
"""Whose counts are written by one statement: those of ten thousand took 9 MB at once."""


class StoreAt(NamedTuple):
    """Where a bridge's store stands: its path there, and the host."""

    path: str
    host: str

    def __str__(self) -> str:
        return f"{self.path} on {self.host}"


class Told(Protocol):
    """What is told of a chat's last message."""

    @property
    def message_id(self) -> str: ...
    @property
    def sent_at(self) -> datetime | None: ...


@dataclass(frozen=True, slots=True)
class Joining:
    """A group that the ledger doesn't know yet, with the set of rows that stand before its start."""

    jid: str
    project: str
    start: str = "beginning"
    before: datetime | None = None
    place: Place = BEGINNING


class Source:
    """One bridge's store as PostgreSQL knows it. What it holds in memory is true as long as it gets its turns."""

    kinds: Sequence[ChatKind] = ("group",)
    """The chats that it holds: those of a store."""

    def __init__(self, db: Database, name: str) -> None:
        self.db = db
        self.name = name
        self.seq = 0
        self._token: UUID | None = None  # beside seq, which may be met by chance
        self.instance = ""  # the identity of the database: a rebuilt or other one has another
        self.tails: dict[str, Place] = {}
        self.groups: dict[str, Group] = {}
        self._starting: list[Group] = []
        self._wanted: dict[str, dict[bytes, str]] = {}

    def load(self) -> None:
        """Read the position again: at the start, after any error, and after the fence was raised.

        Raises DatabaseUnavailable where the database is another than before: who began on that one begins anew.
        """
        with transaction(self.db):
            SQL.run(self.db, "add_source", source=self.name)
            SQL.run(self.db, "add_missing_cursors", source=self.name)  # one deleted by hand costs a re-read
            self._read()

    def collect(self) -> None:
        """Read the position without taking part: nothing is written, and a source that isn't there stays so."""
        with transaction(self.db):
            self._read()

    def _meet_instance(self) -> None:
        was, self.instance = self.instance, str(SQL.value(self.db, "instance"))
        if was not in {"", self.instance}:
            raise DatabaseUnavailable("The database was replaced by another.", hint="Begin again; nothing is lost.")

    def _read(self) -> None:
        self._meet_instance()
        cursors = SQL.run(self.db, "cursors", source=self.name).fetchall()
        self.tails = {tail: place_from(anchors) for tail, _, _, anchors in cursors}
        self.seq, self._token = next(((seq, token) for tail, seq, token, _ in cursors if tail == MAIN), (0, None))
        self.groups = {
            group.jid: group for group in _groups(SQL.run(self.db, "groups", source=self.name, kinds=list(self.kinds)))
        }
        self._starting = list(self.groups.values())
        self._wanted = {}

    @contextmanager
    def fenced(self) -> Iterator[Database]:
        """One transaction that raises the source's fence. Raises Superseded where another wamon was quicker."""
        with keyed_transaction(self.db):
            failpoint("record.begin")
            known = {"seq": self.seq, "token": self._token, "instance": self.instance}
            raised = SQL.run(self.db, "raise_fence", source=self.name, **known).fetchone()
            if raised is None:
                raise Superseded(
                    f"Another wamon moved source {self.name} meanwhile.", hint="Its position is read again."
                )
            failpoint("record.fence")
            yield self.db
        self.seq += 1
        (self._token,) = raised

    def wanted(self, tail: str) -> dict[bytes, str]:
        """The JIDs of a tail's groups, by the bytes that a store holds."""
        if tail not in self._wanted:
            self._wanted[tail] = {jid.encode(): jid for jid in self.serves(tail)}
        return self._wanted[tail]

    def all_wanted(self) -> dict[bytes, str]:
        """The JIDs of all enabled groups, by the bytes that a store holds."""
        return {raw: jid for tail in self.tails for raw, jid in self.wanted(tail).items()}

    def chat(self, message: Message) -> int:
        """The number of a message's chat."""
        return self.groups[message.chat_jid].chat

    def jids(self, messages: Iterable[Message]) -> dict[int, str]:
        """The JIDs of these messages' chats, by number."""
        return {self.chat(message): message.chat_jid for message in messages}

    def keys(self, messages: Iterable[Message]) -> dict[str, list[Any]]:
        """The keys of messages, as queries take them: their chats' numbers and their ids."""
        keys = [(self.chat(message), message.message_id) for message in messages]
        return {"chats": [chat for chat, _ in keys], "message_ids": [message_id for _, message_id in keys]}

    def parted(self) -> list[str]:
        """The tails of enabled groups, beside the main one."""
        return sorted(tail for tail in self.tails.keys() - {MAIN} if self.wanted(tail))

    def serves(self, tail: str) -> dict[str, Group]:
        """The enabled groups of a tail, by JID."""
        return {jid: group for jid, group in self.groups.items() if group.tail == tail and group.enabled}

    def starting(self, tail: str) -> list[Group]:
        """Those of a tail's groups whose start it hasn't passed yet."""
        self._starting = [group for group in self._starting if not group.start_passed]
        return [group for group in self._starting if group.tail == tail and group.enabled]

    def join(self, joining: Sequence[Joining]) -> None:
        """Take groups in: on the main tail where that still stands at the beginning, else on a tail of their own."""
        own = joining[0].jid if len(joining) == 1 else f"joined at {self.seq}"
        tail = MAIN if self.tails[MAIN] == BEGINNING else own
        with self.fenced():
            if tail != MAIN:
                self._put_tail(tail, BEGINNING)
            SQL.run(
                self.db,
                "join_groups",
                source=self.name,
                tail=tail,
                jids=[group.jid for group in joining],
                projects=[group.project for group in joining],
                starts=[group.start for group in joining],
                befores=[group.before for group in joining],
                anchors=[anchors_json(group.place) for group in joining],
            )
            failpoint("groups.joined")
        self.load()

    def disable(self, jids: Sequence[str]) -> None:
        """Stop serving groups; they keep their places, on tails that only disabled groups share."""
        self._set_apart(jids, enabled=False)

    def enable(self, jids: Sequence[str]) -> None:
        """Serve groups again, from the places that they kept."""
        self._set_apart(jids, enabled=True)

    def split_off(self, jid: str) -> str:
        """Give a group a tail of its own at its present place; the tail's name."""
        group = self.groups[jid]
        if len(self.serves(group.tail)) > 1 or group.tail == MAIN:
            with self.fenced():
                self._put_tail(jid, self.tails[group.tail])
                SQL.run(self.db, "move_groups", source=self.name, jids=[jid], tail=jid, enabled=group.enabled)
            self.load()
        return self.groups[jid].tail

    def _set_apart(self, jids: Sequence[str], *, enabled: bool) -> None:
        """Take groups off their tails together: those of one tail share the new one, and its place."""
        by_tail: dict[str, list[str]] = {}
        for jid in jids:
            by_tail.setdefault(self.groups[jid].tail, []).append(jid)
        with self.fenced():
            for n, (tail, together) in enumerate(by_tail.items()):
                apart = together[0] if len(together) == 1 else f"set apart at {self.seq}, {n}"
                self._put_tail(apart, self.tails[tail])
                SQL.run(self.db, "move_groups", source=self.name, jids=together, tail=apart, enabled=enabled)
            SQL.run(self.db, "drop_tails_that_serve_nobody", source=self.name)
        self.load()

    def merge(self, tail: str) -> None:
        """Let the main tail serve a tail's groups: it has come at least as far, and what it read twice is absorbed."""
        with self.fenced():
            SQL.run(self.db, "move_groups", source=self.name, jids=list(self.serves(tail)), tail=MAIN, enabled=True)
            SQL.run(self.db, "drop_tails_that_serve_nobody", source=self.name)
            failpoint("tail.merged")
        self.load()

    def rewind(self, jid: str, place: Place, reason: str) -> Place:
        """Set one group's position back, on a tail of its own, and never forward; the place where it stands now."""
        tail = self.split_off(jid)
        was = self.tails[tail]
        if place.rowid >= was.rowid:
            return was
        with self.fenced():
            self.note_rewind(tail, was, place, reason)
            self._put_tail(tail, place)
        self.load()
        return place

    def note_rewind(self, tail: str, was: Place, now: Place, reason: str) -> None:
        """Within a fenced transaction: remember that a position went back, and why."""
        SQL.run(
            self.db, "note_rewind", source=self.name, tail=tail, reason=reason, from_rowid=was.rowid, to_rowid=now.rowid
        )

    def queue_sweep(self, reason: str) -> None:
        """Within a fenced transaction: have the next pass sweep."""
        SQL.run(self.db, "queue_sweep", source=self.name, reason=reason)

    def advance(self, tail: str, place: Place, started: Iterable[str]) -> None:
        """Within a fenced transaction: the tail's new place, and the groups whose start lies behind it now."""
        self._put_tail(tail, place)
        if jids := list(started):
            SQL.run(self.db, "pass_starts", source=self.name, jids=jids)

    def count_messages(self, added: Counter[str], last: Mapping[str, Told]) -> None:
        """Within the fence: each group's number of messages, and the last one that its tail has passed, by JID."""
        jids = sorted(added.keys() | last.keys())
        for n in range(0, len(jids), _GROUPS_AT_ONCE):
            self._count_messages(jids[n : n + _GROUPS_AT_ONCE], added, last)

    def _count_messages(self, jids: Sequence[str], added: Counter[str], last: Mapping[str, Told]) -> None:
        rows = SQL.run(
            self.db,
            "count_messages",
            chats=[self.groups[jid].chat for jid in jids],
            messages=[added[jid] for jid in jids],
            last_message_ids=[last[jid].message_id if jid in last else None for jid in jids],
            last_sent_ats=[last[jid].sent_at if jid in last else None for jid in jids],
        )
        for jid, messages, message_id, sent_at in rows:
            group = self.groups[jid]
            group.messages, group.last_message_id, group.last_sent_at = messages, message_id, sent_at

    def store(self) -> StoreAt | None:
        """Where the store stands that is this source's; None where none was ever read."""
        with transaction(self.db):
            return next(iter(SQL.rows(self.db, "store", StoreAt, source=self.name)), None)

    def keep_store(self, store: StoreAt) -> None:
        """Remember that the store that stands there is this source's."""
        with transaction(self.db):
            SQL.run(self.db, "keep_store", source=self.name, path=store.path, host=store.host)

    def some_messages(self, most: int) -> list[tuple[str, str]]:
        """Some of the (chat JID, message id) that the ledger holds to be in the store, of any age."""
        with transaction(self.db):
            return SQL.run(self.db, "some_messages", source=self.name, most=most).fetchall()

    def works_elsewhere(self, store: StoreAt, here: str) -> bool:
        """Whether a daemon works on this source at that store's host, which isn't this one."""
        with transaction(self.db):
            return bool(SQL.value(self.db, "works_elsewhere", source=self.name, other=store.host, here=here))

    def answer_from_now(self, now: datetime) -> None:
        """Have nothing answered that was sent before now: the database was lost, and what was answered with it."""
        with transaction(self.db):
            SQL.run(self.db, "answer_from_now", source=self.name, now=now)

    def sweep_due(self) -> bool:
        """Whether a sweep was queued, or the last one is older than six hours."""
        with transaction(self.db):
            return bool(SQL.value(self.db, "sweep_due", source=self.name))

    def verify_due(self) -> bool:
        """Whether the last verify is older than a day."""
        with transaction(self.db):
            return bool(SQL.value(self.db, "verify_due", source=self.name))

    def note_sweep(self) -> None:
        """Remember that a sweep is done."""
        with transaction(self.db):
            SQL.run(self.db, "note_sweep", source=self.name)

    def note_verify(self, *, clean: bool) -> None:
        """Remember how a verify ended."""
        with transaction(self.db):
            SQL.run(self.db, "note_verify", source=self.name, clean=clean)

    def rules_number(self, fingerprint: str) -> int:
        """The number that stands for these rules in the ledger."""
        with transaction(self.db):
            SQL.run(self.db, "rules", fingerprint=fingerprint)
            return int(SQL.value(self.db, "rules_number", fingerprint=fingerprint))

    def _put_tail(self, tail: str, place: Place) -> None:
        SQL.run(self.db, "put_tail", source=self.name, tail=tail, rowid=place.rowid, anchors=anchors_json(place))


class BroughtSource(Source):
    """A source as hooks feed it, perhaps beside a store: one-to-one messages lie in a chat of their own."""

    kinds: Sequence[ChatKind] = ("group", "direct")

    def add_chats(self, kind: ChatKind, projects: Mapping[str, str]) -> None:
        """Have chats, by JID, that no store is read for. What an older wamon called gone of them is there."""
        disabled = [group.chat for group in self.groups.values() if group.jid in projects and not group.enabled]
        with transaction(self.db, UNHURRIED_SECONDS):
            chats = {"jids": list(projects), "projects": list(projects.values())}
            SQL.run(self.db, "add_chats", source=self.name, kind=kind, **chats)
            if disabled:
                SQL.run(self.db, "none_is_gone", chats=disabled)
        self.load()


def anchors_json(place: Place) -> str:
    return json.dumps([list(anchor) for anchor in place.anchors])


def place_from(anchors: list[tuple[int, str]]) -> Place:
    return Place(tuple(Anchor(rowid, key_hash) for rowid, key_hash in anchors))


def _groups(rows: Iterable[tuple[Any, ...]]) -> Iterator[Group]:
    """The groups, of which ten thousand that joined together share the words and the place of their start."""
    places: dict[Place, Place] = {}
    for chat, jid, project, tail, enabled, start, before, anchors, passed, messages, last_id, last_at in rows:
        place = place_from(anchors)
        words = intern(tail), enabled, intern(start), before, places.setdefault(place, place)
        yield Group(chat, jid, project, *words, passed, messages, last_id, last_at)
