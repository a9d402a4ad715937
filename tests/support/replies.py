"""Sending replies as the daemon's side task does, without a daemon."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from tests.support.clock import CLOCK
from tests.support.office import Office
from wamon.app.configured import bridge_of, configured
from wamon.app.database import ledger
from wamon.clock import Clock
from wamon.config.schema import Config
from wamon.daemon.reply_sender import ReplySender
from wamon.daemon.stopping import Stopping
from wamon.host.claim import Claim
from wamon.postgres.connection import connected
from wamon.postgres.leases import Lease, leased
from wamon.replies.queue import Queue
from wamon.replies.sender import Replier, limits_of
from wamon.replies.ways import Ways


class _Unless(Stopping):
    """Set once it doesn't go on."""

    def __init__(self, going: Callable[[], bool]) -> None:
        super().__init__()
        self._going = going

    def is_set(self) -> bool:
        return not self._going()


def reply(config: Config, lease: Lease, going: Callable[[], bool] = lambda: True, clock: Clock = CLOCK) -> None:
    """Send what is due, for as long as it is `going` and this lease is held."""
    task = ReplySender(config, bridge_of(config).name, clock, ledger, lambda: lease.holder, Claim())
    task.run(_Unless(going))


def answer(
    office: Office,
    source: str,
    going: Callable[[], bool] = lambda: True,
    *,
    clock: Clock = CLOCK,
    left_to: Mapping[str, str] | None = None,
) -> None:
    """Send what is due of one source, as the daemon's side task does that holds its lease."""
    config = configured(office.config_path, {})
    with connected(office.dsn) as db, leased(db, source) as lease:
        queue = Queue(db, source, lease.holder, limits_of(config))
        Replier(queue, config, Ways(config, source), clock, left_to).send(going)


def person(office: Office, account: str, *aliases: tuple[str, str]) -> int:
    """A person with these ids, the last heard of first."""
    (number,) = office.query("INSERT INTO wamon.people (account, hash) VALUES (%s, 'abc') RETURNING person", account)
    for n, (kind, value) in enumerate(aliases):
        office.query(
            "INSERT INTO wamon.aliases (account, kind, value, person, seen_at) VALUES (%s, %s, %s, %s, now() - %s)",
            account,
            kind,
            value,
            number,
            timedelta(minutes=n),
        )
    return int(number)


def conversation(office: Office, source: str, who: int, jid: str = "direct") -> int:
    """An idle conversation of a person in a chat of the source's, which is there then."""
    kind = "direct" if jid == "direct" else "group"
    office.query("INSERT INTO wamon.sources (source) VALUES (%s) ON CONFLICT DO NOTHING", source)
    office.query(
        """
        INSERT INTO wamon.groups (source, jid, project, kind, tail, start, start_passed)
        VALUES (%s, %s, 'Lawley', %s, 'main', 'beginning', true) ON CONFLICT DO NOTHING
        """,
        source,
        jid,
        kind,
    )
    (chat,) = office.query("SELECT chat FROM wamon.groups WHERE source = %s AND jid = %s", source, jid)
    (number,) = office.query(
        "INSERT INTO wamon.conversations (source, chat, person, kind) VALUES (%s, %s, %s, %s) RETURNING conversation",
        source,
        chat,
        who,
        kind,
    )
    return int(number)


def burst(
    office: Office,
    number: int,
    text: str,
    *,
    seq: int = 1,
    kind: str = "burst",
    ago: timedelta = timedelta(),
    within: timedelta = timedelta(minutes=10),
    late: bool = False,
) -> int:
    """An answer in the outbox to a burst of this conversation whose newest message was sent so long ago."""
    (reply,) = office.query(
        """
        INSERT INTO wamon.replies (chat, message_id, about, kind, project, sent_at, queued_at, changed_at, next_try_at,
                                   deadline, conversation, through_seq, fence, body, late)
        SELECT chat, conversation || '-' || %s, 'burst', %s, 'Lawley', now() - %s, now(), now(), now(),
               now() - %s + %s, conversation, %s, 1, %s, %s
        FROM wamon.conversations WHERE conversation = %s
        RETURNING reply
        """,
        seq,
        kind,
        ago,
        ago,
        within,
        seq,
        text,
        late,
        number,
    )
    return int(reply)
