"""Which of several wamons works: whoever holds the lease, for as long as it surely lives."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.support.bridges import LAWLEY
from tests.support.checks import assert_whole, recorded
from tests.support.clock import CLOCK
from tests.support.office import Office
from tests.support.truth import Field
from wamon.app.configured import configured
from wamon.app.run import plan
from wamon.capture.pipeline import run_pass
from wamon.capture.scan import catch_up
from wamon.daemon.rounds import Connected
from wamon.errors import Busy, DatabaseUnavailable, Superseded
from wamon.host.process import Process
from wamon.postgres.connection import connected
from wamon.postgres.leases import leased

Open = Callable[..., Office]
LONG = {"scan": {"interval": "1h"}}


@pytest.mark.fault("F59")
def test_a_process_number_that_was_used_again_holds_no_lease(field: Field, open_office: Open) -> None:
    office = open_office(field.path)
    office.scan()
    me = Process.this()
    with connected(office.dsn) as db, leased(db, "main"):
        office.query("UPDATE wamon.leases SET process_started = process_started - 1")
        assert Process(me.host, me.boot, me.pid, me.process_started - 1).is_gone()
        with office.running() as daemon:
            field.post(LAWLEY, "DR1000002")
            recorded(office, "DR1000002", daemon.said)
            assert daemon.end() == 0


@pytest.mark.fault("F59")
def test_a_lease_of_another_host_holds_until_it_expires_by_the_databases_clock(field: Field, open_office: Open) -> None:
    office = open_office(field.path, **LONG)
    office.scan()
    with connected(office.dsn) as db, leased(db, "main"):
        office.query("UPDATE wamon.leases SET host = 'elsewhere', process_started = 1")
        assert office.run("run").returncode == 75
        office.query("UPDATE wamon.leases SET expires_at = now()")
        with office.running() as daemon:
            field.post(LAWLEY, "DR1000002")
            recorded(office, "DR1000002", daemon.said)
            assert daemon.end() == 0


@pytest.mark.fault("F109")
def test_a_host_that_is_called_otherwise_meanwhile_holds_its_lease_on(
    field: Field, open_office: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a lost connection."""
    office = open_office(field.path)
    office.scan()
    with connected(office.dsn) as db, leased(db, "main"):
        monkeypatch.setattr("socket.gethostname", lambda: "called-otherwise")
        with connected(office.dsn) as anew, leased(anew, "main"):
            assert office.run("run").returncode == 75


@pytest.mark.fault("F97")
def test_a_lease_that_ends_further_ahead_than_any_is_taken_holds_nobody_up(field: Field, open_office: Open) -> None:
    """It was renewed before the database's clock was set back."""
    office = open_office(field.path, **LONG)
    office.scan()
    with connected(office.dsn) as db, leased(db, "main"):
        office.query(
            "UPDATE wamon.leases SET host = 'elsewhere', process_started = 1, expires_at = now() + interval '1 hour'"
        )
        with office.running() as daemon:
            field.post(LAWLEY, "DR1000002")
            recorded(office, "DR1000002", daemon.said)
            assert daemon.end() == 0


@pytest.mark.parametrize(
    "restored",
    [
        "DELETE FROM wamon.leases",
        "UPDATE wamon.leases SET holder = gen_random_uuid(), host = 'elsewhere', taken_at = now() - interval '1 day'",
    ],
    ids=["none", "an older one"],
)
@pytest.mark.fault("F96")
def test_a_lease_that_a_backup_brought_is_taken_back_and_all_is_read_anew(
    field: Field, open_office: Open, restored: str
) -> None:
    office = open_office(field.path)
    office.scan()
    config = configured(office.config_path, {})
    with plan(lambda: config, CLOCK).session(config) as mine:
        assert isinstance(mine, Connected)
        field.post(LAWLEY, "DR1000002")
        office.query(restored)
        with pytest.raises(DatabaseUnavailable, match="went back to a backup"):
            mine.lease.renew()
        with pytest.raises(Superseded):
            run_pass(mine.pipeline)
        mine.lease.renew()
        catch_up(mine.pipeline)
    assert_whole(office, field)


@pytest.mark.fault("F5", "F57")
def test_a_daemon_that_lost_its_lease_records_nothing_more_though_its_next_renewal_is_far(
    field: Field, open_office: Open
) -> None:
    office = open_office(field.path)
    office.scan()
    config = configured(office.config_path, {})
    with plan(lambda: config, CLOCK).session(config) as mine:
        assert isinstance(mine, Connected)
        field.post(LAWLEY, "DR1000002")
        with connected(office.dsn) as db, leased(db, "main"), pytest.raises(Busy, match="lost to another"):
            catch_up(mine.pipeline)
    assert office.drops() == {("Lawley", "DR1000001")}


@pytest.mark.fault("F5", "F57")
def test_whoever_takes_a_lease_over_raises_its_fence_before_it_records_anything(
    field: Field, open_office: Open
) -> None:
    office = open_office(field.path)
    office.scan()
    field.post(LAWLEY, "DR1000002")
    with office.opened() as former, connected(office.dsn) as db, leased(db, "main"):
        with pytest.raises(Superseded):
            run_pass(former)
        assert office.drops() == {("Lawley", "DR1000001")}
    office.scan()
    assert_whole(office, field)
