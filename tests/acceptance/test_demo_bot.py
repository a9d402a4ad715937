"""`make demo-bot`: what users of earlier bots type, from the installation to the way back."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.demo_bot import PARTS, BrokenPromise, demonstration, walk


def test_every_line_says_what_it_promises(tmp_path: Path, embedded_in: Callable[..., Path]) -> None:
    embedded_in(tmp_path / "state")
    told: list[str] = []
    walk(tmp_path, told.append)
    assert [line.strip("# \n") for line in told if line.startswith("\n## ")] == list(PARTS)


def test_a_line_that_says_less_ends_the_walk_with_what_it_promised(
    tmp_path: Path, embedded_in: Callable[..., Path]
) -> None:
    embedded_in(tmp_path / "state")
    with (
        demonstration(tmp_path, str) as bot,
        pytest.raises(BrokenPromise, match="echo less\npromised 'more', and said:\nless"),
    ):
        bot.sh("echo less", "more")
