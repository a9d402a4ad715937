"""What is usual is one figure: on the page, in `wamon status` and in the report, at whatever moment of the day."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import date, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.clock import CLOCK, Standing
from tests.support.office import Office
from tests.support.published import noon, published, seen
from tests.support.truth import Field
from wamon.app.configured import bridge_of, configured
from wamon.app.look import looking
from wamon.health.baseline import half_hours, usual_by
from wamon.health.checks import check_all
from wamon.postgres.connection import connected
from wamon.reports.period import daily
from wamon.reports.report import found
from wamon.views import status
from wamon.views.home import home

Open = Callable[..., Office]
UTC = ZoneInfo("UTC")


@pytest.fixture
def field(tmp_path: Path) -> Iterator[Field]:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        yield field


@pytest.fixture
def office(field: Field, open_office: Open) -> Office:
    """Of three such weekdays each has two drops before the half hour that it is now, four in it and in the next."""
    zone = ZoneInfo(noon(CLOCK.now().hour))
    now = CLOCK.now().astimezone(zone)
    begun = now.replace(minute=now.minute // 30 * 30, second=0, microsecond=0)
    for week in (1, 2, 3):
        for n, minutes in enumerate((-20, -10, 2, 8, 20, 28, 32, 38, 50, 58)):
            field.post(LAWLEY, f"DR10{week}000{n}", at=begun + timedelta(minutes=minutes) - timedelta(weeks=week))
    office = open_office(field.path, timezone=str(zone))
    published(office)
    office.query("UPDATE wamon.source_status SET by = 'run', every_seconds = 15")
    return office


def expected(office: Office, at: datetime) -> float:
    """By the rule's own words: of the four of each half hour the share that is over, and two from before."""
    (curve,) = office.query("SELECT usual FROM wamon.group_status WHERE usual IS NOT NULL")
    begun = next(place for place, usual in enumerate(curve) if usual > 2)
    return round(2 + 4 * (half_hours(at, ZoneInfo(office.settings["timezone"])) - begun), 1)


def test_the_page_status_and_the_report_say_the_same_at_the_same_moment(office: Office) -> None:
    page = seen(office, home, UTC)
    config, moment = configured(office.config_path, {}), Standing(page.at)
    with looking(config, bridge_of(config), moment) as look:
        facts = look()
    told = status.status(facts, check_all(facts))
    with connected(office.dsn) as db:
        reported = found(db, daily(local_day(config.timezone, page.at), config.timezone, page.at), None).usual
    shown = {group.project: group.usual for group in page.groups if group.usual is not None}
    assert (
        shown == reported == {group.name: group.today.usual for group in told.groups if group.today.usual is not None}
    )
    assert shown == {"Lawley": expected(office, page.at)}
    assert (page.totals.usual, told.today.usual) == (shown["Lawley"], shown["Lawley"])


def test_of_a_source_that_is_silent_it_is_what_was_usual_by_its_last_sign(office: Office) -> None:
    office.query(
        "UPDATE wamon.source_status SET published_at ="
        " ((day + '12:00'::time) AT TIME ZONE zone) - interval '45 s', by = 'run'"
    )
    curve = office.query("SELECT usual FROM wamon.group_status WHERE usual IS NOT NULL")[0]
    assert {group.usual for group in seen(office, home, UTC).groups} - {None} == {usual_by(curve, 24.0)}


def test_counts_of_yesterday_are_never_shown_as_todays(office: Office, field: Field) -> None:
    field.post(LAWLEY, "DR1999999", at=CLOCK.now() - timedelta(seconds=5))
    published(office)
    assert seen(office, home, UTC).totals.new == 1
    office.query("UPDATE wamon.source_status SET day = day - 1")
    office.query("UPDATE wamon.group_status SET day = day - 1")
    page = seen(office, home, UTC)
    assert (page.totals.new, page.totals.usual, page.hours) == (0, None, ())


def local_day(zone: ZoneInfo, at: datetime) -> date:
    return at.astimezone(zone).date()
