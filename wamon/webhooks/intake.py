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
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import chain
from typing import TYPE_CHECKING, NamedTuple, Protocol

from wamon.errors import Superseded, TimedOut
from wamon.failpoints import failpoint
from wamon.halving import Part, bisect
from wamon.ledger.columns import ReadColumns
from wamon.ledger.drafts import origin_fields
from wamon.ledger.following import NotYet
from wamon.ledger.recording import AlreadyKnown
from wamon.log import log_failure, logger
from wamon.model import FROM_THE_BEGINNING, Reading, Start
from wamon.postgres.connection import keyed_transaction, transaction
from wamon.providers import buffer
from wamon.providers.deliveries import DIRECT, AccountFault, Broken, Delivery, IdentityChange, Ping, Receipt
from wamon.providers.wamids import stanza_id
from wamon.webhooks.events import Ended, Events
from wamon.webhooks.messages import NAMELESS, SPOKEN, brought, columns_of, of_numbers, origin_of, revoked
from wamon.webhooks.people import join_people
from wamon.webhooks.providers import KNOWN
from wamon.words import amount

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from collections.abc import Set as AbstractSet
    from datetime import datetime

    from wamon.config.hooks import Hook
    from wamon.drops.reading import Rules
    from wamon.halving import Refusal
    from wamon.ledger.changes import Key, Known, Recorded
    from wamon.ledger.drafts import Draft, Origin
    from wamon.ledger.recording import Recorder
    from wamon.ledger.source import BroughtSource
    from wamon.model import Columns, Group
    from wamon.postgres.connection import Database
    from wamon.providers.deliveries import Alias, Parsed
    from wamon.webhooks.events import Event
    from wamon.webhooks.messages import Brought

_LAST_ROW = 2**63 - 1
_A_BATCH = 4_000
_A_BATCH_BESIDE_A_STORE = 500
"""Its passes wait for a batch's end."""
_MOST_PAGES = 4
_UNDECIDED_FOR = timedelta(seconds=5)


class Opened(NamedTuple):
    """A delivery and what it holds."""

    event: Event
    parts: Sequence[Parsed]
    messages: Sequence[Brought]
    others: Sequence[Parsed]  # the parts that are no messages: of most deliveries there are none

    @property
    def unreadable(self) -> str | None:
        """Why all of it can't be read, if it can't."""
        return next((part.why for part in self.others if isinstance(part, Broken) and part.place is None), None)

    @property
    def broken(self) -> list[Broken]:
        """Its parts that can't be read."""
        return [part for part in self.others if isinstance(part, Broken)]

    @property
    def is_test(self) -> bool:
        """Whether its sender only tried the address."""
        return any(isinstance(part, Ping) for part in self.others)

    @property
    def is_nameless(self) -> bool:
        """Whether its sender gave it no id."""
        return any(one.message_id.startswith(NAMELESS) for one in self.messages)

    def writers(self) -> list[Alias]:
        """The people who wrote what it holds, each by the first of their aliases."""
        said = (one for one in self.messages if not one.from_me and one.aliases)
        return list(dict.fromkeys(one.aliases[0] for one in said))


class Drafted(NamedTuple):
    """What a batch of deliveries writes, if the ledger holds nothing of it."""

    draft: Draft
    groups: Mapping[str, Group]  # those for which it was drafted
    messages: Counter[int]  # how many each delivery brought, by event
    alone: AbstractSet[int]  # the deliveries that hold one message and nothing else
    together: Mapping[str, Mapping[tuple[Alias, ...], None]]  # by account, the aliases that are one person's


class Said(NamedTuple):
    """A message that a delivery brought, and what it says."""

    opened: Opened
    reading: Reading
    brought: Brought

    @property
    def key(self) -> Key:
        return self.reading.message[1:3]

    @property
    def is_early(self) -> bool:
        """Whether it tells of a message that may still come, and only that says whose it is."""
        return self.brought.names_nobody and self.opened.event.may_overtake

    def origin(self, persons: Mapping[Alias, int]) -> Origin:
        """Whence it comes, of these persons."""
        return origin_of(self.brought, self.opened.event.uid, persons)


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
        self._rules = rules
        self._recorder = recorder
        self._talk = talk
        self._accounts = _accounts(feed.hooks)
        self._rang_at: datetime | None = None
        self.name = source.name
        self.events = Events(source, list(feed.hooks))

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
        taken = Taken()
        for opened, drafted in self._read_ahead():
            self._take_in(self._with_their_groups(opened), drafted, taken)
        if taken.events:
            _tell(taken)
        return taken

    def _read_ahead(self) -> Iterator[tuple[list[Opened], Drafted | None]]:
        """What is due, a batch at a time: each is parsed while PostgreSQL works on the one before it.

        Of a backlog, what each writes is drafted as well, for most of that is new.
        """
        batches = self._batches()
        first, second = next(batches, ()), next(batches, ())
        if not second:
            yield self._all_opened(first), None
            return
        with ThreadPoolExecutor(1, "parse") as ahead:
            parsed = ahead.submit(self._all_drafted, first)
            for batch in chain([second], batches):
                one, parsed = parsed, ahead.submit(self._all_drafted, batch)
                yield one.result()
            yield parsed.result()

    def _batches(self) -> Iterator[Sequence[Event]]:
        """What is due, some pages of it: a further one is asked for while the last of the one before is in hand."""
        most = _A_BATCH_BESIDE_A_STORE if self._feed.is_polled else _A_BATCH
        in_hand: Sequence[Event] = ()
        for _ in range(_MOST_PAGES):
            events = self.events.due(in_hand)
            for n in range(0, len(events), most):
                in_hand = events[n : n + most]
                yield in_hand
            if len(events) <= most:
                return

    def _all_drafted(self, events: Sequence[Event]) -> tuple[list[Opened], Drafted | None]:
        opened = self._all_opened(events)
        return opened, self._drafted(opened)

    def _take_in(self, opened: Sequence[Opened], drafted: Drafted | None, taken: Taken) -> None:
        """Take a batch in, and count it."""

        def act(part: Part[Opened]) -> None:
            taken.add(self._record(part.items, drafted if part.items is opened else None))

        def alone(one: Opened, refusal: Refusal) -> None:
            """PostgreSQL takes nothing of this delivery: it waits for its next try, and delays no other."""
            if isinstance(refusal, TimedOut):
                raise refusal
            with transaction(self._source.db) as db:
                next_try_at = self.events.refuse(db, one.event, str(refusal))
                self._talk.orphan(db, str(one.event.uid), one.writers(), next_try_at, type(refusal).__name__)
            taken.events += 1

        if opened:
            failpoint("event.parsed")
            bisect(opened, act, alone)

    def taken_in_after(self, event: int) -> list[Opened]:
        """The next deliveries that became messages, as long as their bodies are kept."""
        return [self._opened(one) for one in self.events.taken_in_after(event)]

    def unrecorded(self, opened: Sequence[Opened]) -> list[tuple[int, Key]]:
        """The messages of these that the ledger lacks, each with its delivery."""
        said = self._said(opened)
        with keyed_transaction(self._source.db):
            known = self._recorder.known([one.reading for one in said])
        return [(one.opened.event.event, one.key) for one in said if one.key not in known]

    def _all_opened(self, events: Sequence[Event]) -> list[Opened]:
        return [self._opened(event) for event in events]

    def _opened(self, event: Event) -> Opened:
        try:
            parts = self._parsed(event)
        except Exception as error:  # noqa: BLE001 - the fault is ours: it waits as what can't be read, and holds no other up
            log_failure("reading of a delivery", error)
            parts = [Broken(None, f"wamon failed with {type(error).__name__}")]
        others = [part for part in parts if not isinstance(part, SPOKEN)]
        return Opened(event, parts, list(brought(parts, event.uid, event.received_at)), others)

    def _parsed(self, event: Event) -> Sequence[Parsed]:
        delivery = Delivery({}, {}, "", event.body, event.received_at)
        if event.hook == buffer.HOOK:
            return buffer.parse(delivery)
        hook = self._feed.hooks[event.hook]
        return of_numbers(KNOWN[hook.provider].sender.parse(delivery), hook.numbers)

    def _with_their_groups(self, opened: Sequence[Opened]) -> Sequence[Opened]:
        """Those whose watched groups the source has.

        Without a store it is given those that are watched now. Beside one the passes take groups in, perhaps since this
        intake began: what is brought of one that they haven't come to yet waits for them.
        """
        watched = {one.said.chat for each in opened for one in each.messages} & self._feed.projects.keys()
        if not self._feed.is_polled:
            if lacking := sorted(watched - self._served()):
                self._source.add_chats("group", {jid: self._feed.projects[jid] for jid in lacking})
            return opened
        if watched - self._served():
            self._source.load()
        early = watched - self._served()
        waiting = {each.event.event for each in opened if any(one.said.chat in early for one in each.messages)}
        if not waiting:
            return opened
        with transaction(self._source.db) as db:
            self.events.wait(db, sorted(waiting))
        return [each for each in opened if each.event.event not in waiting]

    def _served(self) -> set[str]:
        return {jid for jid, group in self._source.groups.items() if group.enabled}

    def _record(self, opened: Sequence[Opened], drafted: Drafted | None = None) -> Taken:
        while True:
            try:
                return self._record_once(opened, drafted)
            except Superseded:  # a pass was quicker
                self._source.load()
            except AlreadyKnown:
                drafted = None
            except NotYet as undecided:
                return self._put_off(opened, undecided)

    def _put_off(self, opened: Sequence[Opened], undecided: NotYet) -> Taken:
        """Have those wait a moment of which it isn't known yet what they are, and record the others."""
        early = {one.opened.event.event for one in self._said(opened) if one.key in undecided.keys}
        with transaction(self._source.db) as db:
            self.events.wait(db, sorted(early), _UNDECIDED_FOR)
        return self._record([one for one in opened if one.event.event not in early])

    def _record_once(self, opened: Sequence[Opened], drafted: Drafted | None) -> Taken:
        is_drafted = drafted is not None and drafted.groups is self._source.groups
        said = [] if is_drafted else self._said(opened)
        with self._within(said) as db:
            locked = self.events.lock(db, [one.event.event for one in opened])
            failpoint("event.claimed")
            if drafted and is_drafted and len(locked) == len(opened):
                taken = self._settle_new(db, opened, drafted)
            else:
                held = [one for one in opened if one.event.event in locked]
                taken = self._settle(db, held, said if said and len(held) == len(opened) else self._said(held))
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
        persons = self._join_people(db, self._together([one for one in opened if one.event.event in live]))
        known = self._recorder.known([one.reading for one in said])
        if early := {one.key for one in said if one.is_early and one.key not in known}:
            raise NotYet(early)
        awaited = [one for one in said if self._is_awaited(one, known)]
        ready = [one for one in said if not self._is_awaited(one, known)] if awaited else said
        origins = {one.key: one.origin(persons[self._accounts[one.opened.event.hook]]) for one in ready}
        recorded = self._bring(known, ready, origins)
        missed = self._note_missed(known, ready)
        self._conclude(db, opened, twins, Counter(one.opened.event.event for one in said), awaited)
        return Taken(len(opened), recorded.counts, missed, len(awaited))

    def _settle_new(self, db: Database, opened: Sequence[Opened], drafted: Drafted) -> Taken:
        """The same, by what was drafted. Raises AlreadyKnown where some of it isn't new."""
        self._join_people(db, drafted.together)
        recorded = self._recorder.bring_new(drafted.draft)
        self.events.end_new(db, [one.event.event for one in opened if one.event.event in drafted.alone])
        rest = [one for one in opened if one.event.event not in drafted.alone]
        self._conclude(db, rest, set(), drafted.messages, ())
        return Taken(len(opened), recorded.counts)

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
        groups = self._source.groups
        found = self._counting(opened, groups)
        return [Said(each, self._read(n, one, groups), one) for n, (each, one) in enumerate(found, 1)]

    def _counting(self, opened: Sequence[Opened], groups: Mapping[str, Group]) -> list[tuple[Opened, Brought]]:
        """The messages that count, in the order in which they were sent; of the same time, as they came, edits last."""
        found = [(each, one) for each in opened for one in each.messages if self._counts(one, groups)]
        found.sort(key=_order)
        return _with_their_messages(found)

    def _counts(self, one: Brought, groups: Mapping[str, Group]) -> bool:
        """Of a watched group, or one-to-one. What a polled group's edit says, the store says too."""
        jid = one.said.chat
        if jid == DIRECT:
            return True
        group = groups.get(jid)
        if group is None or not group.enabled:
            return False
        return not one.is_edit if self._feed.is_polled else jid in self._feed.projects

    def _read(self, n: int, one: Brought, groups: Mapping[str, Group]) -> Reading:
        message = one.message(n)
        group = groups[message.chat_jid]
        if message.chat_jid == DIRECT and (message.from_me or not group.project):
            return Reading(message, (), DIRECT)
        start = Start(_LAST_ROW, group.start_before) if group.start_before else FROM_THE_BEGINNING
        return self._rules.read(message, start)

    def _drafted(self, opened: Sequence[Opened]) -> Drafted | None:
        """What these deliveries write, if all that they say is new; None where they must be asked about.

        It asks nobody, so it works beside a transaction.
        """
        groups = self._source.groups
        drafter = None if self._feed.is_polled else self._recorder.column_drafter()
        found = self._counting(opened, groups) if drafter else []
        if drafter is None or not found or any(one.is_edit or one.message_id.startswith(NAMELESS) for _, one in found):
            return None
        columns = columns_of([one for _, one in found])
        said = self._rules.read_columns(columns)
        said.odd.update(_read_apart(columns, groups))
        odd = [self._read(n + 1, found[n][1], groups) for n in sorted(said.odd)]
        drafter.add(ReadColumns(columns, said, odd, (), [_origin_fields(*pair) for pair in found]))
        draft = drafter.draft()
        if draft is None:
            return None
        messages = Counter([each.event.event for each, _ in found])
        alone = {each.event.event for each, _ in found if len(each.parts) == messages[each.event.event] == 1}
        return Drafted(draft, groups, messages, alone, self._together(opened))

    def _together(self, opened: Sequence[Opened]) -> dict[str, dict[tuple[Alias, ...], None]]:
        """By account, the aliases that are one person's, each once: a few people write most."""
        by_account: dict[str, dict[tuple[Alias, ...], None]] = {}
        for one in opened:
            together = by_account.setdefault(self._accounts[one.event.hook], {})
            for message in one.messages:
                together[message.said.aliases] = None
            for part in one.others:
                if isinstance(part, IdentityChange):
                    together[part.before + part.after] = None
        return by_account

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


def _order(found: tuple[Opened, Brought]) -> tuple[datetime, bool]:
    return found[1].sent_at, found[1].is_edit


def _with_their_messages(found: list[tuple[Opened, Brought]]) -> list[tuple[Opened, Brought]]:
    """The same, an edit as one of its message, where that is among them: the key of one may name somebody else.

    It comes behind that, whatever time it bears: some bear none, and count as sent when they were received.
    """
    if not any(one.is_edit for _, one in found):
        return found
    first = {(one.said.chat, one.message_id): one for _, one in found if not one.is_edit}
    told = (
        (each, first.get((one.said.chat, one.message_id), one).edited(one) if one.is_edit else one)
        for each, one in found
    )
    return sorted(told, key=_order)


def _read_apart(columns: Columns, groups: Mapping[str, Group]) -> list[int]:
    """The places of the messages of which more than the text tells what they say."""
    apart = {
        jid for jid in set(columns.jids) if groups[jid].start_before or (jid == DIRECT and not groups[jid].project)
    }
    if not apart and True not in columns.from_me:
        return []
    places = enumerate(zip(columns.jids, columns.from_me, strict=True))
    return [n for n, (jid, from_me) in places if jid in apart or (jid == DIRECT and from_me)]


def _origin_fields(opened: Opened, one: Brought) -> bytes:
    return origin_fields(opened.event.uid, stanza_id(one.message_id))


def _accounts(hooks: Mapping[str, Hook]) -> dict[str, str]:
    """Whose ids of persons the deliveries of each hook have: of what came by hand, the first hook's that can answer."""
    answering = next((hook for hook in hooks.values() if hook.send.url), next(iter(hooks.values())))
    return {name: hook.ids_of for name, hook in hooks.items()} | {buffer.HOOK: answering.ids_of}


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
