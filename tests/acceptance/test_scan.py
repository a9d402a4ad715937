"""`wamon scan`: what it shows at its end."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

from tests.support.bridges import VeryGoodPlugins
from tests.support.clock import CLOCK
from tests.support.office import Office

GROUPS = [{"name": f"Group {n}", "jid": f"1203630000000{n:05}@g.us"} for n in range(60)]


def test_of_very_many_groups_it_shows_the_busiest_and_json_has_them_all(
    tmp_path: Path, open_office: Callable[..., Office]
) -> None:
    with VeryGoodPlugins(tmp_path / "messages.db", durable=False) as bridge, bridge.batch():
        for n, group in enumerate(GROUPS[:55]):
            for _ in range(3 if n == 54 else 1):
                bridge.post(group["jid"], "Good morning", at=CLOCK.now())
    office = open_office(bridge.path, groups=GROUPS)
    said = office.run("scan").stdout
    assert [name in said for name in ("Group 49 ", "Group 54 ", "Group 0 ", "Group 59 ")] == [False, True, True, False]
    assert said.index("Group 54 ") < said.index("Group 0 ")
    assert "… and 10 more groups; --json lists them all." in said
    again = office.run("scan").stdout
    assert "Group" not in again
    assert "more groups" not in again
    assert len(json.loads(office.run("scan", "--json").stdout)["groups"]) == len(GROUPS)
