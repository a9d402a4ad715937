"""One question to a model, and one verdict on what comes back: an answer that can be sent, or in one word why not."""

from __future__ import annotations

import json
from collections import deque
from threading import Lock
from typing import TYPE_CHECKING, NamedTuple

from wamon.conversations.budget import corrected, prompt
from wamon.conversations.judged import Checks, judged
from wamon.failpoints import failpoint
from wamon.net.address import NotSent
from wamon.net.deadline import Stop
from wamon.net.http import Unknown, request
from wamon.net.message import Bounds

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    from wamon.clock import Clock
    from wamon.config import agent as config
    from wamon.conversations.budget import Entry, Prompt
    from wamon.conversations.judged import Usage
    from wamon.net.message import Answer

_CONNECT_SECONDS = 3.0
_CALLS = 20
"""Of so many the worst count holds for the next: people write in many languages, and emoji take the most tokens."""
_ANSWER_BYTES = 256 * 1024
_USUAL_PAUSE_SECONDS, _LONGEST_PAUSE_SECONDS = 60.0, 600.0
"""How long a busy server is left alone that doesn't say, and one that does at most."""
_BUSY = {429, 503, 529}
_NAMES_A_FIELD = {400, 422}
_SURELY_FREE = {401, 403, 404, 405, 413, 429}
"""Refused before a model has read anything. Others may have asked one: a proxy looks at answers, too."""
_OTHER_FIELD = {"max_completion_tokens": "max_tokens", "max_tokens": "max_completion_tokens"}


CUT_OFF = "cut off"
"""Why there is no answer where the process is to end: nothing failed."""


class Said(NamedTuple):
    """An answer that may be sent. `spent`: tokens by the server's own count, in and out; None where it names none."""

    text: str
    spent: int | None


class Failed(NamedTuple):
    """No answer, `why` in one word.

    `pause_seconds`: how long a busy server wants to be left alone. `spent`: the tokens that it certainly cost; None
    where nobody knows, so that what was reserved counts.
    """

    why: str
    pause_seconds: float | None = None
    spent: int | None = None


class Agent:
    """A model behind its server, for all threads of a process: it remembers how that counts and what it knows."""

    def __init__(self, settings: config.Agent, pattern: str, clock: Clock) -> None:
        """`pattern` is that of drop numbers. The settings are those of an agent that is enabled."""
        self._settings = settings
        self._clock = clock
        self._checks = Checks(settings, pattern)
        self._stop = Stop()
        self._lock = Lock()
        fixed = settings.tokens_field
        self._field: str = "max_completion_tokens" if fixed == "auto" else fixed
        self._ratios = deque([1.0], maxlen=_CALLS)

    def prompt(self, *, facts: str, heading: str, missed: Sequence[str], burst: str, window: Sequence[Entry]) -> Prompt:
        """What it is to be asked, within its budget by all that it has counted so far."""
        with self._lock:
            ratio = max(self._ratios)
        return prompt(
            self._settings, facts=facts, heading=heading, missed=missed, burst=burst, window=window, ratio=ratio
        )

    def ask(self, prompt: Prompt, facts_numbers: Collection[str]) -> Said | Failed:
        """Ask, within the settings' time. The answer names no drop numbers but these, in canonical form."""
        until_seconds = self._clock.monotonic_seconds() + self._settings.timeout.total_seconds()
        failpoint("agent.called")
        try:
            answer = self._answer(prompt, until_seconds)
        except NotSent:
            return Failed(self._why_none(until_seconds), spent=0)
        except Unknown:
            return Failed(self._why_none(until_seconds))
        failpoint("agent.answered")
        if answer.status != 200:
            return _refused(answer)
        verdict = judged(answer.body)
        self._learn(prompt, verdict.usage)
        why = verdict.why or self._checks.why_not(verdict.text, facts_numbers)
        return Failed(why, spent=verdict.usage.spent) if why else Said(verdict.text, verdict.usage.spent)

    def cut(self) -> None:
        """From another thread: end every call at once, and begin none."""
        self._stop.set()

    def _answer(self, prompt: Prompt, until_seconds: float) -> Answer:
        """What the server says, asked once more in other words where it doesn't know how we say `answer_tokens`."""
        with self._lock:
            field = self._field
        answer = self._post(prompt, field, until_seconds)
        names_field = answer.status in _NAMES_A_FIELD and field.encode() in answer.body
        if not names_field or self._settings.tokens_field != "auto":
            return answer
        other = _OTHER_FIELD[field]
        answer = self._post(prompt, other, until_seconds)
        if answer.status == 200:
            self._use(other)
        return answer

    def _post(self, prompt: Prompt, field: str, until_seconds: float) -> Answer:
        settings = self._settings
        left_seconds = max(0.0, until_seconds - self._clock.monotonic_seconds())
        said = {"model": settings.model, "messages": prompt.messages, field: settings.answer_tokens}
        headers = {"Content-Type": "application/json", "Accept": "application/json"}
        if settings.key:
            headers["Authorization"] = f"Bearer {settings.key.get_secret_value()}"
        return request(
            "POST",
            f"{settings.url}/chat/completions",
            json.dumps(said).encode(),
            headers,
            bounds=Bounds(_CONNECT_SECONDS, left_seconds, _ANSWER_BYTES, left_seconds),
            allow_private=True,
            stop=self._stop,
        )

    def _why_none(self, until_seconds: float) -> str:
        if self._stop.is_set:
            return CUT_OFF
        return "timeout" if self._clock.monotonic_seconds() >= until_seconds else "away"

    def _learn(self, prompt: Prompt, usage: Usage) -> None:
        """How this model counts; and that its server ignores a field, which some do in silence."""
        with self._lock:
            self._ratios.append(corrected(max(self._ratios), usage.asked, prompt.plain_tokens))
        if self._settings.tokens_field == "auto" and (usage.answered or 0) > self._settings.answer_tokens:
            self._use("max_tokens")

    def _use(self, field: str) -> None:
        with self._lock:
            self._field = field


def _refused(answer: Answer) -> Failed:
    spent = 0 if answer.status in _SURELY_FREE else None
    said = answer.retry_after_seconds
    asked = _USUAL_PAUSE_SECONDS if said is None else min(said, _LONGEST_PAUSE_SECONDS)
    return Failed(f"status-{answer.status}", asked if answer.status in _BUSY else None, spent)
