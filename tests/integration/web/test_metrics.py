"""/metrics: PostgreSQL's figures, the same from every `wamon web`; and what `config/` makes of them is served."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from psycopg.conninfo import make_conninfo

from tests.support.bridges import LAWLEY, MOHADIN, VeryGoodPlugins
from tests.support.clock import CLOCK
from tests.support.office import Office
from tests.support.published import noon, published
from tests.support.web import TOKEN, Site, serving
from wamon.web.exposition import Exposition

CONFIG = Path(__file__).parents[3] / "config"
DASHBOARD, RULES = CONFIG / "grafana/wamon.json", CONFIG / "prometheus/wamon.rules.yml"
PHONE = "27820001234"
NAMED = re.compile(r"\bwamon_[a-z_]+")


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory, _reused_18: Any) -> Iterator[Site]:
    folder, now = tmp_path_factory.mktemp("metrics"), CLOCK.now()
    with VeryGoodPlugins(folder / "messages.db", durable=False) as bridge:
        bridge.post(LAWLEY, "DR1000001", sender=PHONE, at=now - timedelta(seconds=90))
        bridge.post(LAWLEY, "DR1000001 DR1000002", sender=PHONE, at=now - timedelta(seconds=60))
        office = Office(folder / "office", _reused_18.empty(), bridge.path, timezone=noon(now.hour))
        office.set(conversations={"enabled": True})
        published(office)
        office.query("UPDATE wamon.group_status SET usual = array_fill(7.5::real, ARRAY[48])")
        office.query("UPDATE wamon.sources SET last_verify_at = to_timestamp(1e9), last_verify_clean = true")
        office.query(
            "WITH kept AS ("
            " INSERT INTO wamon.deliveries (uid, hook, source, received_at, sha256)"
            " SELECT gen_random_uuid(), 'wati', 'wati', now() - n * interval '1 hour', ''"
            " FROM generate_series(1, 6) AS n RETURNING *"
            "), placed AS (SELECT *, row_number() OVER (ORDER BY received_at DESC) AS n FROM kept"
            "), ended AS ("
            " INSERT INTO wamon.delivery_ends (event, state)"
            " SELECT event, CASE n WHEN 3 THEN 'dead' ELSE 'done' END FROM placed WHERE n > 2)"
            " INSERT INTO wamon.delivery_queue (event, source, hook, received_at)"
            " SELECT event, source, hook, received_at FROM placed WHERE n < 3"
        )
        with serving(office, token=TOKEN) as site:
            yield site


def samples(text: str) -> dict[str, dict[tuple[str, ...], float]]:
    """Each sample by its name and the values of its labels, by their names' order."""
    found: dict[str, dict[tuple[str, ...], float]] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found.setdefault(sample.name, {})[tuple(sample.labels.values())] = sample.value
    return found


def test_the_figures_of_the_page_are_served(site: Site) -> None:
    found = samples(site.get("/metrics").text)
    page = site.get("/home.json", Authorization=f"Bearer {TOKEN}").json
    totals, (source,) = page["totals"], page["sources"]
    assert found["wamon_up"] == {("main",): 1.0}
    assert found["wamon_late"] == {("main",): 0.0}
    assert found["wamon_messages_recorded_total"] == {("main",): source["messages"]} == {("main",): 2.0}
    assert found["wamon_messages_behind"] == {("main",): totals["behind"]}
    assert found["wamon_dead_letters"] == {("main",): page["dead"]}
    assert found["wamon_last_verify_timestamp_seconds"] == {("main",): 1e9}
    assert found["wamon_last_verify_clean"] == {("main",): 1.0}
    assert found["wamon_posts_today"]["new", "Lawley"] == totals["new"] == 2
    assert found["wamon_posts_today"]["resubmission", "Lawley"] == totals["again"] == 1
    assert sum(found["wamon_posts_usual"].values()) == totals["usual"] == 30
    assert sum(found["wamon_groups"].values()) == totals["groups"] == 4
    assert found["wamon_events"] == {("new",): 2, ("done",): 3, ("dead",): 1}
    assert 7200 <= found["wamon_event_oldest_seconds"][()] < 7260
    assert found["wamon_joins_total"] == {(): 0}
    states = {check["name"]: check["state"] for check in source["checks"]}
    words = {0.0: "ok", 1.0: "unknown", 2.0: "warn", 3.0: "bad"}
    assert {check: words[value] for (check, _), value in found["wamon_check_state"].items()} == states
    assert [*found["wamon_info"]] == [(str(schema(site)), site.get("/health").json["version"])]


def schema(site: Site) -> int:
    (version,) = site.office.query("SELECT max(version) FROM wamon.migrations")
    return int(version)


def test_no_label_names_a_person_or_a_chat(site: Site) -> None:
    text = site.get("/metrics").text
    assert PHONE not in text
    assert [jid for jid in (LAWLEY, MOHADIN) if jid in text] == []


def test_of_very_many_projects_none_is_told(site: Site) -> None:
    with serving(site.office, token=TOKEN) as other:
        site.office.query(
            "INSERT INTO wamon.groups (source, tail, jid, project, start, start_passed)"
            " SELECT 'main', 'main', n || '@g.us', 'Many ' || n, 'beginning', true"
            " FROM generate_series(1, 197) AS n"
        )
        try:
            found = samples(other.get("/metrics").text)
        finally:
            site.office.query("DELETE FROM wamon.groups WHERE starts_with(project, 'Many ')")
    assert "wamon_posts_today" not in found
    assert sum(found["wamon_groups"].values()) == 201


def test_while_postgresql_is_away_this_process_is_told_of_and_no_source_is_up(site: Site, tmp_path: Path) -> None:
    office = site.office
    url = office.settings["database"]["url"]
    office.set(database={"url": make_conninfo("", host=str(tmp_path), dbname="wamon")})
    try:
        with serving(office, token=TOKEN) as other:
            found = samples(other.get("/metrics").text)
    finally:
        office.set(database={"url": url})
    assert found["wamon_up"] == {("",): 0.0}
    assert "wamon_web_viewers" in found
    assert "wamon_late" not in found


def test_a_source_that_was_known_is_not_up_while_postgresql_is_away() -> None:
    (up,) = Exposition(None, ["main", "other"]).collect()
    assert [(*sample.labels.values(), sample.value) for sample in up.samples] == [("main", 0.0), ("other", 0.0)]


def test_with_hooks_alone_no_source_is_told_of(site: Site) -> None:
    with serving(site.office, "--only", "hooks", token=TOKEN) as hooks:
        found = samples(hooks.get("/metrics").text)
    assert "wamon_web_viewers" in found
    assert "wamon_up" not in found


@pytest.mark.parametrize("file", [DASHBOARD, RULES], ids=lambda file: file.name)
def test_whatever_config_names_is_served(site: Site, file: Path) -> None:
    served = set(re.findall(r"^# TYPE (\w+) ", site.get("/metrics").text, re.MULTILINE))
    named = {re.sub(r"_bucket$", "", name) for name in NAMED.findall(file.read_text("utf-8"))}
    assert named - {"wamon_rules"} <= served
    assert len(named) > 5


def test_the_dashboard_is_one_that_grafana_takes() -> None:
    board = json.loads(DASHBOARD.read_text("utf-8"))
    panels = board["panels"]
    assert len({panel["id"] for panel in panels}) == len(panels)
    assert {target["datasource"]["uid"] for panel in panels for target in panel["targets"]} == {"${datasource}"}
    places = sorted((p["gridPos"]["y"], p["gridPos"]["x"], p["gridPos"]["w"]) for p in panels)
    assert all(x + width <= 24 for _, x, width in places)


@pytest.fixture
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None:
        pytest.skip("promtool isn't installed here")
    return found


def test_prometheus_takes_the_rules(promtool: str) -> None:
    done = subprocess.run([promtool, "check", "rules", RULES], check=False, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_rules_fire_though_several_pages_are_scraped(promtool: str, tmp_path: Path) -> None:
    """Of two pages: a source that is down, one that is behind, and a project with fewer drops than half of usual."""
    series = {
        'wamon_up{source="main"%s}': "0+0x120",
        'wamon_behind_seconds{source="other"%s}': "700+0x120",
        'wamon_messages_behind{source="other"%s}': "3+0x120",
        'wamon_posts_today{project="Lawley",kind="new"%s}': "9+0x120",
        'wamon_posts_usual{project="Lawley"%s}': "20+0x120",
        'wamon_posts_today{project="Small",kind="new"%s}': "1+0x120",
        'wamon_posts_usual{project="Small"%s}': "9+0x120",
    }
    pages = [f',instance="{page}"' for page in ("a:8006", "b:8006")]
    given = [{"series": name % page, "values": values} for name, values in series.items() for page in pages]
    looks = {
        f"count(ALERTS{{alertname='{name}',alertstate='firing'}})": count
        for name, count in {"WamonSourceDown": 2, "WamonBehind": 2, "WamonFewDrops": 1}.items()
    }
    tests = {
        "rule_files": [str(RULES)],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": given,
                "promql_expr_test": [
                    {"expr": expr, "eval_time": "90m", "exp_samples": [{"labels": "{}", "value": count}]}
                    for expr, count in looks.items()
                ],
            }
        ],
    }
    file = tmp_path / "rules.json"
    file.write_text(json.dumps(tests))  # JSON is YAML, too
    done = subprocess.run([promtool, "test", "rules", file], check=False, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr


def test_prometheus_finds_nothing_to_say_of_the_metrics(promtool: str, site: Site) -> None:
    served = site.get("/metrics").body
    done = subprocess.run([promtool, "check", "metrics"], check=False, input=served, capture_output=True, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
