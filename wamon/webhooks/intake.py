"""Taking deliveries in: from raw events to the ledger, a batch a transaction, in these steps.

1. What is due is read and parsed. A part that can't be read becomes a dead letter, and its neighbours are recorded.
2. The source's fence, and the events' rows, which somebody else may hold: those wait for the next batch.
3. Persons: the aliases of one delivery are one person's.
4. The ledger, by the monitor's own recorder and its followers; then the events are done.

Of a backlog, what a batch writes is drafted while the one before it is recorded, as if all of it were new. Where
something isn't, PostgreSQL refuses the draft, and the batch is looked up and recorded as any.

A hook of a polled store is a second witness. Of watched groups the store comes first: what it lacks after a minute is
recorded from the hook, and told as a gap. What PostgreSQL refuses is halved until it stands alone, and tried again
after 1, 2 and 4 minutes; the raw body stays, so nothing is lost.
"""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Protocol

from wamon.errors import Superseded, TimedOut
from wamon.failpoints import failpoint
from wamon.halving import Part, bisect
from wamon.ledger.following import NotYet
from wamon.ledger.recording import AlreadyKnown
from wamon.log import logger
from wamon.postgres.connection import keyed_transaction, transaction
from wamon.providers.deliveries import DIRECT, AccountFault, Receipt
from wamon.webhooks.ahead import Ahead
from wamon.webhooks.events import Ended, Events
from wamon.webhooks.messages import revoked
from wamon.webhooks.opening import Opener
from wamon.webhooks.people import join_people
from wamon.words import amount

if TYPE_CHECKING:
    from collections.abc import Generator, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    from wamon.config.hooks import Hook
    from wamon.drops.reading import Rules
    from wamon.halving import Refusal
    from wamon.ledger.changes import Key, Known, Recorded
    from wamon.ledger.drafts import Origin
    from wamon.ledger.recording import Recorder
    from wamon.ledger.source import BroughtSource
    from wamon.postgres.connection import Database
    from wamon.providers.deliveries import Alias
    from wamon.webhooks.ahead import Batch
    from wamon.webhooks.opening import Drafted, Event, Opened, Said

_A_BATCH = 4_000
_A_BATCH_BESIDE_A_STORE = 500
"""Its passes wait for a batch's end."""
_MOST_BATCHES = 8
_MOST_BATCHES_BESIDE_A_STORE = 64
_UNDECIDED_FOR = timedelta(seconds=5)


class Talk(Protocol):
    """Conversations, as far as deliveries are about them."""

    def orphan(self, db: Database, uid: str, aliases: Iterable[Alias], next_try_at: datetime | None, why: str) -> None:
        """What these persons wrote can't be recorded now."""

    def join(self, db: Database, other: int, into: int) -> None:
        """These two persons are one."""

    def take_back(self, db: Database, source: str, messages: Sequence[Key]) -> None:
        """Their senders took these messages back."""

    def receive(self, db: Database, source: str, receipts: Sequence[Receipt]) -> set[int]:
        """Note what became of our answers; the places of those that must wait for an answer's id."""


@dataclass(slots=True)
class Taken:
    """What taking in did."""

    events: int = 0
    counts: Counter[tuple[str, str]] = field(default_factory=Counter)  # by (chat JID, kind), as a recording's
    missed: int = 0  # messages that the store lacks
    awaited: int = 0  # messages that the store may still come to hold

    def add(self, other: Taken) -> None:
        self.events += other.events
        self.counts += other.counts
        self.missed += other.missed
        self.awaited += other.awaited


@dataclass(frozen=True, slots=True)
class Feed:
    """What feeds a source by hooks."""

    hooks: Mapping[str, Hook]  # by name
    projects: Mapping[str, str]  # those of the watched groups, by JID
    is_polled: bool  # its store is read as well


class Intake:
    """Takes the events of one source in."""

    def __init__(self, source: BroughtSource, feed: Feed, rules: Rules, recorder: Recorder, talk: Talk) -> None:
        self._source = source
        self._feed = feed
        self._opener = Opener.of(feed.hooks, feed.projects, rules, is_polled=feed.is_polled)
        self._recorder = recorder
        self._ahead = Ahead(self._opener, source, recorder)
        self._talk = talk
        self._reading: Generator[Batch] | None = None  # of a backlog, what is read ahead
        self._rang_at: datetime | None = None
        self.name = source.name
        self.events = Events(source, list(feed.hooks))

    def end(self) -> None:
        """End what reads a backlog ahead."""
        if self._reading:
            self._reading.close()
        self._ahead.end()

    def begin(self) -> None:
        """Have a chat for one-to-one messages, and a row for each hook."""
        self._source.load()
        project = next((hook.project for hook in self._feed.hooks.values() if hook.project), "")
        self._source.add_chats("direct", {DIRECT: project})
        self.events.keep_status()

    def rang(self) -> bool:
        """Whether a hook has said, without more, that the store has news since this was last asked."""
        was, self._rang_at = self._rang_at, self.events.rang_at()
        return self._feed.is_polled and was != self._rang_at is not None

    def take_in(self) -> Taken:
        """Take in what is due, some batches of it. Raises DatabaseUnavailable and SchemaError."""
        reading, self._reading = self._reading, None
        taken = self._take_in_some(reading) if reading else Taken()
        if not taken.events:
            taken = self._take_in_some(self._ahead.each(self._batches()))
        if taken.events:
            _tell(taken)
        return taken

    def _take_in_some(self, reading: Generator[Batch]) -> Taken:
        """Take in some batches; what is read of the next one is kept for the next time."""
        taken = Taken()
        most = _MOST_BATCHES_BESIDE_A_STORE if self._feed.is_polled else _MOST_BATCHES
        for n, batch in enumerate(reading, 1):
            self._take_in(batch, taken)
            if n == most:
                self._reading = reading
                break
        return taken

    def _batches(self) -> Iterator[Sequence[Event]]:
        """What is due, page by page: a further one is asked for while the last batch of the one before is in hand."""
        most = _A_BATCH_BESIDE_A_STORE if self._feed.is_polled else _A_BATCH
        in_hand: Sequence[Event] = ()
        while True:
            events = self.events.due(in_hand)
            for n in range(0, len(events), most):
                in_hand = events[n : n + most]
                yield in_hand
            if len(events) <= most:
                return

    def _take_in(self, batch: Batch, taken: Taken) -> None:
        """Take a batch in, and count it."""

        def act(part: Part[Event]) -> None:
            done = self._record_new(batch) if part.items is batch.events else None
            taken.add(done or self._record(self._with_their_groups(batch.opened(part.items))))

        def alone(event: Event, refusal: Refusal) -> None:
            """PostgreSQL takes nothing of this delivery: it waits for its next try, and delays no other."""
            if isinstance(refusal, TimedOut):
                raise refusal
            (one,) = batch.opened([event])
            with transaction(self._source.db) as db:
                next_try_at = self.events.refuse(db, event, str(refusal))
                self._talk.orphan(db, str(event.uid), one.writers(), next_try_at, type(refusal).__name__)
            taken.events += 1

        if batch.events:
            failpoint("event.parsed")
            bisect(batch.events, act, alone)

    def taken_in_after(self, event: int) -> list[Opened]:
        """The next deliveries that became messages, as long as their bodies are kept."""
        return self._opener.all_opened(self.events.taken_in_after(event))

    def unrecorded(self, opened: Sequence[Opened]) -> list[tuple[int, Key]]:
        """The messages of these that the ledger lacks, each with its delivery."""
        said = self._said(opened)
        with keyed_transaction(self._source.db):
            known = self._recorder.known([one.reading for one in said])
        return [(one.opened.event.event, one.key) for one in said if one.key not in known]

    def _with_their_groups(self, opened: Sequence[Opened]) -> Sequence[Opened]:
        """Those whose watched groups the source has.

        Without a store it is given those that are watched now. Beside one the passes take groups in, perhaps since this
        intake began: what is brought of one that they haven't come to yet waits for them.
        """
        lacking = self._opener.lacking(opened, self._source.groups)
        if lacking and not self._feed.is_polled:
            self._source.add_chats("group", {jid: self._feed.projects[jid] for jid in sorted(lacking)})
        if not lacking or not self._feed.is_polled:
            return opened
        self._source.load()
        early = self._opener.lacking(opened, self._source.groups)
        waiting = {each.event.event for each in opened if any(one.said.chat in early for one in each.messages)}
        if not waiting:
            return opened
        with transaction(self._source.db) as db:
            self.events.wait(db, sorted(waiting))
        return [each for each in opened if each.event.event not in waiting]

    def _record_new(self, batch: Batch) -> Taken | None:
        """Record a batch by what was drafted of it; None where that can't be: then nothing is done."""
        drafted = batch.drafted
        if drafted is None or batch.groups is not self._source.groups:
            return None
        try:
            with self._recorder.fenced(()) as db:
                self._end_new(db, batch, drafted)
                failpoint("event.claimed")
                taken = self._settle_new(db, batch, drafted)
                failpoint("event.recorded")
        except (AlreadyKnown, NotYet, Superseded):
            return None
        return taken

    def _record(self, opened: Sequence[Opened]) -> Taken:
        while opened:
            try:
                return self._record_once(opened)
            except Superseded:  # a pass was quicker
                self._source.load()
            except NotYet as undecided:
                return self._put_off(opened, undecided)
        return Taken()

    def _put_off(self, opened: Sequence[Opened], undecided: NotYet) -> Taken:
        """Have those wait a moment of which it isn't known yet what they are, and record the others."""
        early = {one.opened.event.event for one in self._said(opened) if one.key in undecided.keys}
        with transaction(self._source.db) as db:
            self.events.wait(db, sorted(early), _UNDECIDED_FOR)
        return self._record([one for one in opened if one.event.event not in early])

    def _record_once(self, opened: Sequence[Opened]) -> Taken:
        said = self._said(opened)
        with self._within(said) as db:
            locked = self.events.lock(db, [one.event.event for one in opened])
            failpoint("event.claimed")
            held = [one for one in opened if one.event.event in locked]
            taken = self._settle(db, held, said if len(held) == len(opened) else self._said(held))
            failpoint("event.recorded")
        return taken

    @contextmanager
    def _within(self, said: Sequence[Said]) -> Iterator[Database]:
        """One transaction: of the recorder's within the fence, but where the store's own pass has recorded it all."""
        readings = [one.reading for one in said]
        if self._feed.is_polled:
            with keyed_transaction(self._source.db):
                known = self._recorder.known(readings)
            if not any(one.key not in known and not self._is_awaited(one, known) for one in said):
                with keyed_transaction(self._source.db) as db:
                    yield db
                return
        with self._recorder.fenced(readings) as db:
            yield db

    def _settle(self, db: Database, opened: Sequence[Opened], all_said: Sequence[Said]) -> Taken:
        """Record what these deliveries say, and be done with them."""
        twins = self.events.twins(db, [one.event for one in opened if one.is_nameless])
        live = {one.event.event for one in opened if one.event.event not in twins}
        said = [one for one in all_said if one.opened.event.event in live]
        persons = self._join_people(db, self._opener.together([one for one in opened if one.event.event in live]))
        known = self._recorder.known([one.reading for one in said])
        if early := {one.key for one in said if one.is_early and one.key not in known}:
            raise NotYet(early)
        awaited = [one for one in said if self._is_awaited(one, known)]
        ready = [one for one in said if not self._is_awaited(one, known)] if awaited else said
        origins = {one.key: one.origin(persons[self._opener.accounts[one.opened.event.hook]]) for one in ready}
        recorded = self._bring(known, ready, origins)
        missed = self._note_missed(known, ready)
        self._conclude(db, opened, twins, Counter(one.opened.event.event for one in said), awaited)
        return Taken(len(opened), recorded.counts, missed, len(awaited))

    def _end_new(self, db: Database, batch: Batch, drafted: Drafted) -> None:
        """Hold these deliveries, and be done with most of them. Raises AlreadyKnown where they can't be had."""
        alone = [one.event for one in batch.events if one.event in drafted.alone]
        rest = [one.event for one in batch.events if one.event not in drafted.alone]
        if (rest and not self.events.hold(db, rest)) or (alone and not self.events.end_new(db, alone)):
            raise AlreadyKnown

    def _settle_new(self, db: Database, batch: Batch, drafted: Drafted) -> Taken:
        """Record what these deliveries say, by what was drafted. Raises AlreadyKnown where some of it isn't new."""
        self._join_people(db, drafted.together)
        recorded = self._recorder.bring_new(drafted.draft)
        if rest := [one for one in batch.events if one.event not in drafted.alone]:
            self._conclude(db, batch.opened(rest), set(), drafted.messages, ())
        return Taken(len(batch.events), recorded.counts)

    def _conclude(
        self,
        db: Database,
        opened: Sequence[Opened],
        twins: set[int],
        messages: Counter[int],
        awaited: Sequence[Said],
    ) -> None:
        """Do what else these deliveries ask for, once their messages are recorded, and be done with them."""
        early = self._take_back(db, opened) | self._receive(db, opened)
        settled = [one for one in opened if one.event.event not in early]
        self._end(db, settled, twins, messages, awaited)

    def _take_back(self, db: Database, opened: Sequence[Opened]) -> set[int]:
        """Take messages back; the events that wait a moment, since the message that one takes back may still come."""
        taken = [(one.event, key) for one in opened for key in revoked(one.parts)]
        self._talk.take_back(db, self.name, [key for _, key in taken])
        ahead = [(event.event, key[1]) for event, key in taken if key[0] == DIRECT and event.may_overtake]
        lacking = self.events.lacking(db, [message_id for _, message_id in ahead])
        early = {event for event, message_id in ahead if message_id in lacking}
        self.events.wait(db, sorted(early), _UNDECIDED_FOR)
        return early

    def _receive(self, db: Database, opened: Sequence[Opened]) -> set[int]:
        """Note what became of our answers; the events that wait a moment, since the id of one isn't known yet."""
        receipts = [(one.event.event, part) for one in opened for part in one.others if isinstance(part, Receipt)]
        places = self._talk.receive(db, self.name, [receipt for _, receipt in receipts])
        early = {receipts[n][0] for n in places}
        self.events.wait(db, sorted(early), _UNDECIDED_FOR)
        return early

    def _bring(self, known: Mapping[Key, Known], said: Sequence[Said], origins: Mapping[Key, Origin]) -> Recorded:
        unread = {DIRECT} if self._feed.is_polled else set(self._source.groups)
        return self._recorder.bring([one.reading for one in said], known, origins, unread)

    def _note_missed(self, known: Mapping[Key, Known], said: Sequence[Said]) -> int:
        """How many of these, of watched groups, the store lacks, though it had its time."""
        if not self._feed.is_polled:
            return 0
        missed = {one.key: one.reading.message for one in said if one.key not in known}
        messages = [message for message in missed.values() if message.chat_jid != DIRECT]
        self._recorder.note_missed(messages)
        return len(messages)

    def _is_awaited(self, one: Said, known: Mapping[Key, Known]) -> bool:
        """Whether the store may still come to hold it."""
        is_watched = self._feed.is_polled and one.reading.message.chat_jid != DIRECT
        return is_watched and one.opened.event.is_young and one.key not in known

    def _said(self, opened: Sequence[Opened]) -> list[Said]:
        """What the messages say that count."""
        return self._opener.said(opened, self._source.groups)

    def _join_people(
        self, db: Database, together: Mapping[str, Mapping[tuple[Alias, ...], None]]
    ) -> dict[str, dict[Alias, int]]:
        """The person of each alias, by account."""
        return {account: join_people(db, account, together[account], self._talk.join) for account in sorted(together)}

    def _end(
        self,
        db: Database,
        opened: Sequence[Opened],
        twins: set[int],
        messages: Counter[int],
        awaited: Sequence[Said],
    ) -> None:
        """What becomes of the deliveries' rows, once what they say is recorded."""
        waiting = {one.opened.event.event for one in awaited}
        for one in opened:
            if one.unreadable:
                self.events.refuse(db, one.event, f"its body can't be read: {one.unreadable}")
        rest = [one for one in opened if one.event.event not in waiting and not one.unreadable]
        self.events.wait(db, sorted(waiting))
        self.events.forget(db, [one.event.event for one in rest if one.is_test])
        done = [one for one in rest if not one.is_test]
        for one in done:
            for fault in (part for part in one.others if isinstance(part, AccountFault)):
                _tell_fault(one.event.hook, fault)
        self.events.end(db, [Ended(one.event, messages[one.event.event], one.broken) for one in done], twins)


def _tell(taken: Taken) -> None:
    logger.info(
        "Took in %s.",
        amount(taken.events, "event"),
        extra={"action": "intake", "events": taken.events, "awaited": taken.awaited},
    )
    if taken.missed:
        logger.warning(
            "The bridge's store lacks %s that a hook brought: recorded from there. `wamon gaps` lists them.",
            amount(taken.missed, "message"),
            extra={"action": "store.missed", "messages": taken.missed},
        )


def _tell_fault(hook: str, fault: AccountFault) -> None:
    logger.warning(
        "Hook %s: its provider tells of a fault of the account, code %s.",
        hook,
        fault.code,
        extra={"action": "hook.fault", "hook": hook},
    )
