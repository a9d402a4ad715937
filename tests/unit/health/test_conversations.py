"""What health says of conversations, by what PostgreSQL told."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from wamon.config.conversations import Conversations
from wamon.config.schema import Config
from wamon.health.check import TITLES, Absent, Check, State
from wamon.health.conversation_facts import ConversationFacts
from wamon.health.conversations import ASKED, agent, checks, way

NOW = datetime(2026, 11, 28, 12, tzinfo=UTC)
CHOSEN = Conversations(enabled=True, percentage=10)


def found(facts: ConversationFacts | Absent, config: Conversations = CHOSEN) -> dict[str, Check]:
    return {check.name.removeprefix("conversations."): check for check in checks(config, facts, NOW)}


def states(facts: ConversationFacts) -> dict[str, State]:
    return {name: check.state for name, check in found(facts).items() if check.state is not State.OK}


def test_all_is_well_where_nobody_waits() -> None:
    assert states(ConversationFacts()) == {}


def test_that_nobody_is_chosen_is_told() -> None:
    nobody = found(ConversationFacts(), Conversations(enabled=True))["chosen"]
    assert (nobody.state, nobody.hint) == (
        State.WARN,
        "Name test users in conversations.users, or set conversations.percentage; WAMON_REPLIES=off ends both.",
    )
    some = found(ConversationFacts(), Conversations(enabled=True, users=("27820000001",)))["chosen"]
    assert (some.state, "2782" in some.sentence) == (State.OK, False)


@pytest.mark.parametrize(
    ("facts", "expected"),
    [
        (ConversationFacts(orphans=1), {"orphans": State.WARN}),
        (ConversationFacts(orphans=6), {"orphans": State.BAD}),
        (ConversationFacts(waiting=1, oldest_at=NOW - timedelta(minutes=10)), {}),
        (ConversationFacts(waiting=1, oldest_at=NOW - timedelta(minutes=11)), {"unanswered": State.WARN}),
        (ConversationFacts(stuck=5), {}),
        (ConversationFacts(stuck=6), {"stuck": State.WARN}),
        (ConversationFacts(dead=1), {"dead": State.WARN}),
        (ConversationFacts(dead=11), {"dead": State.BAD}),
        (ConversationFacts(stale=1), {"stale": State.WARN}),
        (ConversationFacts(errors=10), {}),
        (ConversationFacts(errors=11), {"errors": State.WARN}),
        (ConversationFacts(slow_ms=2000.0), {}),
        (ConversationFacts(slow_ms=2001.0), {"slow": State.WARN}),
        (ConversationFacts(double_starts=1), {"double_start": State.WARN}),
        (ConversationFacts(missed=9), {}),
    ],
)
def test_what_is_wrong_is_told_from_where_it_is_wrong(facts: ConversationFacts, expected: dict[str, State]) -> None:
    assert states(facts) == expected


HOOK = {"name": "wati", "provider": "wati", "secret": "0123456789abcdef"}
HEARD = HOOK | {"send": {"url": "https://example.com/send", "token": "0123456789abcdef"}}


@pytest.mark.parametrize(
    ("hook", "facts", "expected"),
    [
        (HEARD, ConversationFacts(), (State.OK, "The agent is asked where no template tells anything.")),
        (
            HOOK,
            ConversationFacts(),
            (State.WARN, "The agent is enabled, and no hook can send what it says: it answers nobody."),
        ),
        (HEARD, ConversationFacts(agent_off=True), (State.WARN, "The agent is switched off: nobody asks it.")),
        (
            HEARD,
            ConversationFacts(agent_rests_until=NOW + timedelta(seconds=40)),
            (State.WARN, "The agent failed too often, or is busy: nobody asks it for 40 s."),
        ),
    ],
)
def test_an_agent_that_answers_nobody_is_told(
    hook: dict[str, Any], facts: ConversationFacts, expected: tuple[State, str]
) -> None:
    config = Config.model_validate({"state": {"dir": "/x"}, "timezone": "UTC", "hooks": [hook]})
    check = agent(config, facts, NOW)
    assert (check.state, check.sentence) == expected
    assert agent(config, Absent("no"), NOW).state is (State.UNKNOWN if hook is HEARD else State.WARN)


def test_where_postgresql_cannot_be_asked_each_check_is_unknown() -> None:
    unasked = found(Absent("PostgreSQL can't be asked."))
    assert {name for name, check in unasked.items() if check.state is State.UNKNOWN} == {
        name.removeprefix("conversations.") for name in ASKED
    }
    assert {f"conversations.{name}" for name in unasked} | {"conversations.way", "conversations.agent"} == {
        name for name in TITLES if name.startswith("conversations.")
    }


def test_words_say_how_many_and_for_how_long() -> None:
    facts = ConversationFacts(waiting=2, oldest_at=NOW - timedelta(minutes=15), stale=1)
    told = found(facts)
    assert told["unanswered"].sentence == "2 conversations wait for an answer, the oldest for 15 min."
    assert told["stale"].sentence.startswith("1 conversation got no answer")
    assert replace(told["slow"], sentence="").numbers == {"p95_ms": None}


WITH_A_WAY = {"name": "wati", "provider": "wati", "secret": "s" * 16, "send": {"url": "https://x.test"}}
MUTE = {"name": "meta", "provider": "meta", "secret": "s" * 16}
GROUPS = [{"name": "Lawley", "jid": "1@g.us"}]


@pytest.mark.parametrize(
    ("config", "mute"),
    [
        ({"hooks": [WITH_A_WAY]}, []),
        ({"hooks": [WITH_A_WAY, MUTE]}, ["meta"]),
        ({"hooks": [MUTE | {"secret": ""}]}, []),
        ({"hooks": [MUTE | {"of": "main"}, WITH_A_WAY | {"of": "main"}]}, []),
        ({"hooks": [MUTE], "conversations": {"enabled": False}}, []),
        ({"hooks": [MUTE], "conversations": {"enabled": True}}, []),
        ({"hooks": [MUTE], "groups": GROUPS, "conversations": {"groups": True}}, ["meta", "groups"]),
        ({"hooks": [MUTE], "groups": GROUPS}, ["meta"]),
        ({"groups": GROUPS, "conversations": {"groups": True}, "bridge": {"path": "messages.db"}}, []),
    ],
)
def test_a_burst_without_a_way_is_named(config: dict[str, Any], mute: list[str]) -> None:
    talks = {"enabled": True, "users": ["27820000001"], **config.get("conversations", {})}
    if config.get("conversations") == {"enabled": True}:
        talks.pop("users")
    given = Config.model_validate({"state": {"dir": "/x"}, "timezone": "UTC", **config, "conversations": talks})
    found = way(given)
    assert (list(given.mute), found.state) == (mute, State.WARN if mute else State.OK)
    assert all(name in found.sentence for name in mute)
