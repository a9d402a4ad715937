"""A primary that dies under load, and a standby that lacks what came last: nothing is lost, and nothing doubled."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
from psycopg.conninfo import make_conninfo

from tests.support.bridges import LAWLEY, MOHADIN
from tests.support.checks import assert_whole, recorded
from tests.support.clusters import PROGRAMS, Cluster
from tests.support.office import Office, eventually
from tests.support.truth import Field

pytestmark = pytest.mark.skipif(PROGRAMS is None, reason="Debian's PostgreSQL isn't installed here")


@pytest.fixture
def pair() -> Iterator[tuple[Cluster, Cluster]]:
    """A primary and its asynchronous streaming standby, on loopback."""
    folder = Path(tempfile.mkdtemp(prefix="wamon-pair-"))
    primary = Cluster(folder / "primary")
    primary.make()
    primary.start()
    standby = Cluster(folder / "standby")
    standby.follow(primary)
    standby.start()
    try:
        yield primary, standby
    finally:
        for cluster in (primary, standby):
            cluster.stop()
        shutil.rmtree(folder)


@pytest.fixture
def office(tmp_path: Path, field: Field, pair: tuple[Cluster, Cluster]) -> Office:
    """Its `database.url` names both hosts; its questions go to the primary."""
    primary, standby = pair
    office = Office(tmp_path / "office", primary.dsn, field.path, scan={"interval": "1h"})
    both = {"host": "127.0.0.1,127.0.0.1", "port": f"{primary.port},{standby.port}"}
    office.set(database={"url": make_conninfo(primary.dsn, **both, target_session_attrs="read-write")})
    return office


@pytest.mark.fault("F98")
def test_a_daemon_goes_on_at_the_promoted_standby_and_records_again_what_that_lacked(
    office: Office, field: Field, pair: tuple[Cluster, Cluster]
) -> None:
    primary, standby = pair
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
        with field.batch():  # the load under which the primary dies
            for number in range(1_000_100, 1_000_400):
                field.post(LAWLEY, f"DR{number}")
        primary.stop("immediate")
        assert standby.query("SELECT count(*) FROM wamon.submissions") == [(1,)]
        standby.promote()
        office.dsn = standby.dsn
        eventually("it records again", lambda: ("Lawley", "DR1000399") in office.drops(), said=daemon.said, seconds=15)
        assert daemon.end() == 0
    assert_whole(office, field)
    rows = office.query("SELECT project, drop_number FROM qa_photo_reviews")
    assert set(rows) == office.drops()
    assert len(rows) == len(set(rows))
    assert office.query(
        "SELECT comment FROM qa_photo_reviews WHERE drop_number = 'DR1000001' AND project = 'Lawley'"
    ) == ["seen"]
