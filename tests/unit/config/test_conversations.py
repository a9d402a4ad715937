"""The section `conversations`: what it means, and where what is wrong in it stands."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.configs import read
from wamon.errors import ConfigError

NAMES = "{drop}, {digits}, {project}, {status}, {count}"


def test_unless_somebody_says_otherwise_nobody_is_answered(tmp_path: Path) -> None:
    conversations = read(tmp_path, "").conversations

    assert (conversations.enabled, conversations.groups, conversations.users, conversations.percentage) == (
        False,
        False,
        (),
        0,
    )


def test_a_fixed_timer_is_one_whose_waits_are_alike(tmp_path: Path) -> None:
    waits = read(tmp_path, "conversations: {direct: {settle: 35s, max_wait: 35s}}").conversations.direct

    assert (waits.settle, waits.max_wait, waits.answer_within) == (
        timedelta(seconds=35),
        timedelta(seconds=35),
        timedelta(minutes=10),
    )


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("direct: {settle: 40s}", "2:11: conversations.direct: should have settle ≤ max_wait ≤ answer_within"),
        ("percentage: 101", "2:15: conversations.percentage: should be 0 to 100"),
        ("workers: 0", "2:12: conversations.workers: should be 1 to 32"),
        ("missed_after: 30s", "2:17: conversations.missed_after: should be between 1m and 1d"),
        ("human_for: 8d", "2:14: conversations.human_for: should be between 0s and 7d"),
        ("per_minute: 0", "2:15: conversations.per_minute: should be 1 to 6,000"),
        (
            'templates: {digest: "{name}"}',
            f"2:23: conversations.templates.digest: should have no placeholders but {NAMES}",
        ),
        ("keep_text: 91d", "2:14: conversations.keep_text: should be between 0s and 90d"),
    ],
)
def test_every_problem_of_conversations_has_its_place(tmp_path: Path, said: str, problem: str) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, f"conversations:\n  {said}\n")

    assert str(caught.value).partition("wamon.yaml:")[2] == problem


@pytest.mark.parametrize(("said", "enabled"), [("false", False), (" False ", False), ("true", True)])
def test_the_environment_switches_conversations_on_and_off_whatever_the_file_says(
    tmp_path: Path, said: str, enabled: bool
) -> None:
    for in_file in ("true", "false"):
        read_here = read(tmp_path, f"conversations: {{enabled: {in_file}}}", WA_ENHANCED_PROCESSING=said)

        assert read_here.conversations.enabled is enabled


def test_users_of_the_environment_come_to_those_of_the_file_and_the_percentage_replaces_its(tmp_path: Path) -> None:
    said = {"WA_ENHANCED_USERS": "test123, beta456,27820000001,", "WA_ENHANCED_ROLLOUT_PERCENTAGE": "50"}

    chosen = read(tmp_path, "conversations: {users: [27820000001, alpha], percentage: 10}", **said).conversations

    assert chosen.users == ("27820000001", "alpha", "test123", "beta456")
    assert (chosen.percentage, chosen.enabled) == (50, False)


def test_wamon_replies_off_has_nobody_be_chosen_whoever_the_file_and_the_environment_choose(tmp_path: Path) -> None:
    in_file = "conversations: {enabled: true, users: [alpha], percentage: 10}"
    others = {"WA_ENHANCED_USERS": "beta", "WA_ENHANCED_ROLLOUT_PERCENTAGE": "50", "WA_ENHANCED_PROCESSING": "true"}

    silent = read(tmp_path, in_file, WAMON_REPLIES="off", **others).conversations

    assert (silent.enabled, silent.choose_nobody) == (True, True)
    assert not read(tmp_path, in_file, WAMON_REPLIES="on").conversations.choose_nobody
    assert read(tmp_path, "", WAMON_REPLIES="off").conversations.choose_nobody


def test_users_of_the_file_may_be_a_variable_with_commas(tmp_path: Path) -> None:
    said = read(tmp_path, "conversations: {users: '${TESTERS:-}'}", TESTERS="27820000001, test123").conversations
    assert said.users == ("27820000001", "test123")
    assert read(tmp_path, "conversations: {users: '${TESTERS:-}'}").conversations.users == ()


@pytest.mark.parametrize(
    ("variable", "said", "problem"),
    [
        ("WA_ENHANCED_PROCESSING", "perhaps", "conversations.enabled: should be true or false"),
        ("WA_ENHANCED_ROLLOUT_PERCENTAGE", "101", "conversations.percentage: should be 0 to 100"),
        ("WA_ENHANCED_ROLLOUT_PERCENTAGE", "10%", "conversations.percentage: should be a whole number, 0 or more"),
    ],
)
def test_a_value_of_the_environment_that_is_wrong_is_named_by_its_variable(
    tmp_path: Path, variable: str, said: str, problem: str
) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, "", **{variable: said})

    assert str(caught.value) == f"{variable}: {problem}"


def test_a_problem_of_one_persons_wait_does_not_name_the_person(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        read(tmp_path, 'conversations:\n  missed_after_for: {"27820000001": 5s}')

    said = str(caught.value)
    assert said.endswith(":2:37: conversations.missed_after_for.?: should be between 1m and 1d")
    assert "27820000001" not in said
