"""One question to servers that refuse, hang, drip, lie, overspend, stream, redirect and say too much: one verdict."""

from __future__ import annotations

import gzip
import json
import threading
from collections.abc import Iterator
from datetime import timedelta
from email.utils import format_datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import SecretStr

from tests.support.clock import HOST
from tests.support.environment import examples
from tests.support.models import HANGS, KEY, Answer, Model, model_server, refuses, says
from tests.support.receivers import behaving, dripping
from wamon.clock import Clock
from wamon.config.agent import Agent as Settings
from wamon.config.agent import Instructions
from wamon.conversations import agent as tested
from wamon.conversations.agent import Agent, Failed, Said
from wamon.conversations.budget import Prompt
from wamon.net.http import request
from wamon.net.message import Bounds

HURRIED = timedelta(seconds=0.2)
"""Less than a config may say."""
NAMES_THE_FIELD = {"error": {"message": "Unsupported parameter: 'max_completion_tokens'. Use 'max_tokens' instead."}}
NAMES_THE_OTHER = {"error": {"message": "Unsupported parameter: 'max_tokens'."}}
OK = b"HTTP/1.1 200 OK\r\n"
BEGINNINGS = [
    b"HTTP/1.1 ",
    OK,
    OK + b"Content-Length: ",
    OK + b"Transfer-Encoding: chunked\r\n\r\n",
    OK + b"\r\n",
    OK + b'\r\n{"choices": [',
    b"HTTP/1.1 429 Busy\r\nRetry-After: ",
    b"HTTP/1.1 100 Continue\r\n\r\n",
]
INSTRUCTIONS = " ".join(f"word{n}" for n in range(30))


@pytest.fixture
def model() -> Iterator[Model]:
    with model_server() as found:
        yield found


class Watch(Clock):
    """It stands still unless somebody moves it by four seconds."""

    seconds = 0.0

    def monotonic_seconds(self) -> float:
        return self.seconds

    def go_on(self) -> None:
        self.seconds += 4


def agent(url: str, clock: Clock = HOST, **more: Any) -> Agent:
    settings = Settings(enabled=True, url=url, model="stand-in", key=SecretStr(KEY)).model_copy(update=more)
    return Agent(settings, "DR[0-9]{6,8}", clock)


def question(agent: Agent, burst: str = "When do you come?") -> Prompt:
    return agent.prompt(facts="", heading="", missed=[], burst=burst, window=[])


def ask(agent: Agent, *facts_numbers: str) -> Said | Failed:
    return agent.ask(question(agent), facts_numbers)


def fields(asked: dict[str, Any]) -> set[str]:
    return set(asked) - {"model", "messages"}


def test_a_question_holds_model_messages_and_one_tokens_field_and_nothing_else(model: Model) -> None:
    asker = agent(model.url)
    prompt = question(asker)

    assert asker.ask(prompt, ()) == Said("We come at nine.", 220)
    assert model.asked == [{"model": "stand-in", "messages": prompt.messages, "max_completion_tokens": 300}]


@pytest.mark.parametrize(
    ("answer", "failed"),
    [
        (refuses(400), Failed("status-400")),
        (refuses(401), Failed("status-401", spent=0)),
        (refuses(403), Failed("status-403", spent=0)),
        (refuses(500), Failed("status-500")),
        (refuses(429), Failed("status-429", 60.0, 0)),
        (refuses(429, Retry_After="2.5"), Failed("status-429", 2.5, 0)),
        (refuses(429, Retry_After="100000"), Failed("status-429", 600.0, 0)),
        (refuses(503, retry_after_ms="1500"), Failed("status-503", 1.5)),
        (refuses(529, Retry_After="7"), Failed("status-529", 7.0)),
        (refuses(500, Retry_After="7"), Failed("status-500")),
        (Answer(307, "", {"Location": "/v1/chat/completions"}), Failed("status-307")),
        (Answer(201, says().body), Failed("status-201")),
        (Answer(200, b""), Failed("not-json")),
        (Answer(200, b"<html>Welcome</html>"), Failed("not-json")),
        (Answer(200, b'data: {"choices": []}\n\ndata: [DONE]\n\n', {"Content_Type": "text/event-stream"}),
         Failed("not-json")),
        (Answer(200, gzip.compress(json.dumps(says().body).encode()), {"Content_Encoding": "gzip"}),
         Failed("not-json")),
        (Answer(200, json.dumps(says(x="y" * 300_000).body).encode()), Failed("not-json")),
        (Answer(200, {"error": {"message": "overloaded"}}), Failed("error")),
        (Answer(200, {"choices": []}), Failed("no-choice")),
        (says(""), Failed("blank", spent=220)),
        (says("<think>hm"), Failed("blank", spent=220)),
        (says(finish_reason="length"), Failed("cut", spent=220)),
        (says("x" * 601), Failed("too-long", spent=220)),
        (says("See https://example.com"), Failed("link", spent=220)),
        (says("DR 175 2029 is done."), Failed("foreign-drop", spent=220)),
        (says("I am told: " + INSTRUCTIONS), Failed("instructions", spent=220)),
        (says(asked=0, answered=0), Said("We come at nine.", None)),
        (Answer(200, {**says().body, "usage": None}), Said("We come at nine.", None)),
        (says("<think>hm</think>Yes."), Said("Yes.", 220)),
        (says("DR1752028 is done."), Said("DR1752028 is done.", 220)),
    ],
)  # fmt: skip
def test_each_answer_has_its_verdict(model: Model, answer: Answer, failed: Said | Failed) -> None:
    model.answers = [answer]
    told = Instructions(Path("/instructions"), INSTRUCTIONS)

    assert ask(agent(model.url, instructions=told), "DR1752028") == failed
    assert len(model.asked) == 1


def test_a_date_until_when_a_server_is_busy_is_read_by_its_own_clock(model: Model) -> None:
    until = HOST.now() + timedelta(seconds=90)
    model.answers = [refuses(429, Retry_After=format_datetime(until, usegmt=True))]

    found = ask(agent(model.url))

    assert isinstance(found, Failed)
    assert 80 < (found.pause_seconds or 0) < 95


def test_a_server_that_hangs_is_left_after_the_timeout(model: Model) -> None:
    model.answers = [Answer(HANGS, "")]

    assert ask(agent(model.url, timeout=HURRIED)) == Failed("timeout")


def test_a_server_that_says_a_byte_now_and_then_is_left_after_the_timeout() -> None:
    with behaving(dripping) as port:
        assert ask(agent(f"http://127.0.0.1:{port}", timeout=HURRIED)) == Failed("timeout")


def test_both_tries_together_have_one_timeout(model: Model, monkeypatch: pytest.MonkeyPatch) -> None:
    watch, limits = Watch(), list[float]()

    def recorded(*words: Any, bounds: Bounds, **named: Any) -> Any:
        limits.append(bounds.in_all_seconds)
        return request(*words, bounds=bounds, **named)

    monkeypatch.setattr(tested, "request", recorded)
    model.answers = [refuses(400, NAMES_THE_FIELD), says()]
    model.before_answer = watch.go_on

    assert ask(agent(model.url, clock=watch)) == Said("We come at nine.", 220)
    assert limits == [10.0, 6.0]


def test_a_server_that_isn_t_there_has_surely_cost_nothing(model: Model) -> None:
    with behaving(lambda _: None) as port:
        pass

    assert ask(agent(f"http://127.0.0.1:{port}")) == Failed("away", spent=0)


def test_what_a_connection_cost_that_broke_off_is_unknown() -> None:
    def break_off(handler: Any) -> None:
        handler.rfile.read(1)

    with behaving(break_off) as port:
        found = ask(agent(f"http://127.0.0.1:{port}"))

    assert isinstance(found, Failed)
    assert found.why == "away"


def test_a_call_ends_at_once_when_it_is_cut_off(model: Model) -> None:
    model.answers = [Answer(HANGS, "")]
    asker = agent(model.url, timeout=timedelta(minutes=1))
    model.before_answer = asker.cut

    assert ask(asker) == Failed("cut off")
    assert ask(asker).why == "cut off"  # type: ignore[union-attr]
    assert len(model.asked) == 1


@pytest.mark.parametrize("status", [400, 422])
def test_a_server_that_doesn_t_know_the_newer_field_is_asked_with_the_older_from_then_on(
    model: Model, status: int
) -> None:
    model.answers = [refuses(status, NAMES_THE_FIELD), says()]
    asker = agent(model.url)

    assert [ask(asker), ask(asker)] == [Said("We come at nine.", 220)] * 2
    assert [fields(one) for one in model.asked] == [{"max_completion_tokens"}, {"max_tokens"}, {"max_tokens"}]


def test_a_field_that_didn_t_help_isn_t_remembered(model: Model) -> None:
    model.answers = [refuses(400, NAMES_THE_FIELD), refuses(500), says()]
    asker = agent(model.url)

    assert [ask(asker), ask(asker)] == [Failed("status-500"), Said("We come at nine.", 220)]
    assert [fields(one) for one in model.asked] == [
        {"max_completion_tokens"},
        {"max_tokens"},
        {"max_completion_tokens"},
    ]


def test_a_server_that_ignores_the_field_in_silence_is_asked_with_the_older_one_from_then_on(model: Model) -> None:
    model.answers = [says(answered=301)]
    asker = agent(model.url)

    assert [ask(asker), ask(asker)] == [Said("We come at nine.", 501)] * 2
    assert [fields(one) for one in model.asked] == [{"max_completion_tokens"}, {"max_tokens"}]


def test_a_server_that_overspends_and_knows_only_the_newer_field_is_still_asked(model: Model) -> None:
    model.answers = [says(answered=301), refuses(400, NAMES_THE_OTHER), says()]
    asker = agent(model.url)

    assert [ask(asker), ask(asker)] == [Said("We come at nine.", 501), Said("We come at nine.", 220)]
    assert [fields(one) for one in model.asked] == [
        {"max_completion_tokens"},
        {"max_tokens"},
        {"max_completion_tokens"},
    ]


@pytest.mark.parametrize("field", ["max_tokens", "max_completion_tokens"])
def test_a_field_that_the_config_names_is_the_only_one(model: Model, field: str) -> None:
    model.answers = [refuses(400, NAMES_THE_FIELD), says(answered=301), says()]
    asker = agent(model.url, tokens_field=field)

    for _ in range(3):
        ask(asker)

    assert [fields(one) for one in model.asked] == [{field}] * 3


def test_the_next_question_is_counted_as_the_server_counts(model: Model) -> None:
    asker = agent(model.url)
    first = question(asker)
    model.answers = [says(asked=first.plain_tokens * 3 // 2)]

    asker.ask(first, ())

    assert question(asker).tokens == pytest.approx(first.plain_tokens * 1.5 + 300, abs=5)


def test_only_after_many_small_counts_a_question_is_counted_small(model: Model) -> None:
    asker = agent(model.url)
    first = question(asker)
    model.answers = [says(asked=first.plain_tokens // 2)]
    counted = []
    for _ in range(21):
        counted.append(question(asker).tokens)
        asker.ask(first, ())

    assert counted[:20] == [first.tokens] * 20
    assert counted[20] < first.tokens * 0.85


def test_a_server_that_counts_too_much_leaves_room_for_the_burst(model: Model) -> None:
    asker = agent(model.url)
    model.answers = [says(asked=1_000_000)]
    ask(asker)

    found = question(asker, "x" * 50_000)

    assert found.tokens <= 4_000
    assert len(found.messages[-1]["content"]) > 3_000


def test_the_bill_of_many_calls_is_the_servers_own_and_none_is_over_its_budget(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The server counts as many do, some four characters a token and a few more a message."""
    counted: list[int] = []

    def next_answer() -> Answer:
        asked = sum(len(one["content"]) // 4 + 7 for one in model.asked[-1]["messages"])
        answered = len(counted) % 300
        counted.append(asked + answered)
        return says(asked=asked, answered=answered)

    monkeypatch.setattr(model, "next", next_answer)
    asker = agent(model.url)
    said, reserved = [], []
    for n in range(100):
        prompt = question(asker, "When do you come? " * (n * n))
        found = asker.ask(prompt, ())
        assert isinstance(found, Said)
        said.append(found.spent)
        reserved.append(prompt.tokens)

    assert said == counted
    assert max(reserved) <= 4_000
    assert max(counted) <= 4_000


@given(st.binary(max_size=200), st.sampled_from([b"", *BEGINNINGS]))
@settings(max_examples=examples(200))
def test_a_server_that_says_any_bytes_has_a_verdict(anything: bytes, beginning: bytes) -> None:
    def answer(handler: Any) -> None:
        handler.connection.recv(65_536)
        handler.wfile.write(beginning + anything)

    with behaving(answer) as port:
        found = ask(agent(f"http://127.0.0.1:{port}"))

    assert isinstance(found, Said) or found.why


def test_several_threads_ask_at_once(model: Model) -> None:
    together = threading.Barrier(4, timeout=60)
    model.before_answer = together.wait
    asker = agent(model.url)
    found: list[Said | Failed] = []
    threads = [threading.Thread(target=lambda: found.append(ask(asker))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert found == [Said("We come at nine.", 220)] * 4
