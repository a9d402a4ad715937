"""The report as a page has the command's figures, people as they are published, and an end where it takes too long."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.support.bridges import LAWLEY, MOHADIN, VeryGoodPlugins
from tests.support.clock import CLOCK
from tests.support.office import Office
from tests.support.people import write_people
from tests.support.published import noon, published, seen
from tests.support.truth import Field
from wamon.views.document import as_json
from wamon.views.report_page import Asked, ReportPage, report_page

PHONE = "27820001234"


@pytest.fixture
def office(open_office: Callable[..., Office], tmp_path: Path) -> Office:
    now = CLOCK.now()
    write_people(tmp_path, names={f"{PHONE}@s.whatsapp.net": "Thabo"})
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        for n, days in enumerate((21, 14, 7, 7, 1, 0)):
            field.post(LAWLEY, f"DR100000{n}", sender=PHONE, at=now - timedelta(days=days, hours=1, seconds=-n))
        field.post(LAWLEY, "DR1000001", sender=PHONE, at=now - timedelta(seconds=90))
        field.post(MOHADIN, "RD1000002", sender=PHONE, at=now - timedelta(seconds=60))
        field.post(MOHADIN, "DR1000008", sender="27820005678", at=now - timedelta(seconds=50))
        office = open_office(field.path, timezone=noon(now.hour))
        published(office)
        return office


def shown(office: Office, **asked: str) -> ReportPage:
    found = seen(office, report_page, ZoneInfo(office.settings["timezone"]), Asked(**asked))
    assert found is not None
    assert found.failed == ()
    return found


def figures(report: Any) -> dict[str, Any]:
    """All of a report but what only the store tells."""
    return {name: value for name, value in report.items() if name not in {"gaps", "gaps_unknown"}}


@pytest.mark.parametrize("kind", ["daily", "weekly"])
@pytest.mark.parametrize("days_ago", [0, 1])
@pytest.mark.parametrize("project", [None, "Lawley"])
def test_its_figures_are_the_commands(office: Office, kind: str, days_ago: int, project: str | None) -> None:
    today = CLOCK.now().astimezone(ZoneInfo(office.settings["timezone"])).date()
    day = str(today - timedelta(days=days_ago))
    words = ["report", kind, "--date", day, *(["--project", project] if project else [])]
    page = shown(office, kind=kind, day=day, **({"project": project} if project else {}))
    assert figures(json.loads(as_json(page.report))) == figures(office.answer(*words))
    assert page.report is not None
    assert page.report.total["new"] >= (not days_ago)


def test_people_stand_there_as_published_and_two_forms_of_one_are_one(office: Office) -> None:
    report = shown(office).report
    assert report is not None
    assert {(row.project, row.sender) for row in report.senders} >= {
        ("Lawley", "Thabo …1234"),
        ("Mohadin", "Thabo …1234"),
    }
    assert PHONE not in as_json(report)


@pytest.mark.parametrize(
    "asked",
    [{"kind": "yearly"}, {"day": "yesterday"}, {"day": "9999-12-31"}, {"day": "0001-01-01"}, {"project": "None"}],
)
def test_what_cant_be_asked_for_has_no_page(office: Office, asked: dict[str, str]) -> None:
    assert seen(office, report_page, ZoneInfo("UTC"), Asked(**asked)) is None


def test_one_that_takes_too_long_ends_and_says_what_to_do(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("wamon.views.report_page.found", lambda db, *_: db.execute("SELECT pg_sleep(60)"))
    monkeypatch.setattr("wamon.views.snapshot._SECONDS", 1)
    page = seen(office, report_page, ZoneInfo("UTC"), Asked())
    assert page is not None
    assert page.report is None
    assert [one.panel for one in page.failed] == ["report"]
