"""Replies, from a post to what the bridge is asked, whatever it makes of it."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from tests.support.bridges import LAWLEY, MOHADIN, TECHNICIAN, Lharries, VeryGoodPlugins
from tests.support.clock import CLOCK, Standing
from tests.support.office import Office
from tests.support.people import write_people
from tests.support.replies import reply
from tests.support.send_api import TOKEN, Behaviour, StandIn, send_api
from wamon.app.configured import bridge_of, configured
from wamon.capture.pipeline import Pipeline
from wamon.capture.scan import catch_up, discard, scan
from wamon.capture.verify import Verification
from wamon.clock import Clock
from wamon.ledger.following import Posted
from wamon.model import NearMiss, Reading
from wamon.net.message import Bounds
from wamon.postgres.connection import connected
from wamon.postgres.leases import Lease, leased
from wamon.replies import sender
from wamon.replies.outbox import Outbox

Open = Callable[..., Office]
NUMBERED = {"templates": {"new": "{drop} in {project}", "resubmission": "again {drop}", "rejected": "not {drop}"}}


@pytest.fixture
def bridge(tmp_path: Path) -> Iterator[VeryGoodPlugins]:
    with VeryGoodPlugins(tmp_path / "messages.db", durable=False) as bridge:
        bridge.chat(LAWLEY, "Lawley")
        yield bridge


@pytest.fixture
def api() -> Iterator[StandIn]:
    with send_api() as api:
        yield api


@pytest.fixture
def office(bridge: VeryGoodPlugins, open_office: Open, api: StandIn) -> Office:
    return open_office(bridge.path, replies=api.replies)


def ago(**span: float) -> datetime:
    return CLOCK.now() - timedelta(**span)


def post(bridge: Any, text: str, *, chat: str = LAWLEY, **more: Any) -> str:
    message_id: str = bridge.post(chat, text, **{"at": CLOCK.now(), **more})
    return message_id


def sent(office: Office, going: Callable[[], bool] = lambda: True, clock: Clock = CLOCK, **environ: str) -> None:
    """Send what is due, as the daemon's chore does."""
    config = configured(office.config_path, environ)
    with connected(office.dsn) as db, leased(db, bridge_of(config).name) as lease:
        reply(config, lease, going, clock)


def answered(office: Office) -> None:
    office.scan()
    sent(office)


def states(office: Office) -> list[tuple[str, str, str]]:
    return office.query("SELECT about, kind, state FROM wamon.replies ORDER BY about, kind")


def reasons(office: Office) -> list[str]:
    return office.query("SELECT reason FROM wamon.replies ORDER BY about")


def try_again_now(office: Office) -> None:
    office.query("UPDATE wamon.replies SET next_try_at = now() WHERE state = 'due'")


@pytest.mark.parametrize("token", [None, TOKEN], ids=["whatsapp-mcp", "verygoodplugins"])
def test_each_submission_is_answered_once(bridge: VeryGoodPlugins, open_office: Open, token: str | None) -> None:
    with send_api(token) as api:
        office = open_office(bridge.path, replies=api.replies)
        post(bridge, "DR1000001 and DR1000002")
        answered(office)
        post(bridge, "DR1000001")
        answered(office)
        answered(office)
        assert sorted(api.texts) == [
            "✓ 1000001 posted again for Lawley, noted.",
            "✓ 1000001 recorded for Lawley.",
            "✓ 1000002 recorded for Lawley.",
        ]
        assert {asked["recipient"] for asked in api.asked} == {LAWLEY}
    assert {state for *_, state in states(office)} == {"sent"}


def test_a_wrong_token_is_a_refusal_and_the_right_one_is_heard(bridge: VeryGoodPlugins, open_office: Open) -> None:
    with send_api(TOKEN) as api:
        office = open_office(bridge.path, replies=api.replies | {"token": "another-one-of-16"})
        post(bridge, "DR1000001")
        answered(office)
        assert (api.asked, states(office)) == ([], [("DR1000001", "new", "due")])
        office.set(replies=api.replies)
        try_again_now(office)
        sent(office)
        assert len(api.asked) == 1
    assert "token" not in str(reasons(office))


def test_nothing_is_said_unless_replies_are_enabled(bridge: VeryGoodPlugins, open_office: Open, api: StandIn) -> None:
    office = open_office(bridge.path, replies=api.replies | {"enabled": False})
    post(bridge, "DR1000001")
    answered(office)
    office.set(replies=api.replies)
    answered(office)
    assert (api.asked, states(office)) == ([], [])


@pytest.mark.parametrize(
    "behaviour", ["dropped", "late", "garbage", "drip", "moved", "nonsense", "html", "no answer's end", "500"]
)
def test_what_was_perhaps_sent_is_never_sent_again(
    office: Office, bridge: VeryGoodPlugins, api: StandIn, behaviour: Behaviour, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.behaviours = [behaviour, "sent"]
    post(bridge, "DR1000001")
    with monkeypatch.context() as hurried:
        hurried.setattr(sender, "BOUNDS", Bounds(2.0, 0.3, 65_536))
        answered(office)
    assert states(office) == [("DR1000001", "new", "unknown")]
    post(bridge, "DR1000002")
    for _ in range(3):
        answered(office)
    assert states(office) == [("DR1000001", "new", "unknown"), ("DR1000002", "new", "sent")]
    assert len(api.asked) == 2


@pytest.mark.parametrize("behaviour", ["away", "refused", "success false", "401"])
def test_what_was_certainly_not_taken_is_tried_again_after_a_pause(
    office: Office, bridge: VeryGoodPlugins, api: StandIn, behaviour: Behaviour
) -> None:
    api.behaviours = [behaviour, "sent"]
    post(bridge, "DR1000001")
    answered(office)
    answered(office)
    assert (len(api.asked), states(office)) == (1, [("DR1000001", "new", "due")])
    try_again_now(office)
    answered(office)
    assert (len(api.asked), states(office)) == (2, [("DR1000001", "new", "sent")])


def test_a_bridge_that_is_down_is_tried_again_until_the_message_is_too_old(
    office: Office, bridge: VeryGoodPlugins, api: StandIn
) -> None:
    office.set(replies={"url": "http://127.0.0.1:1/api/send"})
    post(bridge, "DR1000001")
    post(bridge, "DR1000002", at=ago(minutes=9, seconds=55))
    answered(office)
    try_again_now(office)
    sent(office)
    assert states(office) == [("DR1000001", "new", "due"), ("DR1000002", "new", "failed")]
    office.query("UPDATE wamon.replies SET sent_at = now() - interval '11 minutes'")
    try_again_now(office)
    sent(office)
    assert [state for *_, state in states(office)] == ["failed", "failed"]
    assert all("can't be reached" in reason for reason in reasons(office))


@pytest.mark.parametrize("at", [{"minutes": 11}, {"minutes": -11}, {"days": 400}])
def test_a_message_that_is_not_of_now_is_not_answered(
    office: Office, bridge: VeryGoodPlugins, api: StandIn, at: dict[str, float]
) -> None:
    post(bridge, "DR1000001", at=ago(**at))
    answered(office)
    assert (api.asked, states(office)) == ([], [])
    assert office.drops() == {("Lawley", "DR1000001")}


def test_what_waited_too_long_is_skipped(office: Office, bridge: VeryGoodPlugins, api: StandIn) -> None:
    post(bridge, "DR1000001", at=ago(minutes=5))
    office.scan()
    office.set(replies={"max_age": "4m"})
    sent(office)
    assert (api.asked, states(office), reasons(office)) == ([], [("DR1000001", "new", "skipped")], ["too old"])


def test_our_own_posts_are_recorded_and_not_answered(office: Office, bridge: VeryGoodPlugins, api: StandIn) -> None:
    post(bridge, "DR1000001", from_me=True)
    answered(office)
    assert (api.asked, office.drops()) == ([], {("Lawley", "DR1000001")})


def test_an_edit_is_answered_only_for_what_it_brings(office: Office, bridge: VeryGoodPlugins, api: StandIn) -> None:
    message_id = post(bridge, "DR1000001")
    answered(office)
    bridge.edit(message_id, "DR1000001 DR1000002")
    answered(office)
    bridge.edit(message_id, "never mind")
    answered(office)
    bridge.edit(message_id, "DR1000001 after all")
    answered(office)
    assert len(api.asked) == 2


def test_what_was_taken_back_before_it_is_answered_is_not(
    office: Office, bridge: VeryGoodPlugins, api: StandIn
) -> None:
    message_id = post(bridge, "DR1000001")
    office.scan()
    bridge.edit(message_id, "sorry")
    answered(office)
    assert (api.asked, reasons(office)) == ([], ["the message says it no longer"])


def test_what_a_sweep_repairs_or_a_retry_records_is_not_answered(
    office: Office, bridge: VeryGoodPlugins, api: StandIn
) -> None:
    post(bridge, "DR1000009")
    office.scan()
    office.query("DELETE FROM wamon.replies")
    office.query("DELETE FROM wamon.submission_rows")
    office.query("DELETE FROM wamon.ledger_rows")
    with office.opened() as pipeline:
        assert Verification(pipeline, list(pipeline.source.groups.values())).repair().counts
    sent(office)
    assert (api.asked, states(office), office.drops()) == ([], [], {("Lawley", "DR1000009")})


def test_a_post_that_a_sweep_meets_before_any_pass_is_new_and_answered(
    office: Office, bridge: VeryGoodPlugins, api: StandIn
) -> None:
    office.scan()
    message_id = post(bridge, "DR1000009")
    with office.opened() as pipeline:
        assert Verification(pipeline, list(pipeline.source.groups.values())).repair().counts
    answered(office)
    assert (states(office), len(api.asked)) == ([("DR1000009", "new", "sent")], 1)
    assert office.query("SELECT message_id FROM wamon.replies") == [message_id]


def test_a_second_sources_copy_is_not_answered(
    office: Office, bridge: VeryGoodPlugins, api: StandIn, tmp_path: Path, dsn: str
) -> None:
    message_id = post(bridge, "DR1000001", at=(at := CLOCK.now()))
    with Lharries(tmp_path / "second.db", durable=False) as second:
        second.post(LAWLEY, "DR1000001", message_id=message_id, at=at)
        other = Office(tmp_path / "other", dsn, second.path, replies=api.replies)
        other.set(bridge={"name": "second"})
        answered(office)
        answered(other)
    assert len(api.asked) == 1


def test_a_database_that_was_lost_answers_nothing_that_was_posted_before(
    office: Office, bridge: VeryGoodPlugins, api: StandIn, open_office: Open, empty_18: str
) -> None:
    post(bridge, "DR1000001")
    answered(office)
    office.set(database={"url": empty_18})
    office.dsn = empty_18
    answered(office)
    post(bridge, "DR1000002", at=ago(seconds=-3))  # the store's times are whole seconds
    answered(office)
    assert office.drops() == {("Lawley", "DR1000001"), ("Lawley", "DR1000002")}
    assert api.texts == ["✓ 1000001 recorded for Lawley.", "✓ 1000002 recorded for Lawley."]


def test_a_restore_answers_nothing_that_was_posted_before_it(
    office: Office, bridge: VeryGoodPlugins, api: StandIn, tmp_path: Path
) -> None:
    post(bridge, "DR1000001")
    office.scan()
    assert office.run("db", "dump", str(tmp_path / "x.dump")).returncode == 0
    post(bridge, "DR1000002")
    answered(office)
    assert len(api.asked) == 2
    assert office.run("db", "restore", str(tmp_path / "x.dump"), "--force").returncode == 0
    answered(office)
    assert len(api.asked) == 2
    assert reasons(office) == ["the database was restored or made anew"]


@pytest.fixture
def empty_18(_embedded_18: str) -> Iterator[str]:
    from psycopg.conninfo import make_conninfo

    with psycopg.connect(_embedded_18, autocommit=True) as db:
        db.execute("CREATE DATABASE afterwards TEMPLATE template0")
    yield make_conninfo(_embedded_18, dbname="afterwards")
    with psycopg.connect(_embedded_18, autocommit=True) as db:
        db.execute("DROP DATABASE afterwards WITH (FORCE)")


# What holds replies back


def test_the_switches_hold_back_what_is_due_for_good(office: Office, bridge: VeryGoodPlugins, api: StandIn) -> None:
    post(bridge, "DR1000001")
    office.scan()
    assert office.answer("replies", "off") == {"enabled": True, "off": True, "agent_off": False}
    sent(office)
    assert office.answer("replies", "on") == {"enabled": True, "off": False, "agent_off": False}
    post(bridge, "DR1000002")
    office.scan()
    sent(office, WAMON_REPLIES="off")
    post(bridge, "DR1000003")
    office.scan()
    office.set(replies={"enabled": False})
    sent(office)
    office.set(replies={"enabled": True})
    answered(office)
    assert (api.asked, reasons(office)) == ([], ["`wamon replies off`", "replies are off", "replies are off"])


def test_the_switch_is_obeyed_in_the_middle_of_a_queue(office: Office, bridge: VeryGoodPlugins, api: StandIn) -> None:
    post(bridge, "DR1000001 DR1000002 DR1000003")
    office.scan()

    def going() -> bool:
        if len(api.asked) == 1:
            office.query("UPDATE wamon.sources SET replies_off = true")
        return True

    sent(office, going)
    assert [state for *_, state in states(office)] == ["sent", "skipped", "skipped"]


def test_who_is_stopped_sends_no_more(office: Office, bridge: VeryGoodPlugins, api: StandIn) -> None:
    post(bridge, "DR1000001 DR1000002")
    office.scan()
    sent(office, lambda: not api.asked)
    assert [state for *_, state in states(office)] == ["sent", "due"]


def test_only_who_holds_the_source_sends(office: Office, bridge: VeryGoodPlugins, api: StandIn) -> None:
    post(bridge, "DR1000001")
    office.scan()
    config = configured(office.config_path, {})
    with connected(office.dsn) as db:
        reply(config, Lease(db, "main"))
        with leased(db, "main") as former:
            office.query("UPDATE wamon.leases SET expires_at = now()")
            reply(config, former)
            office.query("UPDATE wamon.leases SET holder = gen_random_uuid(), expires_at = now() + interval '1 h'")
            reply(config, former)
            assert (api.asked, states(office)) == ([], [("DR1000001", "new", "due")])
            office.query("DELETE FROM wamon.leases")
    sent(office)
    assert len(api.asked) == 1


def test_in_quiet_hours_nothing_is_said_then_or_later(office: Office, bridge: VeryGoodPlugins, api: StandIn) -> None:
    post(bridge, "DR1000001")
    office.scan()
    office.set(replies={"quiet_hours": "00:00-23:59"}, timezone="UTC")
    night = CLOCK.now().replace(hour=3)
    office.query("UPDATE wamon.replies SET next_try_at = %s, sent_at = %s", night, night)
    sent(office, clock=Standing(night))
    office.set(replies={"quiet_hours": ""})
    answered(office)
    assert (api.asked, reasons(office)) == ([], ["quiet hours"])


def test_no_more_are_sent_in_a_minute_than_may_be_and_the_rest_waits(
    office: Office, bridge: VeryGoodPlugins, api: StandIn
) -> None:
    office.set(replies={"per_minute": 3})
    post(bridge, " ".join(f"DR100000{n}" for n in range(5)))
    answered(office)
    sent(office)
    assert len(api.asked) == 3
    office.query("UPDATE wamon.replies SET tried_at = tried_at - interval '1 minute'")
    sent(office)
    assert len(api.asked) == 5


OTHER_BOT = "27820000777"
OTHER_BOTS_LID = "184920374651234"


def test_another_bot_that_repeats_our_number_is_answered_twice_and_not_for_ever(
    office: Office, bridge: VeryGoodPlugins, api: StandIn
) -> None:
    office.set(replies=NUMBERED)
    write_people(bridge.path.parent, lids={OTHER_BOTS_LID: OTHER_BOT})
    post(bridge, "DR1000001 done")
    for n, form in zip(range(5), (OTHER_BOT, OTHER_BOTS_LID) * 3, strict=False):
        answered(office)
        post(bridge, f"Thanks, DR1000001 received ({n})", sender=form)
    post(bridge, "DR1000002", sender=OTHER_BOT)
    answered(office)
    assert api.texts == [
        "DR1000001 in Lawley",
        "again DR1000001",
        "again DR1000001",
        "DR1000002 in Lawley",
    ]
    assert set(filter(None, reasons(office))) == {"the same person was answered twice about this drop within an hour"}
    office.query("UPDATE wamon.replies SET tried_at = tried_at - interval '1 hour'")
    post(bridge, "DR1000001 once more", sender=OTHER_BOT)
    answered(office)
    assert len(api.texts) == 5


def test_near_misses_of_a_number_and_the_number_itself_are_one_drop_when_answers_are_counted(
    office: Office, bridge: VeryGoodPlugins, api: StandIn
) -> None:
    office.set(replies={"templates": {"near-miss": "Is it {likely}?"}})
    for text in ("RD1000001", "RD1000001 please", "DR1000001"):
        post(bridge, text, sender=OTHER_BOT)
        answered(office)
    post(bridge, "DR1000001", sender=TECHNICIAN)
    answered(office)
    assert [state for *_, state in states(office)].count("skipped") == 1
    assert len(api.texts) == 3


def test_each_project_has_its_own_words_and_may_have_none(
    bridge: VeryGoodPlugins, open_office: Open, api: StandIn
) -> None:
    groups: list[dict[str, Any]] = [
        {"name": "Lawley", "jid": LAWLEY, "reply_templates": {"new": "Thanks for {drop}.", "resubmission": ""}},
        {"name": "Mohadin", "jid": MOHADIN, "replies": False},
    ]
    office = open_office(bridge.path, replies=api.replies, groups=groups)
    for text in ("DR1000001", "DR1000001"):
        post(bridge, text)
        post(bridge, text, chat=MOHADIN)
        answered(office)
    assert api.texts == ["Thanks for DR1000001."]


def test_a_rejected_number_is_told_so(bridge: VeryGoodPlugins, open_office: Open, api: StandIn) -> None:
    office = open_office(bridge.path, replies=api.replies, groups=[{"name": "Lawley", "jid": LAWLEY, "validate": True}])
    office.scan()
    office.query("INSERT INTO wamon.allow_lists (project) VALUES ('Lawley')")
    office.query("INSERT INTO wamon.allowed_numbers VALUES ('Lawley', 'DR1000002')")
    post(bridge, "DR1000001 DR1000002")
    answered(office)
    assert sorted(api.texts) == [
        "✓ 1000002 recorded for Lawley.",
        "✗ 1000001 isn't on the list of Lawley. Please check it and post it again.",
    ]


def test_a_near_miss_is_answered_with_what_was_likely_meant(
    office: Office, bridge: VeryGoodPlugins, api: StandIn
) -> None:
    office.set(replies={"templates": {"near-miss": "{drop}? Did you mean {likely}?"}})
    post(bridge, "D R1000001")
    with office.opened() as pipeline:
        scan(pipeline)
        queue_near(pipeline, bridge)
        queue_near(pipeline, bridge)
    sent(office)
    assert api.texts == ["D R1000001? Did you mean DR1000001?"]


def queue_near(pipeline: Pipeline, bridge: VeryGoodPlugins) -> None:
    """As a recording does for the near misses that it wrote."""
    ((key, said),) = bridge.sent.items()
    message = pipeline.store.find_one(key.chat, key.message_id)
    assert message is not None
    assert said.text == "D R1000001"
    near = Reading(message, (), "no-drop", (NearMiss(said.text, "gap", "DR1000001"),))
    outbox = Outbox(pipeline.source, {key.chat: {"near-miss"}}, timedelta(hours=1), pipeline.clock)
    with pipeline.source.fenced() as db:
        outbox.follow(db, Posted(near=[near]))


def test_one_that_is_discarded_is_never_sent(office: Office, bridge: VeryGoodPlugins, api: StandIn) -> None:
    message_id = post(bridge, "DR1000001")
    office.scan()
    assert office.answer("replies", "discard", message_id) == {"message_id": message_id, "discarded": ["DR1000001"]}
    sent(office)
    assert api.asked == []
    again = office.run("replies", "discard", message_id)
    assert again.returncode == 2
    assert "No reply waits" in again.stderr


# Our own replies


def numbered(office: Office) -> None:
    office.set(replies=NUMBERED)


@pytest.mark.parametrize("form", [{"from_me": True}, {"sender": TECHNICIAN}, {"from_me": True, "message_id": "API"}])
def test_our_replies_are_no_drops_where_the_bridge_stores_them(
    office: Office, bridge: VeryGoodPlugins, api: StandIn, form: dict[str, Any]
) -> None:
    numbered(office)
    trigger = post(bridge, "DR1000001")
    answered(office)
    ours = post(bridge, api.texts[0], **form)
    answered(office)
    with office.opened() as pipeline:
        Verification(pipeline, list(pipeline.source.groups.values())).repair()
        assert Verification(pipeline, list(pipeline.source.groups.values())).verify().clean
    answered(office)
    assert (len(api.asked), office.query("SELECT message_id FROM wamon.submissions")) == (1, [trigger])
    assert office.query("SELECT reason FROM wamon.ledger WHERE message_id = %s", ours) == ["reply"]


def test_beside_our_reply_the_last_message_of_a_group_is_the_last_that_was_stored(
    office: Office, bridge: VeryGoodPlugins, api: StandIn
) -> None:
    numbered(office)
    post(bridge, "DR1000001")
    answered(office)
    with office.opened() as pipeline:
        catch_up(pipeline)
        post(bridge, "Good morning")
        catch_up(pipeline)  # from here on what comes is taken for new at first
        post(bridge, api.texts[0], from_me=True)
        post(bridge, "the last by its id", message_id="~")
        post(bridge, "the last that was stored", message_id="0")
        catch_up(pipeline)
    assert office.query("SELECT last_message_id FROM wamon.groups WHERE last_message_id IS NOT NULL") == ["0"]


def test_our_reply_that_only_a_repair_finds_is_no_drop(office: Office, bridge: VeryGoodPlugins, api: StandIn) -> None:
    numbered(office)
    trigger = post(bridge, "DR1000001")
    answered(office)
    ours = post(bridge, api.texts[0], from_me=True)
    office.scan()
    office.query("DELETE FROM wamon.ledger_rows WHERE message_id = %s", ours)
    with office.opened() as pipeline:
        Verification(pipeline, list(pipeline.source.groups.values())).repair()
    assert office.query("SELECT message_id FROM wamon.submissions") == [trigger]
    assert office.verify().clean


def test_a_reply_that_stands_in_the_store_is_known_to_be_sent(
    office: Office, bridge: VeryGoodPlugins, api: StandIn
) -> None:
    api.behaviours = ["dropped"]
    post(bridge, "DR1000001")
    answered(office)
    assert states(office) == [("DR1000001", "new", "unknown")]
    ours = post(bridge, api.texts[0], from_me=True)
    answered(office)
    assert states(office) == [("DR1000001", "new", "sent")]
    assert office.query("SELECT reply_id FROM wamon.replies") == [ours]


def test_our_reply_that_is_read_before_the_bridge_has_answered_is_no_drop(
    office: Office, bridge: VeryGoodPlugins, api: StandIn
) -> None:
    numbered(office)
    trigger = post(bridge, "DR1000001")
    office.scan()

    def store_and_scan() -> None:
        with VeryGoodPlugins(bridge.path, seed=9, durable=False) as same:
            post(same, api.texts[0], from_me=True)
        office.scan()

    api.before_answer = store_and_scan
    api.behaviours = ["dropped"]
    sent(office)
    assert office.query("SELECT message_id FROM wamon.submissions") == [trigger]
    assert states(office) == [("DR1000001", "new", "sent")]


def test_a_post_that_says_what_its_answer_says_stays_a_submission(
    office: Office, bridge: VeryGoodPlugins, api: StandIn
) -> None:
    office.set(replies={"templates": {"new": "{drop}"}})
    trigger = post(bridge, "DR1000001")
    answered(office)
    assert api.texts == ["DR1000001"]
    office.query("DELETE FROM wamon.ledger_rows")
    with office.opened() as pipeline:
        Verification(pipeline, list(pipeline.source.groups.values())).repair()
    assert office.submissions() == {(LAWLEY, trigger, "DR1000001")}
    assert office.verify().clean


def test_the_same_words_hours_later_are_somebodys_post(office: Office, bridge: VeryGoodPlugins, api: StandIn) -> None:
    numbered(office)
    post(bridge, "DR1000001")
    answered(office)
    later = post(bridge, api.texts[0], at=ago(hours=-2))
    office.scan()
    assert later in office.query("SELECT message_id FROM wamon.submissions")


def test_the_words_as_shipped_hold_nothing_that_would_be_read_as_a_drop(
    office: Office, bridge: VeryGoodPlugins, api: StandIn
) -> None:
    post(bridge, "DR1000001")
    post(bridge, "DR1000001")
    answered(office)
    office.query("DELETE FROM wamon.replies")
    for text in api.texts:
        post(bridge, text)
    office.scan()
    assert len(office.submissions()) == 2


def test_no_text_and_no_number_of_anybody_is_logged_or_listed(
    office: Office, bridge: VeryGoodPlugins, api: StandIn, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    office.set(replies={"templates": {"new": "the words {drop}"}})
    for behaviour in ("sent", "dropped", "500", "refused"):
        api.behaviours = [behaviour]
        post(bridge, f"said by somebody DR100000{len(api.asked)}")
        answered(office)
    listed = office.run("replies", "list")
    assert len(api.asked) == 4
    for told in (caplog.text, listed.stdout, office.answer("replies", "list")):
        assert "the words" not in str(told)
        assert "said by" not in str(told)
        assert TECHNICIAN not in str(told)
        assert "context deadline" not in str(told)


def test_a_discarded_letter_stays_so_beside_the_outbox(office: Office, bridge: VeryGoodPlugins, api: StandIn) -> None:
    from wamon.ledger.dead_letters import letters

    with office.refusing("DR1000001"):
        post(bridge, "DR1000001")
        answered(office)
    with office.opened() as pipeline:
        (letter,) = letters(pipeline.source.db, "main")
        discard(pipeline, letter)
    answered(office)
    assert (api.asked, states(office)) == ([], [])
