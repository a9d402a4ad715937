"""Who waits for an answer, what became of what they wrote, and what nobody came to."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.conversations import PHONE, Talks
from tests.support.deliveries import PHONE as SENDER
from tests.support.office import Office
from tests.support.talk import advance, desk, talking, write
from wamon.app.configured import configured
from wamon.app.conversations import proof, rescue
from wamon.errors import UsageError, WamonError
from wamon.health.gaps import unanswered
from wamon.postgres.connection import connected
from wamon.views import conversations as view
from wamon.views.conversations import Conversation, Orphans, Person
from wamon.views.people import Published
from wamon.views.trace import trace

OTHER = "27820000002"
LID = "123456789012345"


@pytest.fixture
def talks(dsn: str) -> Talks:
    return Talks(dsn)


def lines(dsn: str, show: str = "names") -> list[Conversation]:
    with connected(dsn) as db:
        return list(view.conversations(db, show).conversations)  # type: ignore[arg-type]


def person(dsn: str, asked: str, show: str = "names") -> Person:
    with connected(dsn) as db:
        return view.person(db, asked, show)  # type: ignore[arg-type]


def orphans(dsn: str, show: str = "names", *, dry_run: bool = False) -> Orphans:
    with connected(dsn) as db:
        return view.orphans(db, show, dry_run=dry_run)  # type: ignore[arg-type]


def test_those_that_wait_are_listed_the_oldest_first_then_work_colleagues_and_what_got_no_answer(
    dsn: str, talks: Talks
) -> None:
    direct = talks.chat()
    people = [talks.person(f"2782000010{n}") for n in range(8)]
    talks.conversation(people[0], direct, "human", began=500, human_until="infinity")
    talks.conversation(people[1], direct, "processing", began=400)
    talks.conversation(people[2], direct, "settling", began=5, last=3, answered=1)
    talks.conversation(people[3], direct, "retry", began=90, attempts=2)
    talks.turn(talks.conversation(people[4], direct, "idle", last=1, answered=1), 1, 1, 1, "dead", ago=60)
    talks.turn(talks.conversation(people[5], direct, "idle", last=1, answered=1), 1, 1, 1, "stale", ago=30)
    answered = talks.conversation(people[6], direct, "idle", last=2, answered=2)
    talks.turn(answered, 1, 1, 1, "stale", ago=60)
    talks.turn(answered, 2, 2, 2, "answered", ago=30)
    by_colleague = talks.conversation(people[7], direct, "idle", last=1, answered=1)
    talks.turn(by_colleague, 1, 1, 1, "stale", ago=60)
    talks.messages(by_colleague, None, age=10, role="operator")

    found = [(one.state, one.pending, one.attempts, one.outcome) for one in lines(dsn)]

    assert found == [
        ("retry", 1, 2, None),
        ("settling", 2, 0, None),
        ("processing", 1, 0, None),
        ("human", 1, 0, None),
        ("idle", 0, 0, "stale"),
        ("idle", 0, 0, "dead"),
    ]


def test_a_person_is_a_number_where_phones_are_shown_and_else_a_hash(dsn: str, talks: Talks) -> None:
    talks.conversation(talks.person(), talks.chat())

    assert [one.person for one in lines(dsn, "phones")] == [PHONE]
    assert {one.person for show in ("names", "none") for one in lines(dsn, show)} == {talks.hashed()}


def test_who_was_joined_into_another_goes_by_the_others_ids(dsn: str, talks: Talks) -> None:
    first, second = talks.person(), talks.person(OTHER)
    talks.conversation(second, talks.chat())
    talks.run("UPDATE wamon.people SET merged_into = %(a)s WHERE person = %(b)s", a=first, b=second)
    talks.run("UPDATE wamon.aliases SET person = %(a)s WHERE person = %(b)s", a=first, b=second)

    assert [one.person for one in lines(dsn, "phones")] == [PHONE]
    assert [len(person(dsn, asked).conversations) for asked in (PHONE, OTHER, talks.hashed(OTHER))] == [1, 1, 1]


@pytest.mark.parametrize(
    "typed", ["082 000 0001", "(082) 000-0001", "+27 82 000 0001", "0027820000001", PHONE, "…0001"]
)
def test_a_person_is_found_by_their_number_as_people_write_it(dsn: str, talks: Talks, typed: str) -> None:
    talks.conversation(talks.person(lid=LID), talks.chat())
    talks.person(OTHER)

    found = person(dsn, typed, "phones")

    assert (found.person, found.hashes) == (PHONE, (talks.hashed(), talks.hashed(LID, "lid")))


def test_a_person_is_found_by_each_hash_of_the_log_and_by_the_conversations_uid(dsn: str, talks: Talks) -> None:
    one, other = talks.chat(), talks.chat(jid="1@g.us", project="Lawley", kind="group")
    thabo = talks.person(lid=LID)
    direct, group = talks.conversation(thabo, one), talks.conversation(thabo, other, began=20)

    for asked in (talks.hashed(), talks.hashed(LID, "lid")):
        assert [story.conversation.group for story in person(dsn, asked, "none").conversations] == [None, "Lawley"]
    assert [story.conversation.uid for story in person(dsn, str(talks.uid(group))).conversations] == [
        str(talks.uid(group))
    ]
    assert direct != group


def test_nobody_is_guessed(dsn: str, talks: Talks) -> None:
    talks.person(), talks.person("27820001001")

    for asked, why in {
        "…001": "Several people's numbers end so.",
        "0820009999": "Nobody with this number has written.",
        "Thabo": "Thabo is no number, hash or uid.",
        "00000000-0000-0000-0000-000000000000": "There is no conversation",
    }.items():
        with pytest.raises(UsageError, match=why):
            person(dsn, asked)
    with pytest.raises(UsageError, match="Nobody can be looked for by number"):
        person(dsn, PHONE, "none")


def test_a_story_tells_turns_with_their_answers_and_changes_the_newest_first(dsn: str, talks: Talks) -> None:
    talk = talks.conversation(talks.person(), talks.chat(), "idle", last=3, answered=3)
    talks.messages(talk, 1, 2, 3)
    talks.turn(talk, 1, 1, 2, ago=60, missed=4, gap_seconds=780, tokens=330)
    talks.reply(talk, 2, 1, "sent")
    talks.turn(talk, 2, 3, 3, "failed", ago=30, error="TimeoutError")
    talks.transition(talk, None, "settling", "message", ago=62)
    talks.transition(talk, "settling", "processing", "due", ago=61)

    (story,) = person(dsn, PHONE).conversations

    assert [(t.outcome, t.messages, t.reply, t.missed, t.gap_seconds, t.tokens, t.error) for t in story.turns] == [
        ("failed", 1, None, None, None, None, "TimeoutError"),
        ("answered", 2, "sent", 4, 780.0, 330, None),
    ]
    assert [(t.before, t.after, t.reason) for t in story.transitions] == [
        ("settling", "processing", "due"),
        (None, "settling", "message"),
    ]


def test_what_is_over_a_minute_overdue_is_made_due_once(dsn: str, talks: Talks) -> None:
    direct = talks.chat()
    for phone, state, overdue, answered in (
        ("27820000011", "settling", 61, 0),
        ("27820000012", "retry", 3600, 0),
        ("27820000013", "processing", 70, 0),
        ("27820000014", "settling", -3, 0),
        ("27820000015", "human", 61, 1),
    ):
        talks.conversation(talks.person(phone), direct, state, overdue=overdue, answered=answered)

    only_asked = orphans(dsn, "phones", dry_run=True)
    first, second = orphans(dsn, "phones"), orphans(dsn, "phones")

    named = ("27820000012", "27820000013", "27820000011")
    assert only_asked == Orphans("ok", 3, named, (), "Found 3 orphaned conversations", ("27820000014",))
    assert first == Orphans(
        "ok", 3, named, named, "Found and triggered processing for 3 orphaned conversations", ("27820000014",)
    )
    assert (second.orphaned_count, second.message) == (0, "No orphaned messages found")
    assert set(second.buffered_wa_ids) == {"27820000011", "27820000014"}
    assert talks.one("SELECT count(*) FROM wamon.conversations WHERE due_at < now() - interval '5 seconds'") == 1


def test_what_somebody_claims_at_that_moment_is_left_to_them(dsn: str, talks: Talks) -> None:
    talks.conversation(talks.person(), talks.chat(), overdue=90)

    with connected(dsn) as worker, worker.transaction():
        worker.execute("SELECT FROM wamon.conversations FOR UPDATE")
        assert orphans(dsn).orphaned_count == 0


@pytest.mark.parametrize(
    ("outcome", "age", "late", "expected"),
    [
        ("dead", 5, False, (1, 0)),
        ("stale", 3600, False, (0, 1)),
        ("stale", 3600, True, (1, 0)),
    ],
)
def test_what_got_no_answer_is_due_again(
    open_office: Callable[..., Office], tmp_path: Path, talks: Talks, outcome: str, age: float, late: bool,
    expected: tuple[int, int],
) -> None:  # fmt: skip
    config = configured(open_office(tmp_path / "none.db").config_path, {})
    talk = talks.conversation(talks.person(), talks.chat(), "idle", last=2, answered=2)
    talks.messages(talk, 1, 2, age=age)
    talks.turn(talk, 1, 1, 2, outcome)

    rescued = rescue(config, "082 000 0001", late=late)

    assert (rescued.rescued, rescued.too_old) == expected
    assert [one.pending for one in lines(talks.dsn)] == [2 * expected[0]]


def test_what_was_answered_since_is_not_said_again(
    open_office: Callable[..., Office], tmp_path: Path, talks: Talks
) -> None:
    config = configured(open_office(tmp_path / "none.db").config_path, {})
    talk = talks.conversation(talks.person(), talks.chat(), "idle", last=2, answered=2)
    talks.messages(talk, 1, 2)
    talks.turn(talk, 1, 1, 1, "stale", ago=60)
    talks.turn(talk, 2, 2, 2, "answered")

    assert rescue(config, "0001", late=True).rescued == 0


def test_requirement_29_a_trace_tells_the_burst_its_turns_and_their_answer(dsn: str, talks: Talks) -> None:
    talk = talks.conversation(talks.person(), talks.chat(), "idle", last=2, answered=2)
    talks.messages(talk, 1, 2, age=90)
    talks.turn(talk, 1, 1, 2, "failed", ago=60, error="TimeoutError")
    talks.turn(talk, 2, 1, 2, ago=30, reason="retry")
    talks.reply(talk, 2, 2, ago=20)
    uid = "00000000-0000-0000-0000-000000000001"
    talks.run("UPDATE wamon.conversation_messages SET correlation_id = %(uid)s", uid=uid)
    talks.transition(talk, "settling", "processing", "due")
    talks.run("UPDATE wamon.conversation_state_transitions SET correlation_id = %(uid)s", uid=uid)

    with connected(dsn) as db:
        steps = trace(db, uid, None, Published(db), answers=True).steps
        with pytest.raises(WamonError, match="Nothing knows"):
            trace(db, uid, None, Published(db))

    assert [(step.what, step.detail) for step in steps] == [
        ("waits", "message 1"),
        ("waits", "message 2"),
        ("turn", "due: messages 1 to 2"),
        ("turn-failed", "TimeoutError"),
        ("turn", "retry: messages 1 to 2"),
        ("turn-answered", ""),
        ("reply-due", "burst"),
        ("reply-sent", "burst"),
    ]
    assert {step.where for step in steps} == {str(talks.uid(talk))}


def test_what_was_too_old_to_answer_is_a_gap(dsn: str, talks: Talks) -> None:
    group = talks.chat(jid="1@g.us", project="Lawley", kind="group")
    for phone, chat, outcome in ((PHONE, group, "stale"), (OTHER, group, "stale"), ("27820000003", group, "answered")):
        talk = talks.conversation(talks.person(phone), chat, "idle", last=3, answered=3)
        talks.messages(talk, 1, 2, 3, age=7200)
        talks.turn(talk, 1, 1, 3, outcome)
    talks.run("UPDATE wamon.turns SET ended_at = (SELECT min(ended_at) FROM wamon.turns)")  # within one hour
    since = talks.one("SELECT now() - interval '1 hour'")

    with connected(dsn) as db:
        (gap,) = unanswered(db, ["main"], since)
        assert unanswered(db, ["elsewhere"], since) == []

    assert (gap.kind, gap.group, gap.detail) == ("missed", "Lawley", "6 messages of 2 persons")
    assert gap.end is not None
    assert (gap.end - gap.start).total_seconds() > 7000


def test_what_really_happened_is_told_from_the_first_message_to_the_answer(
    open_office: Callable[..., Office], tmp_path: Path
) -> None:
    office = talking(open_office(tmp_path / "none.db", bridge={"path": None}))
    message_id = write(office, "hello")
    advance(office, 40)
    with desk(office) as own:
        own.finish(own.claim_one())
    config = configured(office.config_path, {})

    (story,) = person(office.dsn, SENDER).conversations
    with connected(office.dsn) as db:
        steps = [step.what for step in trace(db, message_id, None, Published(db), answers=True).steps]

    assert (story.conversation.state, story.conversation.pending) == ("idle", 0)
    assert [(turn.outcome, turn.messages, turn.reply) for turn in story.turns] == [("answered", 1, "due")]
    assert [change.after for change in story.transitions] == ["idle", "processing", "settling"]
    assert {"delivered", "recorded", "waits", "turn", "turn-answered", "reply-due"} <= set(steps)
    assert proof(config) == (1, [])
