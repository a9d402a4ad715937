"""The section `conversations`: what it means, and where what is wrong in it stands."""

from datetime import timedelta
from pathlib import Path

import pytest

from wamon.config.load import load
from wamon.config.schema import Config
from wamon.errors import ConfigError

NAMES = "{drop}, {digits}, {project}, {status}, {count}"


def read(folder: Path, text: str) -> Config:
    file = folder / "wamon.yaml"
    file.write_text(text)
    return load(file, {"HOME": "/home/op", "TZ": "Africa/Johannesburg"})


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
