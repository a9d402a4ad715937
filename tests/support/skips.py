"""What of the suite this host can't run: said in one line, and in CI a failure, unless it is listed here."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterable

import pytest

from wamon.words import amount

_MISSING = re.compile(r"(.+) isn't installed here")
_MAY_LACK = (
    "systemd isn't installed here",
    "nginx isn't installed here",
    "Chromium isn't installed here",
    "LiteLLM isn't installed here",
    "promtool isn't installed here",
    "nats-server isn't installed here",
    "root may write everywhere",
    "only root can ",
    "an ordinary user ",
    "mounting isn't allowed here",
    "this host lets nobody ",
    "root without setpriv ",
    "No other user can run an interpreter of today here.",
    "no Python that ",
)
"""How the reasons begin that hold also in CI: what depends on who runs the suite, and on what a container allows."""


def reasons(skipped: Iterable[pytest.TestReport]) -> Counter[str]:
    """Why tests were skipped, and how many."""
    told = (one.longrepr[2] if isinstance(one.longrepr, tuple) else str(one.longrepr) for one in skipped)
    return Counter(str(reason).removeprefix("Skipped: ") for reason in told)


def not_allowed(reasons: Counter[str]) -> Counter[str]:
    """In CI, those for which no test may be skipped; elsewhere none."""
    if os.environ.get("CI") != "true":
        return Counter()
    return Counter({reason: n for reason, n in reasons.items() if not reason.startswith(_MAY_LACK)})


def last_line(reasons: Counter[str]) -> str:
    """What to say last: what CI won't take, or else what isn't installed here; "" where there is neither."""
    if wrong := not_allowed(reasons):
        told = "; ".join(f"{reason} ({amount(n, 'test')})" for reason, n in wrong.items())
        return f"In CI no test may be skipped for this: {told}."
    missing = {found[1]: n for reason, n in reasons.items() if (found := _MISSING.fullmatch(reason))}
    told = ", ".join(f"{what} ({amount(n, 'test')} skipped)" for what, n in missing.items())
    return f"Not installed here: {told}." if told else ""
