"""Whatever stands behind stdout: no traceback, and what can't be shown is no failure."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.bridges import LAWLEY
from tests.support.environment import program
from tests.support.office import Office

NAME = "Café 🏠"


def ended(**behind: Any) -> tuple[int, str]:
    """How a command ends with this behind its stdout, and what it says on stderr."""
    words = [sys.executable, "-m", "wamon", "failpoints"]
    done = subprocess.run(words, check=False, stderr=subprocess.PIPE, text=True, timeout=60, **behind)
    return done.returncode, done.stderr


def shown(office: Office, *words: str) -> str:
    command = [*program(), "--config", str(office.config_path), "config", "show", *words]
    environ = {**os.environ, "PYTHONIOENCODING": "ascii"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, timeout=60, env=environ)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["at the end", "at once"])
def test_a_reader_that_went_is_no_failure(unbuffered: str) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        assert ended(stdout=writer, env={**os.environ, "PYTHONUNBUFFERED": unbuffered}) == (0, "")
    finally:
        os.close(writer)


@pytest.mark.parametrize("unbuffered", ["", "1"], ids=["at the end", "at once"])
def test_a_full_disk_behind_stdout_is_one_paragraph(unbuffered: str) -> None:
    with Path("/dev/full").open("wb") as full:
        code, said = ended(stdout=full, env={**os.environ, "PYTHONUNBUFFERED": unbuffered})
    assert code == 1
    assert said == "The output can't be written: No space left on device. What was recorded stays recorded.\n"


def test_a_closed_stdout_takes_everything() -> None:
    assert ended(preexec_fn=lambda: os.close(1)) == (0, "")


def test_what_the_encoding_lacks_is_a_question_mark_in_text_and_an_escape_in_json(
    tmp_path: Path, open_office: Callable[..., Office]
) -> None:
    office = open_office(tmp_path / "messages.db", groups=[{"name": NAME, "jid": LAWLEY}])
    assert "Caf? ?" in shown(office)
    answer = shown(office, "--json")
    assert answer.isascii()
    assert NAME in str(json.loads(answer))
