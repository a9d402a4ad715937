"""A name that one process holds at a time, and whoever is second knows which."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from uuid import uuid4

import pytest

from wamon.host.claim import Claim

_HOLDING = """
import sys
from wamon.host.claim import Claim
claim = Claim()
print(claim.hold(sys.argv[1]), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def name() -> str:
    return f"/tmp/{uuid4().hex}/messages.db"


@contextmanager
def held_elsewhere(name: str) -> Iterator[subprocess.Popen[str]]:
    command = [sys.executable, "-c", _HOLDING, name]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout
        assert process.stdout.readline() == "None\n"
        try:
            yield process
        finally:
            process.kill()


def test_a_free_name_is_held_and_may_be_held_again_by_the_same(name: str) -> None:
    claim = Claim()
    assert claim.hold(name) is None
    assert claim.hold(name) is None


def test_the_second_knows_which_process_is_the_first(name: str) -> None:
    with held_elsewhere(name) as first:
        assert f"process {first.pid}" in str(Claim().hold(name))


def test_however_often_others_have_asked_the_next_is_told_too(name: str) -> None:
    claim = Claim()
    claim.hold(name)
    while str(Claim().hold(name)) != "another process":
        pass  # as many have asked as may wait
    claim.hold(name)
    assert f"process {os.getpid()}" in str(Claim().hold(name))


def test_however_its_holder_ends_the_name_is_free(name: str) -> None:
    with held_elsewhere(name) as first:
        assert Claim().hold(name) is not None
        first.kill()
        first.wait()
        assert Claim().hold(name) is None


def test_a_name_that_is_released_or_left_for_another_is_free(name: str) -> None:
    claim, other = Claim(), Claim()
    assert claim.hold(name) is None
    assert f"process {os.getpid()}" in str(other.hold(name))
    assert claim.hold(f"{name}-2") is None
    assert other.hold(name) is None
    other.release()
    assert claim.hold(name) is None


def test_a_name_that_nobody_refers_to_any_more_is_free(name: str) -> None:
    claim = Claim()
    claim.hold(name)
    del claim
    assert Claim().hold(name) is None
