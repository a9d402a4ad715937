"""The checks of hooks: each says what is wrong, and what to do."""

from wamon.config.hooks import Hook
from wamon.health.check import TITLES
from wamon.health.hooks import address, refusals, source

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


def test_each_has_its_title() -> None:
    names = {address(hook()).name, source(hook(of="main"), "main").name, refusals(hook(), 0).name}
    assert names <= set(TITLES)
