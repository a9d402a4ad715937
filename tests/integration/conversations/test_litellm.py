"""A server of another's making: LiteLLM's proxy before a provider that behaves well or badly, and no model at all."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import suppress
from urllib.request import urlopen

import pytest
import yaml
from pydantic import SecretStr

from tests.support.clock import HOST
from tests.support.models import KEY, Answer, Model, model_server, refuses, says
from tests.support.office import eventually
from tests.support.ports import free_port
from wamon.config.agent import Agent as Settings
from wamon.conversations.agent import Agent, Failed, Said

PROGRAM = shutil.which("litellm")
pytestmark = [
    pytest.mark.skipif(PROGRAM is None, reason="LiteLLM isn't installed here"),  # it takes minutes to install
    pytest.mark.timeout(300),
]
PROXY_KEY = "sk-9876543210"
NAMES_THE_FIELD = {"error": {"message": "Unsupported parameter: 'max_completion_tokens'."}}
QUIET = {"LITELLM_LOCAL_MODEL_COST_MAP": "True", "DISABLE_ADMIN_UI": "True", "NO_DOCS": "True"}


@pytest.fixture(scope="module")
def provider() -> Iterator[Model]:
    with model_server() as model:
        yield model


@pytest.fixture(scope="module")
def url(provider: Model, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    folder, port = tmp_path_factory.mktemp("litellm"), free_port()
    of_provider = {"model": "openai/desk", "api_key": KEY, "api_base": provider.url}
    config = {
        "model_list": [
            {"model_name": "desk", "litellm_params": of_provider},
            {"model_name": "mock", "litellm_params": {**of_provider, "mock_response": "We come at nine."}},
        ],
        "litellm_settings": {"telemetry": False},
        "router_settings": {"num_retries": 0},
        "general_settings": {"master_key": PROXY_KEY},
    }
    (folder / "config.yaml").write_text(yaml.safe_dump(config))
    words = [str(PROGRAM), "--config", str(folder / "config.yaml"), "--host", "127.0.0.1", "--port", str(port)]
    with (folder / "log").open("w") as log:
        process = subprocess.Popen(words, env={**os.environ, **QUIET}, cwd=folder, stdout=log, stderr=log)
    try:
        eventually("LiteLLM listens", lambda: _lives(port), said=(folder / "log").read_text, seconds=200)
        yield f"http://127.0.0.1:{port}/v1"
    finally:
        process.terminate()
        process.wait(timeout=20)


def _lives(port: int) -> bool:
    with suppress(OSError), urlopen(f"http://127.0.0.1:{port}/health/liveliness", timeout=5) as answer:
        return bool(answer.status == 200)
    return False


def agent(url: str, model: str = "desk", key: str = PROXY_KEY) -> Agent:
    return Agent(Settings(enabled=True, url=url, model=model, key=SecretStr(key)), "DR[0-9]{6,8}", HOST)


def ask(agent: Agent) -> Said | Failed:
    return agent.ask(agent.prompt(facts="", heading="", missed=[], burst="When?", window=[]), ())


def test_an_answer_of_its_own_can_be_sent(url: str) -> None:
    assert ask(agent(url, "mock")) == Said("We come at nine.", 30)


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (says(), Said("We come at nine.", 220)),
        (says(finish_reason="eos"), Said("We come at nine.", 220)),
        (says(finish_reason="STOP"), Said("We come at nine.", 220)),
        (says(finish_reason=None), Said("We come at nine.", 220)),
        (says("<think>hm</think>Yes."), Said("Yes.", 220)),
        (says(asked=0, answered=0), Said("We come at nine.", None)),
        (says(finish_reason="length"), Failed("cut", spent=220)),
        (says(finish_reason="content_filter"), Failed("cut", spent=220)),
        (says(finish_reason="whatever"), Failed("cut", spent=220)),
        (says(""), Failed("blank", spent=220)),
        (Answer(200, {"choices": []}), Failed("no-choice")),
        (Answer(200, b"<html>"), Failed("status-500")),
        (refuses(429, Retry_After="7"), Failed("status-429", 7.0, 0)),
        (refuses(503, Retry_After="2.5"), Failed("status-503", 2.5)),
        (refuses(500), Failed("status-500")),
    ],
)
def test_what_its_provider_says_has_the_same_verdict_behind_it(
    url: str, provider: Model, answer: Answer, found: Said | Failed
) -> None:
    provider.answers = [answer]
    provider.asked.clear()

    assert ask(agent(url)) == found
    assert len(provider.asked) == 1


@pytest.mark.parametrize("status", [400, 422])
def test_a_field_that_its_provider_does_not_know_is_named_in_another_way(
    url: str, provider: Model, status: int
) -> None:
    provider.answers = [refuses(status, NAMES_THE_FIELD), says()]
    provider.asked.clear()

    assert ask(agent(url)) == Said("We come at nine.", 220)
    assert [set(one) & {"max_tokens", "max_completion_tokens"} for one in provider.asked] == [
        {"max_completion_tokens"},
        {"max_tokens"},
    ]


def test_a_wrong_key_is_a_failure_of_whichever_status(url: str) -> None:
    found = ask(agent(url, key="sk-1111111111"))

    assert isinstance(found, Failed)
    assert found.why.startswith("status-")
