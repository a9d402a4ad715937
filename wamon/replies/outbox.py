"""The outbox: within a recording it queues the replies that submissions deserve, and knows our own replies again.

A submission is answered at most once, for its row here outlives whatever becomes of the reply.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, ClassVar, NamedTuple

from wamon.model import Reading
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from wamon.clock import Clock
    from wamon.ledger.following import Conflict, Posted
    from wamon.ledger.source import Source
    from wamon.model import Message
    from wamon.postgres.connection import Database

SQL = Queries("wamon.replies", "outbox")

_STORED_AFTER = timedelta(hours=1)
_CLOCKS_DIFFER = timedelta(minutes=2)
"""A message with a reply's very text is that reply if its own time lies from this long before the sending until
`_STORED_AFTER` later."""
_NO_EARLIER = datetime(2009, 1, 1, tzinfo=UTC)
_NO_LATER = datetime(2200, 1, 1, tzinfo=UTC)


class _Said(NamedTuple):
    """A reply that was sent, or perhaps was."""

    chat: int
    message_id: str
    about: str
    said_hash: int
    reply_id: str | None
    tried_at: datetime


class _Answer(NamedTuple):
    """A reply to be queued."""

    message: Message
    about: str
    kind: str
    likely: str | None = None


class Outbox:
    """Follows the recordings of one source.

    `answered` says, by JID, of which kinds something is said there; empty: replies are off.
    """

    shares_rows: ClassVar[bool] = False

    def __init__(
        self, source: Source, answered: Mapping[str, AbstractSet[str]], max_age: timedelta, clock: Clock
    ) -> None:
        self._source = source
        self._answered = answered
        self._max_age = max_age
        self._clock = clock

    def prepare(self, db: Database, readings: Sequence[Reading]) -> None:
        """Nothing: a reply is to what was recorded."""

    def follow(self, db: Database, posted: Posted) -> Sequence[Conflict]:
        """Queue a reply for each submission and near miss that deserves one, and has none yet."""
        if self._answered and not posted.again:
            now = self._clock.now()
            chosen = [answer for answer in _answers(posted) if self._deserves(answer, now)]
            if chosen:
                self._queue(db, chosen, now)
        return ()

    def _queue(self, db: Database, chosen: Sequence[_Answer], now: datetime) -> None:
        groups = self._source.groups
        SQL.run(
            db,
            "queue",
            source=self._source.name,
            now=now,
            chats=[groups[answer.message.chat_jid].chat for answer in chosen],
            message_ids=[answer.message.message_id for answer in chosen],
            abouts=[answer.about for answer in chosen],
            kinds=[answer.kind for answer in chosen],
            projects=[groups[answer.message.chat_jid].project for answer in chosen],
            likelies=[answer.likely for answer in chosen],
            sent_ats=[min(answer.message.sent_at or now, now) for answer in chosen],
        )

    def _deserves(self, answer: _Answer, now: datetime) -> bool:
        message = answer.message
        if message.from_me or message.sent_at is None:
            return False
        return abs(now - message.sent_at) <= self._max_age and answer.kind in self._answered.get(message.chat_jid, ())

    def without_own_replies(self, readings: Sequence[Reading]) -> Sequence[Reading]:
        """Within a recording: the same readings, of which those that are our own replies say nothing.

        Also where the bridge stores them under another id, or as somebody else's. What the bridge is seen to have
        stored was sent, whatever became of the sending.
        """
        said = self._said_about_then(readings)
        if not said:
            return readings
        found = {}
        for n, reading in enumerate(readings):
            if (one := self._one_of(said, reading.message)) and reading.reason != "before-start":
                found[n] = Reading(reading.message, (), "reply")
                self._see(one, reading.message)
        return [found.get(n, reading) for n, reading in enumerate(readings)]

    def has_replied(self) -> bool:
        """Within a recording: whether anything was ever said."""
        return SQL.value(self._source.db, "first_tried") is not None

    def _said_about_then(self, readings: Sequence[Reading]) -> dict[tuple[int, int], list[_Said]]:
        """What was said when these messages were sent, by chat and content. Where nothing ever was, that is cheap."""
        if not self.has_replied():
            return {}
        times = [reading.message.sent_at or self._clock.now() for reading in readings]
        sane = [time for time in times if _NO_EARLIER < time < _NO_LATER]
        if not sane:
            return {}
        rows = SQL.rows(
            self._source.db,
            "said_between",
            _Said,
            source=self._source.name,
            since=min(sane) - _STORED_AFTER,
            until=max(sane) + _CLOCKS_DIFFER,
        )
        said: dict[tuple[int, int], list[_Said]] = {}
        for one in rows:
            said.setdefault((one.chat, one.said_hash), []).append(one)
        return said

    def _one_of(self, said: Mapping[tuple[int, int], Sequence[_Said]], message: Message) -> _Said | None:
        chat = self._source.groups[message.chat_jid].chat
        at = message.sent_at or self._clock.now()
        alike = said.get((chat, message.content_hash), ())
        return next((one for one in alike if _is_it(one, message.message_id, at)), None)

    def _see(self, one: _Said, message: Message) -> None:
        if message.from_me and one.reply_id is None:
            key = {"chat": one.chat, "message_id": one.message_id, "about": one.about}
            SQL.run(self._source.db, "seen", reply_id=message.message_id, **key)


def _answers(posted: Posted) -> Iterator[_Answer]:
    for candidate, kind, _ in posted.submissions:
        if kind:
            yield _Answer(candidate.message, candidate.drop_number, kind)
    for reading in posted.near:
        for near in reading.near:
            yield _Answer(reading.message, near.written, "near-miss", near.likely)


def _is_it(one: _Said, message_id: str, at: datetime) -> bool:
    if message_id == one.message_id:  # what was answered says the very same
        return False
    return message_id == one.reply_id or one.tried_at - _CLOCKS_DIFFER <= at <= one.tried_at + _STORED_AFTER
