"""`wamon` processes that begin at once: forked from a process that has imported all of wamon.

They are real ones, with ids, signals, exit codes, a folder, an environment and files of their own; a `prologue`, some
Python, is run there before wamon's first line. What begins earlier is not theirs: a test of the program file, of the
interpreter or of how it writes has `program()`.
"""

from __future__ import annotations

import functools
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from io import TextIOWrapper
from multiprocessing import get_context, reduction
from multiprocessing.context import ForkServerContext
from pathlib import Path
from typing import IO, Any, cast

from tests.support.clock import CLOCK, HOST, Moved
from wamon.clock import Clock


class Process:
    """What `begin` does, in a process that has begun. As subprocess.Popen."""

    def __init__(self, begin: Callable[[], None]) -> None:
        self._process = _context().Process(target=begin, daemon=True)
        self._process.start()
        self.pid = self._process.pid or 0

    @property
    def returncode(self) -> int | None:
        """Its exit code; below zero the signal that ended it; None while it lives."""
        return self._process.exitcode

    def poll(self) -> int | None:
        return self._process.exitcode

    def wait(self, timeout: float | None = None) -> int:
        self._process.join(timeout)
        if (code := self._process.exitcode) is None:
            raise subprocess.TimeoutExpired("wamon", timeout or 0)
        return code

    def send_signal(self, number: signal.Signals) -> None:
        with suppress(ProcessLookupError):  # it has ended, and what began it hasn't told of it yet
            if self.poll() is None:
                os.kill(self.pid, number)

    def terminate(self) -> None:
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Forked(Process):
    """A `wamon` with these words, which has begun."""

    def __init__(
        self,
        words: Sequence[str],
        *,
        env: Mapping[str, str],
        clock: Clock,
        stderr: IO[Any],
        stdout: IO[Any] | None = None,
        cwd: Path | None = None,
        prologue: str = "",
    ) -> None:
        with Path(os.devnull).open("r+b", buffering=0) as nothing:
            files = Files(nothing, stdout or nothing, stderr)
            ahead = clock.now() - HOST.now()
            super().__init__(_Begin(list(words), dict(env), str(cwd or Path.cwd()), ahead, prologue, files))


def run(
    words: Sequence[str], *, env: Mapping[str, str], clock: Clock = CLOCK, cwd: Path | None = None
) -> subprocess.CompletedProcess[str]:
    """Have a `wamon` with these words run to its end: how it ended, and what it wrote."""
    with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
        process = Forked(words, env=env, clock=clock, stdout=stdout, stderr=stderr, cwd=cwd)
        try:
            code = process.wait(timeout=100)
        finally:
            process.kill()
        for file in (stdout, stderr):
            file.seek(0)
        return subprocess.CompletedProcess(["wamon", *words], code, stdout.read(), stderr.read())


def run_line(line: str, *, env: Mapping[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    """Have a line of a page run to its end, at the host's time: by a shell, unless it is only a `wamon` with words."""
    if re.fullmatch(_A_WAMON_WITH_WORDS, line):
        return run(shlex.split(line)[1:], env=env, clock=HOST, cwd=cwd)
    return subprocess.run(
        ["sh", "-c", line],
        check=False,
        capture_output=True,
        text=True,
        timeout=100,
        cwd=cwd,
        env=env,
        stdin=subprocess.DEVNULL,
    )


_A_WAMON_WITH_WORDS = r"""wamon( ([\w./:,@%+…-]+|'[^']*'|"[^"$`\\]*"))*"""
"""What a shell takes for these words and nothing else."""


@functools.cache
def _context() -> ForkServerContext:
    """One server for each process that runs tests; it ends with that."""
    context = get_context("forkserver")
    context.set_forkserver_preload(["tests.support.loaded"])
    return context


class Files:
    """What a process that begins gets as its stdin, stdout and stderr."""

    def __init__(self, *files: IO[Any]) -> None:
        self._files = [_File(file.fileno()) for file in files]

    def take(self) -> None:
        """In that process, where these are the files' numbers and no longer their objects."""
        for number, file in enumerate(cast("list[int]", self._files)):
            os.dup2(file, number)
            os.close(file)
        sys.stdin = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
        sys.stdout = open(1, "w", encoding="utf-8", closefd=False)  # noqa: SIM115
        unbuffered = open(2, "wb", buffering=0, closefd=False)  # noqa: SIM115
        sys.stderr = TextIOWrapper(unbuffered, "utf-8", "backslashreplace", write_through=True)


class _File:
    """An open file that is handed to a process as it begins."""

    def __init__(self, number: int) -> None:
        self._number = number

    def __reduce__(self) -> tuple[object, tuple[object]]:
        return _taken, (reduction.DupFd(self._number),)


def _taken(file: Any) -> Any:
    return file.detach()


@dataclass(frozen=True)
class _Begin:
    words: list[str]
    env: dict[str, str]
    cwd: str
    ahead: timedelta
    prologue: str
    files: Files

    def __call__(self) -> None:
        from wamon.cli.main import main

        os.environ.clear()
        os.environ.update(self.env)
        time.tzset()
        os.chdir(self.cwd)
        sys.argv = ["wamon", *self.words]
        self.files.take()
        exec(self.prologue, {"sys": sys})
        main(Moved(HOST, self.ahead) if self.ahead else HOST)
