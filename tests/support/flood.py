"""Deliveries one after another, each repeated until it is answered with 200, as a provider repeats them."""

from __future__ import annotations

import threading
from collections.abc import Set as AbstractSet
from http.client import HTTPException

from tests.support.deliveries import GOWA
from tests.support.hooks import deliver
from tests.support.intake import in_lawley
from tests.support.office import eventually
from tests.support.web import Site

_SENDERS = 3
_PAUSE_SECONDS = 0.05
"""After an answer other than 200."""


class Flood:
    """From now until `end`, to the hook `gowa`: each delivery posts the next number in Lawley."""

    def __init__(self, site: Site, first: int) -> None:
        self.site = site
        self._ended = threading.Event()
        self._numbers: set[int] = set()  # those that were answered with 200
        self._senders = [threading.Thread(target=self._send, args=(first + n,)) for n in range(_SENDERS)]
        for sender in self._senders:
            sender.start()

    @property
    def answered(self) -> AbstractSet[tuple[str, str]]:
        """The drops of what was answered with 200."""
        return {("Lawley", f"DR{number}") for number in set(self._numbers)}

    def goes_on(self) -> None:
        """Wait for a few dozen further answers."""
        wanted = len(self._numbers) + 40
        eventually("deliveries are answered", lambda: len(self._numbers) >= wanted, said=self.site.said)

    def end(self) -> None:
        """Give up what isn't answered yet."""
        self._ended.set()
        for sender in self._senders:
            sender.join()

    def _send(self, number: int) -> None:
        while not self._ended.is_set():
            if self._is_kept(number):
                self._numbers.add(number)
                number += _SENDERS
            else:
                self._ended.wait(_PAUSE_SECONDS)

    def _is_kept(self, number: int) -> bool:
        try:
            answer = deliver(self.site, "gowa", in_lawley(GOWA, f"DR{number}", f"3EB0{number}"))
        except (OSError, HTTPException):
            return False
        return answer.status == 200
