"""`wamon hooks`: what came, and whether the way to a hook works."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.support.hooks import deliver, hook
from tests.support.office import Office, eventually
from tests.support.web import serving


def listed(office: Office) -> dict[str, Any]:
    return {one["name"]: one for one in office.answer("hooks", "list")["hooks"]}


def test_the_list_tells_what_came_and_a_test_leaves_a_count_only(
    open_office: Callable[..., Office], tmp_path: Path
) -> None:
    hooks = [hook("bell", "wacli", of="main"), hook("wati", "wati"), {"name": "shut", "provider": "gowa"}]
    office = open_office(tmp_path / "no-store.db", hooks=hooks)
    with serving(office) as site:
        deliver(site, "wati")
        deliver(site, "wacli", to="bell", X_Wacli_Signature="0")
        for name in ("bell", "wati"):
            done = office.run("hooks", "test", name, "--json")
            told = json.loads(done.stdout)
            assert (done.returncode, told["taken"], told["status"]) == (0, True, 200), done.stdout
            assert told["url"] == f"{site.url}/hooks/{name}"
            assert "secret" not in done.stdout
            assert told["correlation_id"] in site.said()
        tests = "SELECT sum(tests) FROM wamon.hook_status"
        eventually("all is counted", lambda: office.query(tests) == [2])

    found = listed(office)
    assert [found[name]["tests_today"] for name in ("bell", "wati")] == [1, 1]
    assert {name: (one["stored_today"], one["refused_today"], one["lost_today"]) for name, one in found.items()} == {
        "bell": (0, 1, 1),
        "wati": (1, 0, 0),
        "shut": (0, 0, 0),
    }
    assert (found["wati"]["waiting"], found["wati"]["source"], found["bell"]["source"]) == (1, "wati", "main")
    assert [one["open"] for one in found.values()] == [True, True, False]
    assert found["wati"]["last_at"]
    table = office.run("hooks", "list").stdout
    assert "shut has no secret, so /hooks/shut doesn't exist." in table
    found_out = json.loads(office.run("doctor", "--json").stdout)["checks"]
    checks = [check for check in found_out if check["name"].startswith("hooks.")]
    assert {(check["name"], check["numbers"]["hook"]): check["state"] for check in checks} == {
        ("hooks.address", "bell"): "ok",
        ("hooks.source", "bell"): "ok",
        ("hooks.refused", "bell"): "warn",
        ("hooks.quiet", "bell"): "ok",
        ("hooks.quiet", "wati"): "ok",
        ("hooks.address", "wati"): "ok",
        ("hooks.refused", "wati"): "ok",
        ("hooks.address", "shut"): "warn",
        ("hooks.refused", "shut"): "ok",
    }
    warned = {check["name"]: check["sentence"] for check in checks if check["state"] == "warn"}
    told = "1 of today's deliveries; if wacli sent them, it doesn't deliver them again. None was taken since"
    assert told in warned["hooks.refused"]

    office.query("UPDATE wamon.delivery_queue SET received_at = now() - interval '1 hour'")
    office.set(hooks=[hook("other", "wati")])
    found_out = json.loads(office.run("doctor", "--json").stdout)["checks"]
    (waits,) = [check["sentence"] for check in found_out if check["name"] == "hooks.waiting"]
    assert waits == "1 delivery to hook wati waits to be recorded, and the config has no such hook."


def test_a_test_says_what_is_in_the_way(open_office: Callable[..., Office], tmp_path: Path) -> None:
    office = open_office(tmp_path / "no-store.db", hooks=[hook("wati", "wati"), {"name": "shut", "provider": "gowa"}])
    assert "no secret" in office.run("hooks", "test", "shut").stderr
    assert "There is no hook nowhere" in office.run("hooks", "test", "nowhere").stderr
    with serving(office):
        office.set(hooks=[hook("wati", "wati", secret="another-secret-of-this-hook"), hook("newer", "gowa")])
        refused, unknown = office.run("hooks", "test", "wati"), office.run("hooks", "test", "newer")
    away = office.run("hooks", "test", "wati")
    assert "Its proof was refused. Restart `wamon web`" in refused.stdout
    assert "There is no /hooks/newer there. Restart `wamon web`" in unknown.stdout
    assert "wamon web" in away.stdout
    assert [done.returncode for done in (refused, unknown, away)] == [1, 1, 1]
