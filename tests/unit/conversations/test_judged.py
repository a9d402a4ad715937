"""What a server's answer is: each rule by an answer that breaks it alone, and any bytes have a verdict."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from wamon.config.agent import Agent, Instructions
from wamon.conversations.judged import Checks, Usage, judged

INSTRUCTIONS = "You are the desk of a fibre company. " + " ".join(f"word{n}" for n in range(40))
PATTERN = "DR[0-9]{6,8}"
json_values: Any = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)


def completion(content: Any = "Hello.", finish: Any = "stop", **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content}
    return {"choices": [{"index": 0, "message": message, "finish_reason": finish}], **more}


def verdict(document: Any) -> tuple[str, str]:
    found = judged(json.dumps(document).encode())
    return found.text, found.why


def of_choice(**more: Any) -> dict[str, Any]:
    document = completion()
    document["choices"][0] |= more
    return document


def of_message(**more: Any) -> dict[str, Any]:
    document = completion()
    document["choices"][0]["message"] |= more
    return document


@pytest.mark.parametrize(
    ("document", "text"),
    [
        (completion(" Hello.\n"), "Hello."),
        (completion("Hello.", None), "Hello."),
        (completion("Hello.", "eos"), "Hello."),
        (completion("Hello.", "end_turn"), "Hello."),
        (completion("Hello.", "stop_sequence"), "Hello."),
        (completion("Hello.", error=None), "Hello."),
        (of_choice(provider_specific_fields={"native_finish_reason": "end_turn"}, finish_reason="other"), "Hello."),
        (of_choice(provider_specific_fields={"native_finish_reason": None}), "Hello."),
        (of_choice(provider_specific_fields={"native_finish_reason": "STOP"}), "Hello."),
        (completion([{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo."}]), "Hello."),
        (completion([{"type": "thinking", "thinking": []}, {"type": "text", "text": "Hello."}]), "Hello."),
        (completion("<think>no</think> a </think>Hello."), "Hello."),
        (completion("no </think>\nHello."), "Hello."),
        (of_message(reasoning_content="thought", reasoning="thought"), "Hello."),
        (of_message(refusal=None), "Hello."),
    ],
)
def test_a_whole_answer_is_its_text_without_what_the_model_thought(document: Any, text: str) -> None:
    assert verdict(document) == (text, "")


def test_an_answer_without_a_finish_word_is_whole() -> None:
    document = completion()
    del document["choices"][0]["finish_reason"]

    assert verdict(document) == ("Hello.", "")


@pytest.mark.parametrize(
    ("document", "why"),
    [
        ([], "no-choice"),
        ({}, "no-choice"),
        ({"choices": []}, "no-choice"),
        ({"choices": None}, "no-choice"),
        ({"choices": ["Hello."]}, "no-choice"),
        ({"choices": [{"text": "Hello.", "finish_reason": "stop"}]}, "no-choice"),
        (of_choice(message="Hello."), "no-choice"),
        (completion(error={"message": "overloaded"}), "error"),
        (completion(error="overloaded"), "error"),
        (of_choice(error={"code": 502}), "error"),
        (completion(""), "blank"),
        (completion(" \n\u00a0"), "blank"),
        (completion(None), "blank"),
        (completion(7), "blank"),
        (completion({"text": "Hello."}), "blank"),
        (completion(["Hello."]), "blank"),
        (completion([]), "blank"),
        (completion([{"type": "text", "text": "Hello."}, {"type": "image_url", "image_url": {}}]), "blank"),
        (completion([{"type": "text", "text": 7}]), "blank"),
        (completion([{"type": "thinking", "thinking": "Hello."}]), "blank"),
        (completion("<think>Hello."), "blank"),
        (completion("Hello. <THINK> or not"), "blank"),
        (completion("<think>a</think>"), "blank"),
        (completion("", reasoning_content="Hello."), "blank"),
        (completion("Hello.", "length"), "cut"),
        (completion("Hello.", "content_filter"), "cut"),
        (completion("Hello.", "tool_calls"), "cut"),
        (completion("Hello.", "max_tokens"), "cut"),
        (completion("Hello.", "whatever"), "cut"),
        (completion("Hello.", 1), "cut"),
        (of_choice(provider_specific_fields={"native_finish_reason": "max_tokens"}), "cut"),
        (of_message(provider_specific_fields={"native_finish_reason": "whatever"}), "cut"),
        (of_message(provider_specific_fields={"native_finish_reason": ""}), "cut"),
        (of_message(refusal="I can't."), "refused"),
        (completion([{"type": "refusal", "refusal": "I can't."}]), "refused"),
    ],
)
def test_what_is_no_whole_answer_has_its_reason(document: Any, why: str) -> None:
    assert verdict(document) == ("", why)


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>",
        b'data: {"choices": []}\n\ndata: [DONE]\n\n',
        b"\x1f\x8b\x08\x00",
        json.dumps(completion()).encode()[:-1],
        b"[" * 100_000,
        b'{"a":' * 50_000,
        b"9" * 5_000,
        b'"\xff"',
    ],
)
def test_what_is_no_json_is_no_answer(body: bytes) -> None:
    assert judged(body)[:2] == ("", "not-json")


def test_an_answer_as_long_as_can_be_is_judged_in_linear_time() -> None:
    for text in ("x" * 250_000, "<" * 250_000, "</think " * 30_000, "a." * 125_000, "\ufdfa" * 80_000):
        said = judged(json.dumps(completion(text), ensure_ascii=False).encode())
        assert (said.text, said.why) == (text.strip(), "")
        assert checks().why_not(said.text, ()) == "too-long"


def test_the_longest_text_that_a_config_allows_is_checked_in_linear_time() -> None:
    for text in ("x" * 4_000, "a.b-" * 1_000, "\ufdfa" * 4_000, "D R 1 7 " * 500, "1 " * 2_000, "\u0301" * 4_000):
        assert checks(max_chars=4_000).why_not(text, ()) in {"", "link", "foreign-drop"}


@given(st.binary(max_size=500))
def test_any_bytes_have_a_verdict(body: bytes) -> None:
    found = judged(body)
    assert bool(found.text) != bool(found.why)


@given(json_values, json_values, json_values, json_values)
def test_an_answer_of_the_right_form_with_anything_in_it_has_a_verdict(
    content: Any, finish: Any, usage: Any, own: Any
) -> None:
    document = completion(content, finish, usage=usage)
    document["choices"][0]["provider_specific_fields"] = own
    found = judged(json.dumps(document).encode())
    assert bool(found.text) != bool(found.why)
    if found.text:
        checks(max_chars=4_000).why_not(found.text, ())


@given(st.text(max_size=300))
def test_any_text_has_a_verdict(text: str) -> None:
    assert checks().why_not(text, ()) in {"", "no-text", "link", "foreign-drop"}


@pytest.mark.parametrize(
    ("said", "usage"),
    [
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 15}, Usage(10, 5, 15)),
        ({"prompt_tokens": 10, "completion_tokens": 5}, Usage(10, 5, 15)),
        ({"input_tokens": 10, "output_tokens": 5}, Usage(10, 5, 15)),
        ({"prompt_tokens": None, "input_tokens": 10, "completion_tokens": 5}, Usage(10, 5, 15)),
        ({"prompt_tokens": 10, "completion_tokens": 5, "total_tokens": 90}, Usage(10, 5, 90)),
        ({"prompt_tokens": 10, "total_tokens": 15}, Usage(10, None, 15)),
        ({"prompt_tokens": 10}, Usage(10)),
        ({"prompt_tokens": 10.0, "completion_tokens": 0}, Usage(10, 0, 10)),
        ({"prompt_tokens": 0, "completion_tokens": 0, "total_tokens": 0}, Usage(None, 0)),
        ({"completion_tokens": 5, "total_tokens": 15}, Usage(None, 5)),
        ({"prompt_tokens": -1, "completion_tokens": True}, Usage()),
        ({"prompt_tokens": 10**12, "completion_tokens": "5"}, Usage()),
        (None, Usage()),
        ("10", Usage()),
    ],
)
def test_usage_is_read_in_either_naming_and_only_where_it_can_be_counted_with(said: Any, usage: Usage) -> None:
    assert judged(json.dumps(completion(usage=said)).encode()).usage == usage


def test_usage_without_a_name_in_json_for_its_number_is_none() -> None:
    assert judged(b'{"usage": {"prompt_tokens": NaN, "completion_tokens": Infinity}}').usage == Usage()


def wide(text: str) -> str:
    """The same in the wide letters of East Asian keyboards."""
    return "".join(chr(ord(char) + 0xFEE0) for char in text)


def checks(**more: Any) -> Checks:
    told = Instructions(Path("/instructions"), INSTRUCTIONS)
    return Checks(Agent(instructions=told, **more), PATTERN)


@pytest.mark.parametrize(
    "text",
    [
        "A colleague will look into it.",
        "DR1752028 is recorded since 2026-11-28 10:07.",
        "Dr 1752028, and dr-1752028.",
        "x" * 600,
        "It costs 12.50, at 10.30 e.g. tomorrow... No.DR1752028 is it.",
        "Call 082 000 0001\n\tfrom nine.",
        " ".join(INSTRUCTIONS.split()[:19]),
    ],
)
def test_a_text_that_breaks_no_rule_may_be_sent(text: str) -> None:
    assert checks().why_not(text, {"DR1752028"}) == ""


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("x" * 601, "too-long"),
        ("See https://example.com/x", "link"),
        ("See www.example.com", "link"),
        ("See example.com", "link"),
        ("Write to desk@example.com", "link"),
        (f"See {wide('example.com')}", "link"),
        ("See exam\u200bple.com", "link"),
        ("See пример.рф", "link"),
        ("See пример.xn--p1ai", "link"),
        ("See 192.168.0.1", "link"),
        ("See ftp://x", "link"),
        ("DR1752029 is recorded.", "foreign-drop"),
        ("DR1752028 and DR1752029", "foreign-drop"),
        ("dr 1752029", "foreign-drop"),
        ("DR-1752029", "foreign-drop"),
        ("DR 175 2029", "foreign-drop"),
        ("DR 175-2029", "foreign-drop"),
        ("D R 1752029", "foreign-drop"),
        ("DR 1 7 5 2 0 2 9", "foreign-drop"),
        ("D\u200bR1752029", "foreign-drop"),
        ("The drop 1752029 is done", "foreign-drop"),
        ("DR1752028/29", "foreign-drop"),
        (wide("DR1752029"), "foreign-drop"),
        ("I was told: " + " ".join(INSTRUCTIONS.split()[5:25]).upper(), "instructions"),
        ("- " + "\n- ".join(INSTRUCTIONS.split()[:20]), "instructions"),
        ("a\x00b", "no-text"),
        ("a\x1b[31mb", "no-text"),
        ("a\ud800b", "no-text"),
    ],
)
def test_a_text_that_breaks_a_rule_isn_t_sent(text: str, why: str) -> None:
    assert checks().why_not(text, {"DR1752028"}) == why


def test_where_links_are_allowed_a_link_may_be_sent() -> None:
    assert checks(links=True).why_not("See https://example.com/x", ()) == ""
