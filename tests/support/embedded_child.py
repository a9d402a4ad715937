"""A wamon in small, which uses, keeps or stops an embedded server, for tests that need whole processes."""

from __future__ import annotations

import os
import pwd
import signal
import sys
from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from tests.support.forked import Files, Process
from wamon.errors import WamonError
from wamon.postgres.embedded import server as embedded

Verb = Literal["use", "keep", "stop"]


class Child(Process):
    """It has begun, with pipes, in a session of its own, as that OS user (None: ours)."""

    def __init__(
        self, root_home: Path, state_dir: Path, verb: Verb, *, user: str | None, env: Mapping[str, str]
    ) -> None:
        pipes = [os.pipe() for _ in range(3)]
        with ExitStack() as stack:
            ends = (pipes[0][0], "r"), (pipes[1][1], "w"), (pipes[2][1], "w")
            theirs = [stack.enter_context(os.fdopen(number, mode)) for number, mode in ends]
            super().__init__(_Begin(root_home, state_dir, verb, user, dict(env), Files(*theirs)))
        self.stdin = os.fdopen(pipes[0][1], "w")
        self.stdout = os.fdopen(pipes[1][0])
        self.stderr = os.fdopen(pipes[2][0])

    def communicate(self) -> tuple[str, str]:
        """Let it end; what else it says."""
        self.stdin.close()
        said = self.stdout.read(), self.stderr.read()
        self.wait(60)
        return said

    def end(self) -> None:
        self.kill()
        self.wait()
        for file in (self.stdin, self.stdout, self.stderr):
            file.close()


@dataclass(frozen=True)
class _Begin:
    root_home: Path
    state_dir: Path
    verb: Verb
    user: str | None
    env: dict[str, str]
    files: Files

    def __call__(self) -> None:
        self.files.take()
        os.setsid()
        os.chdir("/")
        os.environ.clear()
        os.environ.update(self.env)
        if self.user:
            account = pwd.getpwnam(self.user)
            os.setgroups([])
            os.setgid(account.pw_gid)
            os.setuid(account.pw_uid)
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
        try:
            self._work()
        except WamonError as error:
            sys.stderr.write(f"{error.paragraph()}\n")
            sys.exit(error.exit_code)
        finally:
            sys.stdout.flush()

    def _work(self) -> None:
        embedded.ROOT_HOME = self.root_home
        if self.verb == "stop":
            sys.stdout.write(f"{embedded.stop(self.state_dir)}\n")
            return
        with embedded.running(self.state_dir) as dsn:
            if self.verb == "keep":
                embedded.keep(self.state_dir)
            sys.stdout.write(f"{dsn}\n")
            sys.stdout.flush()
            sys.stdin.read()
