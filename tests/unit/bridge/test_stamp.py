"""When equal stamps mean that nothing was written, so that the store can be left unread."""

from __future__ import annotations

from math import inf

import pytest

from wamon.bridge.stamp import Stamp, Trust


class Watched:
    """A store that is looked at, at times in seconds."""

    def __init__(self) -> None:
        self.at_seconds = 1_000.0
        self.trust = Trust(lambda: self.at_seconds)
        self.stamp = Stamp((1, 2, 4096, 0), None)

    def write(self) -> None:
        device, inode, size, modified = self.stamp.file or ()
        self.stamp = Stamp((device, inode, size + 4096, modified), None)

    def is_read(self, after_seconds: float = 0) -> bool:
        self.at_seconds += after_seconds
        return self.trust.needs_read(self.stamp)


@pytest.fixture
def watched() -> Watched:
    watched = Watched()
    assert watched.is_read()
    return watched


def test_a_store_is_read_again_until_a_read_has_begun_long_after_its_last_change(watched: Watched) -> None:
    assert [watched.is_read(after) for after in (0.1, 5, 4.8, 0.2, 0.1, 3600)] == [True] * 4 + [False] * 2


def test_each_change_begins_that_anew(watched: Watched) -> None:
    assert watched.is_read(20)
    watched.write()
    assert [watched.is_read(after) for after in (0, 1, 20, 1)] == [True, True, True, False]


def test_a_store_that_nobody_looked_at_for_long_is_read_once_after_it(watched: Watched) -> None:
    """However long its interval is."""
    assert [watched.is_read(900), watched.is_read(900)] == [True, False]


def test_it_is_looked_at_again_after_as_long_as_it_has_stayed_the_same(watched: Watched) -> None:
    looks = []
    while (soon := watched.trust.soon_seconds()) < inf:
        looks.append(round(soon, 3))
        watched.is_read(soon)
    assert looks == [0.1, 0.1, 0.2, 0.4, 0.8, 1.6, 3.2, 6.4]


def test_whoever_doubts_has_it_read_once_more(watched: Watched) -> None:
    watched.is_read(20)
    watched.trust.doubt()
    assert [watched.is_read(), watched.is_read()] == [True, False]


def test_after_a_read_that_failed_it_is_read_at_the_next_look_which_nothing_hastens(watched: Watched) -> None:
    watched.is_read(20)
    watched.trust.lose()
    assert watched.trust.soon_seconds() == inf
    assert watched.is_read()
