"""The composition root: from a config to a pipeline over one bridge's store, ready for passes."""

from __future__ import annotations

from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

from wamon.app.configured import store_of
from wamon.app.database import ledger
from wamon.app.following import follower_of
from wamon.bridge.people import Aliases
from wamon.capture.groups import StartRule, Wanted, adopt, join
from wamon.capture.pipeline import Pipeline
from wamon.capture.state_file import ReadOnlyStateFile, StateFile
from wamon.capture.store_identity import accept, here
from wamon.drops.reading import Rules
from wamon.errors import BridgeUnavailable, BridgeUnknown, ConfigError, UsageError
from wamon.ledger.recording import Recorder
from wamon.ledger.rejections import Rejections
from wamon.ledger.retention import keep_since
from wamon.ledger.review import Review
from wamon.ledger.source import Source, StoreAt
from wamon.ledger.validation import Validation
from wamon.ledger.waits import end_others
from wamon.replies.outbox import Outbox

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence

    from wamon.app.configured import Bridge
    from wamon.bridge.store import Store
    from wamon.clock import Clock
    from wamon.config.schema import Config
    from wamon.postgres.connection import Database

_LONG_AGO = datetime(1970, 1, 1, tzinfo=UTC)


@contextmanager
def opened(config: Config, bridge: Bridge, clock: Clock) -> Iterator[Pipeline]:
    """A pipeline over a bridge's store, serving the configured and admitted groups.

    Raises ConfigError where no group is configured, UsageError for an admitted chat that isn't in the store.
    """
    state = StateFile(config.state.dir, clock)
    wanted = wanted_of(config, bridge)
    state.prepare()
    with ledger(config) as db:
        pipeline = joined(config, bridge, wanted, db, state, clock)
        del wanted  # ten thousand groups take 1 MB
        try:
            yield pipeline
        finally:
            state.flush()


@contextmanager
def rehearsing(config: Config, bridge: Bridge, clock: Clock) -> Iterator[Pipeline]:
    """As `opened`, within one transaction that is rolled back, and with a state file that is only read."""
    wanted = wanted_of(config, bridge)
    with ledger(config) as db, db.transaction(force_rollback=True):
        yield joined(config, bridge, wanted, db, ReadOnlyStateFile(config.state.dir, clock), clock)


def adopting(config: Config, bridge: Bridge, legacy: Mapping[str, str], clock: Clock) -> list[str]:
    """Take configured groups that the ledger doesn't know from an old {jid: message id}; the JIDs of those taken."""
    state = StateFile(config.state.dir, clock)
    wanted = wanted_of(config, bridge)
    state.prepare()
    with ledger(config) as db:
        pipeline = _assembled(config, db, bridge, state, clock)
        adopted = pipeline.retrying(adopt, pipeline, legacy, wanted)
        pipeline.retrying(join, pipeline, wanted, _start(config, clock.now()))
        return adopted


def adopting_store(config: Config, bridge: Bridge) -> tuple[StoreAt | None, StoreAt]:
    """Have the bridge's store be its source's from now on; where the source's stood before, and where it stands.

    Raises what reading a store raises.
    """
    store = store_of(config, bridge)
    store.flavour()
    with ledger(config) as db:
        source = Source(db, bridge.name)
        source.load()
        was, now = source.store(), here(store)
        source.keep_store(now)
        return was, now


def joined(
    config: Config, bridge: Bridge, wanted: Sequence[Wanted], db: Database, state: StateFile, clock: Clock
) -> Pipeline:
    """A pipeline that serves these groups."""
    pipeline = _assembled(config, db, bridge, state, clock)
    pipeline.retrying(join, pipeline, wanted, _start(config, clock.now()))
    return pipeline


def _assembled(config: Config, db: Database, bridge: Bridge, state: StateFile, clock: Clock) -> Pipeline:
    source = Source(db, bridge.name)
    source.load()
    store = store_of(config, bridge)
    accept(source, store)
    aliases = Aliases(config.bridge.people, bridge.path)
    rules = rules_of(config, aliases)
    review = review_of(config, bridge.name, aliases, db, clock)
    offices = offices_of(config, bridge.name, review, aliases, db, clock)
    since = keep_since(db, config.privacy.keep_text, partial(_newest_of, store))
    recorder_by = recorders_of(config, source, offices, since, clock, aliases)
    effects = [office.effects for office in offices]
    pipeline = Pipeline(store, rules, source, recorder_by(rules), review, effects, state, clock)

    def renewed() -> tuple[Rules, Recorder] | None:
        if not pipeline.rules.ignored or aliases.every_form(config.scan.ignore_senders) == pipeline.rules.ignored:
            return None
        rules = rules_of(config, aliases)
        return rules, recorder_by(rules)

    pipeline.renewed = renewed
    return pipeline


def _newest_of(store: Store) -> datetime | None:
    """When its newest message was sent; long ago while it can't be read: until then no text counts as too old."""
    try:
        return store.newest()
    except (BridgeUnavailable, BridgeUnknown):
        return _LONG_AGO


def rules_of(config: Config, aliases: Aliases) -> Rules:
    """How texts are read."""
    return Rules(
        config.drops.pattern,
        ignore_from_me=config.scan.ignore_from_me,
        ignore_senders=tuple(sorted(aliases.every_form(config.scan.ignore_senders))),
    )


def recorders_of(
    config: Config,
    source: Source,
    offices: Sequence[Review | Rejections],
    since: datetime,
    clock: Clock,
    known_senders: Aliases | None,
) -> Callable[[Rules], Recorder]:
    """What makes the recorder of a set of rules. Conversations follow first, then the office's tables, then replies.

    `known_senders` are those of a store's rows; None where hooks bring the messages, which say whose they are.
    """
    answered = {jid: frozenset(said) for jid, said in config.voices().items()}
    outbox = Outbox(source, answered, config.replies.max_age, clock)
    conversations = follower_of(config, source, known_senders)

    def recorder_by(rules: Rules) -> Recorder:
        recorder = Recorder(
            source,
            rules=source.rules_number(rules.fingerprint),
            validation=Validation(_held_to_a_list(config)),
            followers=[*([conversations] if conversations else []), *offices, outbox],
            own_replies=outbox,
            keep_text=config.privacy.keep_text,
            keep_since=since,
            clock=clock,
            hands_readings_over=bool(conversations and (conversations.groups or known_senders is None)),
        )
        if conversations:
            recorder.committed = conversations.log.tell
        return recorder

    return recorder_by


def review_of(config: Config, source: str, aliases: Aliases, db: Database, clock: Clock) -> Review | None:
    """What writes a source's review rows; None where there is no review table."""
    if config.database.review_table is None:
        return None
    review = Review(config.database.review_table, source, aliases, config.timezone, clock)
    review.contact(db)
    return review


def offices_of(
    config: Config, source: str, review: Review | None, aliases: Aliases, db: Database, clock: Clock
) -> list[Review | Rejections]:
    """What writes the office's tables: review rows, and rejections where a project is held to its list.

    What waits for another table, which the config named once, ends here.
    """
    offices: list[Review | Rejections] = [review] if review else []
    if _held_to_a_list(config):
        rejections = Rejections(source, aliases, clock)
        rejections.contact(db)
        offices.append(rejections)
    end_others(db, source, [office.name for office in offices])
    return offices


def _held_to_a_list(config: Config) -> set[str]:
    """The groups of projects that accept only the numbers on their list, by JID."""
    return {group.jid for group in config.groups if group.validate_}


def _start(config: Config, now: datetime) -> StartRule:
    start = config.scan.start
    if start.kind == "beginning":
        return StartRule()
    moment = now - start.value if isinstance(start.value, timedelta) else start.value
    return StartRule(moment.isoformat() if moment else "now", stands_before=True, before=moment)


def wanted_of(config: Config, bridge: Bridge) -> list[Wanted]:
    """The configured and admitted groups. Raises ConfigError where there are none, UsageError for an unknown one.

    Where there are none it also raises what a store that isn't there raises: that comes first.
    """
    wanted = [Wanted(group.jid, group.name, group.enabled) for group in config.groups]
    wanted += [one for chat in bridge.admitted for one in _admitted(store_of(config, bridge), chat)]
    if not wanted:
        store_of(config, bridge).flavour()
        raise ConfigError(
            "No group is configured.",
            hint=f"`wamon groups --bridge {bridge.path}` lists the chats; name one with --group, or all in the config.",
        )
    return wanted


def _admitted(store: Store, chat: str) -> list[Wanted]:
    """The store's chats that have this JID or name, under their names there. Raises UsageError where there are none."""
    names = {one.jid: one.name for one in store.chats()} or dict.fromkeys(store.traffic().chats, "")
    found = [Wanted(jid, name or jid) for jid, name in names.items() if chat in {jid, name}]
    if not found:
        raise _no_chat(store, chat, names)
    return found


def _no_chat(store: Store, chat: str, names: Mapping[str, str]) -> UsageError:
    from difflib import get_close_matches

    near = get_close_matches(chat, names if "@" in chat else {*names.values()} - {""}, n=3, cutoff=0.5)
    return UsageError(
        f"The store {store.path} has no chat {chat}.",
        hint=f"Near ones: {', '.join(near)}." if near else f"`wamon groups --bridge {store.path}` lists them.",
    )
