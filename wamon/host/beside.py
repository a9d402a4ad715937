"""A Python process of ours beside this one: Python runs one thread at a time. It ends with who began it, or before."""

from __future__ import annotations

import os
import subprocess
import sys

from wamon.failpoints import VARIABLE

_PIPE_BYTES = 1 << 20
"""About a batch; Linux lets anybody have as much."""


def begun(module: str, function: str) -> subprocess.Popen[bytes]:
    """A process that calls this function, which works by stdin and stdout.

    Raises OSError where the host has no room for it.
    """
    return subprocess.Popen(  # noqa: S603
        [sys.executable, "-P", "-c", f"from {module} import {function}; {function}()"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        env={name: value for name, value in os.environ.items() if name != VARIABLE},
        start_new_session=True,  # Ctrl-C is for us
        pipesize=_PIPE_BYTES,
    )
