"""Answers of bursts, from the outbox to what a provider's API is asked, whatever that makes of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from tests.support.bridges import LAWLEY, MOHADIN, TECHNICIAN, VeryGoodPlugins
from tests.support.clock import CLOCK
from tests.support.deliveries import BSUID, LID, PHONE
from tests.support.intake import hook
from tests.support.office import Office
from tests.support.replies import answer, burst, conversation, person
from tests.support.send_api import TOKEN, StandIn, send_api
from wamon.app.configured import configured
from wamon.errors import DatabaseUnavailable, UsageError
from wamon.net.message import Bounds
from wamon.postgres.connection import connected
from wamon.providers.sending import Failed
from wamon.replies import sender
from wamon.replies.queue import Queue, patience, prune_bodies
from wamon.views.actions import REPLY_DONE, Terms, act
from wamon.views.lists import replies_page

Open = Callable[..., Office]
JID = f"{PHONE}@s.whatsapp.net"


@pytest.fixture
def api() -> Iterator[StandIn]:
    with send_api(TOKEN) as api:
        yield api


@pytest.fixture
def office(tmp_path: Path, open_office: Open, api: StandIn) -> Office:
    """An office whose direct chats a hook brings and answers, without a store."""
    vgp = hook("vgp", send={"url": api.replies["url"], "token": TOKEN})
    return open_office(tmp_path / "messages.db", hooks=[vgp], conversations={"enabled": True, "percentage": 100})


@pytest.fixture
def number(office: Office) -> int:
    return conversation(office, "vgp", person(office, "vgp", ("phone", PHONE), ("lid", LID)))


def states(office: Office) -> list[str]:
    return office.query("SELECT state FROM wamon.replies ORDER BY reply")


def reasons(office: Office) -> list[str]:
    return office.query("SELECT reason FROM wamon.replies ORDER BY reply")


def try_again_now(office: Office) -> None:
    office.query("UPDATE wamon.replies SET next_try_at = now() WHERE state = 'due'")


def test_a_burst_s_answer_reaches_its_person_and_the_conversation_knows(
    office: Office, api: StandIn, number: int
) -> None:
    burst(office, number, "Noted")
    answer(office, "vgp")
    assert api.asked == [{"recipient": JID, "message": "Noted"}]
    assert states(office) == ["sent"]
    [(out, tried)] = office.query("SELECT last_out_at, tried_at FROM wamon.conversations, wamon.replies")
    assert out == tried is not None


def test_that_it_was_sent_is_kept_at_the_next_try_where_somebody_was_in_the_way(
    office: Office, api: StandIn, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody could know it later."""
    end, tries = Queue.end_sent, list[bool]()

    def hindered(self: Queue, *values: Any) -> None:
        tries.append(True)
        if len(tries) < 3:
            raise DatabaseUnavailable("A deadlock.")
        end(self, *values)

    monkeypatch.setattr(Queue, "end_sent", hindered)
    burst(office, number, "Noted")
    answer(office, "vgp")
    assert (api.texts, states(office)) == (["Noted"], ["sent"])


@pytest.mark.parametrize(("behaviour", "state"), [("sent", "sent"), ("refused", "unknown")])
def test_of_what_another_took_for_unknown_meanwhile_only_that_it_was_sent_counts(
    office: Office, api: StandIn, number: int, monkeypatch: pytest.MonkeyPatch, behaviour: str, state: str
) -> None:
    """Its sender stalled within the call, and the next one told it as unknown."""
    asked = sender._asked

    def stalled(*claimed: Any) -> Any:
        office.query("UPDATE wamon.replies SET state = 'unknown' WHERE state = 'sending'")
        return asked(*claimed) if behaviour == "sent" else Failed("It won't.")

    monkeypatch.setattr(sender, "_asked", stalled)
    burst(office, number, "Noted")
    answer(office, "vgp")
    assert states(office) == [state]


def test_whom_it_reaches_is_looked_up_when_it_is_sent(office: Office, api: StandIn, number: int) -> None:
    burst(office, number, "Noted")
    office.query("DELETE FROM wamon.aliases WHERE kind = 'phone'")
    answer(office, "vgp")
    assert [one["recipient"] for one in api.asked] == [f"{LID}@lid"]


def test_who_has_no_id_that_can_be_sent_to_is_sent_nothing(office: Office, api: StandIn) -> None:
    burst(office, conversation(office, "vgp", person(office, "vgp", ("bsuid", BSUID))), "Noted")
    answer(office, "vgp")
    assert (api.asked, reasons(office)) == ([], ["the person has no id that can be sent to"])


def test_a_conversation_s_answers_go_in_their_order_also_while_one_is_tried_again(
    office: Office, api: StandIn, number: int
) -> None:
    api.behaviours = ["away", "sent"]
    burst(office, number, "first")
    burst(office, number, "second", seq=2)
    answer(office, "vgp")
    answer(office, "vgp")
    assert (api.texts, states(office)) == (["first"], ["due", "due"])
    try_again_now(office)
    answer(office, "vgp")
    assert api.texts == ["first", "first", "second"]


def test_after_two_persons_were_joined_their_answers_keep_one_order_and_one_time(
    office: Office, api: StandIn, number: int
) -> None:
    other = conversation(office, "vgp", person(office, "vgp", ("bsuid", BSUID)))
    burst(office, other, "of the one who was joined")
    burst(office, number, "second")
    office.query(
        "UPDATE wamon.conversations SET state = 'merged', merged_into = %s WHERE conversation = %s", number, other
    )
    api.behaviours = ["away", "sent"]
    answer(office, "vgp")
    answer(office, "vgp")
    assert api.texts == ["of the one who was joined"]
    try_again_now(office)
    answer(office, "vgp")
    assert [one["recipient"] for one in api.asked] == [JID] * 3
    assert office.query("SELECT count(last_out_at) FROM wamon.conversations WHERE conversation = %s", number) == [1]
    assert office.query("SELECT count(last_out_at) FROM wamon.conversations WHERE conversation = %s", other) == [0]


@pytest.mark.parametrize(
    "behaviour", ["dropped", "late", "garbage", "drip", "moved", "nonsense", "html", "no answer's end", "500"]
)
def test_requirement_14_what_was_perhaps_sent_is_unknown_and_never_sent_again(
    office: Office, api: StandIn, number: int, behaviour: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    api.behaviours = [behaviour, "sent"]
    burst(office, number, "first")
    with monkeypatch.context() as hurried:
        hurried.setattr(sender, "BOUNDS", Bounds(2.0, 0.3, 65_536))
        answer(office, "vgp")
    burst(office, number, "second", seq=2)
    answer(office, "vgp")
    try_again_now(office)
    answer(office, "vgp")
    assert (api.texts, states(office)) == (["first", "second"], ["unknown", "sent"])


def test_requirement_13_nothing_is_sent_past_its_deadline(office: Office, api: StandIn, number: int) -> None:
    burst(office, number, "old", ago=timedelta(minutes=11))
    burst(office, number, "young", seq=2, ago=timedelta(minutes=9))
    answer(office, "vgp")
    assert (api.texts, reasons(office)) == (["young"], ["too old", None])


def test_what_is_refused_until_its_deadline_has_failed(office: Office, api: StandIn, number: int) -> None:
    api.behaviours = ["away"]
    burst(office, number, "first", ago=timedelta(minutes=9, seconds=55))
    answer(office, "vgp")
    assert (len(api.asked), states(office)) == (1, ["failed"])


@pytest.mark.parametrize(
    ("why", "change"),
    [
        ("`wamon replies off`", "UPDATE wamon.sources SET replies_off = true"),
        ("the database was restored or made anew", "UPDATE wamon.sources SET replies_from = now() + interval '1 s'"),
        ("an operator answered", "UPDATE wamon.conversations SET state = 'human'"),
    ],
)
def test_requirement_22_switches_work_at_the_next_send(
    office: Office, api: StandIn, number: int, why: str, change: str
) -> None:
    burst(office, number, "first")
    burst(office, number, "second", seq=2)
    answer(office, "vgp", lambda: not api.asked)
    office.query(change)
    answer(office, "vgp")
    assert (api.texts, reasons(office)) == (["first"], [None, why])


def test_only_conversations_enabled_rules_bursts_and_only_replies_enabled_rules_posts(
    office: Office, api: StandIn, number: int
) -> None:
    burst(office, number, "first")
    office.set(conversations={"enabled": False}, replies={"enabled": True})
    answer(office, "vgp")
    assert reasons(office) == ["conversations are off"]
    office.set(conversations={"enabled": True}, replies={"enabled": False})
    burst(office, number, "second", seq=2)
    answer(office, "vgp")
    assert api.texts == ["second"]


def test_while_nobody_is_chosen_any_more_what_is_due_is_skipped_for_good(
    office: Office, api: StandIn, number: int
) -> None:
    """As at the end of a roll-out, and under WAMON_REPLIES=off."""
    burst(office, number, "first")
    office.set(conversations={"percentage": 0})
    answer(office, "vgp")
    office.set(conversations={"percentage": 100})
    answer(office, "vgp")
    assert (api.asked, reasons(office)) == ([], ["nobody is chosen, or WAMON_REPLIES is off"])


def test_the_list_says_whether_bursts_are_answered_nobody_is_chosen_or_there_is_no_way(office: Office) -> None:
    def says() -> str:
        return " ".join(office.run("replies", "list").stdout.split())

    assert says() == ("Conversations are answered; replies to posts are off: replies.enabled in the config is false.")
    office.set(hooks=[hook("vgp")])
    assert "there is no way to send: vgp." in says()
    office.set(conversations={"percentage": 0})
    assert "nobody is chosen: nobody is answered." in says()
    assert "are answered;" not in says()
    office.run("replies", "off")
    assert says() == "Replies are off: `wamon replies on` lets them be sent again."


def test_a_person_of_whom_only_metas_id_is_known_is_masked_as_a_phone_is(office: Office) -> None:
    burst(office, conversation(office, "vgp", person(office, "vgp", ("bsuid", BSUID))), "Noted")
    [listed] = office.answer("replies", "list")["replies"]
    assert listed["person"] == f"unknown …{BSUID[-4:]}"


def test_a_hook_without_a_way_sends_nothing(office: Office, api: StandIn, number: int) -> None:
    burst(office, number, "first")
    office.set(hooks=[hook("vgp")])
    answer(office, "vgp")
    assert (api.asked, states(office)) == ([], ["skipped"])
    assert "hooks[].send.url" in reasons(office)[0]


def test_a_source_says_so_much_in_a_minute_a_group_less_and_what_is_late_least(
    office: Office, api: StandIn, number: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("wamon.replies.queue._MOST_LATE", 2)
    office.set(conversations={"per_minute": 7}, replies={"per_minute": 1}, groups=[{"name": "Lawley", "jid": LAWLEY}])
    who = person(office, "vgp", ("phone", "27820000002"))
    for jid in (LAWLEY, MOHADIN):
        for n in range(2):
            burst(office, conversation(office, "vgp", who + n * 100 + len(jid), jid), jid)
    for n in range(4):
        late = conversation(office, "vgp", person(office, "vgp", ("phone", f"278200001{n}")))
        burst(office, late, f"late {n}", ago=timedelta(minutes=n + 1), late=True)
    burst(office, number, "fresh")
    answer(office, "vgp")
    assert api.texts[-2:] == ["late 3", "late 2"]
    assert Counter(api.texts) == Counter([LAWLEY, MOHADIN, "fresh", "late 3", "late 2"])
    for n in range(3):
        burst(office, number, "more", seq=n + 2)
    answer(office, "vgp")
    assert Counter(api.texts)["more"] == 2
    office.query("UPDATE wamon.replies SET tried_at = tried_at - interval '1 minute'")
    answer(office, "vgp")
    assert len(api.asked) == 12


def test_in_a_polled_store_s_groups_the_bridge_sends_and_nobody_else(
    tmp_path: Path, open_office: Open, api: StandIn
) -> None:
    with VeryGoodPlugins(tmp_path / "messages.db", durable=False) as bridge, send_api() as other:
        bridge.chat(LAWLEY, "Lawley")
        vgp = hook("vgp", of="main", send={"url": other.replies["url"]})
        office = open_office(
            bridge.path,
            hooks=[vgp],
            replies=api.replies | {"enabled": False},
            conversations={"enabled": True, "percentage": 100},
        )
        burst(office, conversation(office, "main", person(office, "main"), LAWLEY), "to the group")
        burst(office, conversation(office, "main", person(office, "main", ("phone", PHONE))), "to the person")
        answer(office, "main")
        assert api.asked == [{"recipient": LAWLEY, "message": "to the group"}]
        assert other.asked == [{"recipient": JID, "message": "to the person"}]


def test_requirement_23_a_post_is_answered_by_itself_or_with_its_burst_and_never_both(
    tmp_path: Path, open_office: Open, api: StandIn
) -> None:
    with VeryGoodPlugins(tmp_path / "messages.db", durable=False) as bridge:
        bridge.chat(LAWLEY, "Lawley")
        office = open_office(bridge.path, replies=api.replies)
        office.set(conversations={"enabled": True, "groups": True, "users": [TECHNICIAN]})
        chosen = bridge.post(LAWLEY, "DR1000001", at=CLOCK.now(), sender=TECHNICIAN)
        other = bridge.post(LAWLEY, "DR1000002", at=CLOCK.now(), sender="27820000555")
        office.scan()
    assert office.query("SELECT message_id FROM wamon.conversation_messages WHERE seq IS NOT NULL") == [chosen]
    assert office.query("SELECT message_id, kind FROM wamon.replies") == [(other, "new")]


def test_a_flood_of_an_answer_is_read_no_further_than_it_may_be(office: Office, api: StandIn, number: int) -> None:
    api.behaviours = ["garbage"]
    burst(office, number, "first")
    answer(office, "vgp")
    assert states(office) == ["unknown"]


def test_an_unknown_answer_is_sent_again_by_hand_alone_and_that_is_noted(
    office: Office, api: StandIn, number: int
) -> None:
    api.behaviours = ["500", "sent"]
    reply = burst(office, number, "first", ago=timedelta(minutes=9, seconds=58))
    answer(office, "vgp")
    office.query("UPDATE wamon.replies SET deadline = now() - interval '1 h'")
    assert office.answer("replies", "resend", str(reply)) == {"reply": reply, "source": "vgp"}
    answer(office, "vgp")
    assert (api.texts, states(office)) == (["first", "first"], ["sent"])
    assert office.query("SELECT who, what, key FROM wamon.actions") == [("command", "reply-resend", str(reply))]
    refused = office.run("replies", "resend", str(reply))
    assert (refused.returncode, "is sent" in refused.stderr) == (UsageError.exit_code, True)
    assert office.run("replies", "resend", "999999").returncode == UsageError.exit_code


def test_what_the_agent_says_is_skipped_where_it_was_switched_off_meanwhile(
    office: Office, api: StandIn, number: int
) -> None:
    """Templates, and the fallback that is sent where it failed, are sent all the same."""
    for n, (text, tokens, error) in enumerate(
        (("the agent's", 220, None), ("a template", None, None), ("the fallback", 220, "timeout"))
    ):
        burst(office, number, text, seq=n + 1)
        office.query("UPDATE wamon.replies SET fence = through_seq")
        office.query(
            "INSERT INTO wamon.turns (conversation, fence, from_seq, through_seq, reason, due_at, tokens, error)"
            " SELECT conversation, fence, through_seq, through_seq, 'due', now(), %s, %s"
            " FROM wamon.replies WHERE body = %s",
            tokens, error, text,
        )  # fmt: skip
    switched = office.answer("replies", "off", "--agent")
    assert (switched["off"], switched["agent_off"]) == (False, True)
    answer(office, "vgp")
    assert sorted(zip(api.texts, states(office)[1:], strict=True)) == [("a template", "sent"), ("the fallback", "sent")]
    assert reasons(office) == ["`wamon replies off --agent`", None, None]
    assert "The agent is off" in office.run("replies", "list").stdout
    assert office.answer("replies", "on", "--agent")["agent_off"] is False


def test_an_answer_s_text_goes_with_time_and_is_then_no_longer_sent(office: Office, api: StandIn, number: int) -> None:
    api.behaviours = ["500"]
    reply = burst(office, number, "first")
    answer(office, "vgp")
    waiting = burst(office, number, "second", seq=2)
    with connected(office.dsn) as db:
        prune_bodies(db, timedelta())
    assert office.query("SELECT reply FROM wamon.replies WHERE body IS NOT NULL") == [waiting]
    assert "keep_text" in office.run("replies", "resend", str(reply)).stderr


def test_the_list_shows_answers_without_their_texts_and_their_persons_as_they_may_be_shown(
    office: Office, number: int
) -> None:
    reply = burst(office, number, "the very words")
    for show, seen in (("phones", PHONE), ("names", PHONE[-4:]), ("none", "abc")):
        office.set(privacy={"show": show})
        [listed] = office.answer("replies", "list")["replies"]
        assert (listed["reply"], listed["kind"], listed["state"]) == (reply, "burst", "due")
        assert seen in listed["person"]
        assert (PHONE in str(listed)) == (show == "phones")
        assert "the very words" not in str(listed)
    assert office.answer("replies", "discard", f"{number}-1")["discarded"] == ["burst"]


def test_the_page_names_an_unknown_answer_s_person_as_a_hash_and_lets_it_be_settled(
    office: Office, api: StandIn, number: int
) -> None:
    api.behaviours = ["500"]
    burst(office, number, "the very words")
    answer(office, "vgp")
    with connected(office.dsn) as db:
        config = configured(office.config_path, {})
        zone = config.timezone
        [shown] = replies_page(db, zone).replies
        key = f"{shown.chat} {shown.message_id} {shown.about}"
        assert (shown.state, shown.person, shown.settled) == ("unknown", "abc", False)
        assert not {"the very words", PHONE} & {str(value) for value in asdict(shown).values()}
        assert act(db, REPLY_DONE, key, uuid4(), "token", "", Terms(CLOCK.now(), patience(config))) == "done"
        assert [one.settled for one in replies_page(db, zone).replies] == [True]


def test_the_off_switch_is_one_for_all_that_speaks(office: Office) -> None:
    assert office.answer("replies", "off")["off"]
    assert set(office.query("SELECT source FROM wamon.sources WHERE replies_off")) == {"main", "vgp"}


def test_no_text_and_no_number_reaches_the_log(
    office: Office, api: StandIn, number: int, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("INFO")
    for n, behaviour in enumerate(["sent", "dropped", "500", "refused"], 1):
        api.behaviours = [behaviour]  # type: ignore[list-item]
        burst(office, number, f"the words {n}", seq=n)
        answer(office, "vgp")
    assert "[BUFFER] Successfully processed and sent response to abc" in caplog.text
    assert "the words" not in caplog.text
    assert PHONE not in caplog.text
