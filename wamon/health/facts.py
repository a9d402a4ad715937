"""What the checks judge: looked at once, so that all of them speak of the same moment. Nothing is written anywhere."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from wamon.bridge.access import access, other_name, written_at
from wamon.bridge.store import Overlap
from wamon.capture.store_identity import refuse_anothers
from wamon.errors import ConfigError, SchemaError, WamonError
from wamon.health import ledger_facts as asked
from wamon.health.baseline import PATIENCE_SECONDS, half_hours, moments, usual, usual_by
from wamon.health.check import Absent, State
from wamon.health.delivery_facts import DeliveryFacts, delivery_facts
from wamon.health.lag import Lag, lag_of
from wamon.ledger import review_table
from wamon.postgres.connection import transaction

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from wamon.bridge.access import Access
    from wamon.bridge.store import Store
    from wamon.clock import Clock
    from wamon.config.schema import Config
    from wamon.health.conversation_facts import ConversationFacts
    from wamon.health.event_facts import EventFacts
    from wamon.health.ledger_facts import LedgerFacts, Post, Server
    from wamon.ledger.review_table import ReviewTable
    from wamon.model import Message
    from wamon.postgres.connection import Database

_DAYS_OF_PHOTOS = timedelta(days=7)
_MOST_PAGES_BEHIND = 40
_DAYS_OF_POSTS = timedelta(days=7)
_MOST_POSTS = 5
_MOST_RHYTHMS = 500
"""With more groups than that, only those that are silent now are asked for theirs."""

NEVER_RECORDED = Absent("Nothing is recorded yet.", "`wamon scan` begins, and `wamon run` stays.")

NOT_MADE = Absent("The embedded PostgreSQL isn't made yet: the first scan makes it.")


@dataclass(frozen=True, slots=True)
class Subject:
    """Whose health it is: what the config says, the store that it names, and the source's name in the database."""

    config: Config
    store: Store | None
    source: str
    clock: Clock


@dataclass(frozen=True, slots=True)
class StoreFacts:
    """What the bridge's store shows: of its rows, only the newest few thousand are looked at."""

    flavour: str
    rows: int
    written_at: datetime | None
    chats: frozenset[str]  # JIDs that the store names; empty where it has no table of them
    newest: Mapping[str, datetime] = field(default_factory=dict)  # by JID, without those from the future
    ahead_seconds: float = 0.0  # how far the message with the latest time lies in the future
    photos: int = 0
    photos_without_text: int = 0
    is_wal: bool = False
    other_name: str | None = None  # as `access.other_name` has it


@dataclass(frozen=True, slots=True)
class GroupFacts:
    """What is known of one watched group. None: it can't be known now."""

    jid: str
    name: str
    joined: bool | None = None  # the ledger knows it
    messages: int | None = None
    newest_at: datetime | None = None
    usual_seconds: float | None = None
    lag: Lag | None = None
    moved_seconds: float | None = None  # how long ago its cursor moved
    new: int | None = None  # posted today
    resubmissions: int | None = None
    usual_new: float | None = None  # new by now on such a weekday, where `compared` looked
    dead: int | None = None
    retry: int | None = None


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that was looked at."""

    subject: Subject
    now: datetime
    access: Access | Absent
    store: StoreFacts | Absent
    server: Server | Absent
    host_ahead_seconds: float | None  # of the database's clock
    ledger_facts: LedgerFacts | Absent
    groups: Sequence[GroupFacts]
    latest: Sequence[Post] = ()
    refused: WamonError | None = None  # why the store isn't taken for this source's
    review: ReviewTable | Absent | None = None  # None: none is configured
    deliveries: DeliveryFacts | Absent = field(default_factory=DeliveryFacts)
    conversations: ConversationFacts | Absent | None = None  # None: nobody is answered
    events_out: EventFacts | Absent | None = None  # None: none go out

    @property
    def database_now(self) -> datetime:
        """Now by the clock that leases, sweeps and verifies are stamped by: the database's, where it is known."""
        return self.now if isinstance(self.server, Absent) else self.server.now


def collect(subject: Subject, db: Database | Absent) -> Facts:
    """Look at everything. What can't be looked at is Absent, and the rest is looked at all the same."""
    now = subject.clock.now()
    named = _named(subject, {})
    rights = _access(subject)
    server, ahead_seconds = _server(subject, db)
    ledger_facts = NEVER_RECORDED if db is NOT_MADE else _ledger_facts(subject, db, server)
    if not isinstance(ledger_facts, Absent):
        named = _named(subject, {g.jid: g.project for g in ledger_facts.position.groups.values() if g.enabled})
    store = _store(subject, rights, list(named), now)
    groups = [GroupFacts(jid, name) for jid, name in named.items()]
    if not isinstance(store, Absent):
        groups = [replace(group, newest_at=store.newest.get(group.jid)) for group in groups]
    if not isinstance(ledger_facts, Absent):
        try:
            groups = _with_ledger(subject, ledger_facts, groups, now)
        except WamonError as error:
            ledger_facts = Absent.because(error)
        else:
            groups = _with_lag(subject, ledger_facts, store, groups, now)
    elif ledger_facts is NEVER_RECORDED:
        groups = [replace(group, joined=False, messages=0, new=0, resubmissions=0) for group in groups]
    latest = _latest(subject, ledger_facts, now)
    refused = None if isinstance(store, Absent) else _refused(subject, ledger_facts)
    return Facts(
        subject,
        now,
        rights,
        store,
        server,
        ahead_seconds,
        ledger_facts,
        groups,
        latest,
        refused,
        _review(subject, db, server),
        _deliveries(subject, db, server),
        _conversations(subject, db, server),
        _events_out(subject, db, server),
    )


def compared(facts: Facts) -> Facts:
    """The same facts with what is usual by now in each group. It takes longer than all the others."""
    subject, ledger_facts = facts.subject, facts.ledger_facts
    if isinstance(ledger_facts, Absent):
        return facts
    zone = subject.config.timezone
    try:
        curves = asked.usual_curves(ledger_facts.position.db, subject.source, facts.now, zone)
    except WamonError:  # it was there a moment ago: the next look tells
        return facts
    place = half_hours(facts.now, zone)
    known = {jid: curves[group.chat] for jid, group in ledger_facts.position.groups.items() if group.chat in curves}
    groups = [
        replace(group, usual_new=usual_by(known[group.jid], place)) if group.jid in known else group
        for group in facts.groups
    ]
    return replace(facts, groups=groups)


def _named(subject: Subject, recorded: Mapping[str, str]) -> dict[str, str]:
    """The watched groups' names by JID: the config's, then those that only the database knows.

    None where no store is read: nobody can tell how fresh a group is that hooks bring.
    """
    if subject.config.has_hooks_alone:
        return {}
    configured = {group.jid: group.name for group in subject.config.groups if group.enabled}
    return {**configured, **{jid: project for jid, project in recorded.items() if jid not in configured}}


def _access(subject: Subject) -> Access | Absent:
    if subject.store is None:
        return _nowhere(subject)
    try:
        return access(subject.store.path)
    except OSError as error:
        return Absent(f"{subject.store.path} can't be seen: {error.strerror}.", "Is bridge.path right?")


def _nowhere(subject: Subject) -> Absent:
    if subject.config.has_hooks_alone:
        return Absent("No bridge's store is read: hooks bring the messages.", "", State.OK)
    return Absent(
        "No bridge's store is named.",
        "Set bridge.path in the config (`wamon init --bridge FILE` writes one), or pass --bridge FILE.",
        State.BAD,
    )


def _store(subject: Subject, rights: Access | Absent, jids: Sequence[str], now: datetime) -> StoreFacts | Absent:
    if subject.store is None:
        return _nowhere(subject)
    if not isinstance(rights, Absent) and rights.endangers_the_bridge and not rights.has_log:
        return Absent("To open the store now would leave files that lock the bridge out.")
    try:
        return _store_facts(subject.store, jids, now)
    except WamonError as error:
        return Absent.because(error)


def _store_facts(store: Store, jids: Sequence[str], now: datetime) -> StoreFacts:
    written = written_at(store.path)
    facts = StoreFacts(
        store.flavour().name,
        store.rows(),
        None if written is None else datetime.fromtimestamp(written, UTC),
        frozenset(chat.jid for chat in store.chats()),
        is_wal=store.is_wal(),
        other_name=_other_name(store),
    )
    since = now - _DAYS_OF_PHOTOS
    recent = _newest_messages(store, jids, since)
    newest: dict[str, datetime] = {}
    ahead_seconds = 0.0
    for message in recent:
        if message.sent_at is None:
            continue
        ahead_seconds = max(ahead_seconds, (message.sent_at - now).total_seconds())
        if message.sent_at <= now:
            newest[message.chat_jid] = max(message.sent_at, newest.get(message.chat_jid, message.sent_at))
    photos = [m for m in recent if m.media_type.startswith(("image", "video")) and m.sent_at and m.sent_at >= since]
    without_text = sum(not message.text.strip() for message in photos)
    return replace(
        facts,
        newest=newest,
        ahead_seconds=round(ahead_seconds, 1),
        photos=len(photos),
        photos_without_text=without_text,
    )


def _other_name(store: Store) -> str | None:
    try:
        return other_name(store.path)
    except OSError:  # it was there a moment ago: the next look tells
        return None


def _newest_messages(store: Store, jids: Sequence[str], since: datetime) -> list[Message]:
    wanted = {jid.encode(): jid for jid in jids}
    top = store.top()
    return [*store.read_page(top, wanted, Overlap()).messages, *store.read_recent(top, wanted, since)]


def _server(subject: Subject, db: Database | Absent) -> tuple[Server | Absent, float | None]:
    if isinstance(db, Absent):
        return db, None
    try:
        before = subject.clock.now()
        server = asked.server(db)
        after = subject.clock.now()
    except WamonError as error:
        return Absent.because(error), None
    middle = before + (after - before) / 2
    return server, round((middle - server.now).total_seconds(), 1)


def _review(subject: Subject, db: Database | Absent, server: Server | Absent) -> ReviewTable | Absent | None:
    name = subject.config.database.review_table
    if name is None:
        return None
    if isinstance(server, Absent) or isinstance(db, Absent):
        return Absent("PostgreSQL can't be asked.")
    try:
        with transaction(db):
            found = review_table.found(db, review_table.named(name))
            if found is None:
                review_table.require_room(db, review_table.named(name))
                return Absent(f"There is no table {name} yet: the first scan makes it.")
            found.require_fit()
            return found
    except WamonError as error:
        return Absent.because(error)


def _ledger_facts(subject: Subject, db: Database | Absent, server: Server | Absent) -> LedgerFacts | Absent:
    if isinstance(server, Absent) or isinstance(db, Absent):
        return Absent("PostgreSQL can't be asked.")
    if server.schema == 0:
        return NEVER_RECORDED
    if not server.readable:
        return Absent("The schema is a newer wamon's.")
    try:
        ledger_facts = asked.ledger_facts(db, subject.source, subject.config.sources_of_hooks)
    except SchemaError as error:
        return Absent("The schema is older than this wamon.") if server.outdated else Absent.because(error)
    except WamonError as error:
        return Absent.because(error)
    return NEVER_RECORDED if ledger_facts.past is None else ledger_facts


def _deliveries(subject: Subject, db: Database | Absent, server: Server | Absent) -> DeliveryFacts | Absent:
    """What hooks brought, refused or wait with. That it can't be known other checks tell."""
    if isinstance(db, Absent) or isinstance(server, Absent):
        return Absent("PostgreSQL can't be asked.")
    if server.schema == 0:
        return NEVER_RECORDED
    try:
        return delivery_facts(db, server.now, subject.config.timezone)
    except WamonError as error:
        return Absent(str(error))


def _conversations(
    subject: Subject, db: Database | Absent, server: Server | Absent
) -> ConversationFacts | Absent | None:
    """Who waits for an answer, where anybody is answered."""
    if not subject.config.conversations.enabled:
        return None
    if isinstance(db, Absent) or isinstance(server, Absent):
        return Absent("PostgreSQL can't be asked.")
    from wamon.health.conversation_facts import conversation_facts

    try:
        return conversation_facts(db, subject.config.all_sources)
    except WamonError as error:
        return Absent(str(error))


def _events_out(subject: Subject, db: Database | Absent, server: Server | Absent) -> EventFacts | Absent | None:
    """How far those are that go out to a broker, where one is configured."""
    nats = subject.config.events.nats
    if nats.url is None:
        return None
    if isinstance(db, Absent) or isinstance(server, Absent):
        return Absent("PostgreSQL can't be asked.")
    from wamon.health.event_facts import event_facts

    try:
        return event_facts(db, f"nats {nats.subject}")
    except WamonError as error:
        return Absent(str(error))


def _with_ledger(
    subject: Subject, ledger_facts: LedgerFacts, groups: Sequence[GroupFacts], now: datetime
) -> list[GroupFacts]:
    known = ledger_facts.position.groups
    chats = [known[group.jid].chat for group in groups if group.jid in known]
    db = ledger_facts.position.db
    newest = asked.newest(db, chats, now)
    silent = [chat for chat in chats if chat not in newest or (now - newest[chat]).total_seconds() > PATIENCE_SECONDS]
    asking = chats if len(chats) <= _MOST_RHYTHMS else silent
    silences = asked.silences(db, asking, moments(now, subject.config.timezone), now)
    posted = asked.posted(db, subject.source, *today(subject, now))
    with_ledger = []
    for group in groups:
        own = known.get(group.jid)
        if own is None:
            with_ledger.append(replace(group, joined=False, messages=0, new=0, resubmissions=0, dead=0, retry=0))
            continue
        with_ledger.append(
            replace(
                group,
                joined=True,
                messages=own.messages,
                newest_at=max(filter(None, (group.newest_at, newest.get(own.chat))), default=None),
                usual_seconds=usual(silences.get(own.chat, [])),
                moved_seconds=ledger_facts.advanced_seconds.get(own.tail),
                new=posted.get((own.chat, "new"), 0),
                resubmissions=posted.get((own.chat, "resubmission"), 0),
                dead=ledger_facts.dead.get(own.chat, 0),
                retry=ledger_facts.retry.get(own.chat, 0),
            )
        )
    return with_ledger


def _refused(subject: Subject, ledger_facts: LedgerFacts | Absent) -> WamonError | None:
    if subject.store is None or isinstance(ledger_facts, Absent):
        return None
    try:
        refuse_anothers(ledger_facts.position, subject.store)
    except ConfigError as error:
        return error
    except WamonError:  # it was there a moment ago: the next look tells
        return None
    return None


def _latest(subject: Subject, ledger_facts: LedgerFacts | Absent, now: datetime) -> list[Post]:
    if isinstance(ledger_facts, Absent):
        return []
    try:
        return asked.latest(ledger_facts.position.db, subject.source, now - _DAYS_OF_POSTS, now, _MOST_POSTS)
    except WamonError:  # it was there a moment ago: the next look tells
        return []


def _with_lag(
    subject: Subject, ledger_facts: LedgerFacts, store: StoreFacts | Absent, groups: list[GroupFacts], now: datetime
) -> list[GroupFacts]:
    if subject.store is None or isinstance(store, Absent):
        return groups
    try:
        known = [group.jid for group in groups if group.joined]
        behind = lag_of(subject.store, ledger_facts.position, known, now, _MOST_PAGES_BEHIND)
    except WamonError:  # it was there a moment ago: the next look tells
        return groups
    return [replace(group, lag=behind.get(group.jid)) for group in groups]


def today(subject: Subject, now: datetime) -> tuple[datetime, datetime]:
    """The day that it is in the configured zone, from midnight to midnight of its wall clock."""
    midnight = now.astimezone(subject.config.timezone).replace(hour=0, minute=0, second=0, microsecond=0)
    return midnight, midnight + timedelta(days=1)
