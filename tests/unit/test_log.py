"""Talk: one JSON object a line, a constant action, never what people wrote."""

from __future__ import annotations

import ast
import errno
import io
import json
import logging
import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from freezegun import freeze_time

from wamon import log
from wamon.log import WITH_TIME, configure, correlated, info_each, logger, under_systemd

ROOT = Path(log.__file__).parent
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}


Said = Callable[[], str]


@pytest.fixture
def said(capsys: pytest.CaptureFixture[str]) -> Said:
    """What wamon says."""
    return lambda: capsys.readouterr().err


def spoken(said: Said) -> list[dict[str, Any]]:
    return [json.loads(line) for line in said().splitlines()]


def test_in_json_each_record_is_one_line_with_its_fields(said: Said) -> None:
    configure(logging.INFO, as_json=True)
    with freeze_time("2026-11-20 06:00:00.25"):
        logger.info("Recorded %d messages of %s.", 3, "Lawley", extra={"action": "pass", "messages": 3})
    logger.warning("Two\nlines, and “quotes”.", extra={"action": "degraded"})
    first, second = spoken(said)
    assert list(first) == ["at", "level", "action", "messages", "message"]
    assert first == {
        "at": "2026-11-20T06:00:00.250000Z",
        "level": "info",
        "action": "pass",
        "messages": 3,
        "message": "Recorded 3 messages of Lawley.",
    }
    assert (second["level"], second["message"]) == ("warning", "Two\nlines, and “quotes”.")


def test_what_is_done_together_carries_one_id(said: Said) -> None:
    configure(logging.INFO, as_json=True)
    with correlated() as own:
        logger.info("Read.", extra={"action": "read"})
        with correlated("the letter's"):
            logger.info("Retried.", extra={"action": "retry"})
        logger.info("Recorded.", extra={"action": "pass"})
    logger.info("Stopped.", extra={"action": "stop"})
    assert [record.get("correlation_id") for record in spoken(said)] == [own, "the letter's", own, None]


def test_in_json_a_field_of_any_kind_is_told(said: Said) -> None:
    configure(logging.INFO, as_json=True)
    logger.info("Wrote.", extra={"action": "dump", "path": Path("/a/b"), "when": datetime(2026, 11, 20, tzinfo=UTC)})
    assert spoken(said)[0]["path"] == "/a/b"


def test_for_people_it_is_the_sentence_alone(said: Said) -> None:
    configure(logging.INFO)
    logger.info("Recorded %d messages.", 3, extra={"action": "pass"})
    assert said() == "Recorded 3 messages.\n"


def test_only_what_was_asked_for_is_told(said: Said) -> None:
    configure()
    logger.info("Recorded.")
    logger.warning("The state file is torn.")
    assert said() == "The state file is torn.\n"


def test_to_configure_again_doesnt_say_everything_twice(said: Said) -> None:
    configure()
    configure(logging.INFO, as_json=True)
    logger.info("Once.", extra={"action": "pass"})
    assert len(spoken(said)) == 1


def test_what_is_written_together_is_one_write_of_whole_lines(monkeypatch: pytest.MonkeyPatch) -> None:
    class Written(io.StringIO):
        writes = 0

        def write(self, text: str) -> int:
            self.writes += 1
            return super().write(text)

    stderr = Written()
    monkeypatch.setattr("sys.stderr", stderr)
    configure(logging.INFO)
    info_each("received", "Received %d.", [("a", (1,)), ("b", (2,))])
    assert (stderr.getvalue(), stderr.writes) == ("Received 1.\nReceived 2.\n", 1)


def test_of_what_is_told_together_each_has_its_own_id_whatever_is_done_meanwhile(said: Said) -> None:
    configure(logging.INFO, as_json=True)
    with correlated():
        info_each("received", "Received %d.", [("a", (1,)), ("b", (2,))])
    first, second = spoken(said)
    assert (first["correlation_id"], first["message"]) == ("a", "Received 1.")
    assert (second["correlation_id"], second["message"]) == ("b", "Received 2.")
    assert list(first) == ["at", "level", "action", "correlation_id", "message"]


def test_lines_that_cannot_be_written_stop_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    class Full(io.StringIO):
        def write(self, _: str) -> int:
            raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("sys.stderr", Full())
    configure(logging.INFO)
    for _ in range(2):
        info_each("received", "Received.", [("a", ())])
    with ThreadPoolExecutor(1) as other:  # nor do they keep others from telling
        other.submit(logger.handlers[0].flush).result(5)


def test_a_line_says_when_by_the_clock_of_this_host(said: Said) -> None:
    configure(logging.INFO, form=WITH_TIME)
    with freeze_time("2026-11-20 06:00:00.25"):
        logger.info("Recorded.", extra={"action": "pass"})
    with freeze_time("2026-11-20 06:00:01"):
        logger.warning("Waited.", extra={"action": "wait"})
    first, second = said().splitlines()
    assert re.fullmatch(r"2026-11-\d\d \d\d:\d\d:00[+-]\d{4} INFO    Recorded\.", first)
    assert re.fullmatch(r"2026-11-\d\d \d\d:\d\d:01[+-]\d{4} WARNING Waited\.", second)


def test_a_traceback_which_may_quote_a_message_isnt_told_in_json(said: Said) -> None:
    configure(as_json=True)
    try:
        int("okapi-quagga-zebra")
    except ValueError:
        logger.exception("It failed.", extra={"action": "failed"})
    assert "okapi" not in said()


@pytest.mark.parametrize(("environ", "expected"), [({"JOURNAL_STREAM": "8:42"}, True), ({}, False)])
def test_the_journal_is_known_by_its_variable(
    monkeypatch: pytest.MonkeyPatch, environ: dict[str, str], expected: bool
) -> None:
    monkeypatch.delenv("JOURNAL_STREAM", raising=False)
    for name, text in environ.items():
        monkeypatch.setenv(name, text)
    assert under_systemd() is expected


# Every place where wamon talks


def calls() -> Iterator[tuple[str, ast.Call]]:
    """Each call of the logger, with where it stands."""
    for path in sorted(ROOT.rglob("*.py")):
        text = path.read_text("utf-8")
        for node in ast.walk(ast.parse(text)) if "logger" in text else ():  # to parse all takes each worker a second
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr in LEVELS:
                called = node.func.value
                if isinstance(called, ast.Name) and called.id == "logger":
                    yield f"{path.relative_to(ROOT)}:{node.lineno}", node


CALLS = dict(calls())


def action_of(call: ast.Call) -> ast.expr | None:
    extra = next((keyword.value for keyword in call.keywords if keyword.arg == "extra"), None)
    if isinstance(extra, ast.Call):  # of what makes a module's extras, such as `_about(turn, "turn.failed")`
        return next((value for value in extra.args if isinstance(value, ast.Constant)), None)
    if not isinstance(extra, ast.Dict):
        return None
    named = dict(zip([getattr(key, "value", None) for key in extra.keys], extra.values, strict=True))
    return named.get("action")


@pytest.mark.parametrize("where", CALLS)
def test_each_record_is_a_constant_sentence_with_a_constant_action(where: str) -> None:
    """So that records can be counted and looked for. What a command says goes to people alone."""
    call = CALLS[where]
    assert isinstance(call.args[0], ast.Constant), "values belong into the arguments"
    if where.startswith("cli/"):
        return
    action = action_of(call)
    constant = isinstance(action, ast.Constant)
    of_a_chore = isinstance(action, ast.JoinedStr) and isinstance(action.values[-1], ast.Constant)
    assert constant or of_a_chore, "no action"


@pytest.mark.parametrize("where", CALLS)
def test_no_record_is_handed_a_text_or_a_sender(where: str) -> None:
    private = {"text", "sender", "message", "messages", "reading", "readings"}
    handed = [*CALLS[where].args[1:], *(keyword.value for keyword in CALLS[where].keywords)]
    named = {part.id for value in handed for part in ast.walk(value) if isinstance(part, ast.Name)}
    named |= {part.attr for value in handed for part in ast.walk(value) if isinstance(part, ast.Attribute)}
    assert not named & private
