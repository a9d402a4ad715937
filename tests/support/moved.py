"""`python -m tests.support.moved SECONDS …` is `wamon …` on a host whose clock is so much ahead."""

from __future__ import annotations

import sys
from datetime import timedelta

import wamon.__main__  # noqa: F401 - for what it settles before all else
from tests.support.clock import HOST, Moved
from wamon.cli.main import main

if __name__ == "__main__":
    by = timedelta(seconds=int(sys.argv.pop(1)))
    sys.argv[0] = "wamon"
    main(Moved(HOST, by))
