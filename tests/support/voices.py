"""Several installations on one number, as prod and dev, and who of them speaks."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.support.clock import CLOCK
from tests.support.deliveries import PHONE
from tests.support.intake import hook
from tests.support.office import Office, eventually
from tests.support.replies import burst, conversation, person
from tests.support.send_api import TOKEN, StandIn
from wamon.app.configured import configured
from wamon.app.database import ledger
from wamon.daemon.passes import Passes
from wamon.daemon.reply_sender import AnswerSender
from wamon.daemon.stopping import Stopping
from wamon.postgres.connection import connected
from wamon.postgres.leases import leased


def an_office(folder: Path, dsn: str, api: StandIn) -> Office:
    folder.mkdir(exist_ok=True)
    vgp = hook("vgp", send={"url": api.replies["url"], "token": TOKEN})
    return Office(folder, dsn, folder / "messages.db", hooks=[vgp], conversations={"enabled": True, "percentage": 100})


def a_burst(office: Office, text: str) -> int:
    return burst(office, conversation(office, "vgp", person(office, "vgp", ("phone", PHONE))), text)


def a_later_burst_is_sent(office: Office, text: str) -> bool:
    """Whether this office speaks by now; else it has left the answer to another."""
    (number,) = office.query("SELECT conversation FROM wamon.conversations")
    (seq,) = office.query("SELECT count(*) + 1 FROM wamon.replies")
    burst(office, number, text, seq=seq)
    eventually("its end", lambda: {"due", "sending"}.isdisjoint(states(office)))
    return states(office)[-1] == "sent"


def speak(office: Office, stopping: Stopping) -> None:
    """The daemon's side task, while it holds the lease of the hook's source."""
    passes = Passes(lambda: None)
    with connected(office.dsn) as db, leased(db, "vgp") as lease:
        passes.leases["vgp"] = lease.holder
        AnswerSender(configured(office.config_path, {}), ["vgp"], CLOCK, ledger, passes).run(stopping)


@contextmanager
def sending(office: Office) -> Iterator[None]:
    """It speaks beside the block."""
    stopping = Stopping()
    thread = threading.Thread(target=speak, args=[office, stopping])
    thread.start()
    try:
        yield
    finally:
        stopping.set()
        thread.join()


def states(office: Office) -> list[str]:
    return office.query("SELECT state FROM wamon.replies ORDER BY reply")
