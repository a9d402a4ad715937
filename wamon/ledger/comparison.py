"""What PostgreSQL holds, in the order and portions in which verify compares it with the bridge."""

from __future__ import annotations

from struct import unpack
from typing import TYPE_CHECKING, NamedTuple

from wamon.ledger.changes import Candidate
from wamon.ledger.columns import hashes_of
from wamon.ledger.submissions import lock_projects
from wamon.postgres.connection import UNHURRIED_SECONDS, attempt, keyed_transaction, transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from datetime import timedelta

    from wamon.ledger.changes import Drop, Key
    from wamon.ledger.columns import ReadColumns
    from wamon.ledger.review import Review
    from wamon.ledger.source import Source
    from wamon.model import Group, Message

SQL = Queries("wamon.ledger", "comparison")


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


class _Asked(NamedTuple):
    """What a query is asked of many. Values come joined: an array takes a driver longer than this takes the server."""

    rowids: Sequence[int]  # whose each of them is
    values: Mapping[str, str]


class Expected(NamedTuple):
    """What is to be held of the messages of a page's columns, but of odd ones."""

    messages: _Asked
    posts: _Asked

    @classmethod
    def of(cls, page: ReadColumns, chats: Mapping[str, int]) -> Expected:
        """By what the page says; `chats` are the numbers of its groups, by JID."""
        columns, said = page.columns, page.said
        message_ids, numbers = columns.message_ids, {n: list(dict.fromkeys(found)) for n, found in said.numbers.items()}
        hashes = unpack(f">{len(message_ids)}q", b"".join(hashes_of(columns)))
        # In order of key, which is that of the indexes; an id that holds what parts them is left out.
        left_out = said.odd.union([n for n, message_id in enumerate(message_ids) if b"\n" in message_id])
        places = sorted(set(range(len(message_ids))) - left_out, key=message_ids.__getitem__)
        posts = sorted([(number, n) for n, found in numbers.items() if n not in left_out for number in found])

        def asked(places: Sequence[int], **joined: str) -> _Asked:
            keys = {
                "chats": ",".join([str(chats[columns.jids[n]]) for n in places]),
                "message_ids": b"\n".join([message_ids[n] for n in places]).decode(),
            }
            return _Asked([columns.rowids[n] for n in places], keys | joined)

        numbers_said = [" ".join(numbers[n]) if n in numbers else "" for n in places]
        return cls(
            asked(places, hashes=",".join([str(hashes[n]) for n in places]), numbers=",".join(numbers_said)),
            asked([n for _, n in posts], drop_numbers=",".join([number for number, _ in posts])),
        )


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
        """The rowids of messages of which not just what is expected is held. `keep_text` as in `held`."""
        messages, posts = expected
        found: set[int] = set()
        with keyed_transaction(self._source.db) as db:
            if messages.rowids:
                rows = SQL.run(db, "unexpected", **messages.values, rules=rules, keep_text=keep_text)
                found.update(messages.rowids[n] for (n,) in rows)
            if posts.rowids:
                found.update(posts.rowids[n] for (n,) in SQL.run(db, "unexpected_posts", **posts.values))
        return found

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
