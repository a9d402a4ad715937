"""Namespaces of one process's own: mounts that only it sees, limits that only it meets."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Sequence

import pytest

INSTANCES = "/proc/sys/user/max_inotify_instances"


def own_mounts(script: str, *words: str) -> list[str]:
    """The words of a process that runs this script of sh as root of a file system of its own; "$@" are the words."""
    return [*_unshared("-m"), "sh", "-ec", script, "sh", *words]


def without_inotify(words: Sequence[str]) -> list[str]:
    """The words of a process that may have no inotify instance, until `give_inotify` gives it some."""
    command = [*_unshared("-U"), "sh", "-ec", f'echo 0 > {INSTANCES}; exec "$@"', "sh"]
    if subprocess.run([*command, "true"], check=False, capture_output=True).returncode:
        pytest.skip("this host lets nobody limit inotify in a namespace of their own")
    return [*command, *words]


def give_inotify(pid: int) -> None:
    """Let the process of `without_inotify` have instances from now on."""
    enter = ["nsenter", "--preserve-credentials", "-U", "-t", str(pid)]
    subprocess.run([*enter, "sh", "-c", f"echo 100 > {INSTANCES}"], check=True)


def _unshared(what: str) -> list[str]:
    command = ["unshare", what] if os.geteuid() == 0 and what == "-m" else ["unshare", f"-Ur{what.strip('-U')}"]
    if shutil.which("unshare") is None or subprocess.run([*command, "true"], check=False).returncode:
        pytest.skip("this host lets nobody have a namespace of their own")
    return command
