"""A wamon in small: `embedded_child.py ROOT_HOME STATE_DIR use|keep|stop`, for tests that need whole processes."""

from __future__ import annotations

import signal
import sys
from pathlib import Path

from wamon.errors import WamonError
from wamon.postgres.embedded import server as embedded


def main(root_home: str, state_dir: str, verb: str) -> None:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    embedded.ROOT_HOME = Path(root_home)
    state = Path(state_dir)
    if verb == "stop":
        sys.stdout.write(f"{embedded.stop(state)}\n")
        return
    with embedded.running(state) as dsn:
        if verb == "keep":
            embedded.keep(state)
        sys.stdout.write(f"{dsn}\n")
        sys.stdout.flush()
        sys.stdin.read()


if __name__ == "__main__":
    try:
        main(*sys.argv[1:])
    except WamonError as error:
        sys.stderr.write(f"{error.paragraph()}\n")
        sys.exit(error.exit_code)
