"""The verdict: the first rule that holds, of whether everything is recorded."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest

from wamon.health.signs import Sign, sign
from wamon.views.sources import Check, Source
from wamon.views.verdict import Facts, Verdict, verdict

NOW = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
MAIN = Source(
    name="main",
    sign="on-time",
    host="wa-host",
    instance="",
    pid=4211,
    version="2.2.0",
    zone="UTC",
    started_at=NOW,
    published_at=NOW,
    silent_seconds=3.0,
    every_seconds=15,
    state="ok",
    sentence="All is well.",
    checks=(),
    store={},
    messages=12,
    last_verify_at=NOW,
    last_verify_clean=True,
    last_sweep_at=NOW,
    next_restart_at=None,
    last_restart={},
    hours=(),
    usual_hours=(),
)
NEVER = replace(MAIN, name="never", sign="none", messages=0, last_verify_clean=None)
DOWN = replace(MAIN, sign="down", silent_seconds=900.0)
LATE = replace(MAIN, sign="late", silent_seconds=50.0)
UNCLEAN = replace(MAIN, last_verify_clean=False)
BROKEN = replace(MAIN, checks=(Check("bridge.store", "bad", "The store can't be read.", "Look."),))
SILENT = replace(MAIN, checks=(Check("bridge.freshness", "warn", "Mohadin is silent.", ""),))
WORST = {"behind": 12, "behind_seconds": 190.0, "dead": 1}


@pytest.mark.parametrize(
    ("sources", "more", "expected"),
    [
        ((), {}, Verdict("unknown", "Nothing is recorded yet.", "`wamon run`")),
        ((NEVER,), {"dead": 1}, Verdict("unknown", "Nothing is recorded yet.", "`wamon run`")),
        ((replace(NEVER, messages=3),), {}, Verdict("unknown", "No daemon has reported yet.", "`wamon run`")),
        (
            (NEVER, UNCLEAN, BROKEN, DOWN),
            WORST,
            Verdict(
                "bad",
                "Nothing is heard of main on wa-host for 15 min: what came since may not be recorded.",
                "there: `systemctl status wamon`",
            ),
        ),
        ((LATE, UNCLEAN, BROKEN), WORST, Verdict("bad", "The store can't be read.", "Look.")),
        (
            (LATE, UNCLEAN),
            WORST,
            Verdict("bad", "main: the last verify found something missing.", "`wamon verify --repair`"),
        ),
        (
            (LATE,),
            WORST,
            Verdict("warn", "12 messages wait to be recorded, the oldest for 3 min.", "`wamon doctor`"),
        ),
        ((LATE,), {"dead": 1}, Verdict("warn", "All recorded but 1 message, kept and listed below.", "")),
        ((LATE,), {}, Verdict("warn", "main is late: last sign 50 s ago.", "")),
        ((MAIN,), {}, Verdict("ok", "All recorded.", "")),
        ((SILENT,), {"behind": 3, "behind_seconds": 20.0}, Verdict("ok", "All recorded.", "")),
        ((replace(MAIN, sign="scan"),), {}, Verdict("ok", "All recorded.", "")),
        ((replace(MAIN, sign="stopped", state="stopped"),), {}, Verdict("ok", "All recorded.", "")),
    ],
)
def test_the_first_rule_that_holds_is_the_verdict(
    sources: tuple[Source, ...], more: dict[str, Any], expected: Verdict
) -> None:
    assert verdict(Facts(sources, **more)) == expected


@pytest.mark.parametrize("name", ["recording.passes", "bridge.store", "database.server", "database.schema"])
def test_a_check_of_recording_that_is_bad_decides(name: str) -> None:
    source = replace(MAIN, checks=(Check(name, "bad", "It fails.", "Mend it."),))
    assert verdict(Facts((source,))) == Verdict("bad", "It fails.", "Mend it.")


@pytest.mark.parametrize("name", ["bridge.writing", "files.room", "alerts.channels"])
def test_what_isnt_about_recording_decides_nothing(name: str) -> None:
    source = replace(MAIN, checks=(Check(name, "bad", "It fails.", ""),))
    assert verdict(Facts((source,))).state == "ok"


def test_the_service_of_an_instance_is_named_as_systemd_has_it() -> None:
    assert "systemctl status wamon@prod" in verdict(Facts((replace(DOWN, instance="prod"),))).next


@pytest.mark.parametrize(
    ("silent_seconds", "more", "expected"),
    [
        (45, {}, "on-time"),
        (46, {}, "late"),
        (120, {}, "late"),
        (121, {}, "down"),
        (46, {"is_leased": False}, "down"),
        (10, {"is_leased": False}, "on-time"),
        (60, {"state": "stopped", "is_leased": False, "is_planned": True}, "stopped"),
        (61, {"state": "stopped", "is_leased": False, "is_planned": True}, "down"),
        (1, {"state": "stopped", "is_leased": False}, "down"),
        (90_000, {"by": "scan", "is_leased": False}, "scan"),
        (None, {"by": None}, "none"),
    ],
)
def test_a_sign_of_life_is_on_time_late_or_down(
    silent_seconds: float | None, more: dict[str, Any], expected: Sign
) -> None:
    usual = {"by": "run", "state": "ok", "is_leased": True, "is_planned": False}
    given = {**usual, **more}
    by, state = given.pop("by"), given.pop("state")
    assert sign(by, state, silent_seconds, 15, **given) == expected
