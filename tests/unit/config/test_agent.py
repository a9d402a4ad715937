"""The section `conversations.agent`: what an enabled agent needs, and where what is wrong in it stands."""

from datetime import timedelta
from pathlib import Path

import pytest

from tests.support.configs import read
from wamon.config.show import as_yaml
from wamon.errors import ConfigError

NO_ROOM = "has a budget without room for a burst: instructions and answer_tokens need at least"
URL = "https://api.example.com/v1"
KEY = "sk-0123456789"


def agent(said: str) -> str:
    return f"conversations:\n  agent: {{{said}}}\n"


def test_an_agent_is_off_and_bounded_unless_somebody_says_otherwise(tmp_path: Path) -> None:
    found = read(tmp_path, "").conversations.agent

    assert (found.enabled, found.links, found.tokens_field) == (False, False, "auto")
    assert (found.budget, found.answer_tokens, found.max_chars) == (4_000, 300, 600)
    assert found.timeout == timedelta(seconds=10)


def test_instructions_are_read_with_the_config_from_beside_it(tmp_path: Path) -> None:
    (tmp_path / "desk.txt").write_text("\ufeffBe brief.\n\n", "utf-8")

    assert read(tmp_path, agent("instructions: desk.txt")).conversations.agent.told == "Be brief."


def test_an_address_has_no_slash_at_its_end(tmp_path: Path) -> None:
    assert read(tmp_path, agent(f"url: {URL}/")).conversations.agent.url == URL


@pytest.mark.parametrize(
    ("said", "problem"),
    [
        ("enabled: true", "2:10: conversations.agent: is enabled without url and model"),
        (f"enabled: true, url: '{URL}'", "2:10: conversations.agent: is enabled without model"),
        ("enabled: true, model: desk", "2:10: conversations.agent: is enabled without url"),
        (
            "instructions: no.txt",
            "2:25: conversations.agent.instructions: can't be read: No such file or directory",
        ),
        ("instructions: .", "2:25: conversations.agent.instructions: can't be read: Is a directory"),
        ("instructions: bytes", "2:25: conversations.agent.instructions: is no text in UTF-8"),
        ("instructions: huge", "2:25: conversations.agent.instructions: should be a file of at most 65,536 bytes"),
        ("instructions: long", f"2:10: conversations.agent: {NO_ROOM} 5,100"),
        ("budget: 1000", f"2:10: conversations.agent: {NO_ROOM} 1,100"),
        ("budget: 999", "2:19: conversations.agent.budget: should be 1,000 to 1,000,000"),
        ("answer_tokens: 0", "2:26: conversations.agent.answer_tokens: should be 1 to 100,000"),
        ("timeout: 61s", "2:20: conversations.agent.timeout: should be between 1s and 1m"),
        ("max_chars: 4001", "2:22: conversations.agent.max_chars: should be 1 to 4,000"),
        (
            "tokens_field: max",
            "2:25: conversations.agent.tokens_field: should be auto, max_tokens or max_completion_tokens",
        ),
        *(
            (f"url: '{url}'", "2:16: conversations.agent.url: should be the address before /chat/completions, such as")
            for url in ("ftp://x", f"{URL}/chat/completions", f"{URL}?key={KEY}", "https://me:secret@example.com/v1")
        ),
        ("key: a b", "2:16: conversations.agent.key: should be a token of ASCII characters without spaces"),
        ("temperature: 1", "2:11: conversations.agent.temperature: unknown key; known are enabled, url, model, key,"),
    ],
)
def test_every_problem_of_an_agent_has_its_place(tmp_path: Path, said: str, problem: str) -> None:
    (tmp_path / "bytes").write_bytes(b"\xff\xfe")
    (tmp_path / "huge").write_bytes(b"x" * 65_537)
    (tmp_path / "long").write_bytes(b"x" * 6_000)

    with pytest.raises(ConfigError) as caught:
        read(tmp_path, agent(said))

    assert str(caught.value).partition("wamon.yaml:")[2].startswith(problem)
    assert KEY not in str(caught.value)


def test_a_config_that_is_shown_hides_the_key_and_means_the_same_when_it_is_read(tmp_path: Path) -> None:
    (tmp_path / "desk.txt").write_text("Be brief.")
    said = f"enabled: true, url: '{URL}', model: desk, key: '${{WAMON_AGENT_KEY}}', instructions: desk.txt, timeout: 5s"
    config = read(tmp_path, agent(said), WAMON_AGENT_KEY=KEY)

    shown = as_yaml(config)

    assert KEY not in shown + repr(config)
    again = read(tmp_path, shown).conversations.agent
    assert again.model_copy(update={"key": config.conversations.agent.key}) == config.conversations.agent
