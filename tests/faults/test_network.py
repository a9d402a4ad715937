"""What the network does to a connection costs no message and doubles none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import suppress
from itertools import count

import pytest

from tests.support.bridges import LAWLEY, MOHADIN
from tests.support.checks import assert_whole, recorded
from tests.support.office import Office, eventually
from tests.support.proxy import Proxy
from tests.support.relay import Fate
from tests.support.truth import Field
from wamon.daemon.rounds import BEATS_SECONDS
from wamon.errors import DatabaseUnavailable
from wamon.postgres import connection

IMPATIENT = "from wamon.postgres import connection; connection._SECONDS_FOR_ITS_ANSWER = -28"
"""An answer is given up after two seconds instead of 35."""
NO_ANSWER = "it has not answered for 2 s"


@pytest.fixture
def proxy(dsn: str) -> Iterator[Proxy]:
    with Proxy(dsn) as proxy:
        yield proxy


@pytest.fixture
def office(open_office: Callable[..., Office], field: Field, proxy: Proxy) -> Office:
    """Its wamon reaches PostgreSQL through the proxy; its questions go past it."""
    return open_office(field.path, database={"url": proxy.dsn}, scan={"interval": "1h"})


@pytest.mark.parametrize("fate", ["answer lost", "reset"])
@pytest.mark.fault("F11")
def test_whichever_commit_meets_a_reset_the_next_scan_completes_what_is_missing_and_doubles_nothing(
    office: Office, field: Field, proxy: Proxy, fate: Fate
) -> None:
    for nth in count(1):
        message_id = field.post(LAWLEY, f"DR{1_000_000 + 10 * nth}")
        field.edit(message_id, f"DR{1_000_000 + 10 * nth} DR{1_000_001 + 10 * nth}")
        field.post(MOHADIN, f"DR{1_000_000 + 10 * nth}")
        proxy.break_at_commit(nth, fate)
        if not scan_broke(office, proxy):
            break
        office.scan()
        assert_whole(office, field)
    proxy.pass_on()
    assert nth > 3, "a scan commits more often than that"
    assert_whole(office, field)


def scan_broke(office: Office, proxy: Proxy) -> bool:
    with suppress(DatabaseUnavailable):
        office.scan()
    return proxy.has_broken()


@pytest.mark.fault("F11")
def test_a_daemon_whose_commit_is_not_answered_goes_on_and_doubles_nothing(
    office: Office, field: Field, proxy: Proxy
) -> None:
    with office.running() as running:
        recorded(office, "DR1000001", running.said)
        proxy.break_at_commit(1, "answer lost")
        field.post(LAWLEY, "DR1000002")
        eventually("the connection's end", proxy.has_broken, said=running.said)
        field.post(MOHADIN, "DR1000002")
        eventually("both recorded", lambda: len(office.submissions()) == 3, said=running.said)
        assert running.end() == 0
    assert_whole(office, field)


@pytest.mark.fault("F12")
def test_a_daemon_on_a_link_that_has_gone_silent_takes_a_new_one(office: Office, field: Field, proxy: Proxy) -> None:
    with office.running(prologue=IMPATIENT) as daemon:
        recorded(office, "DR1000001", daemon.said)
        proxy.silence()
        field.post(LAWLEY, "DR1000002")
        eventually("it gives the link up", lambda: NO_ANSWER in daemon.said(), said=daemon.said)
        recorded(office, "DR1000002", daemon.said)
        assert daemon.end() == 0
    assert_whole(office, field)


@pytest.mark.fault("F12")
def test_a_scan_on_a_link_that_falls_silent_in_a_transaction_ends_with_69_and_the_next_one_completes(
    office: Office, field: Field, proxy: Proxy
) -> None:
    office.scan()
    field.post(LAWLEY, "DR1000002")
    proxy.break_at_commit(3, "silence")
    with office.begun("scan", prologue=IMPATIENT) as broken:
        assert broken.process.wait(timeout=60) == 69
    assert proxy.has_broken()
    assert broken.said().count("\n") == 1
    assert NO_ANSWER in broken.said()
    proxy.cut()
    office.scan()
    assert_whole(office, field)


@pytest.mark.fault("F12")
def test_a_silent_link_is_noticed_within_a_minute_even_where_no_message_comes() -> None:
    gives_up_seconds = connection.Database.statement_seconds + connection._SECONDS_FOR_ITS_ANSWER
    assert BEATS_SECONDS["renew"] + gives_up_seconds < 60
