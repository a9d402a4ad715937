"""What `wamon run` is made of: from a config to the daemon's plan."""

from __future__ import annotations

import os
import pickle
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING

from wamon.alerts.notifier import teller
from wamon.alerts.state_file import AlertsFile
from wamon.app.commands import bridge_of, database, joined, ledger, wanted_of, watching
from wamon.app.look import looked_at
from wamon.bridge.access import access
from wamon.capture.state_file import StateFile
from wamon.clock import Clock
from wamon.daemon.loop import Plan, Session
from wamon.health.check import Absent, Check
from wamon.health.checks import unwell
from wamon.host.memory import give_back
from wamon.ledger.retention import prune_texts
from wamon.model import USUAL_SIZES, Sizes
from wamon.postgres.backup import Table, dump_today
from wamon.postgres.leases import leased
from wamon.providers.bridge import SendApi
from wamon.replies.queue import Queue
from wamon.replies.sender import Replier
from wamon.service.checks import last_night
from wamon.service.restart_log import note_start, note_stop

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

    from wamon.alerts.notifier import Teller
    from wamon.config.schema import Config
    from wamon.postgres.leases import Lease


def plan(load: Callable[[], Config], sizes: Sizes = USUAL_SIZES) -> Plan:
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
        partial(session, sizes=sizes),
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


def _packed(load: Callable[[], Config]) -> Config:
    """A config in memory of its own: loaded, its texts lie scattered over all that reading the file took.

    It is made anew only once that is given back.
    """
    pickled = pickle.dumps(load())
    packed: Config = pickle.loads(pickled)  # noqa: S301
    return packed


@contextmanager
def session(config: Config, sizes: Sizes = USUAL_SIZES) -> Iterator[Session]:
    """A watch that holds its source's lease. Raises Busy where another wamon holds it."""
    clock = Clock()
    bridge = replace(bridge_of(config), sizes=sizes)
    state = StateFile(config.state.dir, clock)
    wanted = wanted_of(config, bridge)
    state.prepare()
    with ledger(config) as db, leased(db, bridge.name) as lease:
        watch = joined(config, bridge, wanted, db, state, clock)
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


def _troubles(config: Config) -> list[Check]:
    """What isn't in order, the nightly restart too; a store that we had better not open is left closed."""
    bridge = bridge_of(config)
    nightly = last_night(config.state.dir, Clock())
    with suppress(OSError):
        rights = access(bridge.path)
        if rights.endangers_the_bridge:
            unread = Absent("Only passes read the store, as long as reading it may lock the bridge out.")
            facts = replace(looked_at(config, None), access=rights, store=unread)
            return [*unwell(facts), *nightly]
    return [*unwell(looked_at(config, bridge)), *nightly]
