"""A primary that dies under load, and a standby that lacks what came last: nothing is lost, and nothing doubled."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.bridges import LAWLEY, MOHADIN
from tests.support.checks import assert_whole, recorded
from tests.support.clusters import PROGRAMS, Cluster, dsn_of_both, streaming_pair
from tests.support.office import Office, eventually
from tests.support.truth import Field

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
