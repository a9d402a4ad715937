"""The log's lines of one hook's deliveries: each told before its proof, and no flood of forged ones fills the disk."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING

from wamon.log import info_each, logger
from wamon.privacy import person_hash

if TYPE_CHECKING:
    from wamon.clock import Clock
    from wamon.webhooks.door import Peek

_RECEIVED = "[WEBHOOK_RECEIVED] waId=%s, type=%s, hook=%s, bytes=%s, id=%s"

MOST_UNPROVEN = 100
"""Lines of a second about deliveries whose proof failed. Further ones wait for their proof."""
MOST_REFUSED = 10
"""Lines of a second about refusals, and as many about what was put off. The others are counted."""


_hashed = lru_cache(1024)(person_hash)  # who writes once writes again


class DeliveryLog:
    """One hook's. A new second begins with what the last one left unsaid."""

    def __init__(self, hook: str, clock: Clock) -> None:
        self._hook = hook
        self._clock = clock
        self._received: list[tuple[str, str, str, int, str]] = []
        self._second = 0
        self._unproven = self._refused = self._put_off = 0

    def speaks_before_proof(self) -> bool:
        """Whether the next delivery is told before it is proven."""
        self.begin_second()
        return self._unproven < MOST_UNPROVEN

    def received(self, peek: Peek, size: int, uid: str, person_key: bytes | None) -> None:
        """Have it told that a delivery came, by `write`: never its text, and its person as a hash."""
        person = _hashed(person_key, peek.kind, peek.value) if person_key and peek.kind else "-"
        self._received.append((person, peek.type, self._hook, size, uid))

    @property
    def has_more(self) -> bool:
        """Whether something is still to be written."""
        return bool(self._received)

    def write(self) -> None:
        """Log what was received since this was last called."""
        if not self._received:
            return
        received, self._received = self._received, []
        info_each("hook.received", _RECEIVED, [(said[-1], said) for said in received])

    def refused(self, why: str) -> None:
        """Log that a delivery was refused, or count it."""
        self.write()
        self.begin_second()
        self._unproven += 1
        self._refused += 1
        if self._refused <= MOST_REFUSED:
            logger.warning(
                "[SECURITY] Refused a delivery to hook %s: %s",
                self._hook,
                why,
                extra={"action": "hook.refused", "hook": self._hook},
            )

    def put_off(self, why: str) -> None:
        """Log that a delivery couldn't be kept now, or count it."""
        self.write()
        self.begin_second()
        self._put_off += 1
        if self._put_off <= MOST_REFUSED:
            logger.warning(
                "Put off a delivery to hook %s: %s.",
                self._hook,
                why,
                extra={"action": "hook.put-off", "hook": self._hook},
            )

    def begin_second(self) -> None:
        """Log what the last second only counted, once it is over."""
        second = int(self._clock.monotonic_seconds())
        if second == self._second:
            return
        refused, put_off = self._refused - MOST_REFUSED, self._put_off - MOST_REFUSED
        self._second = second
        self._unproven = self._refused = self._put_off = 0
        if refused > 0:
            logger.warning(
                "[SECURITY] Refused %s more in a second to hook %s",
                refused,
                self._hook,
                extra={"action": "hook.refused", "hook": self._hook, "count": refused},
            )
        if put_off > 0:
            logger.warning(
                "Put off %s more in a second to hook %s.",
                put_off,
                self._hook,
                extra={"action": "hook.put-off", "hook": self._hook, "count": put_off},
            )
