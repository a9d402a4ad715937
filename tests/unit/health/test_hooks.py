"""The checks of hooks: each says what is wrong, and what to do."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from tests.support.clock import Standing
from wamon.config.hooks import Hook
from wamon.config.schema import Config
from wamon.health.check import TITLES, Absent, Check, State
from wamon.health.delivery_facts import DeliveryFacts, HookFacts, WaitingDeliveries
from wamon.health.facts import Facts, Subject
from wamon.health.hooks import address, checks, empty, parked, quiet, refusals, refusing, source, waiting

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
SECRET = "a-secret-of-the-hook"


def hook(**more: object) -> Hook:
    return Hook.model_validate({"name": "bell", "provider": "gowa", "secret": SECRET, **more})


def test_a_hook_without_a_secret_has_no_address() -> None:
    assert (address(hook()).state, address(hook(secret="")).state) == ("ok", "warn")
    assert "`openssl rand -hex 24`" in address(hook(secret="")).hint


def test_a_hook_of_a_bridge_that_is_not_there_is_recorded_by_nobody() -> None:
    assert source(hook(of="main"), "main").state == "ok"
    wrong = source(hook(of="other"), "main")
    assert (wrong.state, wrong.hint) == ("bad", "Say `of: main`, or leave it out.")


def test_refused_deliveries_are_told_with_what_their_sender_does_and_whether_it_has_come_back() -> None:
    def told(provider: str, refused: int, **more: Any) -> Check:
        return refusals(hook(provider=provider), replace(HookFacts("bell", refused_today=refused), **more), NOW)

    assert told("gowa", 0).state == "ok"
    assert "it delivers them again for a while" in told("gowa", 2).sentence
    refused_at = NOW - timedelta(minutes=5)
    once = told("evolution", 1, refused_at=refused_at, last_at=NOW - timedelta(hours=1))
    assert once.sentence == (
        "bell refused 1 of today's deliveries; if evolution sent them, it doesn't deliver them again."
        " None was taken since the last refusal, 5 min ago."
    )
    assert "`wamon hooks test bell`" in once.hint
    assert told("gowa", 1, refused_at=refused_at, last_at=NOW).sentence.endswith(" Others were taken since.")


def test_a_hook_is_quiet_where_nothing_comes_for_longer_than_is_usual_and_never_before_the_first_came() -> None:
    def judged(hours: float, usual_hours: float | None = None) -> State:
        usual = None if usual_hours is None else usual_hours * 3600
        return quiet(HookFacts("bell", last_at=NOW - timedelta(hours=hours), usual_seconds=usual), NOW).state

    assert quiet(HookFacts("bell"), NOW).state == "ok"
    assert [judged(0.9, 0.1), judged(1.1, 0.1), judged(2.9, 2), judged(3.1, 2)] == ["ok", "warn", "ok", "warn"]
    assert [judged(71), judged(73)] == ["ok", "warn"]
    said = quiet(HookFacts("bell", last_at=NOW - timedelta(hours=5), usual_seconds=7200.0), NOW)
    assert said.sentence == "The last delivery to bell came 5 h ago; usual at this hour is up to 2 h."


def test_many_refusals_at_once_and_what_can_t_be_recorded_name_their_hook() -> None:
    many, letters = refusing(HookFacts("bell", refused_lately=10)), parked(HookFacts("bell", parked=2))
    assert many.sentence == "bell refused 10 deliveries, or more, in the last 10 min."
    assert letters.sentence == "2 deliveries to bell, or parts of them, couldn't be read or recorded."
    assert {one.numbers["hook"] for one in (many, letters)} == {"bell"}


def test_deliveries_to_a_hook_that_the_config_names_no_more_are_told() -> None:
    gone = waiting(WaitingDeliveries("bell", 1, NOW - timedelta(hours=3)), NOW, "hook")
    assert (gone.state, gone.hint) == ("bad", "They are kept. Name bell under hooks again until they are recorded.")
    assert gone.sentence == "1 delivery to hook bell waits to be recorded, and the config has no such hook."
    there = waiting(WaitingDeliveries("bell", 2, NOW - timedelta(hours=3)), NOW, "")
    assert there.state == "warn"
    assert there.sentence == "2 deliveries to hook bell wait to be recorded, the oldest for 3 h."


def test_deliveries_to_a_hook_whose_secret_was_taken_away_wait_for_another(tmp_path: Path) -> None:
    def told(*hooks: Hook) -> list[str]:
        config = Config.model_validate({"state": {"dir": tmp_path}, "timezone": "UTC", "hooks": hooks})
        absent = Absent("PostgreSQL can't be asked.")
        found = DeliveryFacts(waiting=[WaitingDeliveries("bell", 1, NOW)])
        subject = Subject(config, None, "main", Standing(NOW))
        facts = Facts(subject, NOW, absent, absent, absent, None, absent, (), deliveries=found)
        return [one.sentence for one in checks(facts) if one.name == "hooks.waiting"]

    shut = hook(secret="")
    assert told(shut) == [
        "1 delivery to hook bell waits to be recorded, and the hook has no secret, so nobody takes them in."
    ]
    assert told(hook()) == told(hook(secret="", of="main")) != told(shut)


def test_each_has_its_title() -> None:
    waits = waiting(WaitingDeliveries("bell", 1, NOW), NOW, "")
    own = HookFacts("bell", parked=1)
    named = [address(hook()), source(hook(of="main"), "main"), refusals(hook(), own, NOW), quiet(own, NOW), waits]
    names = {one.name for one in [*named, refusing(own), parked(own), empty("bell", 10)]}
    assert names <= set(TITLES)


def test_while_postgresql_can_t_be_asked_each_hook_s_alerts_stay_as_they_are(tmp_path: Path) -> None:
    config = Config.model_validate({"state": {"dir": tmp_path}, "timezone": "UTC", "hooks": [hook()]})
    subject = Subject(config, None, "main", Standing(NOW))
    absent = Absent("PostgreSQL can't be asked.")
    facts = Facts(subject, NOW, absent, absent, absent, None, absent, (), deliveries=absent)
    unasked = {one.name: one.numbers["hook"] for one in checks(facts) if one.state == "unknown"}
    assert unasked == dict.fromkeys(
        ("hooks.refused", "hooks.quiet", "hooks.refusing", "hooks.parked", "hooks.empty"), "bell"
    )
