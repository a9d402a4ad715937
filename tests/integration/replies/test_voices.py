"""One voice: of several wamon on one number or store, the first on a host speaks, and the others say who that is."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import TYPE_CHECKING, cast

import pytest

from tests.support.bridges import LAWLEY, VeryGoodPlugins
from tests.support.clock import CLOCK
from tests.support.intake import hook
from tests.support.office import Office, eventually
from tests.support.send_api import TOKEN, StandIn, send_api
from tests.support.voices import a_burst, a_later_burst_is_sent, an_office, sending, states
from wamon.app.configured import configured
from wamon.app.database import ledger
from wamon.app.run import answering
from wamon.daemon.reply_sender import ReplySender
from wamon.host import claim
from wamon.postgres.connection import connected
from wamon.replies.queue import database_of
from wamon.replies.ways import Ways

if TYPE_CHECKING:
    from wamon.capture.pipeline import Pipeline

Open = Callable[..., Office]


@pytest.fixture
def api(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[StandIn]:
    monkeypatch.setattr("wamon.daemon.reply_sender._LOOK_SECONDS", 0.02)
    monkeypatch.setattr(claim, "FOLDERS", (tmp_path,))
    with send_api(TOKEN) as api:
        yield api


def test_case_20_requirement_24_of_prod_and_dev_one_answers_and_the_other_says_who(
    tmp_path: Path, dsn: str, own_dsn: str, api: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    prod, dev = an_office(tmp_path / "prod", dsn, api), an_office(tmp_path / "dev", own_dsn, api)
    with sending(prod):
        a_burst(prod, "Noted")
        eventually("prod answers", lambda: states(prod) == ["sent"])
        with sending(dev):
            a_burst(dev, "Noted")
            eventually("dev leaves it", lambda: states(dev) == ["skipped"])
        assert Counter(api.texts) == {"Noted": 1}
        assert [line for line in caplog.messages if line.startswith("Replies are sent by ")] == [
            f"Replies are sent by {holder}."
            for holder in {reason.removesuffix(" sends there") for reason in reasons(dev)}
        ]
    with sending(dev):
        eventually("dev's turn", lambda: a_later_burst_is_sent(dev, "Noted"))


def test_a_former_holder_that_stalls_delays_answers_and_is_no_other_installation(
    tmp_path: Path, dsn: str, own_dsn: str, api: StandIn
) -> None:
    office, copy = an_office(tmp_path / "prod", dsn, api), an_office(tmp_path / "copy", own_dsn, api)
    stalled = stalling(office, "vgp")
    a_burst(office, "Noted")
    with sending(office):
        a_burst(copy, "Noted too")
        with sending(copy):
            eventually("the copy leaves it", lambda: states(copy) == ["skipped"])
        assert states(office) == ["due"]
        stalled.release()
        eventually("it is sent", lambda: states(office) == ["sent"])
    assert api.texts == ["Noted"]


def test_a_former_holder_that_stalls_delays_replies_to_posts_too(tmp_path: Path, dsn: str, api: StandIn) -> None:
    with VeryGoodPlugins(tmp_path / "messages.db", durable=False) as bridge:
        bridge.post(LAWLEY, "DR1000001", at=CLOCK.now())
        office = Office(tmp_path / "office", dsn, bridge.path, replies={"enabled": True, **api.replies})
        office.scan()
    sender = ReplySender(configured(office.config_path, {}), "main", CLOCK, ledger, lambda: "", claim.Claim())
    stalled = stalling(office, "main")
    with connected(dsn) as db:
        pipeline = cast("Pipeline", SimpleNamespace(source=SimpleNamespace(db=db)))
        assert not sender.is_due(pipeline)
        stalled.release()
        assert sender.is_due(pipeline)


def stalling(office: Office, source: str) -> claim.Claim:
    """What a `run` of this office holds that spoke for this source."""
    held = claim.Claim()
    (way,) = Ways(configured(office.config_path, {}), source).all
    with connected(office.dsn) as db:
        held.hold(f"{database_of(db)} {way.name}", way.name)
    return held


def reasons(office: Office) -> list[str]:
    return office.query("SELECT reason FROM wamon.replies")


@pytest.mark.parametrize(
    ("settings", "sources"),
    [
        ({}, []),
        ({"conversations": {"enabled": True}}, ["main", "vgp"]),
        ({"replies": {"enabled": True}}, ["vgp"]),
    ],
)
def test_requirement_30_unconfigured_nothing_is_looked_for_once_a_second(
    tmp_path: Path, open_office: Open, api: StandIn, settings: dict[str, object], sources: list[str]
) -> None:
    vgp = hook("vgp", send={"url": api.replies["url"]})
    office = open_office(tmp_path / "messages.db", hooks=[vgp, hook("gowa")], **settings)
    assert answering(configured(office.config_path, {})) == sources
