"""What doctor says of who is told."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from wamon.alerts.checks import told
from wamon.alerts.model import Book
from wamon.alerts.state_file import AlertsFile
from wamon.config.alerts import Alerts
from wamon.health.check import Check, State

ZONE = ZoneInfo("Africa/Johannesburg")
NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)
WEBHOOK = {"channels": {"webhook": {"url": "https://hooks.example.com/hunter2"}}}


def checked(folder: Path, alerts: dict[str, Any], book: Book = Book()) -> list[Check]:  # noqa: B008 - it is frozen
    file = AlertsFile(folder)
    file.change(lambda _: book)
    return told(Alerts.model_validate(alerts), file, ZONE)


def test_that_nobody_is_told_is_a_warning_with_where_to_set_it(tmp_path: Path) -> None:
    [check] = checked(tmp_path, {})
    assert (check.name, check.state) == ("alerts.channels", State.WARN)
    assert "Nobody is told" in check.sentence
    assert "alerts.heartbeat" in check.hint


def test_a_heartbeat_alone_tells_somebody(tmp_path: Path) -> None:
    [check] = checked(tmp_path, {"heartbeat": "https://monitor.example.com/hunter2"})
    assert (check.name, check.state) == ("alerts.heartbeat", State.OK)
    assert "monitor.example.com" in check.sentence
    assert "hunter2" not in check.sentence


@pytest.mark.parametrize(
    ("worked", "said"), [({}, "has sent nothing so far"), ({"webhook": NOON}, "last worked 2026-11-20 14:00")]
)
def test_a_channel_says_when_it_last_worked(tmp_path: Path, worked: dict[str, datetime], said: str) -> None:
    [check] = checked(tmp_path, WEBHOOK, Book(worked=worked))
    assert (check.name, check.state) == ("alerts.webhook", State.OK)
    assert said in check.sentence


def test_a_channel_that_fails_is_a_warning_with_why(tmp_path: Path) -> None:
    book = Book(worked={"webhook": NOON}).failed("webhook", "It answered with status 500.", NOON, timedelta(minutes=1))
    [check] = checked(tmp_path, WEBHOOK, book)
    assert check.state is State.WARN
    assert "fail since 2026-11-20 14:00" in check.sentence
    assert "status 500" in check.sentence
