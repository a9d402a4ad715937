"""The outbox: within a recording it queues the replies that submissions deserve, and knows our own replies again.

A submission is answered at most once, for its row here outlives whatever becomes of the reply.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, NamedTuple

from wamon.ledger.changes import kinds_of
from wamon.model import Reading
from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence
    from collections.abc import Set as AbstractSet

    from wamon.clock import Clock
    from wamon.ledger.changes import Candidate, Standing
    from wamon.ledger.source import Source
    from wamon.model import Message

SQL = Queries("wamon.ledger", "outbox")

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
    """One source's. `answered` says, by JID, of which kinds something is said there; empty: replies are off."""

    def __init__(
        self, source: Source, answered: Mapping[str, AbstractSet[str]], max_age: timedelta, clock: Clock
    ) -> None:
        self._source = source
        self._answered = answered
        self._max_age = max_age
        self._clock = clock

    def queue(self, inserted: Sequence[Candidate], standing: Sequence[Standing]) -> None:
        """Within a recording: queue a reply for each inserted submission that deserves one."""
        if self._answered and inserted:
            kinds = zip(inserted, kinds_of(inserted, standing), strict=True)
            self._queue(_Answer(c.message, c.drop_number, kind) for c, kind in kinds if kind)

    def queue_near(self, readings: Iterable[Reading]) -> None:
        """Within a recording: queue a reply for each near miss of these messages; those that have theirs get none."""
        if self._answered:
            self._queue(
                _Answer(reading.message, near.written, "near-miss", near.likely)
                for reading in readings
                for near in reading.near
            )

    def _queue(self, answers: Iterable[_Answer]) -> None:
        now = self._clock.now()
        chosen = [answer for answer in answers if self._deserves(answer, now)]
        if not chosen:
            return
        groups = self._source.groups
        SQL.run(
            self._source.db,
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

    def knowing_ours(self, readings: list[Reading]) -> list[Reading]:
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

    def has_spoken(self) -> bool:
        """Within a recording: whether anything was ever said."""
        return SQL.value(self._source.db, "first_tried") is not None

    def _said_about_then(self, readings: Sequence[Reading]) -> dict[tuple[int, int], list[_Said]]:
        """What was said when these messages were sent, by chat and content. Where nothing ever was, that is cheap."""
        if not self.has_spoken():
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

    def has_work(self) -> bool:
        """Whether a reply is due, or was left behind by somebody who began to send it."""
        with transaction(self._source.db) as db:
            return bool(SQL.value(db, "has_work", source=self._source.name, now=self._clock.now()))

    def begin_anew(self) -> None:
        """Answer nothing that was sent before now: the database was lost, and what was answered with it."""
        with transaction(self._source.db) as db:
            SQL.run(db, "reply_from_now", source=self._source.name, now=self._clock.now())


def _is_it(one: _Said, message_id: str, at: datetime) -> bool:
    if message_id == one.message_id:  # what was answered says the very same
        return False
    return message_id == one.reply_id or one.tried_at - _CLOCKS_DIFFER <= at <= one.tried_at + _STORED_AFTER
