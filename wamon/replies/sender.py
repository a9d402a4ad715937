"""Sending replies: each is told to be on its way before it goes, so that none goes twice.

What certainly wasn't taken is tried again while it is young. What perhaps was, stays `unknown`: only a person can know.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from wamon.backoff import pause_seconds
from wamon.bridge.people import Aliases
from wamon.config.replies import filled
from wamon.errors import DatabaseUnavailable
from wamon.failpoints import failpoint
from wamon.log import logger
from wamon.net.address import NotSent
from wamon.net.http import Unknown as NoAnswer
from wamon.net.http import request
from wamon.net.message import Bounds
from wamon.postgres.connection import transaction
from wamon.providers.deliveries import DIRECT
from wamon.providers.sending import Failed, Refused, Sent, Unknown
from wamon.replies.queue import Limits, said_hash

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping
    from datetime import datetime

    from wamon.clock import Clock
    from wamon.config.schema import Config
    from wamon.net.message import Request
    from wamon.providers.sending import Judged
    from wamon.replies.queue import Due, Queue, State
    from wamon.replies.ways import Way, Ways

_FIRST_PAUSE_SECONDS = 10.0
_LONGEST_PAUSE_SECONDS = 120.0
_TOO_OLD = "too old"
_LATELY = timedelta(hours=1)
_MOST_LATELY = 2
"""Answers to one person about one drop. Another bot that repeats the number of each answer would never end."""
_MOST_TRIES = 3
"""Of keeping what came of a call: whoever joins two persons may be in the way."""
BOUNDS = Bounds(connect_seconds=2.0, answer_seconds=5.0, answer_bytes=65_536)
"""Its seconds are together less than a stop of the daemon may take."""


class _Claimed(NamedTuple):
    """A reply that is on its way as far as anybody else knows."""

    due: Due
    way: Way
    request: Request


def limits_of(config: Config) -> Limits:
    """How much is said in a minute."""
    return Limits(config.conversations.per_minute, config.replies.per_minute, config.replies.max_age)


class Replier:
    """Sends what waits in a queue. `left_to`: which other wamon of this host speaks, by the name of the way."""

    def __init__(
        self, queue: Queue, config: Config, ways: Ways, clock: Clock, left_to: Mapping[str, str] | None = None
    ) -> None:
        self._queue = queue
        self._config = config
        self._voices = config.voices()
        self._ways = ways
        self._aliases = Aliases(config.bridge.people, config.bridge.path)
        self._clock = clock
        self._left_to = left_to or {}

    def send(self, going: Callable[[], bool]) -> None:
        """Send what is due, until nothing is, an API takes none, or so many are sent as may be in a minute."""
        with transaction(self._queue.db):
            former = self._queue.forget_former(self._clock.now())
        if former:
            logger.warning(
                "Of %d replies nobody knows whether they were sent, and they aren't sent again: `wamon replies list`.",
                former,
                extra={"action": "reply.unknown"},
            )
        taken = True
        while taken and going() and (claimed := self._claim()):
            failpoint("reply.begun")
            taken = self._send(claimed)
            failpoint("reply.ended")

    def _claim(self) -> _Claimed | None:
        """The next one that is to be said, marked as being sent; those before it that aren't are ended."""
        with transaction(self._queue.db):
            now = self._clock.now()
            while due := self._queue.next(now):
                if refusal := self._refusal(due, now):
                    tried = due.attempts and refusal == _TOO_OLD
                    state: State = "failed" if tried else "skipped"
                    self._queue.end(due, state, due.reason if tried else refusal, now)
                elif self._queue.has_said_enough(now):
                    return None
                elif claimed := self._begin(due, now):
                    return claimed
        return None

    def _begin(self, due: Due, now: datetime) -> _Claimed | None:
        """It is being sent; None where it can't be, which ends it."""
        way, text = self._ways.to(due.jid, due.account), self._text(due)
        asked = way.request(due.jid, text, self._queue.aliases(due)) if way and text else None
        if way is None or asked is None:
            self._queue.end(due, "skipped", _cannot(way, text), now)
            return None
        self._queue.begin(due, said_hash(due.jid, text))
        failpoint("reply.chosen")
        return _Claimed(due, way, asked)

    def _text(self, due: Due) -> str:
        if not due.is_of_post:
            return due.body or ""
        template = self._voices[due.jid][due.kind]  # type: ignore[index]
        return filled(template, drop=due.about, project=due.project, likely=due.likely)

    def _refusal(self, due: Due, now: datetime) -> str | None:
        """Why a reply isn't sent, if it isn't."""
        way = self._ways.to(due.jid, due.account)
        other = self._left_to.get(way.name) if way else None
        quiet = self._config.replies.quiet_hours
        reasons = {
            f"{other} sends there": other is not None,
            "`wamon replies off`": due.switched_off,
            **(self._refusals_of_post(due) if due.is_of_post else self._refusals_of_burst(due)),
            "the database was restored or made anew": due.was_lost,
            _TOO_OLD: due.now > due.deadline,
            "quiet hours": due.jid != DIRECT and quiet is not None and quiet.hold(due.now, self._config.timezone),
            "the message says it no longer": not due.stands,
        }
        found = next((reason for reason, holds in reasons.items() if holds), None)
        return found or (self._enough_was_said(due, now) if due.is_of_post else None)

    def _refusals_of_post(self, due: Due) -> Mapping[str, bool]:
        return {
            "replies are off": not self._voices,
            "nothing is said of this here": due.kind not in self._voices.get(due.jid, ()),
        }

    def _refusals_of_burst(self, due: Due) -> Mapping[str, bool]:
        return {
            "conversations are off": not self._config.conversations.enabled,
            "nobody is chosen, or WAMON_REPLIES is off": self._config.conversations.choose_nobody,
            "`wamon replies off --agent`": due.agent_off,
            "an operator answered": due.is_human,
        }

    def _enough_was_said(self, due: Due, now: datetime) -> str | None:
        """Why nothing more is said to this person about this drop, if nothing is."""
        sender = due.sender or ""
        answered = self._queue.answered_since(due.drop, now - _LATELY)
        forms = self._aliases.one_form({sender, *answered})
        if sum(forms[one] == forms[sender] for one in answered) < _MOST_LATELY:
            return None
        return "the same person was answered twice about this drop within an hour"

    def _send(self, claimed: _Claimed) -> bool:
        """Send one and keep what came of it; whether another is worth a try now."""
        due, judged = claimed.due, _asked(claimed)
        if isinstance(judged, Refused):
            self._put_back(due, judged)
            return False
        self._end(due, judged)
        if isinstance(judged, Unknown):
            _tell("Nobody knows whether a reply was sent, and it isn't sent again.", due, judged)
        elif isinstance(judged, Failed):
            logger.warning("A reply can't be sent. %s", judged.why, extra={"action": "reply.failed", **_about(due)})
        else:
            _tell_sent(due)
        return True

    def _put_back(self, due: Due, refused: Refused) -> None:
        pause = timedelta(seconds=_seconds_to_next_try(due.attempts + 1, refused))
        with transaction(self._queue.db):
            self._queue.put_back(due, refused.why, pause, self._clock.now())
        if due.attempts == 0:
            _tell("A reply isn't taken, and is tried again while it is young.", due, refused)

    def _end(self, due: Due, judged: Sent | Failed | Unknown) -> None:
        """Keep what came of it: a deadlock mustn't make it unknown."""
        for tries in range(1, _MOST_TRIES + 1):
            try:
                self._end_once(due, judged)
            except DatabaseUnavailable:
                if tries == _MOST_TRIES or self._queue.db.closed:
                    raise
            else:
                return

    def _end_once(self, due: Due, judged: Sent | Failed | Unknown) -> None:
        now = self._clock.now()
        with transaction(self._queue.db):
            if isinstance(judged, Sent):
                self._queue.end_sent(due, judged, now)
            else:
                self._queue.end(due, "failed" if isinstance(judged, Failed) else "unknown", judged.why, now)


def _asked(claimed: _Claimed) -> Judged:
    """Ask the API to send it, and judge what it says."""
    try:
        # A bridge is usually this host's own.
        answer = request(*claimed.request, bounds=BOUNDS, allow_private=True)
    except NotSent as error:
        return Refused(f"The send API wasn't asked: {error}", "Is it running, and its URL right?")
    except NoAnswer as error:
        return Unknown(f"The send API was asked: {error}", error.hint)
    failpoint("reply.answered")
    return claimed.way.judged(answer)


def _cannot(way: Way | None, text: str) -> str:
    if way is None:
        return "there is no way to send it: hooks[].send.url is empty"
    return "the person has no id that can be sent to" if text else "its text is no longer kept"


def _seconds_to_next_try(tries: int, refused: Refused) -> float:
    pause = pause_seconds(tries, first=_FIRST_PAUSE_SECONDS, most=_LONGEST_PAUSE_SECONDS)
    return max(pause, min(refused.retry_after_seconds or 0, _LONGEST_PAUSE_SECONDS))


def _tell(what: str, due: Due, judged: Refused | Unknown) -> None:
    logger.warning("%s %s %s", what, judged.why, judged.hint, extra={"action": "reply.failed", **_about(due)})


def _tell_sent(due: Due) -> None:
    if due.is_of_post:
        logger.info("Sent a reply.", extra={"action": "reply.sent", **_about(due)})
    else:
        logger.info(
            "[BUFFER] Successfully processed and sent response to %s",
            due.person,
            extra={"action": "reply.sent", **_about(due)},
        )


def _about(due: Due) -> dict[str, object]:
    return {"message_id": due.message_id, "reply": due.reply, "correlation_id": due.correlation_id}
