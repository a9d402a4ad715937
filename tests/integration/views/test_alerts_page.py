"""The page of alerts: what is firing on the run's host, as its command has it, and no number of anybody."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.clock import CLOCK, Standing
from tests.support.office import Office
from tests.support.published import published, seen
from tests.support.truth import Field
from wamon.alerts.notifier import notifier
from wamon.app.configured import configured
from wamon.health.check import Check, State
from wamon.views.alerts import Alerts
from wamon.views.alerts_page import alerts_page
from wamon.views.document import as_json, from_json

UTC = ZoneInfo("UTC")
HOOK = {"url": "https://hooks.example.com/services/hunter2"}


@pytest.fixture
def office(open_office: Callable[..., Office], tmp_path: Path) -> Office:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        field.post(LAWLEY, "DR1000001", at=CLOCK.now() - timedelta(seconds=90))
        return open_office(field.path, alerts={"channels": {"webhook": HOOK}})


def test_what_is_firing_on_the_host_is_on_the_page_with_since_when_and_what_to_do(office: Office) -> None:
    config, began = configured(office.config_path, {}), CLOCK.now() - timedelta(hours=1)
    silent = Check(
        "bridge.freshness", State.WARN, "+27820001234 is silent.", "Ask them.", "Lawley", LAWLEY, {"age_seconds": 9e9}
    )
    for moment in (began, began + timedelta(minutes=50)):
        notifier(config, Standing(moment)).evaluate([silent])
    published(office)
    (own,) = seen(office, alerts_page, UTC).sources
    assert own.alerts is not None
    (fault,) = own.alerts.firing
    assert (fault.title, fault.hints, fault.groups) == ("Unusual silence", ("Ask them.",), ("Lawley",))
    assert abs(fault.since - began) < timedelta(seconds=1)
    assert own.alerts == from_json(Alerts, office.run("alerts", "list", "--json").stdout)
    told = as_json(own)
    assert "27820001234" not in told
    assert "hunter2" not in told


def test_what_another_version_published_is_told_and_hides_no_other(office: Office) -> None:
    published(office)
    office.query("UPDATE wamon.source_status SET alerts = '{\"rules\": 1}'")
    page = seen(office, alerts_page, UTC)
    assert [one.alerts for one in page.sources] == [None]
    assert [one.panel for one in page.failed] == ["main"]
