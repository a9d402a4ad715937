"""The checks of hooks: each says what is wrong, and what to do."""

from datetime import UTC, datetime, timedelta

from wamon.config.hooks import Hook
from wamon.health.check import TITLES
from wamon.health.hooks import address, refusals, source, waiting
from wamon.health.ledger_facts import WaitingDeliveries

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


def test_refused_deliveries_are_told_with_what_their_sender_does() -> None:
    assert refusals(hook(), 0).state == "ok"
    assert "it delivers them again for a while" in refusals(hook(), 2).sentence
    told = refusals(hook(provider="evolution"), 1)
    assert (
        told.sentence == "bell refused 1 of today's deliveries; if evolution sent them, it doesn't deliver them again."
    )
    assert "`wamon hooks test bell`" in told.hint


def test_deliveries_to_a_hook_that_the_config_names_no_more_are_told() -> None:
    gone = waiting(WaitingDeliveries("bell", 1, NOW - timedelta(hours=3)), NOW, is_known=False)
    assert (gone.state, gone.hint) == ("bad", "They are kept. Name bell under hooks again until they are recorded.")
    assert gone.sentence == "1 delivery to hook bell waits to be recorded, and the config has no such hook."
    there = waiting(WaitingDeliveries("bell", 2, NOW - timedelta(hours=3)), NOW, is_known=True)
    assert there.state == "warn"
    assert there.sentence == "2 deliveries to hook bell wait to be recorded, the oldest for 3 h."


def test_each_has_its_title() -> None:
    waits = waiting(WaitingDeliveries("bell", 1, NOW), NOW, is_known=True)
    names = {address(hook()).name, source(hook(of="main"), "main").name, refusals(hook(), 0).name, waits.name}
    assert names <= set(TITLES)
