"""`wamon`, `python -m wamon`."""

import atexit
import gc

# What is loaded stays, a batch is many objects of which none form a circle, and at the end the system takes all: to
# look for circles more often took a fifth of a catch-up's time, and a quarter of a short command's.
gc.set_threshold(50_000)
atexit.register(gc.freeze)

from typing import NoReturn  # noqa: E402

from wamon.cli.main import main as run  # noqa: E402
from wamon.clock import Clock  # noqa: E402


def main() -> NoReturn:
    """Run one command. The process's one clock is made here, and handed to all that asks for the time."""
    run(Clock())


if __name__ == "__main__":
    main()
