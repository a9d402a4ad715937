"""`wamon`, `python -m wamon`."""

import atexit
import gc

# Loading makes little but what stays, and at the end the system takes it all: a quarter of a short command's time went
# into looking through it for garbage.
gc.set_threshold(10_000)
atexit.register(gc.freeze)

from wamon.cli.main import main  # noqa: E402

if __name__ == "__main__":
    main()
