"""The views and functions that people know from earlier systems read what wamon's own tables hold."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from uuid import UUID, uuid4

import psycopg
import pytest
from psycopg.conninfo import make_conninfo
from psycopg.errors import RaiseException

from tests.support.conversations import PHONE, Talks
from wamon.conversations.model import FINISHED, OUTCOMES

pytestmark = pytest.mark.both_servers

DAY = 86_400.0


@pytest.fixture
def talks(any_dsn: str) -> Talks:
    return Talks(any_dsn)


@pytest.fixture
def talk(talks: Talks) -> int:
    """A conversation that waits, with one message."""
    made = talks.conversation(talks.person(), talks.chat())
    talks.messages(made, 1)
    return made


def rows(talks: Talks, sql: str, **values: object) -> list[Any]:
    """Of one column, its values."""
    with psycopg.connect(talks.dsn, autocommit=True) as db:
        found = db.execute(sql.encode(), values).fetchall()
    return [row[0] if len(row) == 1 else row for row in found]


@pytest.mark.parametrize(
    ("ids", "shown"),
    [
        ({"bsuid": "ZA.19f3k2", "subscriber": "1500001"}, PHONE),
        ({"phone": "", "bsuid": "ZA.19f3k2", "subscriber": "1500001"}, "ZA.19f3k2"),
        ({"phone": "", "subscriber": "1500001", "lid": "99000000000001"}, "1500001"),
        ({"phone": "", "lid": "99000000000001"}, "99000000000001@lid"),
    ],
)
def test_a_person_goes_by_phone_else_bsuid_else_subscriber_else_lid(
    talks: Talks, ids: dict[str, str], shown: str
) -> None:
    person = talks.person(**ids)
    talks.run("DELETE FROM wamon.aliases WHERE value = ''")
    talks.conversation(person, talks.chat())
    assert rows(talks, "SELECT wa_id FROM wamon.threads") == [shown]


@pytest.mark.parametrize(
    ("state", "columns", "status"),
    [
        ("settling", {}, "pending"),
        ("retry", {}, "pending"),
        ("human", {"answered": 1}, "pending"),
        ("processing", {"overdue": -90}, "processing"),
        ("processing", {"overdue": 1}, "timeout"),
        ("idle", {"answered": 1}, "active"),
        ("idle", {"answered": 1, "began": DAY + 60}, "completed"),
    ],
)
def test_a_conversations_state_is_told_by_the_word_that_is_known(
    talks: Talks, state: str, columns: dict[str, Any], status: str
) -> None:
    talks.conversation(talks.person(), talks.chat(), state, **columns)
    assert rows(talks, "SELECT status, whatsapp_phone, agent_type FROM wamon.webhook_conversations") == [
        (status, PHONE, "main")
    ]


@pytest.mark.parametrize(("outcomes", "status"), [(["answered", "dead"], "error"), (["dead", "answered"], "active")])
def test_a_conversations_last_turn_says_whether_it_failed(talks: Talks, outcomes: list[str], status: str) -> None:
    made = talks.conversation(talks.person(), talks.chat(), "idle", last=2, answered=2)
    for n, outcome in enumerate(outcomes, 1):
        talks.turn(made, n, n, n, outcome)
    for view in ("webhook_conversations", "webhook_conversation_health"):
        assert rows(talks, f"SELECT status FROM wamon.{view}") == [status]


def test_health_is_that_of_the_last_24_hours_and_of_whatever_still_waits(talks: Talks) -> None:
    chat = talks.chat()
    for n, ago in enumerate((DAY - 60, DAY + 60)):
        made = talks.conversation(talks.person(f"278200001{n:02}"), chat, "idle", answered=1)
        talks.turn(made, 1, 1, 1, ago=ago)
    talks.conversation(talks.person("27820000190"), chat, began=2 * DAY)
    found = rows(talks, "SELECT status, count FROM wamon.webhook_conversation_health")
    assert found == [("active", 1), ("pending", 1)]


def test_one_that_was_merged_into_another_is_none_any_more(talks: Talks) -> None:
    talks.conversation(talks.person(), talks.chat(), "merged", answered=1)
    for view in ("webhook_conversations", "threads", "webhook_conversation_health"):
        assert rows(talks, f"SELECT count(*) FROM wamon.{view}") == [0]


def test_a_lock_tells_who_holds_it_and_since_when(talks: Talks, talk: int) -> None:
    me = uuid4()
    assert take(talks, talk, me)
    held = "SELECT locked_by, locked_at > now() - interval '1 minute' FROM wamon.webhook_conversations"
    assert rows(talks, held) == [(me, True)]
    assert rows(talks, "SELECT status, locked_count FROM wamon.webhook_conversation_health") == [("processing", 1)]


@pytest.mark.parametrize(
    ("part", "shown"),
    [
        ("text", ("text", "hello", None)),
        ("drop", ("text", "hello", None)),
        ("photo", ("image", None, "hello")),
        ("voice", ("audio", None, "hello")),
        ("file", ("document", None, "hello")),
        ("other", ("other", None, "hello")),
    ],
)
def test_the_buffer_holds_what_waits_and_what_is_answered_leaves_it(
    talks: Talks, part: str, shown: tuple[str, str | None, str | None]
) -> None:
    made = talks.conversation(talks.person(), talks.chat(), last=2, answered=1)
    talks.messages(made, 1, 2, None, body="hello")
    talks.run("UPDATE wamon.conversation_messages SET part = %(part)s", part=part)
    asked = "SELECT wa_id, source, message_type, content, caption FROM wamon.message_buffer"
    assert rows(talks, asked) == [(PHONE, "main", *shown)]
    assert rows(talks, "SELECT wamon.get_all_wa_ids_with_buffered_messages()") == [PHONE]
    waits = "SELECT wamon.has_buffered_messages(%(who)s)"
    assert [talks.one(waits, who=who) for who in (PHONE, "0")] == [True, False]
    talks.run("UPDATE wamon.conversations SET answered_seq = 2, state = 'idle', due_at = NULL")
    assert rows(talks, asked) == rows(talks, "SELECT wamon.get_all_wa_ids_with_buffered_messages()") == []
    assert talks.one(waits, who=PHONE) is False


PUT = "INSERT INTO wamon.message_buffer (wa_id, content, source) VALUES (%(who)s, %(text)s, %(source)s)"


@pytest.mark.parametrize(
    ("hooks", "values", "why"),
    [
        ({}, {}, "^No hook is configured, so nobody could be answered. Next: add one under hooks."),
        ({"wati": "wati", "meta": "meta"}, {}, "feed several sources: meta, wati"),
        ({"wati": "wati"}, {"source": "main"}, "No hook feeds a source of this name"),
        ({"wati": "wati"}, {"who": "Thandi"}, "neither a phone number nor the id of anybody"),
        ({"wati": "wati"}, {"who": None}, "neither a phone number nor the id of anybody"),
        ({"wati": "wati"}, {"text": ""}, "The message says nothing"),
    ],
)
def test_what_could_never_be_answered_is_refused_with_what_to_do(
    talks: Talks, hooks: dict[str, str], values: dict[str, str], why: str
) -> None:
    for name, source in hooks.items():
        talks.run("INSERT INTO wamon.hook_status (hook, source) VALUES (%(h)s, %(s)s)", h=name, s=source)
    with pytest.raises(RaiseException, match=why):
        talks.run(PUT, **{"who": PHONE, "text": "hello", "source": None, **values})
    assert rows(talks, "SELECT count(*) FROM wamon.webhook_events") == [0]


def test_what_waits_or_was_given_up_is_not_deleted_by_hand(talks: Talks, talk: int) -> None:
    talks.dead_letter(talks.chat(), "turn:7:4")
    for statement, why in {
        "DELETE FROM wamon.message_buffer": "until it is answered",
        "UPDATE wamon.message_buffer SET content = 'x'": "until it is answered",
        "DELETE FROM wamon.webhook_dlq": "`wamon dead discard`",
    }.items():
        with pytest.raises(RaiseException, match=why):
            talks.run(statement)
    assert talks.one("SELECT last_seq FROM wamon.conversations WHERE conversation = %(c)s", c=talk) == 1


def test_a_letter_can_only_be_made_pending(talks: Talks) -> None:
    talks.dead_letter(talks.chat(), "turn:7:4")
    with pytest.raises(RaiseException, match="`wamon dead discard` gives one up"):
        talks.run("UPDATE wamon.webhook_dlq SET resolution_status = 'resolved'")
    with pytest.raises(RaiseException, match="Nothing is kept of turn:7:4"):
        talks.run("UPDATE wamon.webhook_dlq SET next_retry_at = now(), resolution_status = 'pending'")
    assert rows(talks, "SELECT resolution_status FROM wamon.webhook_dlq") == ["failed"]


def test_a_message_is_processed_once_its_burst_is_closed_and_says_how_long_that_took(talks: Talks) -> None:
    made = talks.conversation(talks.person(), talks.chat(), "idle", last=len(OUTCOMES), answered=len(OUTCOMES))
    talks.messages(made, *range(1, len(OUTCOMES) + 1))
    for n, outcome in enumerate(OUTCOMES, 1):
        talks.turn(made, n, n, n, outcome, seconds=n)
    found = rows(
        talks,
        "SELECT whatsapp_message_id, conversation_id, processing_time_ms, payload "
        "FROM wamon.processed_webhook_messages",
    )
    uid = talks.uid(made)
    assert set(found) == {
        (f"M{made}.{n}", uid, n * 1000, None) for n, outcome in enumerate(OUTCOMES, 1) if outcome in FINISHED
    }


def test_what_was_processed_is_never_forgotten_by_hand(talks: Talks) -> None:
    with pytest.raises(RaiseException, match="its id decides for ever"):
        talks.run("DELETE FROM wamon.processed_webhook_messages")


@pytest.mark.parametrize(
    ("columns", "status"),
    [
        ("next_try_at = now(), attempts = 1", "pending"),
        ("next_try_at = now(), attempts = 2", "retrying"),
        ("next_try_at = NULL, attempts = 4", "failed"),
        ("given_up = true", "resolved"),
    ],
)
def test_a_dead_letter_says_what_becomes_of_it(talks: Talks, columns: str, status: str) -> None:
    talks.dead_letter(talks.chat(), "turn:7:4")
    talks.run(f"UPDATE wamon.dead_letters SET {columns}")
    assert rows(
        talks,
        "SELECT resolution_status, error, whatsapp_message_id, max_retries, payload, error_stack "
        "FROM wamon.webhook_dlq",
    ) == [(status, "ValueError", "turn:7:4", 3, None, None)]
    assert rows(talks, "SELECT resolution_status, count, max_retries_reached FROM wamon.webhook_dlq_summary") == [
        (status, 1, int(status in {"failed", "resolved"}))
    ]


@pytest.mark.parametrize(
    ("state", "overdue", "answered", "is_stuck"),
    [
        ("settling", 301, 0, True),
        ("settling", 290, 0, False),
        ("retry", 301, 0, True),
        ("processing", 121, 0, True),
        ("processing", 110, 0, False),
        ("processing", 121, 1, True),  # a lock that was taken by hand
        ("human", 301, 1, False),  # nobody waits
    ],
)
def test_what_is_stuck_is_listed_masked_and_made_due_once(
    talks: Talks, state: str, overdue: float, answered: int, *, is_stuck: bool
) -> None:
    talks.conversation(talks.person(), talks.chat(), state, overdue=overdue, answered=answered)
    found = rows(talks, "SELECT whatsapp_phone FROM wamon.stuck_webhook_conversations")
    assert found == (["…0001"] if is_stuck else [])
    for n in (int(is_stuck), 0):
        assert talks.one("SELECT wamon.cleanup_stuck_webhook_conversations()") == n
    assert rows(talks, "SELECT count(*) FROM wamon.stuck_webhook_conversations") == [0]


def test_the_newest_hundred_transitions_are_told_masked(talks: Talks, talk: int) -> None:
    talks.transition(talk, "idle", "settling", "joined")
    talks.run(
        "INSERT INTO wamon.conversation_state_transitions (conversation_id, to_state, transition_reason) "
        "SELECT %(uid)s, 'settling', 'message' FROM generate_series(1, 100)",
        uid=talks.uid(talk),
    )
    found = rows(
        talks,
        "SELECT whatsapp_phone, user_id, transition_reason FROM wamon.recent_webhook_state_transitions",
    )
    assert found == [("…0001", talks.hashed(), "message")] * 100


def test_an_hours_turns_are_told_by_their_percentiles(talks: Talks) -> None:
    made = talks.conversation(talks.person(), talks.chat(), "idle", last=200, answered=200)
    talks.run(
        """
        INSERT INTO wamon.turns (conversation, fence, from_seq, through_seq, reason, due_at, ended_at, outcome, work_ms)
        SELECT %(made)s, n, 2 * n - 1, 2 * n, 'due', now(), now(), 'answered', n * 100 FROM generate_series(1, 100) AS n
        """,
        made=made,
    )
    talks.turn(made, 101, 201, 201, "failed", ago=0, seconds=1000)
    found = rows(
        talks,
        "SELECT sum(messages_processed), max(max_processing_ms), min(min_processing_ms) "
        "FROM wamon.webhook_message_processing_metrics",
    )
    assert found == [(200, 10_000, 100)]
    stats = dict(rows(talks, "SELECT metric_name, value FROM wamon.get_webhook_performance_stats(24)"))
    assert {name: float(value) for name, value in stats.items()} == {
        "total_conversations": 1, "total_messages_processed": 200, "avg_processing_time_ms": 5050,
        "p50_processing_time_ms": 5050, "p95_processing_time_ms": 9505, "p99_processing_time_ms": 9901,
        "error_count": 1, "dlq_messages": 0, "stuck_conversations": 0, "active_sessions": 0,
    }  # fmt: skip


def test_nothing_at_all_has_figures_too(talks: Talks) -> None:
    values = rows(talks, "SELECT value FROM wamon.get_webhook_performance_stats()")
    assert len(values) == 10
    assert set(values) == {0}


@pytest.mark.parametrize(
    ("alert", "severity", "most"),
    [
        ("STUCK_CONVERSATIONS", "HIGH", 5),
        ("HIGH_ERROR_RATE", "CRITICAL", 10),
        ("DLQ_BUILDUP", "HIGH", 10),
        ("PROCESSING_TIMEOUTS", "MEDIUM", 5),
        ("STALE_LOCKS", "MEDIUM", 0),
        ("SLOW_PROCESSING", "MEDIUM", 1),
    ],
)
def test_an_alert_begins_beyond_its_threshold(talks: Talks, alert: str, severity: str, most: int) -> None:
    chat = talks.chat()
    for n in range(most + 1):
        assert (alert, severity) not in rows(
            talks, "SELECT alert_type, severity FROM wamon.check_webhook_system_health(p95_ms => 1000)"
        )
        make_trouble(talks, alert, chat, n)
    found = rows(talks, "SELECT alert_type, severity, message FROM wamon.check_webhook_system_health(p95_ms => 1000)")
    assert [one[:2] for one in found] == [(alert, severity)]
    assert found[0][2].rpartition(": ")[2].isdecimal()


def make_trouble(talks: Talks, alert: str, chat: int, n: int) -> None:
    """One more of what an alert tells."""
    if alert == "DLQ_BUILDUP":
        talks.dead_letter(chat, f"turn:7:{n}")
        return
    state = {"STUCK_CONVERSATIONS": "retry", "STALE_LOCKS": "processing"}.get(alert, "idle")
    person = talks.person(f"278200001{n:02}")
    made = talks.conversation(person, chat, state, overdue=400 if state == "retry" else -60,
                              answered=int(state == "idle"))  # fmt: skip
    if alert == "STALE_LOCKS":
        talks.run("UPDATE wamon.conversations SET fence = 1")
        talks.turn(made, 1, 1, 1, None, ago=601, seconds=0)
    elif alert in {"HIGH_ERROR_RATE", "PROCESSING_TIMEOUTS"}:
        talks.turn(made, 1, 1, 1, "failed" if alert == "HIGH_ERROR_RATE" else "lost")
    elif alert == "SLOW_PROCESSING":
        talks.turn(made, 1, 1, 1, seconds=1 if n == 0 else 200)


def test_what_the_fallback_answered_for_an_agent_that_was_too_slow_is_an_error_as_doctor_has_it(talks: Talks) -> None:
    made = talks.conversation(talks.person(), talks.chat(), "idle", last=6, answered=6)
    for n in range(1, 7):
        talks.turn(made, n, n, n, error="timeout")
    found = rows(talks, "SELECT alert_type FROM wamon.check_webhook_system_health(errors => 5)")
    assert found == ["HIGH_ERROR_RATE", "PROCESSING_TIMEOUTS"]
    stats = dict(rows(talks, "SELECT metric_name, value FROM wamon.get_webhook_performance_stats(24)"))
    assert stats["error_count"] == 6


def test_thresholds_are_arguments(talks: Talks) -> None:
    talks.conversation(talks.person(), talks.chat(), overdue=400)
    asked = "SELECT alert_type, details FROM wamon.check_webhook_system_health(stuck => %(stuck)s)"
    assert rows(talks, asked, stuck=0) == [("STUCK_CONVERSATIONS", {"value": 1, "threshold": 0})]
    assert rows(talks, asked, stuck=1) == []


def take(talks: Talks, talk: int, holder: UUID) -> bool:
    taken = talks.one("SELECT wamon.acquire_conversation_lock(%(uid)s, %(me)s)", uid=talks.uid(talk), me=holder)
    return bool(taken)


def give(talks: Talks, talk: int, holder: UUID) -> bool:
    given = talks.one("SELECT wamon.release_conversation_lock(%(uid)s, %(me)s)", uid=talks.uid(talk), me=holder)
    return bool(given)


def stand(talks: Talks) -> Any:
    (found,) = rows(talks, "SELECT state, fence, attempts, held_by IS NULL, due_at IS NULL FROM wamon.conversations")
    return found


TURNS = "SELECT fence, from_seq, through_seq, reason, outcome FROM wamon.turns ORDER BY fence"
CHANGES = "SELECT from_state, to_state, transition_reason FROM wamon.conversation_state_transitions ORDER BY id"


def test_a_lock_is_taken_as_a_claim_by_one_and_given_back(talks: Talks, talk: int) -> None:
    me = uuid4()
    assert take(talks, talk, me)
    assert not take(talks, talk, uuid4())
    assert stand(talks) == ("processing", 1, 0, False, False)
    assert not give(talks, talk, uuid4())
    assert give(talks, talk, me)
    assert not give(talks, talk, me)
    assert stand(talks) == ("settling", 1, 0, True, False)
    assert rows(talks, TURNS) == [(1, 1, 1, "due", "released")]
    assert rows(talks, CHANGES) == [("settling", "processing", "due"), ("processing", "settling", "released")]


def test_a_lock_of_what_waits_for_nothing_leaves_no_turn(talks: Talks) -> None:
    talk, me = talks.conversation(talks.person(), talks.chat(), "idle", answered=1), uuid4()
    assert take(talks, talk, me)
    assert give(talks, talk, me)
    assert stand(talks) == ("idle", 1, 0, True, True)
    assert rows(talks, TURNS) == []
    assert rows(talks, CHANGES) == [("idle", "processing", "due"), ("processing", "idle", "released")]


def test_a_lock_whose_holder_is_gone_is_taken_over(talks: Talks, talk: int) -> None:
    assert take(talks, talk, uuid4())
    talks.run("UPDATE wamon.conversations SET due_at = now() - interval '1 second'")
    assert take(talks, talk, uuid4())
    assert stand(talks) == ("processing", 2, 1, False, False)
    assert rows(talks, TURNS) == [(1, 1, 1, "due", "lost"), (2, 1, 1, "takeover", None)]


def test_a_message_is_counted_in_the_active_session_alone(talks: Talks, talk: int) -> None:
    uid = talks.uid(talk)
    counted = "SELECT wamon.increment_session_metrics(%(uid)s, 'main')"
    assert talks.one(counted, uid=uid) is False
    talks.run("INSERT INTO wamon.agent_sessions (conversation_id, session_state) VALUES (%(uid)s, 'failed')", uid=uid)
    talks.run("INSERT INTO wamon.agent_sessions (conversation_id, total_messages) VALUES (%(uid)s, 2)", uid=uid)
    assert talks.one(counted, uid=uid) is True
    assert rows(talks, "SELECT session_state, total_messages FROM wamon.agent_sessions ORDER BY 1") == [
        ("active", 3),
        ("failed", 0),
    ]


def test_what_an_agent_did_is_told_by_its_sessions(talks: Talks) -> None:
    talks.run(
        """
        INSERT INTO wamon.agent_sessions (conversation_id, session_state, started_at, ended_at, total_messages,
                                          total_tokens_used, error_count)
        SELECT gen_random_uuid(), s.state, s.ended_at - interval '10 s', s.ended_at, 2, 100, 1
        FROM (VALUES ('completed', now()), ('failed', now()), ('timeout', now()),
                     ('completed', now() - interval '25 hours')) AS s (state, ended_at)
        """
    )
    assert rows(talks, "SELECT * FROM wamon.webhook_agent_performance") == [("main", 3, 2, 100, 3, 1, 2, 0, 10)]


def test_every_function_has_its_own_search_path_and_nobody_else_may_call_it(talks: Talks) -> None:
    assert rows(
        talks,
        """
        SELECT p.oid::regprocedure::text FROM pg_proc AS p
        WHERE p.pronamespace = 'wamon'::regnamespace
          AND p.prorettype <> 'trigger'::regtype
          AND (NOT coalesce('search_path=wamon, pg_temp' = ANY(p.proconfig), false) OR p.proacl IS NULL
               OR EXISTS (SELECT FROM aclexplode(p.proacl) AS a WHERE a.grantee = 0))
        """,
    ) == []  # fmt: skip


MANY = """
    INSERT INTO wamon.people (account, hash) SELECT 'main', n::text FROM generate_series(1, 2000) AS n;
    INSERT INTO wamon.conversations (source, chat, person, kind, last_seq, answered_seq, last_at)
    SELECT 'main', 1, n, 'direct', 20, 20, now() - n * interval '1 hour' FROM generate_series(1, 2000) AS n;
    INSERT INTO wamon.turns (conversation, fence, from_seq, through_seq, reason, due_at, started_at, ended_at, work_ms,
                             outcome)
    SELECT n % 2000 + 1, n / 2000 + 1, n / 2000 + 1, n / 2000 + 1, 'due', t.at, t.at, t.at, n % 500, 'answered'
    FROM generate_series(0, 29999) AS n
    CROSS JOIN LATERAL (SELECT now() - n * interval '259 seconds' AS at) AS t;
    INSERT INTO wamon.conversation_messages (chat, message_id, conversation, seq, role, part, sent_at)
    SELECT 1, 'M' || n, n % 2000 + 1, n / 2000 + 1, 'person', 'text', now() FROM generate_series(0, 29999) AS n;
    INSERT INTO wamon.conversation_state_transitions (conversation_id, to_state, transition_reason)
    SELECT gen_random_uuid(), 'idle', 'answered' FROM generate_series(1, 10000);
    ANALYZE;
"""
WIDE = ["turns", "conversation_messages", "conversation_state_transitions"]


@pytest.fixture(scope="module", params=["_embedded_18", "_debian_15"])
def full(request: pytest.FixtureRequest) -> Iterator[psycopg.Connection[Any]]:
    """A database with 90 days of turns."""
    server = request.getfixturevalue(request.param)
    with psycopg.connect(server, autocommit=True) as db:
        db.execute("CREATE DATABASE full_of_turns TEMPLATE migrated")
    with psycopg.connect(make_conninfo(server, dbname="full_of_turns")) as one:
        one.execute(MANY)
        one.commit()
        yield one
    with psycopg.connect(server, autocommit=True) as db:
        db.execute("DROP DATABASE full_of_turns WITH (FORCE)")


@pytest.mark.parametrize(
    "asked",
    [
        "webhook_conversation_health",
        "stuck_webhook_conversations",
        "webhook_message_processing_metrics",
        "recent_webhook_state_transitions",
        "webhook_dlq_summary",
        "check_webhook_system_health()",
        "get_webhook_performance_stats()",
        "processed_webhook_messages WHERE processed_at > now() - interval '1 hour'",
    ],
)
def test_what_people_ask_reads_by_an_index_whatever_was_long_ago(full: psycopg.Connection[Any], asked: str) -> None:
    """Told by what the server did, since a function's plan can't be asked for. Six times: a plan may be kept then."""
    for _ in range(6):
        full.execute(f"SELECT * FROM wamon.{asked}".encode()).fetchall()
    read = full.execute(
        "SELECT relname, seq_scan FROM pg_stat_xact_user_tables WHERE schemaname = 'wamon' AND relname = ANY(%s) "
        "AND seq_scan > 0",
        [WIDE],
    ).fetchall()
    full.rollback()
    assert read == []
