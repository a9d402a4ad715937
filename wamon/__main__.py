"""`wamon`, `python -m wamon`."""

import gc

gc.set_threshold(10_000)  # what loading makes stays: looking through it time and again takes a short command longer

from wamon.cli.main import main  # noqa: E402

if __name__ == "__main__":
    main()
