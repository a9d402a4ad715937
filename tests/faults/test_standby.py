"""A primary that dies under load, and a standby that lacks what came last: nothing is lost, and nothing doubled."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from tests.support.bridges import LAWLEY, MOHADIN
from tests.support.checks import assert_whole, recorded
from tests.support.clusters import PROGRAMS, Cluster, dsn_of_both, streaming_pair
from tests.support.deliveries import GOWA
from tests.support.flood import Flood
from tests.support.hooks import hook
from tests.support.intake import in_lawley, keep
from tests.support.office import Office, eventually
from tests.support.truth import Field
from tests.support.web import TOKEN, serving
from wamon.postgres.connection import connected
from wamon.web.replication import Replication, replication

pytestmark = pytest.mark.skipif(PROGRAMS is None, reason="Debian's PostgreSQL isn't installed here")


@pytest.fixture
def pair() -> Iterator[tuple[Cluster, Cluster]]:
    with streaming_pair() as pair:
        yield pair


@pytest.fixture
def office(tmp_path: Path, field: Field, pair: tuple[Cluster, Cluster]) -> Office:
    """Its `database.url` names both hosts; its questions go to the primary."""
    primary, standby = pair
    office = Office(tmp_path / "office", primary.dsn, field.path, scan={"interval": "1h"})
    office.set(database={"url": dsn_of_both(primary, standby)})
    return office


@pytest.mark.fault("F15")
def test_on_a_standby_it_says_that_it_is_read_only_and_records_once_that_is_promoted(
    office: Office, field: Field, pair: tuple[Cluster, Cluster]
) -> None:
    primary, standby = pair
    office.scan()
    standby.catch_up_with(primary)
    office.dsn = standby.dsn
    office.set(database={"url": standby.dsn})
    field.post(LAWLEY, "DR1000002")
    with office.running() as daemon:
        eventually("it says so", lambda: "read-only now" in daemon.said(), said=daemon.said)
        standby.promote()
        recorded(office, "DR1000002", daemon.said)
        assert daemon.end() == 0
    assert_whole(office, field)


@pytest.mark.fault("F98", "F155")
def test_a_daemon_goes_on_at_the_promoted_standby_and_records_again_what_that_lacked(
    office: Office, field: Field, pair: tuple[Cluster, Cluster]
) -> None:
    primary, standby = pair
    office.set(hooks=[hook("gowa", "gowa")])
    office.scan()
    with office.running() as daemon:
        office.query("UPDATE qa_photo_reviews SET comment = 'seen'")
        standby.catch_up_with(primary)
        standby.fall_behind()
        edited = field.post(LAWLEY, "DR1000002")
        field.post(MOHADIN, "DR1000001 DR1000002")
        recorded(office, "DR1000002", daemon.said)
        field.edit(edited, "DR1000003")
        recorded(office, "DR1000003", daemon.said)
        keep(office, "gowa", in_lawley(GOWA, "DR2000000", "3EB0AA"))
        recorded(office, "DR2000000", daemon.said)
        with closing(psycopg.connect(primary.dsn)) as other:  # so that the primary dies under what comes now
            other.execute("LOCK TABLE wamon.ledger_rows")
            with field.batch():
                for number in range(1_000_100, 1_000_400):
                    field.post(LAWLEY, f"DR{number}")
            eventually(
                "it records", lambda: primary.query("SELECT pid FROM pg_locks WHERE NOT granted"), said=daemon.said
            )
            primary.stop("immediate")
        assert standby.query("SELECT count(*) FROM wamon.submissions") == [(1,)]
        standby.promote()
        office.dsn = standby.dsn
        eventually("it records again", lambda: ("Lawley", "DR1000399") in office.drops(), said=daemon.said, seconds=15)
        assert daemon.end() == 0
    assert_whole(office, field)  # without what a hook alone brought: /ready says that such a standby lacks it
    rows = office.query("SELECT project, drop_number FROM qa_photo_reviews")
    assert set(rows) == office.drops()
    assert len(rows) == len(set(rows))
    assert office.query(
        "SELECT comment FROM qa_photo_reviews WHERE drop_number = 'DR1000001' AND project = 'Lawley'"
    ) == ["seen"]


@pytest.mark.fault("F155")
def test_a_synchronous_standby_that_is_promoted_has_all_that_hooks_were_answered_for(
    office: Office, field: Field, pair: tuple[Cluster, Cluster]
) -> None:
    primary, standby = pair
    office.set(hooks=[hook("gowa", "gowa")])
    office.scan()
    standby.catch_up_with(primary)
    primary.wait_for_standbys()
    with serving(office) as site, office.running() as daemon:
        eventually("it says so", lambda: "Replication: synchronous standby." in site.said(), said=site.said)
        before = Flood(site, 2_000_000)
        before.goes_on()
        with field.batch():
            for number in range(1_000_100, 1_000_400):
                field.post(LAWLEY, f"DR{number}")
        primary.stop("immediate")
        before.end()
        standby.promote()
        office.dsn = standby.dsn
        after = Flood(site, 3_000_000)
        after.goes_on()
        after.end()
        field.truth.scanned()
        promised = before.answered | after.answered | field.truth.drops()
        eventually("all of it is recorded", lambda: promised <= office.drops(), said=daemon.said)
        assert daemon.end() == 0
    assert set(office.kinds().values()) == {"new"}
    assert office.verify().clean


def test_who_asks_is_told_which_standby_there_is(office: Office, pair: tuple[Cluster, Cluster]) -> None:
    primary, standby = pair
    primary.query("CREATE ROLE ordinary LOGIN")
    roles = (primary.dsn, make_conninfo(primary.dsn, user="ordinary"))

    def seen() -> list[Replication]:
        found = []
        for dsn in roles:
            with connected(dsn) as db:
                found.append(replication(db))
        return found

    assert [one.kind for one in seen()] == ["asynchronous"] * 2
    primary.query("REVOKE SELECT ON pg_stat_replication FROM public")
    assert [one.kind for one in seen()] == ["asynchronous", "unknown"]
    primary.wait_for_standbys()
    assert [one.kind for one in seen()] == ["synchronous"] * 2
    primary.query("GRANT SELECT ON pg_stat_replication TO public")
    assert [one.is_awaited for one in seen()] == [False, False]
    office.scan()
    with serving(office, token=TOKEN) as site:
        standby.stop()
        eventually("it is away", lambda: [one.is_awaited for one in seen()] == [True, True])
        found = {check["name"]: check for check in site.get("/ready").json["checks"]}["web.replication"]
        assert (found["state"], "which is away" in found["sentence"]) == ("warn", True)
