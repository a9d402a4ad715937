"""What a server's answer to a question is, and what a model's text may be. Pure: any bytes have a verdict."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, NamedTuple

from wamon.drops.normalization import normalise
from wamon.drops.reading import Rules
from wamon.model import Message
from wamon.providers.fields import items, some

if TYPE_CHECKING:
    from collections.abc import Collection

    from wamon.config.agent import Agent

_ENDED = {"stop", "eos", "end_turn", "stop_sequence"}
"""The words for an answer that is whole, each in any case."""
_UNREAD = {"thinking", "redacted_thinking", "reasoning"}
_MOST_TOKENS = 10**9
_WORDS_IN_A_ROW = 20

OF_ITS_WORDS = frozenset({"refused", "cut", "too-long", "no-text", "link", "foreign-drop", "instructions"})
"""Why an answer has no text that could be sent, though its server works: what a person asks can bring about each."""

_END_OF_THOUGHT = re.compile(r"</think\s*>", re.IGNORECASE)
_OPEN_THOUGHT = re.compile(r"<think[\s>]", re.IGNORECASE)
_NO_CHARACTER = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x84\x86-\x9f\ud800-\udfff]")
# What phones make a link of: a scheme, or a name with a point in it.
_LINK = re.compile(r"\w://|\w\.[^\W\d_]{2,}(?!\w)|\b[0-9]{1,3}(?:\.[0-9]{1,3}){3}\b")
_WORD = re.compile(r"\w+")


class Usage(NamedTuple):
    """Tokens by the server's own count; None where it names none that can be counted with."""

    asked: int | None = None
    answered: int | None = None
    spent: int | None = None


class Verdict(NamedTuple):
    """Of an answer: its text, or in one word why it has none."""

    text: str
    why: str
    usage: Usage


def judged(body: bytes) -> Verdict:
    """What a server says with status 200."""
    try:
        document = json.loads(body)
    except (ValueError, RecursionError):
        return Verdict("", "not-json", Usage())
    found = some(document)
    usage = _usage(some(found.get("usage")))
    text, why = _text_of(found)
    return Verdict(text, why, usage)


def _text_of(document: dict[str, object]) -> tuple[str, str]:
    choice = some(next(iter(items(document.get("choices"))), None))
    message = choice.get("message")
    if document.get("error") or choice.get("error"):
        return "", "error"
    if not isinstance(message, dict):
        return "", "no-choice"
    if message.get("refusal"):
        return "", "refused"
    if not _is_whole(choice, message):
        return "", "cut"
    return _said(message.get("content"))


def _is_whole(choice: dict[str, object], message: dict[str, object]) -> bool:
    """By the model's own word for it, where the server tells that: some call any word that they don't know `stop`."""
    own = [some(one.get("provider_specific_fields")).get("native_finish_reason") for one in (choice, message)]
    word = next((one for one in own if one is not None), choice.get("finish_reason"))
    return word is None or (isinstance(word, str) and word.lower() in _ENDED)


def _said(content: object) -> tuple[str, str]:
    """A text, or a list of parts of which each is text. What a model thought isn't read."""
    if isinstance(content, str):
        texts: list[object] = [content]
    else:
        parts = [some(part) for part in items(content)]
        kinds = {str(part.get("type", "text")) for part in parts} - _UNREAD
        if kinds - {"text"}:
            return "", "refused" if "refusal" in kinds else "blank"
        texts = [part.get("text") for part in parts if part.get("type", "text") == "text"]
    if not all(isinstance(text, str) for text in texts):
        return "", "blank"
    text = _END_OF_THOUGHT.split("".join(map(str, texts)))[-1].strip()
    return (text, "") if text and not _OPEN_THOUGHT.search(text) else ("", "blank")


def _usage(said: dict[str, object]) -> Usage:
    """In either naming. What a model thought may stand in the total alone."""
    asked = _count(said, "prompt_tokens", "input_tokens")
    answered = _count(said, "completion_tokens", "output_tokens")
    total = _count(said, "total_tokens") or 0
    if not asked:
        return Usage(None, answered, None)
    if answered is None:
        return Usage(asked, None, total if total >= asked else None)
    return Usage(asked, answered, max(asked + answered, total))


def _count(said: dict[str, object], *names: str) -> int | None:
    for name in names:
        found = said.get(name)
        if isinstance(found, int | float) and not isinstance(found, bool) and 0 <= found <= _MOST_TOKENS:
            return int(found)
    return None


class Checks:
    """What a model's text must be before anybody is sent it."""

    def __init__(self, settings: Agent, pattern: str) -> None:
        """`pattern` is that of drop numbers. Raises ValueError for one that isn't a pattern."""
        self._settings = settings
        self._rules = Rules(pattern)
        self._instructions = _rows_of_words(settings.told)

    def why_not(self, text: str, facts_numbers: Collection[str]) -> str:
        """In one word why this can't be sent; "" where it can. `facts_numbers` are canonical."""
        if len(text) > self._settings.max_chars:
            return "too-long"
        if _NO_CHARACTER.search(text):
            return "no-text"
        if not self._settings.links and _LINK.search(normalise(text)):
            return "link"
        if self._numbers(text) - set(facts_numbers):
            return "foreign-drop"
        if self._instructions & _rows_of_words(text):
            return "instructions"
        return ""

    def _numbers(self, text: str) -> set[str]:
        """Every drop number that a person would read there, however it is spelled."""
        reading = self._rules.read(Message(0, "", "", "", None, text, "", False, 0))
        return {*reading.numbers, *(near.likely for near in reading.near if near.likely)}


def _rows_of_words(text: str) -> set[str]:
    """Each twenty words that stand in a row, whatever stands between them."""
    words = _WORD.findall(normalise(text).casefold())
    return {" ".join(words[at : at + _WORDS_IN_A_ROW]) for at in range(len(words) - _WORDS_IN_A_ROW + 1)}
