"""What `wamon run` is made of: from a config to the daemon's plan."""

from __future__ import annotations

import pickle
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from functools import cache, partial
from typing import TYPE_CHECKING

from wamon.alerts.checks import told
from wamon.alerts.notifier import Notifier
from wamon.alerts.state_file import AlertsFile
from wamon.app.commands import joined, opened, wanted_of
from wamon.app.configured import bridge_of, store_of
from wamon.app.database import database, ledger
from wamon.app.following import talking_groups
from wamon.app.look import looked_at
from wamon.app.publish import alerts_of
from wamon.bridge.access import access
from wamon.capture.state_file import StateFile
from wamon.capture.store_identity import refuse_anothers
from wamon.capture.verify import ANSWERED_ONCE, EVERY_ROW_IN_THE_LEDGER
from wamon.daemon.alert_sender import AlertSender
from wamon.daemon.daily import Daily
from wamon.daemon.heartbeat import Heartbeat
from wamon.daemon.loop import Plan
from wamon.daemon.monitor import Monitor, Troubles
from wamon.daemon.office_writer import BroughtOfficeWriter, OfficeWriter
from wamon.daemon.published import Look
from wamon.daemon.reply_sender import AnswerSender, ReplySender
from wamon.daemon.rounds import Connected, WithoutStore
from wamon.daemon.side_tasks import SideTasks
from wamon.daemon.status_rows import StatusRows
from wamon.daemon.upkeep import BroughtUpkeep, Upkeep
from wamon.errors import Busy, ConfigError, HostUnavailable
from wamon.health.check import Absent
from wamon.health.checks import judged, unwell
from wamon.host.claim import Claim
from wamon.host.memory import give_back
from wamon.ledger.source import Source
from wamon.model import USUAL_SIZES, Sizes
from wamon.postgres.leases import leased
from wamon.replies.ways import Ways
from wamon.service.checks import last_night, restarts_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from wamon.app.configured import Bridge
    from wamon.clock import Clock
    from wamon.config.schema import Config
    from wamon.conversations.agent import Agent
    from wamon.conversations.proof import Flaw
    from wamon.daemon.passes import Passes
    from wamon.daemon.side_tasks import Chore, SideTask
    from wamon.health.check import Check
    from wamon.health.facts import Facts
    from wamon.postgres.connection import Database
    from wamon.postgres.leases import Lease
    from wamon.reports.period import Period
    from wamon.reports.report import Report
    from wamon.webhooks.proof import Unproven


def plan(load: Callable[[], Config], clock: Clock, sizes: Sizes = USUAL_SIZES) -> Plan:
    """What the daemon is given."""
    state_file = cache(partial(StateFile, clock=clock))  # it outlives connections: what it told isn't told again
    claim = Claim()
    sessions = partial(_session, state_file=state_file, claim=claim, clock=clock, sizes=sizes)
    return Plan(lambda: _packed(load), sessions, _Beside(clock, claim).side_tasks)


class _Beside:
    """Makes the side tasks of each config, and keeps what outlives a config."""

    def __init__(self, clock: Clock, claim: Claim) -> None:
        self._clock = clock
        self._started_at = clock.now()
        self._claim = claim
        self._alerts: dict[Path, AlertsFile] = {}
        self._troubles = Troubles()

    def side_tasks(self, config: Config, passes: Passes) -> SideTasks:
        """What runs beside the passes."""
        clock = self._clock
        file = self._alerts.setdefault(config.state.dir, AlertsFile(config.state.dir))
        notifier = Notifier(file, config.alerts, config.source, clock, str(config.timezone))
        sender = AlertSender(notifier)

        def evaluate(checks: Sequence[Check]) -> None:
            if config.alerts.channels.named:
                notifier.evaluate(checks)
                sender.ring()

        rows = StatusRows(
            config,
            clock,
            passes,
            ledger,
            self._started_at,
            partial(restarts_of, config.state.dir, clock),
            lambda: [*last_night(config.state.dir, clock), *told(config.alerts, file, config.timezone)],
            partial(alerts_of, config.alerts, file),
        )
        monitor = Monitor(partial(_troubles, config, clock, rows.take), evaluate, passes, self._troubles)
        answered = answering(config)
        answers = [AnswerSender(config, answered, clock, ledger, passes)] if answered else []
        working = [*_intake(config, passes, clock), *_conversations(config, passes, clock), *answers]
        beside = [*_heartbeat(config, passes), *_events_out(config, passes, clock)]
        always = (monitor, sender, rows, *beside, *working)
        daily = Daily(config, clock, ledger, database)
        reports = _reports(config, clock, notifier, sender.ring)
        if config.has_hooks_alone:
            from wamon.app.intake import brought_sources, effects_of_hooks

            upkeep = BroughtUpkeep(partial(brought_sources, config), partial(broken_promises, config, clock))
            writer = BroughtOfficeWriter(partial(effects_of_hooks, config, clock))
            return SideTasks(always, (daily, upkeep, writer, *reports))
        bridge = bridge_of(config)
        replies = ReplySender(config, bridge.name, clock, ledger, lambda: passes.holder or "", self._claim)
        return SideTasks(
            always,
            chores=(
                *([] if bridge.name in answered else [replies]),
                Upkeep(partial(opened, config, bridge, clock), partial(broken_promises, config, clock)),
                OfficeWriter(partial(opened, config, bridge, clock)),
                daily,
                *reports,
            ),
        )


def _reports(config: Config, clock: Clock, notifier: Notifier, ring: Callable[[], None]) -> list[Chore]:
    """What sends reports; nothing, and nothing of their room, where none is to be sent or nobody gets them."""
    wanted = config.alerts.reports
    if not (config.alerts.channels.named and (wanted.daily or wanted.weekly)):
        return []
    from wamon.app.report import summed
    from wamon.daemon.reports import Reports

    def of(period: Period) -> Report:
        with ledger(config) as db:
            return summed(db, config, clock, period)

    return [Reports(config, clock, notifier, of, ring)]


def _events_out(config: Config, passes: Passes, clock: Clock) -> list[SideTask]:
    """What publishes events; nothing, and nothing of its room, where none go out."""
    if config.events.nats.url is None:
        return []
    from wamon.daemon.events_out import EventsOut

    return [EventsOut(config, ledger, passes, clock)]


def _intake(config: Config, passes: Passes, clock: Clock) -> list[SideTask]:
    """What takes deliveries in; nothing, and nothing of its room, where there are no hooks."""
    if not config.sources_of_hooks:
        return []
    from wamon.app.intake import intakes
    from wamon.daemon.intake import HookIntake

    return [HookIntake(partial(intakes, config, clock), passes, clock)]


def answering(config: Config) -> list[str]:
    """The sources whose replies are looked for once a second; those of posts in a polled store's groups can wait."""
    if config.conversations.enabled:
        return [source for source in config.all_sources if Ways(config, source).all]
    polled = config.bridge.name if config.bridge.path else None
    return [one for one in config.all_sources if config.replies.enabled and one != polled and Ways(config, one).all]


def _conversations(config: Config, passes: Passes, clock: Clock) -> list[SideTask]:
    """The threads that answer bursts; none, and nothing of their room, where nobody is answered."""
    if not config.conversations.enabled:
        return []
    from wamon.daemon.conversations import AgentStop, Begun, ConversationWorker

    begun, groups, count = Begun(), talking_groups(config), config.conversations.workers
    agent = _agent(config, clock)
    threads: list[SideTask] = [
        ConversationWorker(number, config, groups, clock, ledger, passes, begun, agent)
        for number in range(count if agent is None else count + 1)
    ]
    return threads if agent is None else [*threads, AgentStop(config, agent)]


def _agent(config: Config, clock: Clock) -> Agent | None:
    if not config.conversations.agent.enabled:
        return None
    from wamon.conversations.agent import Agent

    return Agent(config.conversations.agent, config.drops.pattern, clock)


def broken_promises(config: Config, clock: Clock) -> list[int]:
    """The promises that don't hold of what hooks brought, and of bursts: a number for each time."""
    unproven = _unproven_deliveries(config, clock)
    return [EVERY_ROW_IN_THE_LEDGER] * len(unproven) + [ANSWERED_ONCE] * len(_flaws_of_bursts(config))


def _unproven_deliveries(config: Config, clock: Clock) -> Sequence[Unproven]:
    """What hooks brought and the ledger lacks."""
    if not config.sources_of_hooks:
        return ()
    from wamon.app.intake import proofs

    return proofs(config, clock, repair=False).unproven


def _flaws_of_bursts(config: Config) -> Sequence[Flaw]:
    """What the proof of bursts finds; nothing, and nothing of their room, where nobody is answered."""
    if not config.conversations.enabled:
        return ()
    from wamon.conversations.proof import prove

    with ledger(config) as db:
        return prove(db, config.all_sources).flaws


def _heartbeat(config: Config, passes: Passes) -> list[Heartbeat]:
    url = config.alerts.heartbeat
    return [Heartbeat(url.get_secret_value(), passes)] if url else []


def _packed(load: Callable[[], Config]) -> Config:
    """A config in memory of its own: loaded, its texts lie scattered over all that reading the file took.

    It is made anew only once that is given back.
    """
    pickled = pickle.dumps(load())
    packed: Config = pickle.loads(pickled)  # noqa: S301
    return packed


@contextmanager
def _session(
    config: Config, state_file: Callable[[Path], StateFile], claim: Claim, clock: Clock, sizes: Sizes
) -> Iterator[Connected | WithoutStore]:
    """As `session`; where no store is read, it holds the lease of a source that hooks feed."""
    if config.has_hooks_alone:
        with ledger(config) as db, _leased_one(db, config.sources_of_hooks) as lease:
            yield WithoutStore(lease)
    else:
        with session(config, state_file, claim, clock, sizes) as connected:
            yield connected


@contextmanager
def session(
    config: Config, state_file: Callable[[Path], StateFile], claim: Claim, clock: Clock, sizes: Sizes
) -> Iterator[Connected]:
    """A pipeline that holds its source's lease. What was claimed by its end is free then, as the lease is.

    Raises Busy where another wamon holds the lease, ConfigError where the store is another source's.
    """
    bridge = replace(bridge_of(config), sizes=sizes)
    state = state_file(config.state.dir)
    wanted_of(config, bridge)  # raises before anything is asked of PostgreSQL
    unwritable = _unwritable(state)
    with ledger(config) as db:
        knows_groups = _knows_groups(config, bridge, db)  # also while another `run` holds the lease
        with leased(db, bridge.name) as lease:
            if unwritable is not None and not knows_groups:  # else the state file may know their starts
                raise HostUnavailable(str(unwritable), hint=unwritable.hint)
            pipeline = joined(config, bridge, wanted_of(config, bridge), db, state, clock)
            pipeline.check_lease = pipeline.recorder.check_lease = lease.renew
            give_back()
            try:
                yield Connected(pipeline, lease)
            finally:
                claim.release()


def _knows_groups(config: Config, bridge: Bridge, db: Database) -> bool:
    """Whether PostgreSQL knows any of the source's. Raises ConfigError where the store is another source's."""
    known = Source(db, bridge.name)
    known.collect()
    refuse_anothers(known, store_of(config, bridge))
    return bool(known.groups)


@contextmanager
def _leased_one(db: Database, sources: Sequence[str]) -> Iterator[Lease]:
    """The lease of the first of these sources that nobody holds. Raises Busy where others hold all of them."""
    with ExitStack() as stack:
        for n, source in enumerate(sources, 1):
            try:
                lease = stack.enter_context(leased(db, source))
            except Busy:
                if n == len(sources):
                    raise
            else:
                yield lease
                return


def _unwritable(state: StateFile) -> ConfigError | None:
    """Why the state directory can't be written, if it can't."""
    try:
        state.prepare()
    except ConfigError as error:
        return error
    return None


def _troubles(config: Config, clock: Clock, publish: Callable[[Look], None]) -> list[Check]:
    """What isn't in order, the nightly restart too; `publish` is given all of the look."""
    look = Look(_facts(config, clock))
    troubles = unwell(look.through(judged(look.facts)))
    publish(look)
    return [*troubles, *last_night(config.state.dir, clock)]


def _facts(config: Config, clock: Clock) -> Facts:
    """What health looks at. Doesn't open a store where that could lock the bridge out."""
    if config.has_hooks_alone:
        return looked_at(config, None, clock)
    bridge = bridge_of(config)
    with suppress(OSError):
        rights = access(bridge.path)
        if rights.endangers_the_bridge:
            unread = Absent("Only passes read the store, as long as reading it may lock the bridge out.")
            return replace(looked_at(config, None, clock), access=rights, store=unread)
    return looked_at(config, bridge, clock)
