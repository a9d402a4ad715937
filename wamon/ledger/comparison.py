"""What PostgreSQL holds, in the order and portions in which verify compares it with the bridge."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from wamon.ledger.changes import Candidate
from wamon.ledger.columns import at_places, hashes_of
from wamon.ledger.submissions import lock_projects
from wamon.postgres.arrays import Int4s, Int8s, Texts
from wamon.postgres.connection import UNHURRIED_SECONDS, attempt, keyed_transaction, transaction
from wamon.postgres.copy import EIGHT, NULL, each_encoded, encoded, int4
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import timedelta

    from wamon.ledger.changes import Drop, Key
    from wamon.ledger.columns import ReadColumns
    from wamon.ledger.review import Review
    from wamon.ledger.source import Source
    from wamon.model import Group, Message
    from wamon.postgres.arrays import Array

SQL = Queries("wamon.ledger", "comparison")

_LACKING_AT_ONCE = 10_000
"""For each so many the whole ledger is gone through once."""


class Held(NamedTuple):
    """What the ledger holds of a message, with the drop numbers of its live submissions."""

    content_hash: int
    status: str
    reason: str | None
    rules: int
    gone: bool
    numbers: list[str]
    other_project: bool  # some submission was recorded for a project that the group no longer has
    lacks_text: bool  # it has submissions, is young enough to be kept with its text, and isn't


class UnlistedSubmission(NamedTuple):
    """A live submission of which the ledger doesn't say that its message has it."""

    jid: str
    message_id: str
    number: str
    in_ledger: bool  # the message


class Expected(NamedTuple):
    """What is to be held of the messages of a page's columns, but of odd ones."""

    rowids: Sequence[int]
    values: Mapping[str, Array]

    @classmethod
    def of(cls, page: ReadColumns, chats: Mapping[str, int]) -> Expected:
        """By what the page says; `chats` are the numbers of its groups, by JID."""
        columns, said = page.columns, page.said
        jids, message_ids = columns.jids, columns.message_ids
        # In order of key, which is that of the index.
        places = sorted(set(range(len(message_ids))) - said.odd, key=message_ids.__getitem__)
        at = at_places(places)
        chat_fields = {jid: int4(chats[jid]) for jid in set(jids)}
        values = {
            "chats": Int4s.of([chat_fields[jid] for jid in at(jids)]),
            "message_ids": Texts.of(each_encoded(at(message_ids))),
            "hashes": Int8s.of([EIGHT + content_hash for content_hash in at(hashes_of(columns))]),
            "numbers": Texts.of(at(_numbers(len(message_ids), said.numbers))),
        }
        return cls(at(columns.rowids), values)


def _numbers(messages: int, said: Mapping[int, Sequence[str]]) -> list[bytes]:
    """The numbers of each of so many messages, in one field; those that say any are named by their places."""
    fields = [NULL] * messages
    for n, numbers in said.items():
        distinct = numbers[0] if len(numbers) == 1 else " ".join(dict.fromkeys(numbers))
        fields[n] = encoded(distinct.encode())
    return fields


class Comparison:
    """Reads for verify and sweep; it mends what no message says: cursors, gone rows, reviews, what leads there."""

    def __init__(self, source: Source) -> None:
        self._source = source

    def held(self, messages: Sequence[Message], keep_text: timedelta | None) -> dict[tuple[str, str], Held]:
        """What is held of these messages, by (chat JID, message id). `keep_text` None: for ever."""
        jids = {self._source.groups[m.chat_jid].chat: m.chat_jid for m in messages}
        keys = [(self._source.groups[m.chat_jid].chat, m.message_id) for m in messages]
        with keyed_transaction(self._source.db) as db:
            rows = SQL.run(
                db,
                "held",
                chats=[chat for chat, _ in keys],
                message_ids=[message_id for _, message_id in keys],
                keep_text=keep_text,
            )
            return {(jids[chat], message_id): Held(*held) for chat, message_id, *held in rows.fetchall()}

    def unexpected(self, expected: Expected, rules: int, keep_text: timedelta | None) -> set[int]:
        """The rowids of messages of which the ledger doesn't hold just what is expected. `keep_text` as in `held`."""
        if not expected.rowids:
            return set()
        with keyed_transaction(self._source.db) as db:
            rows = SQL.run(db, "unexpected", **expected.values, rules=rules, keep_text=keep_text)
            return {expected.rowids[n] for (n,) in rows}

    def pages_lacking_posts(self, groups: Sequence[Group], rules: int) -> Iterator[list[Key]]:
        """Messages of which the ledger holds numbers by these rules that no live submission in their project is of."""
        jids = {group.chat: group.jid for group in groups}
        last, complete = (0, ""), False
        while not complete:
            after = {"chat": last[0], "message_id": last[1], "most": _LACKING_AT_ONCE}
            with transaction(self._source.db, UNHURRIED_SECONDS) as db:
                rows = SQL.run(db, "lacking_posts", chats=list(jids), rules=rules, **after).fetchall()
            if rows:
                yield [(jids[chat], message_id) for chat, message_id in rows]
                last = rows[-1]
            complete = len(rows) < _LACKING_AT_ONCE

    def unlisted_submissions(self, groups: Sequence[Group]) -> list[UnlistedSubmission]:
        """Live submissions of messages that the ledger doesn't hold, or not as done, or not with that number."""
        jids = {group.chat: group.jid for group in groups}
        with transaction(self._source.db, UNHURRIED_SECONDS) as db:
            rows = SQL.run(db, "unlisted_submissions", chats=list(jids)).fetchall()
        return [UnlistedSubmission(jids[chat], *about) for chat, *about in rows]

    def list_in_ledger(self, unlisted_submissions: Sequence[UnlistedSubmission]) -> None:
        """Have the ledger say these, so that what their messages really say decides what becomes of them."""
        with self._source.fenced() as db:
            for jid, message_id, number, _ in unlisted_submissions:
                chat = self._source.groups[jid].chat
                SQL.run(db, "list_in_ledger", chat=chat, message_id=message_id, drop_number=number)

    def pages_still_there(self, groups: Sequence[Group]) -> Iterator[list[Key]]:
        """The messages of these groups that the ledger holds to be in the store, a page at a time."""
        jids = {group.chat: group.jid for group in groups}
        chat, message_id = 0, ""
        while True:
            with transaction(self._source.db) as db:
                after = {"chat": chat, "message_id": message_id}
                rows = SQL.run(db, "still_there", chats=list(jids), **after).fetchall()
            if not rows:
                return
            yield [(jids[chat], message_id) for chat, message_id in rows]
            chat, message_id = rows[-1]

    def mark_gone(self, keys: Sequence[Key]) -> None:
        """Remember that these messages have vanished from the store; they keep their rows and submissions."""
        with self._source.fenced() as db:
            chats = [self._source.groups[jid].chat for jid, _ in keys]
            SQL.run(db, "mark_gone", chats=chats, message_ids=[message_id for _, message_id in keys])

    def cursors_ahead(self) -> list[tuple[str, int, int]]:
        """Cursors (tail, rowid, newest anchor's rowid) that don't stand at their newest anchor."""
        with transaction(self._source.db) as db:
            rows = SQL.run(db, "cursors", source=self._source.name).fetchall()
        return [(tail, rowid, anchor) for tail, rowid, anchor in rows if rowid != anchor]

    def mend_cursor(self, tail: str, rowid: int) -> None:
        """Set a cursor back to where its newest anchor stands."""
        with self._source.fenced() as db:
            SQL.run(db, "mend_cursor", source=self._source.name, tail=tail, rowid=rowid)

    def drops_without_review(self, review: Review, projects: Sequence[str]) -> Iterator[Drop]:
        """Live drops (project, drop number) of the projects that have no row in the review table."""
        last: Drop = "", ""
        while True:
            with keyed_transaction(self._source.db) as db:
                values = {"project": last[0], "drop": last[1], "projects": list(projects)}
                drops = SQL.run(db, "drops_after", **values).fetchall()
                if not drops:
                    return
                yield from review.missing(db, drops)
            last = drops[-1]

    def restore_reviews(self, review: Review, drops: Sequence[Drop]) -> None:
        """Have the review rows made that are still missing, each from its drop's first submission.

        Raises Locked, Poison and TimedOut where the table can't be read now.
        """
        with self._source.fenced() as db:
            lock_projects(db, {project for project, _ in drops})
            with attempt(db):
                lacking = review.missing(db, drops)
            values = {"projects": [project for project, _ in lacking], "drops": [number for _, number in lacking]}
            review.restore(db, SQL.rows(db, "first_submission", Candidate.recorded, **values))

    def missed(self, groups: Sequence[Group]) -> list[Key]:
        """The messages of these groups that hooks brought, and that no pass has met in the store."""
        jids = {group.chat: group.jid for group in groups}
        with transaction(self._source.db) as db:
            return [(jids[chat], message_id) for chat, message_id in SQL.run(db, "missed", chats=list(jids))]

    def dead(self, groups: Sequence[Group]) -> int:
        """How many messages of these groups are dead letters."""
        with transaction(self._source.db) as db:
            return int(SQL.value(db, "dead", chats=[group.chat for group in groups]))
