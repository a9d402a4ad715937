"""What a conversation is made of: its messages; its states, and how it comes from one to another. Pure."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Literal, NamedTuple, get_args

if TYPE_CHECKING:
    from datetime import datetime
    from uuid import UUID

    from wamon.postgres.connection import Database
    from wamon.providers.deliveries import Alias

State = Literal["idle", "settling", "processing", "retry", "human", "merged"]
Reason = Literal[
    "message",
    "reopened",
    "due",
    "retry",
    "human-over",
    "takeover",
    "answered",
    "silent",
    "stale",
    "human",
    "digest",
    "dead",
    "arrived-while-processing",
    "released",
    "breaker-open",
    "failed",
    "operator-message",
    "joined",
]
Outcome = Literal[
    "answered", "silent", "stale", "human", "digest", "dead", "failed", "lost", "released", "joined", "reopened"
]
"""What became of a turn. Those of `FINISHED` have closed the burst; after the others it is worked once more."""

FINISHED: frozenset[Outcome] = frozenset({"answered", "silent", "stale", "human", "digest", "dead"})
STATES: tuple[State, ...] = get_args(State)
OUTCOMES: tuple[Outcome, ...] = get_args(Outcome)

_CLOSED: tuple[Reason, ...] = ("answered", "silent", "stale", "human", "digest", "dead")
TRANSITIONS: frozenset[tuple[State, State, Reason]] = frozenset(
    {
        ("idle", "settling", "message"),
        ("idle", "settling", "reopened"),
        ("settling", "processing", "due"),
        ("idle", "processing", "due"),  # a lock that was taken by hand
        ("processing", "idle", "released"),
        ("retry", "processing", "retry"),
        ("human", "processing", "human-over"),
        ("processing", "processing", "takeover"),
        *(("processing", "idle", reason) for reason in _CLOSED),
        *(("processing", "settling", reason) for reason in ("arrived-while-processing", "released", "breaker-open")),
        ("processing", "retry", "failed"),
        *((state, "human", "operator-message") for state in ("idle", "settling", "processing", "retry")),
        ("human", "idle", "human-over"),
        *((state, "merged", "joined") for state in STATES if state != "merged"),
        *(("idle", state, "joined") for state in ("settling", "retry", "human")),
    }
)
"""(from, to, why): every change of state that there is."""


class Message(NamedTuple):
    """A message as a conversation knows it."""

    chat: int
    jid: str
    message_id: str
    person: int
    alias: Alias
    kind: str  # of its chat: direct, group
    part: str
    name: str
    sent_at: datetime | None
    text: str
    opens: bool  # a burst, or an operator's turn to talk; else it only joins one
    role: Literal["person", "operator", "history"]
    correlation_id: UUID | None
    content_hash: int
    local_id: str | None = None

    @property
    def pair(self) -> tuple[int, int]:
        return self.chat, self.person


Verdict = Literal["ours", "operator", "later"]
Echoes = Callable[["Database", Sequence[Message]], Sequence[Verdict]]
"""Whose these outgoing messages are, decided by one statement within the recording."""
