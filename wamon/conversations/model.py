"""The states of a conversation, and how it comes from one to another. Nobody else names them. Pure."""

from __future__ import annotations

from typing import Literal, get_args

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
