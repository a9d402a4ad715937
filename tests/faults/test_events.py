"""Who records and who follows die at random instants, and people correct what is recorded: who drops equal ids comes to
the drops that there are."""

from __future__ import annotations

import os
import random
import signal
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.bridges import VeryGoodPlugins
from tests.support.clock import CLOCK
from tests.support.environment import EXAMPLES
from tests.support.events import Consumer, told_drops
from tests.support.office import Office
from tests.support.traffic import write_traffic
from tests.support.truth import Field
from wamon.app.configured import configured
from wamon.app.events import Following
from wamon.events.cursor import Cursor
from wamon.model import Sizes

ROUNDS = 100 if EXAMPLES else 6  # `make chaos` has more


def rename(office: Office, rng: random.Random) -> None:
    """Give a project another name, which others may have."""
    groups = office.settings["groups"]
    rng.choice(groups)["name"] = rng.choice(["Lawley", "Mohadin", "Soweto", "Tembisa"])
    office.set(groups=groups)


def delete_by_hand(office: Office, rng: random.Random) -> None:
    """Take posts out of the database, which the next sweep brings back."""
    messages = office.query("SELECT DISTINCT message_id FROM wamon.submissions WHERE live ORDER BY message_id")
    office.query(
        "DELETE FROM wamon.submissions WHERE message_id = ANY(%s)", rng.sample(messages, min(3, len(messages)))
    )
    office.sweep()


def replay(office: Office, rng: random.Random) -> None:
    """Read history again under other rules."""
    office.set(drops={"pattern": f"DR[0-9]{{{rng.choice([4, 5, 6])},8}}"})
    done = office.run("replay")
    assert done.returncode == 0, done.stderr


CORRECTIONS = (rename, delete_by_hand, replay)


@pytest.mark.fault("F152")
def test_a_follower_rebuilds_the_drops_whoever_is_killed_and_whenever(
    tmp_path: Path, open_office: Callable[..., Office]
) -> None:
    rng = random.Random(152)
    consumer, killed = Consumer(), [0, 0]
    with Field(VeryGoodPlugins(tmp_path / "messages.db", seed=152, durable=False)) as field:
        office = open_office(field.path, Sizes(page_rows=40, pages_a_batch=1))
        office.scan()
        for n in range(ROUNDS):
            write_traffic(field, 60, seed=n)
            rng.choice(CORRECTIONS)(office, rng)
            killed[0] += _until(rng.uniform(0.005, 0.2) if n else 0.001, office.scan)
            killed[1] += _until(rng.uniform(0.005, 0.1) if n else 0.001, lambda: _print(office, consumer.cursor))
            _take(office, consumer, keeps_its_place=rng.random() < 0.5)
        office.sweep()
        office.scan()
        _print(office, consumer.cursor)
        _take(office, consumer, keeps_its_place=True)
        assert consumer.drops() == told_drops(office)
    assert all(killed), f"killed while they scanned and followed: {killed}"


@pytest.mark.fault("F152")
@pytest.mark.parametrize("boundary", ["events.base", "events.placed"])
def test_a_follower_killed_before_places_are_committed_leaves_them_to_the_next(
    tmp_path: Path, open_office: Callable[..., Office], monkeypatch: pytest.MonkeyPatch, boundary: str
) -> None:
    consumer = Consumer()
    with Field(VeryGoodPlugins(tmp_path / "messages.db", seed=152, durable=False)) as field:
        write_traffic(field, 30, seed=1)
        office = open_office(field.path)
        office.scan()
        if boundary == "events.placed":
            _print(office, None)
            _take(office, consumer, keeps_its_place=True)
            write_traffic(field, 30, seed=2)
            office.scan()
        monkeypatch.setenv("WAMON_FAILPOINT", f"{boundary}:1:kill")
        assert _ended_by(lambda: _print(office, consumer.cursor)) == signal.SIGKILL
        monkeypatch.delenv("WAMON_FAILPOINT")
        _take(office, consumer, keeps_its_place=True)
        _print(office, consumer.cursor)
        _take(office, consumer, keeps_its_place=True)
        assert consumer.drops() == told_drops(office)


def _print(office: Office, since: str | None) -> None:
    """As `wamon events`, into a file."""
    config = configured(office.config_path, {})
    with _printed(office).open("w", encoding="utf-8") as file:
        for some in Following(config, Cursor.parse(since) if since else None, CLOCK).to_the_end():
            file.write("".join(f"{event.line}\n" for event in some))
            file.flush()


def _printed(office: Office) -> Path:
    return office.folder / "events.jsonl"


def _take(office: Office, consumer: Consumer, *, keeps_its_place: bool) -> None:
    """What was printed whole; a consumer that is killed before it has kept its place begins again where it was."""
    was = consumer.cursor
    if _printed(office).exists():
        *lines, _ = _printed(office).read_text("utf-8").split("\n")
        consumer.take(lines)
        _printed(office).unlink()
    if not keeps_its_place:
        consumer.cursor = was


def _until(seconds: float, act: Callable[[], object]) -> bool:
    """Do it in a child that the kernel ends after so long; whether it was ended."""

    def act_in_time() -> None:
        signal.signal(signal.SIGALRM, signal.SIG_DFL)
        signal.setitimer(signal.ITIMER_REAL, seconds)
        act()

    ended_by = _ended_by(act_in_time)
    assert ended_by in {None, signal.SIGALRM}
    return ended_by is not None


def _ended_by(act: Callable[[], object]) -> int | None:
    """Do it in a child; the signal that ended it, None where it came to its end."""
    child = os.fork()
    if child == 0:
        code = 1
        try:
            act()
            code = 0
        finally:
            os._exit(code)
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return os.WTERMSIG(status)
    assert os.WEXITSTATUS(status) == 0
    return None
