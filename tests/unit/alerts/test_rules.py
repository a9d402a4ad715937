"""What counts as a fault, what follows from another, and that an alert names nobody."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.support.clock import Standing
from wamon.alerts.model import Alert, Book
from wamon.alerts.notifier import Notifier
from wamon.alerts.rules import RULES, found, without_consequences
from wamon.alerts.state_file import AlertsFile
from wamon.config.alerts import Alerts
from wamon.config.section import known
from wamon.health.check import TITLES, Check, State

BY_NAME = {rule.name: rule for rule in RULES}
OTHERS = {"service.nightly", "service.stopped", "recording.passes"}


def firing(*checks: Check, settings: Alerts = Alerts()) -> set[str]:  # noqa: B008 - it is frozen
    """The rules that find a fault in these checks."""
    judged = without_consequences(checks)
    return {rule.name for rule in RULES if found(rule, settings.rules.of(rule.name), judged).troubles}


def test_the_rules_are_those_of_the_config_and_read_checks_that_exist() -> None:
    assert list(BY_NAME) == list(known(type(Alerts().rules)))
    assert {name for rule in RULES for name in rule.checks} <= set(TITLES) | OTHERS


@pytest.mark.parametrize(
    ("check", "rule"),
    [
        (Check("recording.lag", State.WARN, "", numbers={"stuck_seconds": 301.0}), "lag"),
        (Check("bridge.freshness", State.WARN, "", numbers={"age_seconds": 7200.0}), "silence"),
        (Check("bridge.writing", State.BAD, ""), "bridge"),
        (Check("bridge.store", State.BAD, ""), "bridge"),
        (Check("recording.dead", State.WARN, "", numbers={"dead": 1}), "dead"),
        (Check("recording.names", State.WARN, ""), "reviews"),
        (Check("recording.passes", State.BAD, ""), "passes"),
        (Check("hooks.quiet", State.WARN, "", numbers={"hook": "wati", "age_seconds": 7200.0}), "silence"),
        (Check("hooks.parked", State.WARN, "", numbers={"hook": "wati"}), "parked-hook"),
        (Check("hooks.refusing", State.WARN, "", numbers={"hook": "wati"}), "hook-refused"),
        (Check("database.server", State.BAD, ""), "database"),
        (Check("files.set_aside", State.WARN, ""), "state"),
        (Check("files.room", State.BAD, ""), "state"),
        (Check("recording.verify", State.BAD, ""), "verify"),
        (Check("service.nightly", State.WARN, ""), "nightly"),
        (Check("service.stopped", State.BAD, ""), "service"),
        (Check("conversations.orphans", State.WARN, ""), "orphans"),
        (Check("conversations.unanswered", State.WARN, ""), "unanswered"),
        (Check("conversations.stuck", State.WARN, ""), "stuck"),
        (Check("conversations.dead", State.WARN, "", numbers={"dead": 1}), "dead"),
        (Check("conversations.errors", State.WARN, ""), "turn-errors"),
        (Check("conversations.slow", State.WARN, ""), "slow-turns"),
        (Check("conversations.double_start", State.WARN, ""), "double-start"),
        (Check("conversations.stale", State.WARN, ""), "stale"),
        (Check("conversations.missed", State.OK, "", numbers={"missed": 1}), "missed"),
        (Check("events.behind", State.WARN, "", numbers={"behind_seconds": 301.0}), "events"),
    ],
    ids=lambda value: value if isinstance(value, str) else value.name,
)
def test_what_is_wrong_is_told_by_one_rule(check: Check, rule: str) -> None:
    assert firing(check) == {rule}


@pytest.mark.parametrize(
    "check",
    [
        Check("recording.lag", State.WARN, "", numbers={"stuck_seconds": 299.0}),
        Check("recording.lag", State.OK, "", numbers={"stuck_seconds": 999.0}),
        Check("bridge.freshness", State.WARN, "never a message"),
        Check("recording.verify", State.UNKNOWN, ""),
        Check("files.room", State.WARN, ""),
        Check("database.version", State.WARN, ""),
        Check("conversations.missed", State.OK, "", numbers={"missed": 0}),
        Check("conversations.chosen", State.WARN, ""),
    ],
    ids=lambda check: f"{check.name} {check.state}",
)
def test_what_is_not_wrong_enough_is_not_told(check: Check) -> None:
    assert firing(check) == set()


def test_the_config_moves_a_threshold() -> None:
    settings = Alerts.model_validate({"rules": {"dead": {"more_than": 5}, "lag": {"more_than": "10m"}}})
    assert firing(Check("recording.dead", State.WARN, "", numbers={"dead": 5}), settings=settings) == set()
    assert firing(Check("recording.dead", State.WARN, "", numbers={"dead": 6}), settings=settings) == {"dead"}
    assert firing(Check("recording.lag", State.BAD, "", numbers={"stuck_seconds": 599}), settings=settings) == set()


SILENT = [Check("bridge.freshness", State.WARN, "", group=name, numbers={"age_seconds": 9999.0}) for name in "AB"]
BEHIND = Check("recording.lag", State.BAD, "", numbers={"stuck_seconds": 9999.0})
STUCK = Check("recording.passes", State.BAD, "")


@pytest.mark.parametrize(
    ("cause", "follows", "rule"),
    [
        (Check("database.server", State.BAD, ""), [STUCK, BEHIND, *SILENT], "database"),
        (Check("bridge.store", State.BAD, ""), [STUCK, BEHIND, *SILENT], "bridge"),
        (Check("bridge.writing", State.BAD, ""), SILENT, "bridge"),
        (STUCK, [BEHIND], "passes"),
    ],
    ids=["database", "store", "bridge", "passes"],
)
def test_what_follows_from_another_fault_is_not_told_beside_it(cause: Check, follows: list[Check], rule: str) -> None:
    assert firing(cause, *follows) == {rule}
    hidden = BY_NAME["lag" if BEHIND in follows else "silence"]
    assert found(hidden, Alerts().rules.lag, without_consequences([cause, *follows])).unknown


NOON = datetime(2026, 11, 10, 12, tzinfo=UTC)


def told(folder: Path, *checks: Check) -> list[Alert]:
    file = AlertsFile(folder)
    settings = Alerts.model_validate({"rules": {"silence": {"hold": "0s"}}})
    Notifier(file, settings, "main", Standing(NOON)).evaluate(checks)
    return [one.alert for one in file.read().waiting]


def test_groups_that_are_silent_are_one_alert_with_their_names(tmp_path: Path) -> None:
    checks = [
        Check("bridge.freshness", State.WARN, f"{name} is silent.", "Look.", name, f"{n}@g.us", {"age_seconds": 9999.0})
        for n, name in enumerate(("Lawley", "Mohadin"))
    ]
    [alert] = told(tmp_path, *checks)
    assert alert.groups == ("Lawley", "Mohadin")
    assert alert.text.splitlines()[1:] == [
        "Lawley is silent.",
        "Mohadin is silent.",
        "Look.",
        "Since 2026-11-10 12:00 (UTC).",
    ]
    assert set(alert.document()) == {
        *("id", "kind", "rule", "title", "text", "source", "host", "at", "since", "groups"),
    }


@pytest.mark.fault("F81")
def test_a_chat_that_is_called_by_its_number_is_told_without_it(tmp_path: Path) -> None:
    jid = "27820009999@s.whatsapp.net"
    check = Check("bridge.freshness", State.WARN, f"{jid} is silent.", f"{jid}?", jid, jid, {"age_seconds": 9999.0})
    [alert] = told(tmp_path, check)
    assert "27820009999" not in f"{alert.document()} {alert.text} {alert.subject}"
    assert "…@s.whatsapp.net is silent." in alert.text


def test_of_very_many_groups_only_some_are_written_out(tmp_path: Path) -> None:
    [alert] = told(
        tmp_path,
        *(
            Check("bridge.freshness", State.WARN, f"{n} is silent.", "", str(n), f"{n}@g.us", {"age_seconds": 9999.0})
            for n in range(1000)
        ),
    )
    assert "And 990 more." in alert.text
    assert len(alert.text) < 1000
    assert len(alert.groups) == 100


def test_a_rule_that_is_off_tells_nothing_and_forgets_what_it_told(tmp_path: Path) -> None:
    file = AlertsFile(tmp_path)
    check = Check("files.set_aside", State.WARN, "A file was set aside.")
    on, off = (Alerts.model_validate({"rules": {"state": {"enabled": enabled}}}) for enabled in (True, False))
    Notifier(file, on, "main", Standing(NOON)).evaluate([check])
    assert set(file.read().firing) == {"state"}
    Notifier(file, off, "main", Standing(NOON)).evaluate([check])
    assert file.read().firing == {}
    assert len(file.read().waiting) == 1


def test_an_alert_that_nobody_could_be_told_of_for_days_is_dropped() -> None:
    noon = NOON
    alert = Alert("1", "alert", "lag", "t", "main", "h", noon - timedelta(days=3, seconds=1), noon)
    assert Book().queued((alert,)).tidied(("mail",), noon).waiting == ()
    many = Book().queued(tuple(Alert(str(n), "alert", "lag", "t", "main", "h", noon, noon) for n in range(1000)))
    assert [one.alert.id for one in many.waiting] == [str(n) for n in range(900, 1000)]


def test_each_hook_is_a_fault_of_its_own_which_stays_while_postgresql_can_t_be_asked() -> None:
    checks = [Check("hooks.parked", State.WARN, f"{hook} parks.", numbers={"hook": hook}) for hook in ("a", "b")]
    thresholds = Alerts().rules.of("parked-hook")
    both = found(BY_NAME["parked-hook"], thresholds, checks)
    assert [trouble.sentence for trouble in both.troubles.values()] == ["a parks.", "b parks."]
    unasked = [replace(check, state=State.UNKNOWN) for check in checks]
    assert {*found(BY_NAME["parked-hook"], thresholds, unasked).unknown} == {*both.troubles}
