"""The composition root: from a config to a watch over one bridge's store, ready for passes."""

from __future__ import annotations

import os
import pickle
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from typing import TYPE_CHECKING

from wamon import config as configs
from wamon import service
from wamon.alerts.file import AlertsFile
from wamon.alerts.teller import Teller
from wamon.bridge.access import access
from wamon.bridge.send import SendApi
from wamon.bridge.store import Store
from wamon.clock import Clock
from wamon.daemon import Plan, Session
from wamon.drops.reading import Rules
from wamon.errors import ConfigError, UsageError, WamonError
from wamon.health import NOT_MADE, Absent, Check, Facts, Subject, look, unwell
from wamon.joining import StartRule, Wanted, adopt, join
from wamon.memory import give_back
from wamon.pipeline import Watch
from wamon.postgres import embedded
from wamon.postgres.backup import Table
from wamon.postgres.connection import connected
from wamon.postgres.dumps import dump_today
from wamon.postgres.leases import leased
from wamon.postgres.migrations import migrate
from wamon.postgres.outbox import Outbox
from wamon.postgres.recording import Recorder
from wamon.postgres.replies import Queue
from wamon.postgres.retention import prune_texts
from wamon.postgres.review import Review
from wamon.postgres.sources import Source
from wamon.postgres.submissions import Submissions
from wamon.postgres.validation import Validation
from wamon.replies import Replier, answered
from wamon.service.restarts import note_start, note_stop
from wamon.state import ReadOnlyStateFile, StateFile

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from wamon.config import Config
    from wamon.postgres.connection import Database
    from wamon.postgres.leases import Lease


def configured(path: Path | None, environ: Mapping[str, str]) -> Config:
    """The config that `--config`, the environment or the usual places name; without any, the defaults."""
    found = configs.find(path, environ)
    return (
        configs.load(found, environ, check_pattern=Rules) if found else configs.defaults(environ, check_pattern=Rules)
    )


@dataclass(frozen=True, slots=True)
class Bridge:
    """Which store is read, under which name, and which JIDs are admitted for this run beside the configured ones."""

    path: Path
    name: str
    admitted: tuple[str, ...] = ()


def bridge_of(config: Config, override: Path | None = None, groups: Sequence[str] = ()) -> Bridge:
    """The config's bridge, or the store that `--bridge` names: its real path is then its source's name.

    Raises ConfigError where there is neither.
    """
    ours = config.bridge.path
    if override is None:
        if ours is None:
            raise ConfigError(
                "No bridge's store is named.",
                hint="Set bridge.path in the config (`wamon init --bridge FILE` writes one), or pass --bridge FILE.",
            )
        return Bridge(ours, config.bridge.name)
    known = {name for group in config.groups for name in (group.jid, group.name)}
    admitted = tuple(name for name in groups if name not in known and "@" in name)
    same = ours is not None and ours.resolve() == override.resolve()
    return Bridge(override, config.bridge.name if same else str(override.resolve()), admitted)


def store_of(config: Config, bridge: Bridge) -> Store:
    """The store of a bridge, read with the configured flavour."""
    return Store(bridge.path, config.bridge.flavour)


@contextmanager
def database(config: Config) -> Iterator[str]:
    """A DSN for as long as the block runs: the configured database's, or the embedded PostgreSQL's."""
    if config.database.url is not None:
        yield config.database.url.get_secret_value()
        return
    with embedded.running(config.state.dir) as dsn:
        yield dsn


@contextmanager
def ledger(config: Config) -> Iterator[Database]:
    """A connection to a database whose schema is this wamon's."""
    with database(config) as dsn, connected(dsn) as db:
        migrate(db)
        yield db


@contextmanager
def watching(config: Config, bridge: Bridge, clock: Clock | None = None) -> Iterator[Watch]:
    """A watch over a bridge's store, serving the configured and admitted groups.

    Raises ConfigError where no group is configured, UsageError for an admitted JID that isn't in the store.
    """
    clock = clock or Clock()
    state = StateFile(config.state.dir, clock)
    wanted = _wanted(config, bridge)
    state.prepare()
    with ledger(config) as db:
        watch = _joined(config, bridge, wanted, db, state, clock)
        try:
            yield watch
        finally:
            state.flush()


@contextmanager
def rehearsing(config: Config, bridge: Bridge, clock: Clock | None = None) -> Iterator[Watch]:
    """As `watching`, within one transaction that is rolled back, and with a state file that is only read."""
    clock = clock or Clock()
    wanted = _wanted(config, bridge)
    with ledger(config) as db, db.transaction(force_rollback=True):
        yield _joined(config, bridge, wanted, db, ReadOnlyStateFile(config.state.dir, clock), clock)


def looked_at(config: Config, bridge: Bridge | None, clock: Clock | None = None) -> Facts:
    """What health judges, of a bridge or of none. Nothing is written; what can't be opened is told as absent."""
    store = None if bridge is None else store_of(config, bridge)
    subject = Subject(config, store, config.bridge.name if bridge is None else bridge.name, clock or Clock())
    with ExitStack() as stack:
        return look(subject, _opened(config, stack))


@contextmanager
def looking(config: Config, bridge: Bridge | None) -> Iterator[Callable[[], Facts]]:
    """What looks, as `looked_at` does, for as long as the block runs: an embedded server that runs goes on running."""
    with ExitStack() as stack:
        if config.database.url is None and embedded.exists(config.state.dir):
            with suppress(WamonError):  # each look tells
                stack.enter_context(database(config))
        yield lambda: looked_at(config, bridge)


def _opened(config: Config, stack: ExitStack) -> Database | Absent:
    try:
        if config.database.url is None and not embedded.exists(config.state.dir):
            return NOT_MADE
        return stack.enter_context(connected(stack.enter_context(database(config))))
    except WamonError as error:
        return Absent.because(error)


def _troubles(config: Config) -> list[Check]:
    """What isn't in order, the nightly restart too; a store that we had better not open is left closed."""
    bridge = bridge_of(config)
    nightly = service.nightly(config.state.dir, Clock())
    with suppress(OSError):
        rights = access(bridge.path)
        if rights.endangers_the_bridge:
            unread = Absent("Only passes read the store, as long as reading it may lock the bridge out.")
            facts = replace(looked_at(config, None), access=rights, store=unread)
            return [*unwell(facts), *nightly]
    return [*unwell(looked_at(config, bridge)), *nightly]


def plan(load: Callable[[], Config]) -> Plan:
    """How the daemon comes by what it works with."""
    files: dict[Path, AlertsFile] = {}

    def telling(config: Config) -> Teller:
        folder = config.state.dir
        return teller(config, files.setdefault(folder, AlertsFile(folder)))

    def take(config: Config, checks: Sequence[Check]) -> None:
        if config.alerts.channels.named:
            telling(config).take(checks)

    return Plan(
        lambda: _packed(load),
        session,
        watching=lambda config: watching(config, bridge_of(config)),
        daily=daily,
        look=_troubles,
        take=take,
        send=lambda config: telling(config).send(),
        reply=reply,
        ready=lambda config: note_start(config.state.dir, Clock()),
        ended=_note_end,
    )


def _note_end(config: Config, status: int) -> None:
    """Keep the end of a run by hand, as `wamon service stopped` keeps a service's, of which systemd tells."""
    if "NOTIFY_SOCKET" not in os.environ:
        result = "exit-code" if status else "success"
        said = {"SERVICE_RESULT": result, "EXIT_CODE": "exited", "EXIT_STATUS": str(status)}
        note_stop(config.state.dir, Clock(), said)


def teller(config: Config, file: AlertsFile | None = None) -> Teller:
    """Who tells people by this config's channels."""
    return Teller(
        file or AlertsFile(config.state.dir), config.alerts, config.bridge.name, Clock(), str(config.timezone)
    )


def _packed(load: Callable[[], Config]) -> Config:
    """A config in memory of its own: loaded, its texts lie scattered over all that reading the file took.

    It is made anew only once that is given back.
    """
    pickled = pickle.dumps(load())
    packed: Config = pickle.loads(pickled)  # noqa: S301
    return packed


@contextmanager
def session(config: Config) -> Iterator[Session]:
    """A watch that holds its source's lease. Raises Busy where another wamon holds it."""
    clock = Clock()
    bridge = bridge_of(config)
    state = StateFile(config.state.dir, clock)
    wanted = _wanted(config, bridge)
    state.prepare()
    with ledger(config) as db, leased(db, bridge.name) as lease:
        watch = _joined(config, bridge, wanted, db, state, clock)
        watch.still_ours = lease.renew
        give_back()
        try:
            yield Session(watch, lease)
        finally:
            state.flush()


def reply(config: Config, lease: Lease, going: Callable[[], bool]) -> None:
    """Send the replies that are due, for as long as it is `going` and this lease is held."""
    with ledger(config) as db:
        queue = Queue(db, bridge_of(config).name, lease.holder)
        Replier(queue, config, SendApi(config.replies.url, config.replies.token), Clock()).send(going)


def daily(config: Config) -> None:
    """Prune texts, and dump the embedded database, which nobody else backs up."""
    with ledger(config) as db:
        if config.privacy.keep_text is not None:
            prune_texts(db, Clock().now() - config.privacy.keep_text)
    if config.database.url is None:
        with database(config) as dsn:
            dump_today(dsn, Table.named(config.database.review_table), config.state.dir / "dumps", Clock().now())


def adopting(config: Config, bridge: Bridge, legacy: Mapping[str, str]) -> list[str]:
    """Take configured groups that the ledger doesn't know from an old {jid: message id}; the JIDs of those taken."""
    clock = Clock()
    state = StateFile(config.state.dir, clock)
    wanted = _wanted(config, bridge)
    state.prepare()
    with ledger(config) as db:
        watch = _assembled(config, db, store_of(config, bridge), bridge.name, state, clock)
        adopted = watch.in_turn(adopt, watch, legacy, wanted)
        watch.in_turn(join, watch, wanted, _start(config, clock.now()))
        return adopted


def _joined(
    config: Config, bridge: Bridge, wanted: Sequence[Wanted], db: Database, state: StateFile, clock: Clock
) -> Watch:
    watch = _assembled(config, db, store_of(config, bridge), bridge.name, state, clock)
    watch.in_turn(join, watch, wanted, _start(config, clock.now()))
    return watch


def _assembled(config: Config, db: Database, store: Store, name: str, state: StateFile, clock: Clock) -> Watch:
    source = Source(db, name)
    source.load()
    rules = Rules(
        config.drops.pattern,
        ignore_from_me=config.scan.ignore_from_me,
        ignore_senders=config.scan.ignore_senders,
    )
    review = _review(config, db, clock)
    validation = Validation({group.jid for group in config.groups if group.validate_})
    validation.contact(db)
    number = source.rules_number(rules.fingerprint)
    outbox = Outbox(source, answered(config), config.replies.max_age, clock)
    submissions = Submissions(source, review, validation, outbox, clock)
    keep_text = config.privacy.keep_text
    recorder = Recorder(source, rules=number, submissions=submissions, outbox=outbox, keep_text=keep_text, clock=clock)
    return Watch(store, rules, source, recorder, review, state, clock)


def _review(config: Config, db: Database, clock: Clock) -> Review | None:
    if config.database.review_table is None:
        return None
    review = Review(config.database.review_table, config.timezone, clock)
    review.contact(db)
    return review


def _start(config: Config, now: datetime) -> StartRule:
    start = config.scan.start
    if start.kind == "beginning":
        return StartRule()
    moment = now - start.value if isinstance(start.value, timedelta) else start.value
    return StartRule(moment.isoformat() if moment else "now", stands_before=True, before=moment)


def _wanted(config: Config, bridge: Bridge) -> list[Wanted]:
    wanted = [Wanted(group.jid, group.name, group.enabled) for group in config.groups]
    wanted += [_admitted(store_of(config, bridge), jid) for jid in bridge.admitted]
    if not wanted:
        raise ConfigError(
            "No group is configured.",
            hint=f"`wamon groups --bridge {bridge.path}` lists the chats; name one with --group, or all in the config.",
        )
    return wanted


def _admitted(store: Store, jid: str) -> Wanted:
    """A chat of the store under its name there. Raises UsageError, with near JIDs, where there is none."""
    from difflib import get_close_matches

    names = {chat.jid: chat.name for chat in store.chats()} or dict.fromkeys(store.traffic(), "")
    if jid not in names:
        near = get_close_matches(jid, names, n=3, cutoff=0.5)
        raise UsageError(
            f"The store {store.path} has no chat {jid}.",
            hint=f"Near ones: {', '.join(near)}." if near else f"`wamon groups --bridge {store.path}` lists them.",
        )
    return Wanted(jid, names[jid] or jid)
