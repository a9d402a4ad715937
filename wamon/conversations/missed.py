"""What was missed: what a person and the operators said since our last answer, before a burst after a while."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from wamon.conversations.identity import as_ids
from wamon.conversations.turns import Found
from wamon.failpoints import failpoint
from wamon.log import logger
from wamon.net.address import NotSent
from wamon.net.http import Unknown, request
from wamon.net.message import Bounds
from wamon.postgres.connection import transaction
from wamon.postgres.queries import Queries
from wamon.providers import wati

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime
    from zoneinfo import ZoneInfo

    from wamon.config.conversations import Conversations, Labels
    from wamon.config.hooks import Hook
    from wamon.conversations.turns import Turn
    from wamon.postgres.connection import Database
    from wamon.providers.wati import Past

SQL = Queries("wamon.conversations", "missed")

BOUNDS = Bounds(connect_seconds=1.0, answer_seconds=2.0, answer_bytes=256 * 1024)
"""Of a history request, and none follows: its seconds delay an answer."""
_PHONE_LAG = timedelta(minutes=2)
_ECHO_WITHIN = timedelta(hours=1)


class Said(NamedTuple):
    """A message, as it is told of."""

    role: str
    part: str
    name: str
    sent_at: datetime
    body: str


class Missed(NamedTuple):
    """What was missed before a burst. `messages` None: nobody looked, for there was no gap."""

    messages: Sequence[Said] | None = None
    left_out: int = 0
    history: str = "no"
    found: Sequence[Found] = ()


def threshold_of(turn: Turn, conversations: Conversations) -> timedelta:
    """How long a person must have been silent for anything to be missed."""
    own = [after for one, after in conversations.missed_after_for.items() if as_ids([one]) & set(turn.person.values)]
    return own[0] if own else conversations.missed_after


def is_looked_for(turn: Turn, threshold: timedelta) -> bool:
    """Whether anything may have been missed. Replies, receipts and edits never shorten the gap."""
    is_known = turn.kind == "direct" and not turn.follow_up and turn.gap_seconds is not None
    return is_known and (turn.gap_seconds or 0) >= threshold.total_seconds()


def missed(db: Database, turn: Turn, conversations: Conversations, hook: Hook | None) -> Missed:
    """Look for what was missed before a turn's burst, in the provider's history, too, where the hook has one."""
    threshold = threshold_of(turn, conversations)
    looks = is_looked_for(turn, threshold)
    _tell_gap(turn, threshold, looks=looks)
    cutoff = turn.prev_out_at or turn.prev_in_at
    if not looks or cutoff is None:
        return Missed()
    history = _from_history(db, turn, hook, cutoff) if hook else Missed()
    key = {"conversation": turn.conversation, "from_seq": turn.from_seq}
    with transaction(db):
        known = SQL.rows(db, "missed", Said, **key, cutoff=cutoff)
    failpoint("missed.read")
    both = known + [_said(one) for one in history.found]
    both.sort(key=lambda one: one.sent_at)
    _tell_found(turn, cutoff, both)
    return history._replace(messages=both)


def _said(one: Found) -> Said:
    return Said("operator" if one.is_operator else "history", one.part, one.name, one.sent_at, one.body)


def burst_of(db: Database, turn: Turn) -> list[Said]:
    """The messages of a turn's burst, as they were sent."""
    key = {"conversation": turn.conversation, "from_seq": turn.from_seq, "through_seq": turn.through_seq}
    with transaction(db):
        return SQL.rows(db, "burst", Said, **key)


def in_words(messages: Sequence[Said], labels: Labels, zone: ZoneInfo) -> str:
    """What was missed, a line a message under its heading; "" where nothing was."""
    lines = lines_of(messages, labels, zone)
    return "\n".join([labels.heading, *lines]) if lines else ""


def lines_of(messages: Sequence[Said], labels: Labels, zone: ZoneInfo) -> list[str]:
    """A line a message: when, who, what."""
    return [_line(one, labels, zone) for one in messages]


def combined(missed: str, burst: Sequence[Said]) -> str:
    """What was missed, an empty line, the burst."""
    said = "\n".join(one.body or f"({one.part})" for one in burst)
    return f"{missed}\n\n{said}" if missed else said


def _line(one: Said, labels: Labels, zone: ZoneInfo) -> str:
    who = labels.agent if one.role == "operator" else labels.person
    name = f"{who} ({one.name})" if one.name else who
    return f"[{one.sent_at.astimezone(zone):%Y-%m-%d %H:%M}] {name}: {one.body or f'({one.part})'}"


def _from_history(db: Database, turn: Turn, hook: Hook, cutoff: datetime) -> Missed:
    """What the provider's history has since then that we don't know. Any fault: the turn goes on without."""
    with transaction(db):
        phones = SQL.rows(db, "phones", str, person=turn.person.person)
    if not phones or hook.send.url is None:
        return Missed()
    try:
        asked = wati.history_request(hook.send.url, hook.send.token, phones[0])
        answer = request(*asked, bounds=BOUNDS, allow_private=True)
    except (NotSent, Unknown):
        return Missed(history="failed")
    past = wati.history(answer, set(phones)) if answer.status == 200 else None
    if past is None:
        return Missed(history="failed")
    return _trusted(db, turn, past, cutoff)


def _trusted(db: Database, turn: Turn, past: Sequence[Past], cutoff: datetime) -> Missed:
    """What is new of a history, and nothing of one that has a known message go the other way."""
    ids = [one.message_id for one in past]
    with transaction(db):
        known: Mapping[str, bool] = dict(SQL.run(db, "known", chat=turn.chat, message_ids=ids).fetchall())
        ours = set(SQL.rows(db, "our_ids", str, message_ids=ids))
        said = SQL.run(db, "our_texts", conversation=turn.conversation).fetchall()
    if any(known.get(one.message_id, not one.is_ours) is one.is_ours for one in past):
        return Missed(history="failed")
    if any(one.message_id in ours and not one.is_ours for one in past):
        return Missed(history="failed")
    new = [one for one in past if one.message_id not in known and one.message_id not in ours]
    new = [one for one in new if not (one.is_ours and _is_echo(one, said))]
    found = [
        Found(one.message_id, "history", one.part, one.name, one.sent_at, one.text, is_operator=one.is_ours)
        for one in new
        if one.sent_at is not None and cutoff < one.sent_at <= turn.claimed_at
    ]
    return Missed(None, sum(one.sent_at is None for one in new), "asked", found)


def _is_echo(one: Past, said: Sequence[tuple[str, datetime]]) -> bool:
    """Whether this is what we said ourselves about then."""
    return any(
        body.split() == one.text.split()
        and (one.sent_at is None or tried_at - _PHONE_LAG <= one.sent_at <= tried_at + _ECHO_WITHIN)
        for body, tried_at in said
    )


def _tell_gap(turn: Turn, threshold: timedelta, *, looks: bool) -> None:
    if turn.prev_in_at is None:
        return
    at, gap = _time(turn.prev_in_at), turn.gap_seconds or 0.0
    logger.debug(
        "[MISSED_MESSAGES_DEBUG] %s: Last webhook at %s, time_diff=%.1fs, threshold=%ds, check_missed=%s",
        turn.person.hash, at, gap, threshold.total_seconds(), looks, extra=_about(turn, "missed.gap"),
    )  # fmt: skip
    if looks:
        logger.info(
            "[MISSED_MESSAGES_CHECK] %s: Previous webhook at %s, time_diff=%.1fs",
            turn.person.hash,
            at,
            gap,
            extra=_about(turn, "missed.gap"),
        )


def _tell_found(turn: Turn, cutoff: datetime, found: Sequence[Said]) -> None:
    person = turn.person.hash
    which = "PREVIOUS assistant response" if turn.prev_out_at else "PREVIOUS message, no response yet"
    logger.info("[MISSED_MESSAGES] Cutoff timestamp (%s): %s", which, _time(cutoff), extra=_about(turn, "missed.found"))
    if not found:
        logger.info(
            "[MISSED_MESSAGES] No messages found after %s for %s",
            _time(cutoff),
            person,
            extra=_about(turn, "missed.found"),
        )
        return
    characters = sum(len(one.body) for one in found)
    logger.info(
        "[MISSED_MESSAGES] Found %d messages in gap for %s", len(found), person, extra=_about(turn, "missed.found")
    )
    logger.info(
        "[MISSED_MESSAGES] Found missed customer-agent messages for %s", person, extra=_about(turn, "missed.found")
    )
    logger.info(
        "[MISSED_MESSAGES_CHECK] Found %d chars of missed messages for %s",
        characters,
        person,
        extra=_about(turn, "missed.found"),
    )


def _about(turn: Turn, action: str) -> dict[str, str]:
    return {"action": action, "correlation_id": str(turn.correlation_id)}


def _time(at: datetime) -> str:
    return f"{at:%Y-%m-%d %H:%M:%S}"
