"""Telling by any service that apprise knows: the extra `wamon[apprise]`.

Apprise asks whom it likes for as long as it likes: it runs in a process of its own, which is ended after the channel's
time. No guard against private addresses holds there.
"""

from __future__ import annotations

import json
import subprocess
import sys
from contextlib import suppress
from typing import TYPE_CHECKING

from wamon.alerts.channel import Refused
from wamon.net.address import NotSent
from wamon.net.http import Unknown

if TYPE_CHECKING:
    from wamon.alerts.model import Alert
    from wamon.net.message import Bounds

_TAKEN, _REFUSED, _NOT_INSTALLED, _NOT_AN_ADDRESS = 0, 3, 4, 5


class AppriseChannel:
    """One service, by its address as apprise writes them, such as `tgram://…`."""

    name = "webhook"

    def __init__(self, url: str, bounds: Bounds) -> None:
        self._url = url
        self._seconds = bounds.connect_seconds + bounds.answer_seconds
        self.host = url.partition(":")[0]

    def send(self, alert: Alert) -> None:
        """Have apprise send it. Raises NotSent, Unknown, Refused."""
        said = json.dumps({"url": self._url, "title": alert.subject, "body": alert.text})
        try:
            done = subprocess.run(
                [sys.executable, "-P", "-c", "from wamon.alerts.apprise import send_one; send_one()"],
                input=said,
                text=True,
                capture_output=True,
                check=False,
                timeout=self._seconds,
            )
        except subprocess.TimeoutExpired:
            raise Unknown(f"{self.host} gave no answer within {self._seconds:.0f} s.") from None
        self._judge(done.returncode)

    def _judge(self, status: int) -> None:
        if status == _NOT_INSTALLED:
            install = "Install the extra: pipx inject wamon apprise."
            raise NotSent(f"{self.host} is told by apprise, which isn't installed.", hint=install)
        if status == _NOT_AN_ADDRESS:
            raise NotSent(f"apprise can't read the address {self.host}:….", hint="Is it as apprise's pages write it?")
        if status != _TAKEN:
            raise Refused(f"{self.host} didn't take it, or couldn't be reached.", hint="Is the webhook's `url` valid?")


def send_one() -> None:
    """What the process does: send what stdin says. Its exit code says what came of it."""
    sys.exit(_sent(**json.load(sys.stdin)))


def _sent(url: str, title: str, body: str) -> int:
    try:
        from apprise import Apprise
    except ImportError:
        return _NOT_INSTALLED
    one = Apprise()
    if not one.add(url):
        return _NOT_AN_ADDRESS
    with suppress(Exception):  # its words may quote the address
        return _TAKEN if one.notify(title=title, body=body, body_format="text") else _REFUSED
    return _REFUSED
