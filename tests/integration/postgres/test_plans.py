"""What runs in every pass finds its rows by an index, however large the ledger is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from typing import Any

import psycopg
import pytest
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.support.clock import first_morning
from wamon.postgres.connection import Database, connected, keyed_transaction, transaction
from wamon.postgres.queries import Queries

# Shares as in life: few busy groups of many, four in ten messages with a drop, few edits, next to nothing parked.
_FILLED = """
    INSERT INTO wamon.sources (source) VALUES ('main'), ('other');
    INSERT INTO wamon.cursors (source, tail) VALUES ('main', 'main'), ('other', 'main');
    INSERT INTO wamon.groups (source, jid, project, tail, start, start_passed)
    SELECT CASE WHEN n % 2 = 0 THEN 'main' ELSE 'other' END, n || '@g.us', 'Project ' || n / 2, 'main', 'beginning',
           true
    FROM generate_series(1, 10000) AS n;
    INSERT INTO wamon.ledger_rows (chat, content_hash, sent_at, rules, message_id, status, reason, sender, gone_at,
                                   numbers)
    SELECT n % 4 + 1, n,
           timestamptz '{began}' + n * interval '1 minute', 1, 'id' || n,
           CASE n % 4000 WHEN 0 THEN 'retry' WHEN 1 THEN 'dead'
                         ELSE CASE WHEN n % 5 < 2 THEN 'done' ELSE 'ignored' END END,
           NULL, 'somebody', CASE WHEN n % 1000 = 0 THEN now() END,
           CASE WHEN n % 5 < 2 THEN ARRAY['DR' || 1000000 + n % 12000] END
    FROM generate_series(1, 60000) AS n;
    INSERT INTO wamon.submission_rows (chat, live, sent_at, message_id, drop_number, project, sender)
    SELECT l.chat, l.content_hash % 50 <> 0, l.sent_at, l.message_id, 'DR' || 1000000 + l.content_hash % 12000,
           g.project, l.sender
    FROM wamon.ledger_rows AS l JOIN wamon.groups AS g USING (chat) WHERE l.status = 'done';
    INSERT INTO wamon.revisions (chat, revision, content_hash, message_id, text)
    SELECT chat, 1, content_hash, message_id, NULL FROM wamon.ledger_rows WHERE content_hash % 10 = 0;
    INSERT INTO wamon.dead_letters (chat, message_id, reason, next_try_at)
    SELECT chat, message_id, 'poison', CASE WHEN status = 'retry' THEN now() END
    FROM wamon.ledger_rows WHERE status IN ('retry', 'dead');
    INSERT INTO wamon.source_status (source, host, instance, pid, by, version, zone, started_at, published_at,
                                     every_seconds, state, sentence, checks, store, day, hours)
    SELECT source, 'host', '', 1, 'run', '1', 'UTC', now(), now(), 15, 'ok', '', '[]', '{{}}', current_date,
           array_fill(0, ARRAY[24])
    FROM wamon.sources;
    INSERT INTO wamon.group_status (chat, rank, state, newest_at, day, new, usual)
    SELECT chat, 3, 'ok', now(), current_date, chat % 7, array_fill(1, ARRAY[48]) FROM wamon.groups;
    INSERT INTO wamon.near_miss_rows (chat, sent_at, message_id, written, reason, likely, project, sender)
    SELECT chat, sent_at, message_id, 'DR1', 'too-short', 'DR1000001', 'Project 1', sender
    FROM wamon.ledger_rows WHERE content_hash % 20 = 0;
    INSERT INTO wamon.replies (chat, message_id, about, kind, state, project, sent_at, queued_at, changed_at,
                               next_try_at)
    SELECT chat, message_id, 'DR1', 'new', CASE WHEN content_hash % 1000 = 0 THEN 'unknown' ELSE 'sent' END,
           'Project 1', sent_at, sent_at, sent_at, sent_at
    FROM wamon.ledger_rows WHERE content_hash % 4 = 0;
    INSERT INTO wamon.aliases (account, kind, value, person)
    SELECT 'main', 'phone', 27820000000 + n, n FROM generate_series(1, 10000) AS n;
    INSERT INTO wamon.deliveries (uid, hook, source, body, sha256, received_at)
    SELECT gen_random_uuid(), 'wati', 'main', 'body', sha256(n::text::bytea),
           timestamptz '{began}' + n * interval '1 minute'
    FROM generate_series(1, 60000) AS n;
    INSERT INTO wamon.delivery_queue (event, source, hook, received_at, next_try_at)
    SELECT event, source, hook, received_at, received_at FROM wamon.deliveries WHERE event > 59900;
    INSERT INTO wamon.delivery_ends (event, state, ended_at, messages)
    SELECT event, CASE WHEN event % 4000 = 0 THEN 'dead' ELSE 'done' END, received_at, 1
    FROM wamon.deliveries WHERE event <= 59900;
    ANALYZE;
"""
_WRITTEN = re.findall(r"INSERT INTO wamon\.(\w+)", _FILLED)
_MANY = 4_000  # a batch
_KEYS: dict[str, list[Any]] = {
    "chats": [n % 4 + 1 for n in range(_MANY)],
    "message_ids": [f"id{n}" for n in range(_MANY)],
}
_DROPS = {"projects": ["Project 1"] * _MANY, "drops": [f"DR{1_000_000 + n}" for n in range(_MANY)]}
_ALIASES = {"account": "main", "kinds": ["phone"] * _MANY, "values": [f"{27_820_000_000 + n}" for n in range(_MANY)]}
_EVENTS = list(range(1, 2_001))
_ONE = {"chat": 1, "message_id": "id4"}
_FEW_CHATS = {"chats": [1, 2, 3, 4]}
_KIND = "EXPLAIN (FORMAT JSON) SELECT kind FROM wamon.submissions WHERE project = 'Project 1' AND drop_number = 'DR1'"
_DAY = first_morning().replace(hour=0)
_BEGAN = _DAY - timedelta(days=59)
_NOW = str(_DAY + timedelta(hours=12))


IN_A_BATCH: dict[tuple[str, str], dict[str, Any]] = {
    ("ledger.ledger_rows", "known"): _KEYS,
    ("ledger.submissions", "own_submissions"): {
        **_KEYS,
        "said_chats": _KEYS["chats"],
        "said_message_ids": _KEYS["message_ids"],
        "said_drops": _DROPS["drops"],
    },
    ("ledger.submissions", "standing"): _DROPS,
    ("ledger.submissions", "twins"): {
        **_DROPS,
        "source": "main",
        "jids": ["4@g.us"] * _MANY,
        "message_ids": _KEYS["message_ids"],
        "stanza_ids": [None] * _MANY,
    },
    ("ledger.validation", "look_up"): _DROPS,
    ("ledger.ledger_rows", "keep_revisions"): {**_KEYS, "hashes": [0] * _MANY},
    ("ledger.ledger_rows", "change"): {
        **_KEYS,
        "hashes": [0] * _MANY,
        "rules": 1,
        "statuses": ["done"] * _MANY,
        "reasons": [None] * _MANY,
        "texts": [None] * _MANY,
        "numbers": ["DR1000001 DR1000002"] * _MANY,
    },
    ("ledger.ledger_rows", "note_numbers"): {**_KEYS, "numbers": ["DR1000001 DR1000002"] * _MANY},
    ("ledger.ledger_rows", "came_back"): _KEYS,
    ("ledger.submissions", "set_live"): {**_KEYS, "drops": _DROPS["drops"], "live": False},
    ("ledger.review", "without_live"): _DROPS,
    ("ledger.ledger_rows", "forget_letters"): _KEYS,
    ("ledger.dead_letters", "park"): {
        **_ONE,
        "reason": "poison",
        "rules": 1,
        "content_hash": 0,
        "sent_at": _NOW,
        "sender": "somebody",
    },
    ("ledger.dead_letters", "bury"): _ONE,
    ("ledger.dead_letters", "give_up"): _ONE,
    ("ledger.comparison", "held"): {**_KEYS, "keep_text": None},
    ("ledger.comparison", "unexpected"): {
        **_KEYS,
        "hashes": [0] * _MANY,
        "numbers": _DROPS["drops"],
        "rules": 1,
        "keep_text": None,
    },
    ("ledger.comparison", "mark_gone"): _KEYS,
    ("ledger.comparison", "drops_after"): {
        "project": "Project 1",
        "drop": "DR1",
        "projects": ["Project 1", "Project 2"],
    },
    ("ledger.comparison", "first_submission"): _DROPS,
    ("webhooks.people", "known_aliases"): _ALIASES,
    ("webhooks.events", "lock"): {"events": _EVENTS},
    ("webhooks.events", "hold"): {"events": _EVENTS},
    ("webhooks.events", "done_with_one"): {"events": _EVENTS, "chat": 1},
    ("webhooks.events", "twins"): {"events": _EVENTS, "within": timedelta(seconds=3)},
    ("webhooks.events", "done"): {
        "events": _EVENTS,
        "messages": [1] * len(_EVENTS),
        "reasons": [None] * len(_EVENTS),
        "same_as": [None] * len(_EVENTS),
    },
}
BESIDE: dict[tuple[str, str], dict[str, Any]] = {
    ("conversations.answers", "posts"): {"conversations": [1, 2], "from_seqs": [1, 1], "through_seqs": [3, 3]},
    ("conversations.answers", "first_posts"): {"project": "Project 1", "numbers": ["DR1000001", "DR1000002"]},
    ("ledger.comparison", "still_there"): {**_FEW_CHATS, "chat": 1, "message_id": "id5"},
    ("ledger.comparison", "dead"): _FEW_CHATS,
    ("ledger.dead_letters", "due"): {"source": "main"},
    ("ledger.dead_letters", "letters"): {"source": "main"},
    ("health.ledger_facts", "unfinished"): _FEW_CHATS,
    ("health.gaps", "gone"): {**_FEW_CHATS, "since": _NOW},
    ("health.ledger_facts", "newest"): {**_FEW_CHATS, "now": _NOW},
    ("health.ledger_facts", "silences"): {**_FEW_CHATS, "weeks": [0, 1], "moments": [_NOW, _NOW], "now": _NOW},
    ("views.home", "dead"): {},
    ("views.home", "needs"): {"answers": True, "most": 200},
    ("webhooks.events", "due"): {
        "source": "main",
        "hooks": ["wati"],
        "in_hand": _EVENTS,
        "most": 4_000,
        "most_bytes": 4 * 1024 * 1024,
        "patience": timedelta(seconds=60),
        "overtaking": timedelta(minutes=4),
    },
    ("views.trace", "messages_of_id"): {"id": "id5"},
    ("views.trace", "messages_of_drop"): {"number": "DR1000001", "most": 200},
    ("views.trace", "numbers"): {"chats": [1, 2], "message_ids": ["id4", "id5"]},
    ("views.trace", "steps"): {"chats": [1, 2], "message_ids": ["id4", "id5"]},
    ("views.find", "messages"): {"text": "id5"},
    ("health.ledger_facts", "recorded"): {"chats": _KEYS["chats"][:100], "message_ids": _KEYS["message_ids"][:100]},
}
LARGE = {
    "ledger_rows",
    "heard",
    "submission_rows",
    "revisions",
    "near_miss_rows",
    "replies",
    "aliases",
    "deliveries",
    "delivery_ends",
}
NARROW = {
    "ledger_rows_pkey": ("message_id",),
    "heard_pkey": ("chat", "half_hour"),
    "ledger_rows_unfinished": (),
    "ledger_rows_gone": (),
    "submission_rows_pkey": ("drop_number",),
    "revisions_pkey": ("chat", "message_id"),
    "near_miss_rows_pkey": ("chat", "message_id"),
    "near_miss_rows_in_time": ("sent_at",),
    "replies_pkey": ("chat", "message_id"),
    "replies_in_need": (),
    "aliases_pkey": ("account", "kind", "value"),
    "deliveries_pkey": ("event",),
    "deliveries_same": ("sha256",),
    "delivery_ends_pkey": ("event",),
}
"""The large tables' indexes, and the columns by which each leads to few rows; few are unfinished or gone."""


@pytest.fixture(scope="module", params=["embedded 18", "Debian's 15"])
def server(request: pytest.FixtureRequest) -> str:
    """Each server that SQL must run on."""
    server: str = request.getfixturevalue("_embedded_18" if request.param == "embedded 18" else "_debian_15")
    return server


@pytest.fixture(scope="module")
def full(server: str) -> Iterator[Database]:
    """A connection to a database that has seen much."""
    with of_its_own(server, "full_of_rows") as db:
        db.execute(_FILLED.format(began=_BEGAN).encode())
        yield db


@pytest.fixture(scope="module")
def young(server: str) -> Iterator[Database]:
    """The same, whose planner looked when its tables had pages and no rows, as after a first batch that broke off."""
    with of_its_own(server, "young") as db:
        filled = _FILLED.format(began=_BEGAN).replace("ANALYZE;", "")
        first = re.sub(r"generate_series\(1, \d+\)", "generate_series(5, 5)", filled)
        again = [f"DELETE FROM wamon.{table}" for table in reversed(_WRITTEN)]
        db.execute("; ".join([first, *again, "ALTER TABLE wamon.groups ALTER chat RESTART"]).encode())
        db.execute("ANALYZE")
        db.execute("SET enable_nestloop = off")  # which filling them would suffer from, too
        db.execute(filled.encode())
        db.execute("RESET enable_nestloop")
        yield db


@contextmanager
def of_its_own(server: str, name: str) -> Iterator[Database]:
    with psycopg.connect(server, autocommit=True) as db:
        db.execute(sql.SQL("CREATE DATABASE {} TEMPLATE migrated").format(sql.Identifier(name)))
    with connected(make_conninfo(server, dbname=name)) as db:
        yield db
    with psycopg.connect(server, autocommit=True) as db:
        db.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))


def wide_scans(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Where a plan reads more of a large table than it looks for."""
    reads = [step for step in walked(plan) if "Relation Name" in step and step["Node Type"] != "ModifyTable"]
    assert reads
    return [read for read in reads if read["Relation Name"] in LARGE and not any(map(is_narrow, walked(read)))]


def is_narrow(step: dict[str, Any], indexes: dict[str, tuple[str, ...]] = NARROW) -> bool:
    columns = indexes.get(step.get("Index Name", ""))
    return columns is not None and all(column in step.get("Index Cond", "") for column in columns)


def walked(step: dict[str, Any]) -> Iterator[dict[str, Any]]:
    yield step
    for below in step.get("Plans", []):
        yield from walked(below)


def explained(db: Database, module: str, name: str, values: dict[str, Any]) -> dict[str, Any]:
    room, _, file = module.partition(".")
    query = Queries(f"wamon.{room}", file).sql(name)
    with psycopg.ClientCursor(db) as cursor:
        found = cursor.execute(f"EXPLAIN (FORMAT JSON) {query}", values).fetchall()
    plan: dict[str, Any] = found[0][0][0]["Plan"]
    return plan


@pytest.mark.parametrize(("module", "name"), list(IN_A_BATCH), ids=[".".join(key) for key in IN_A_BATCH])
def test_a_batch_looks_its_rows_up_by_key(full: Database, module: str, name: str) -> None:
    with keyed_transaction(full):
        assert not wide_scans(explained(full, module, name, IN_A_BATCH[module, name]))


@pytest.mark.parametrize(
    ("module", "name"),
    [
        ("ledger.ledger_rows", "known"),
        ("ledger.submissions", "own_submissions"),
        ("ledger.comparison", "held"),
        ("ledger.comparison", "unexpected"),
        ("webhooks.people", "known_aliases"),
        ("webhooks.events", "lock"),
        ("webhooks.events", "hold"),
        ("webhooks.events", "done_with_one"),
        ("webhooks.events", "twins"),
    ],
)
def test_a_batch_looks_its_rows_up_by_key_though_the_planner_takes_their_tables_for_tiny(
    young: Database, module: str, name: str
) -> None:
    """It reckons with one row then, however they grow: all of a table was read for each message of a batch, until
    autovacuum came by.
    """
    with keyed_transaction(young):
        assert not wide_scans(explained(young, module, name, IN_A_BATCH[module, name]))


def test_a_page_of_a_backlog_is_read_in_order_though_the_planner_takes_the_queue_for_tiny(young: Database) -> None:
    """All that waits was sorted for each page."""
    with transaction(young):
        Queries("wamon.webhooks", "events").run(young, "in_order")
        plan = explained(young, "webhooks.events", "due", BESIDE["webhooks.events", "due"])
        assert {"Sort", "Seq Scan", "Bitmap Heap Scan"}.isdisjoint(step["Node Type"] for step in walked(plan))


@pytest.mark.parametrize(("module", "name"), list(BESIDE), ids=[".".join(key) for key in BESIDE])
def test_what_runs_beside_the_passes_goes_through_no_large_table(full: Database, module: str, name: str) -> None:
    with transaction(full):
        assert not wide_scans(explained(full, module, name, BESIDE[module, name]))


def test_a_kind_is_found_by_its_drop(full: Database) -> None:
    assert not wide_scans(full.execute(_KIND).fetchall()[0][0][0]["Plan"])


_A_DAY: dict[str, Any] = {
    "project": None,
    "since": str(_DAY),
    "until": str(_DAY + timedelta(days=1)),
    "senders": None,
    "text": None,
    "kinds": ["new"],
    "limit": 50,
    "newest_since": None,
    "part": "hour",
    "zone": "UTC",
}
BY_TIME = {"submission_rows_in_time": ("sent_at",), "near_miss_rows_in_time": ("sent_at",), **NARROW}


@pytest.mark.parametrize("name", ["drops", "number_of_posts", "new_by_project", "posts", "summed"])
def test_what_people_ask_of_a_day_goes_through_that_day_alone(full: Database, name: str) -> None:
    plan = explained(full, "reports.posts", name, _A_DAY)
    reads = [step for step in walked(plan) if step.get("Relation Name") in LARGE]
    assert reads
    assert not [read for read in reads if not any(is_narrow(step, BY_TIME) for step in walked(read))]


def test_how_many_were_rejected_is_looked_up_by_the_index_of_those(full: Database) -> None:
    values = {**_A_DAY, "since": None, "until": None, "kinds": ["rejected"], "most": 2_001}
    plan = explained(full, "reports.posts", "first_rejected", values)
    reads = [step for step in walked(plan) if step.get("Relation Name") == "submission_rows"]
    assert reads
    assert not [
        read for read in reads if not any(is_narrow(step, {"submission_rows_rejected": ()}) for step in walked(read))
    ]


_NEWEST = {**_A_DAY, "since": None, "until": None, "newest_since": str(_DAY)}
OF_A_DAY: dict[tuple[str, str], dict[str, Any]] = {
    ("reports.posts", "drops"): _NEWEST,
    ("views.home", "last_posts"): {"since": _NOW, "most": 8},
    ("views.watched", "days"): {"chat": 1, "zone": "UTC", "days": 1},
    ("daemon.published", "posted"): {
        **{name: _A_DAY[name] for name in ("since", "until")},
        **_FEW_CHATS,
        "source": "main",
        "zone": "UTC",
        "now": _NOW,
    },
    ("daemon.published", "near"): {**{name: _A_DAY[name] for name in ("since", "until")}, **_FEW_CHATS},
}


@pytest.mark.parametrize(("module", "name"), list(OF_A_DAY), ids=[".".join(key) for key in OF_A_DAY])
def test_what_a_page_shows_of_a_day_goes_through_that_day_alone(full: Database, module: str, name: str) -> None:
    plan = explained(full, module, name, OF_A_DAY[module, name])
    reads = [step for step in walked(plan) if step.get("Relation Name") in LARGE]
    assert reads
    assert not [read for read in reads if not any(is_narrow(step, BY_TIME) for step in walked(read))]


def test_whether_a_drop_was_new_on_the_weekdays_before_is_looked_up_by_its_number(full: Database) -> None:
    """As a join, with all of history: what is usual on a day took as long as everything before it."""
    weeks = [timedelta(weeks=week) for week in range(1, 7)]
    values = {"source": "main", "zone": "UTC", "since": [str(_DAY - week) for week in weeks]}
    until = [str(_DAY - week + timedelta(days=1)) for week in weeks]
    plan = explained(full, "health.ledger_facts", "new_by_half_hour", {**values, "until": until})
    (before,) = [step for step in walked(plan) if step.get("Alias") == "e"]
    assert any(map(is_narrow, walked(before)))


def test_silences_are_looked_for_chat_by_chat_from_when_the_report_begins(full: Database) -> None:
    """As a join, in every half hour ever heard."""
    values = {**_FEW_CHATS, "since": str(_DAY), "now": _NOW, "at_least": "30 minutes"}
    plan = explained(full, "health.gaps", "quiet", values)
    (heard,) = [step for step in walked(plan) if step.get("Alias") == "a"]
    assert any(is_narrow(step, {"heard_pkey": ("chat", "half_hour")}) for step in walked(heard))


def test_a_page_goes_through_ten_thousand_groups_once_and_looks_up_those_it_shows(full: Database) -> None:
    plan = explained(full, "views.watched", "worst", {"down": [], "most": 12})
    for table in ("groups", "group_status"):
        reads = [step for step in walked(plan) if step.get("Relation Name") == table]
        assert [read["Node Type"] for read in reads].count("Seq Scan") == 1, table
        one_by_one = [read for read in reads if read["Node Type"] != "Seq Scan"]  # of those alone that are shown
        assert not [read for read in one_by_one if read["Plan Rows"] > 1], table
    assert not [step for step in walked(plan) if step["Node Type"] == "Nested Loop" and step["Plan Rows"] > 10_000]


def test_a_drops_story_is_found_by_its_number(full: Database) -> None:
    assert not wide_scans(explained(full, "reports.posts", "submissions", {"number": "DR1000001"}))


# Ninety days of bursts, as long as turns are kept, until noon: of a thousand people, each with a message and an answer.
# A project's turns of all that time are more than everybody's of a week.
_TALKED = f"""
    INSERT INTO wamon.sources (source) VALUES ('main');
    INSERT INTO wamon.groups (source, jid, project, tail, start, start_passed)
    SELECT 'main', n || '@g.us', 'Project ' || n, 'main', 'beginning', true FROM generate_series(1, 4) AS n;
    INSERT INTO wamon.people (account, hash) SELECT 'main', md5(n::text) FROM generate_series(1, 1000) AS n;
    INSERT INTO wamon.conversations (source, chat, person, kind, last_seq, answered_seq)
    SELECT 'main', n % 4 + 1, n, 'group', 27, 27 FROM generate_series(1, 1000) AS n;
    INSERT INTO wamon.turns (conversation, fence, from_seq, through_seq, reason, due_at, started_at, ended_at, outcome)
    SELECT n % 1000 + 1, n / 1000, n / 1000, n / 1000, 'due', t.at, t.at, t.at,
           CASE WHEN n % 9 = 0 THEN 'digest' ELSE 'answered' END
    FROM generate_series(1000, 27999) AS n CROSS JOIN LATERAL (
        SELECT '{_NOW}'::timestamptz - (n - 1000) * interval '275 s' AS at
    ) AS t;
    INSERT INTO wamon.conversation_messages (chat, message_id, conversation, seq, role, part, sent_at, seen_at)
    SELECT c.chat, t.conversation || '.' || t.fence, t.conversation, t.fence, 'person', 'text', t.due_at, t.due_at
    FROM wamon.turns AS t JOIN wamon.conversations AS c USING (conversation);
    INSERT INTO wamon.replies (chat, message_id, about, kind, state, project, sent_at, queued_at, changed_at, tried_at,
                               next_try_at, conversation, through_seq, fence)
    SELECT m.chat, m.message_id, 'burst', 'burst', 'sent', '', m.sent_at, m.sent_at, m.sent_at, m.sent_at, m.sent_at,
           m.conversation, m.seq, m.seq
    FROM wamon.conversation_messages AS m;
    ANALYZE;
"""
OF_BURSTS = {
    "turns_ended": ("ended_at",),
    "conversation_messages_in_order": ("conversation", "seq"),
    "replies_of_burst": ("conversation", "through_seq"),
}


@pytest.fixture(scope="module")
def talked(server: str) -> Iterator[Database]:
    """A connection to a database in which people were answered for long."""
    with of_its_own(server, "talked") as db:
        db.execute(_TALKED.encode())
        yield db


def wide_of_bursts(plan: dict[str, Any]) -> list[dict[str, Any]]:
    """Where a plan goes through more turns, messages or answers than it looks for."""
    large = {"turns", "conversation_messages", "replies"}
    reads = [step for step in walked(plan) if step.get("Relation Name") in large]
    assert reads
    return [read for read in reads if not any(is_narrow(step, OF_BURSTS) for step in walked(read))]


@pytest.mark.parametrize("project", [None, "Project 1"])
def test_a_reports_bursts_cost_as_much_as_its_days_have(talked: Database, project: str | None) -> None:
    for days in (1, 7):
        since = _DAY - timedelta(days=days)
        values = {"since": str(since), "until": str(_DAY), "zone": "Africa/Johannesburg", "project": project}
        assert not wide_of_bursts(explained(talked, "reports.bursts", "by_project", values))


@pytest.mark.parametrize("days", ["day = current_date - 1", "day >= current_date - 7"])
def test_peoples_rates_cost_as_much_as_the_days_have_that_are_asked_for(talked: Database, days: str) -> None:
    asked = f"SELECT * FROM wamon.rates_by_person WHERE {days} ORDER BY messages DESC LIMIT 20"
    plan = talked.execute(f"EXPLAIN (FORMAT JSON) {asked}".encode()).fetchall()[0][0][0]["Plan"]
    assert not wide_of_bursts(plan)


def test_what_goes_before_an_answer_is_looked_for_in_its_conversation_alone(talked: Database) -> None:
    """Not among all that is due: after an outage that is much, and PostgreSQL may know nothing of it yet."""
    values = {
        "source": "main",
        "holder": "00000000-0000-0000-0000-000000000001",
        "now": str(_DAY),
        "per_group": 6,
        "most_late": 20,
        "max_age": "30 min",
    }
    plan = explained(talked, "replies.queue", "next", values)
    (earlier,) = [step for step in walked(plan) if step.get("Alias") == "e"]
    assert "replies_of_burst" in {step.get("Index Name") for step in walked(earlier)}
