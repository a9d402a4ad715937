"""Sending replies: each is told to be on its way before it goes, so that none goes twice.

What certainly wasn't taken is tried again while it is young. What perhaps was, stays `unknown`: only a person can know.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, NamedTuple

from wamon.backoff import pause_seconds
from wamon.bridge.people import Aliases
from wamon.config.replies import filled
from wamon.failpoints import failpoint
from wamon.log import logger
from wamon.model import content_hash
from wamon.net.address import NotSent
from wamon.net.http import Unknown, request
from wamon.net.message import Bounds
from wamon.postgres.connection import transaction
from wamon.providers.bridge import NotTaken, PerhapsTaken, message_id

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from wamon.clock import Clock
    from wamon.config.schema import Config
    from wamon.providers.bridge import SendApi
    from wamon.replies.queue import Due, Queue

_WINDOW = timedelta(minutes=1)
_FIRST_PAUSE_SECONDS = 10.0
_LONGEST_PAUSE_SECONDS = 120.0
_TOO_OLD = "too old"
_LATELY = timedelta(hours=1)
_MOST_LATELY = 2
"""Answers to one person about one drop. Another bot that repeats the number of each answer would never end."""
BOUNDS = Bounds(connect_seconds=2.0, answer_seconds=5.0, answer_bytes=65_536)
"""Its seconds are together less than a stop of the daemon may take."""


class _Claimed(NamedTuple):
    """A reply that is on its way as far as anybody else knows."""

    due: Due
    text: str


class Replier:
    """Sends what waits in a queue. `left_to`: which other wamon of this host says it all, where one does."""

    def __init__(self, queue: Queue, config: Config, api: SendApi, clock: Clock, left_to: str | None = None) -> None:
        self._queue = queue
        self._config = config
        self._voices = config.voices()
        self._api = api
        self._aliases = Aliases(config.bridge.people, config.bridge.path)
        self._clock = clock
        self._left_to = left_to

    def send(self, going: Callable[[], bool]) -> None:
        """Send what is due, until nothing is, the bridge takes none, or so many are sent as may be in a minute."""
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
                if refusal := self._refusal(due, now) or self._enough_was_said(due, now):
                    tried = due.attempts and refusal == _TOO_OLD
                    state, reason = ("failed", due.reason) if tried else ("skipped", refusal)
                    self._queue.end(due, state, reason, now)
                elif self._queue.tried_since(now - _WINDOW) >= self._config.replies.per_minute:
                    return None
                else:
                    return self._begin(due, now)
        return None

    def _begin(self, due: Due, now: datetime) -> _Claimed:
        template = self._voices[due.jid][due.kind]  # type: ignore[index]
        text = filled(template, drop=due.about, project=due.project, likely=due.likely)
        self._queue.begin(due, content_hash(text, ""), now)
        failpoint("reply.chosen")
        return _Claimed(due, text)

    def _refusal(self, due: Due, now: datetime) -> str | None:
        """Why a reply isn't sent, if it isn't."""
        quiet = self._config.replies.quiet_hours
        reasons = {
            f"{self._left_to} sends for this store": self._left_to is not None,
            "`wamon replies off`": due.switched_off,
            "replies are off": not self._voices,
            "nothing is said of this here": due.kind not in self._voices.get(due.jid, ()),
            "the database was restored or made anew": due.was_lost,
            _TOO_OLD: now - due.sent_at > self._config.replies.max_age,
            "quiet hours": quiet is not None and quiet.hold(now, self._config.timezone),
            "the message says it no longer": not due.stands,
        }
        return next((reason for reason, holds in reasons.items() if holds), None)

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
        due = claimed.due
        try:
            reply_id = self._asked(due.jid, claimed.text)
        except NotTaken as error:
            self._put_back(due, error)
            return False
        except PerhapsTaken as error:
            self._end(due, "unknown", str(error))
            _tell("Nobody knows whether a reply was sent, and it isn't sent again.", due, error)
            return True
        self._end(due, "sent", None, reply_id)
        logger.info("Sent a reply.", extra={"action": "reply.sent", "message_id": due.message_id})
        return True

    def _asked(self, jid: str, text: str) -> str | None:
        """Ask the bridge to send it; the reply's id, where the bridge gives it. Raises NotTaken, PerhapsTaken."""
        try:
            # The bridge is usually this host's own.
            answer = request(*self._api.request(jid, text), bounds=BOUNDS, allow_private=True)
        except NotSent as error:
            hint = "Is the bridge running, and replies.url right?"
            raise NotTaken(f"The send API wasn't asked: {error}", hint=hint) from None
        except Unknown as error:
            raise PerhapsTaken(f"The send API was asked: {error}") from None
        failpoint("reply.answered")
        return message_id(answer)

    def _put_back(self, due: Due, error: NotTaken) -> None:
        now = self._clock.now()
        next_try_at = now + timedelta(seconds=_seconds_to_next_try(due.attempts + 1, error))
        with transaction(self._queue.db):
            self._queue.put_back(due, str(error), next_try_at, now)
            if next_try_at > due.sent_at + self._config.replies.max_age:
                self._queue.end(due, "failed", str(error), now)
        if due.attempts == 0:
            _tell("A reply isn't taken, and is tried again while it is young.", due, error)

    def _end(self, due: Due, state: str, reason: str | None, reply_id: str | None = None) -> None:
        with transaction(self._queue.db):
            self._queue.end(due, state, reason, self._clock.now(), reply_id)


def _seconds_to_next_try(tries: int, error: NotTaken) -> float:
    pause = pause_seconds(tries, first=_FIRST_PAUSE_SECONDS, most=_LONGEST_PAUSE_SECONDS)
    return max(pause, min(error.retry_after_seconds or 0, _LONGEST_PAUSE_SECONDS))


def _tell(what: str, due: Due, error: NotTaken | PerhapsTaken) -> None:
    logger.warning("%s %s", what, error.paragraph(), extra={"action": "reply.failed", "message_id": due.message_id})
