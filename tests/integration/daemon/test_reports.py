"""Reports are sent by the channels of alerts once their time has come: each once, and without a person."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.clock import CLOCK, Moved
from tests.support.office import Office, eventually, run_while
from tests.support.receivers import Hooks, hooks
from tests.support.truth import Field
from wamon.alerts.state_file import AlertsFile
from wamon.daemon.reports import Reports

Open = Callable[..., Office]
ZONE = ZoneInfo("Africa/Johannesburg")
"""The office's, by which a report has its day."""


@pytest.fixture
def hook() -> Iterator[Hooks]:
    with hooks() as found:
        yield found


@pytest.fixture
def looked(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Whether a report was due, each time that it was asked."""
    found: list[bool] = []
    original = Reports.is_due

    def is_due(one: Reports, pipeline: Any) -> bool:
        due = original(one, pipeline)
        found.append(due)
        return due

    monkeypatch.setattr(Reports, "is_due", is_due)
    monkeypatch.setattr(Reports, "beat_seconds", 0.05)
    return found


@pytest.fixture
def office(open_office: Open, hook: Hooks, tmp_path: Path) -> Iterator[Office]:
    with Field(VeryGoodPlugins(tmp_path / "messages.db", durable=False)) as field:
        field.post(LAWLEY, "DR1000001")
        field.post(LAWLEY, "DR1000001")
        reports = {"daily": "00:00", "weekly": "00:00"}
        yield open_office(field.path, alerts={"channels": hook.channels, "reports": reports})


def sent(hook: Hooks, count: int) -> Callable[[], None]:
    return lambda: eventually(f"{count} reports sent", lambda: len(hook.posted) >= count, said=lambda: str(hook.posted))


def test_each_report_is_sent_once_over_restarts_and_its_counts_name_nobody(
    office: Office, hook: Hooks, looked: list[bool]
) -> None:
    office.scan()
    [posted_at] = office.query(f"SELECT DISTINCT (sent_at AT TIME ZONE '{ZONE}')::date FROM wamon.submissions")
    clock = Moved(CLOCK, timedelta())
    clock.by += timedelta(days=(posted_at - clock.now().astimezone(ZONE).date()).days + 1)  # the morning after

    run_while(office, sent(hook, 2), clock)
    assert [(one["kind"], one["rule"]) for one in hook.posted] == [("report", "daily"), ("report", "weekly")]
    daily = hook.posted[0]["text"].splitlines()
    assert daily[0].startswith("Daily report: ")
    assert "Lawley: 1 new, 1 posted again." in daily
    assert daily[-1] == f"All of it: wamon report daily --date {posted_at}"
    for sender in office.query("SELECT DISTINCT sender FROM wamon.submissions"):
        assert sender.partition("@")[0] not in hook.posted[0]["text"]

    asked = len(looked)
    run_while(office, lambda: eventually("asked again", lambda: len(looked) > asked + 2), clock)
    assert len(hook.posted) == 2
    assert not any(looked[asked:])

    clock.by += timedelta(days=1)
    run_while(office, sent(hook, 3), clock)
    assert hook.posted[2]["rule"] == "daily"


def test_a_report_that_a_channel_refuses_waits_and_is_not_made_again(
    office: Office, hook: Hooks, looked: list[bool]
) -> None:
    hook.status = 500
    run_while(office, lambda: eventually("it is not due any more", lambda: True in looked and looked[-1] is False))
    waiting = office.answer("alerts", "list")["waiting"]
    assert [(one["kind"], one["rule"]) for one in waiting] == [("report", "daily"), ("report", "weekly")]
    assert set(AlertsFile(office.state_path.parent).read().reported) == {"daily", "weekly"}
    assert [one["kind"] for one in office.answer("alerts", "list")["reports"]] == ["daily", "weekly"]
    assert "The daily report goes by them from 00:00 on: the last one from 20" in office.run("alerts", "list").stdout
