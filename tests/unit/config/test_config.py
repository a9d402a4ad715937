from __future__ import annotations

import os
import re
import traceback
import tracemalloc
from datetime import UTC, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from tests.support.environment import examples
from wamon.config import document, fields, show
from wamon.config import load as tested
from wamon.config.alerts import Alerts
from wamon.config.fields import Start
from wamon.config.load import defaults, load, load_alerts
from wamon.config.replies import filled
from wamon.config.schema import Bridge, Config, Group
from wamon.config.show import as_yaml, describe
from wamon.config.zone import host_zone
from wamon.errors import ConfigError

EXAMPLE = Path(__file__).parents[3] / "config" / "wamon.yaml"
ON_A_FIXTURE = [HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
HOST = {"HOME": "/home/op", "TZ": "Africa/Johannesburg"}
LAWLEY = "120363418298130331@g.us"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "wamon.yaml"


@pytest.fixture
def read(file: Path) -> Any:
    def read_(text: str | bytes, **environ: str) -> Config:
        file.write_bytes(text.encode() if isinstance(text, str) else text)
        return load(file, HOST | environ)

    return read_


@pytest.fixture
def complaints(file: Path, read: Any) -> Any:
    """The lines of the ConfigError that a text gives, without the file's name."""

    def complaints_(text: str | bytes, **environ: str) -> list[str]:
        with pytest.raises(ConfigError) as caught:
            read(text, **environ)
        return str(caught.value).replace(f"{file}:", "").split("\n")

    return complaints_


# What is read


def test_the_shipped_example_loads_and_names_the_four_groups() -> None:
    config = load(EXAMPLE, HOST)

    assert [(group.name, group.jid) for group in config.groups] == [
        ("Lawley", "120363418298130331@g.us"),
        ("Velo Test", "120363421664266245@g.us"),
        ("Mohadin", "120363421532174586@g.us"),
        ("Mamelodi", "120363408849234743@g.us"),
    ]
    assert config.bridge.path == Path("/opt/whatsapp-bridge/store/messages.db")
    assert config.state.dir == EXAMPLE.parent.parent / "state"


def test_the_shipped_example_shows_every_key_and_its_default(read: Any) -> None:
    shown: Any = yaml.safe_load(EXAMPLE.read_text())
    default: Any = describe(read(""))

    assert {name: set(section) for name, section in shown.items() if isinstance(section, dict)} == {
        name: set(section) for name, section in default.items() if isinstance(section, dict)
    }
    assert set(shown) == set(default)
    assert all(set(group) == {"name", "jid", "description", "enabled", "validate"} for group in shown["groups"])
    for name in ("scan", "drops", "privacy"):
        assert shown[name] == default[name]
    assert shown["replies"] | {"token": None} == default["replies"]
    assert shown["alerts"]["rules"] == default["alerts"]["rules"]
    for name, channel in default["alerts"]["channels"].items():
        assert set(shown["alerts"]["channels"][name]) == set(channel)


@pytest.mark.parametrize("text", ["", "# nothing\n", "---\n", "~", "bridge:\nscan:\ngroups:\nalerts:\n", "\ufeff# bom"])
def test_an_empty_file_or_section_means_the_defaults(read: Any, text: str) -> None:
    config = read(text, XDG_STATE_HOME="/x")

    assert config.bridge == Bridge(name="main", path=None, flavour="auto", people="auto")
    assert (config.database.url, config.database.review_table) == (None, "qa_photo_reviews")
    assert (config.scan.interval, config.scan.start) == (timedelta(seconds=15), Start("beginning"))
    assert config.drops.pattern == "DR[0-9]{6,8}"
    assert config.privacy.keep_text == timedelta(days=90)
    assert config.timezone == ZoneInfo("Africa/Johannesburg")
    assert (config.groups, config.alerts, config.replies.enabled) == ((), Alerts(), False)
    assert config.alerts.channels.named == ()


def test_a_config_can_not_be_changed() -> None:
    with pytest.raises(ValidationError):
        defaults(HOST).bridge.name = "other"  # type: ignore[misc]


def test_an_older_file_of_projects_means_the_same(read: Any) -> None:
    old = read(f'projects:\n- {{name: A, group_jid: "{LAWLEY}", group_description: D}}\n- {{name: B, jid: "2@g.us"}}\n')

    assert old.groups == (Group(name="A", jid=LAWLEY, description="D"), Group(name="B", jid="2@g.us"))


def test_two_groups_may_share_a_name(read: Any) -> None:
    config = read('groups: [{name: A, jid: "1@g.us"}, {name: A, jid: "2@g.us", enabled: no, validate: yes}]')

    assert [(group.name, group.enabled, group.validate_) for group in config.groups] == [
        ("A", True, False),
        ("A", False, True),
    ]


@pytest.mark.parametrize("jid", [LAWLEY, "27821234567-1620000000@g.us", "27821234567@s.whatsapp.net", "9@lid"])
def test_every_kind_of_chat_can_be_a_group(read: Any, jid: str) -> None:
    assert read(f"groups: [{{name: A, jid: {jid}}}]").groups[0].jid == jid


def test_reading_ten_thousand_groups_takes_less_than_15_mb(file: Path) -> None:
    count = 1_000
    groups = "".join(f"- {{name: Project {n}, jid: '{120363400000000000 + n}@g.us'}}\n" for n in range(count))
    told = f"groups:\n{groups}".encode()
    tested.parsed(told, file, HOST)  # what is made once is made
    tracemalloc.start()
    try:
        tested.parsed(told, file, HOST)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak_bytes / count < 1_500


def test_aliases_and_merge_keys_work(read: Any) -> None:
    config = read('groups:\n- &a {name: A, jid: "1@g.us", validate: true}\n- <<: *a\n  jid: "2@g.us"\n')

    assert config.groups[1] == Group(name="A", jid="2@g.us", validate=True)


def test_merging_several_mappings_prefers_the_first(read: Any) -> None:
    config = read(
        'groups:\n- &a {name: A, jid: "1@g.us"}\n- &b {name: B, jid: "2@g.us"}\n- {<<: [*b, *a], jid: "3@g.us"}'
    )

    assert config.groups[2].name == "B"


def test_numbers_that_are_names_or_senders_keep_their_digits(read: Any) -> None:
    config = read("bridge: {name: 12}\nscan:\n  ignore_senders: [27821234567, '+27 82 123-4568', 9@lid]\n")

    assert config.bridge.name == "12"
    assert config.scan.ignore_senders == ("27821234567", "27821234568", "9@lid")


@pytest.mark.parametrize(
    ("written", "table"), [("qa", "qa"), ("a.b_2", "a.b_2"), ("", None), ("''", None), ("~", None)]
)
def test_an_empty_review_table_means_none(read: Any, written: str, table: str | None) -> None:
    assert read(f"database:\n  review_table: {written}\n").database.review_table == table


@pytest.mark.parametrize(
    ("written", "seconds"),
    [("15s", 15), ("2m", 120), ("1h", 3600), ("15", 15), ("1.5", 1.5), ("1m 30S", 90), ("1d", 86400)],
)
def test_an_interval_is_a_duration_or_seconds(read: Any, written: str, seconds: float) -> None:
    assert read(f"scan: {{interval: {written}}}").scan.interval == timedelta(seconds=seconds)
    assert read(f"scan: {{interval: '{written}'}}").scan.interval == timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("written", "start"),
    [
        ("beginning", Start("beginning")),
        ("now", Start("now")),
        ("24h", Start("age", timedelta(hours=24))),
        ("2026-11-10", Start("time", datetime(2026, 11, 9, 22, tzinfo=UTC))),
        ("2026-11-10 06:00", Start("time", datetime(2026, 11, 10, 4, tzinfo=UTC))),
        ("2026-11-10T04:47:12Z", Start("time", datetime(2026, 11, 10, 4, 47, 12, tzinfo=UTC))),
        ("2026-11-10T04:47:12+05:00", Start("time", datetime(2026, 11, 9, 23, 47, 12, tzinfo=UTC))),
    ],
)
def test_a_start_is_a_word_a_time_or_an_age(read: Any, written: str, start: Start) -> None:
    assert read(f"scan:\n  start: {written}\n").scan.start == start


def test_a_start_without_offset_is_of_the_configured_zone(read: Any) -> None:
    config = read("scan:\n  start: 2026-11-10 06:00\ntimezone: Asia/Tokyo\n")

    assert config.scan.start.value == datetime(2026, 11, 9, 21, tzinfo=UTC)


@pytest.mark.parametrize(
    ("written", "kept"), [("90d", timedelta(days=90)), ("0d", timedelta()), ("0", timedelta()), ("forever", None)]
)
def test_texts_are_kept_for_a_time_never_or_forever(read: Any, written: str, kept: timedelta | None) -> None:
    assert read(f"privacy: {{keep_text: {written}}}").privacy.keep_text == kept


def test_an_empty_keep_text_is_not_forever(read: Any) -> None:
    assert read("privacy:\n  keep_text:\n").privacy.keep_text == timedelta(days=90)


# Paths


def test_relative_paths_are_relative_to_the_file(file: Path, read: Any) -> None:
    config = read("bridge: {path: a/messages.db, people: ../p.db}\nstate: {dir: ../state}\n")

    assert config.bridge.path == file.parent / "a" / "messages.db"
    assert config.bridge.people == file.parent.parent / "p.db"
    assert config.state.dir == file.parent.parent / "state"


def test_a_path_that_climbs_out_of_a_link_is_not_shortened(tmp_path: Path, read: Any) -> None:
    (tmp_path / "there" / "deep").mkdir(parents=True)
    (tmp_path / "link").symlink_to(tmp_path / "there" / "deep")

    assert read("state: {dir: link/../state}").state.dir.resolve() == tmp_path / "there" / "state"


def test_a_tilde_is_the_home_directory(read: Any) -> None:
    assert read("bridge: {path: ~/m.db}\nstate: {dir: '~'}").bridge.path == Path("/home/op/m.db")


def test_the_state_of_a_user_lies_in_the_state_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)

    assert defaults(HOST).state.dir == Path("/home/op/.local/state/wamon")
    assert defaults(HOST | {"XDG_STATE_HOME": "relative"}).state.dir == Path("/home/op/.local/state/wamon")
    assert defaults(HOST | {"XDG_STATE_HOME": "/x"}).state.dir == Path("/x/wamon")


def test_the_state_of_root_lies_in_var_lib(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 0)

    assert defaults(HOST | {"XDG_STATE_HOME": "/x"}).state.dir == Path("/var/lib/wamon")


def test_a_user_without_a_home_is_told_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)

    with pytest.raises(ConfigError, match=r"state\.dir: is missing, and there is no home"):
        defaults({})


def test_a_relative_path_in_a_directory_that_is_gone_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    def gone() -> str:
        raise FileNotFoundError

    monkeypatch.setattr(os, "getcwd", gone)

    with pytest.raises(ConfigError, match=r"^WAMON_STATE_DIR: state\.dir: is relative to a directory that is gone"):
        defaults(HOST | {"WAMON_STATE_DIR": "x"})


# The environment


def test_the_environment_overrides_the_file(read: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    config = read(
        "bridge: {path: a}\ndatabase: {url: 'postgresql://a/b'}\nstate: {dir: c}\n",
        WAMON_BRIDGE_PATH="m.db",
        WAMON_DATABASE_URL="host=h password=p",
        WAMON_STATE_DIR="~/s",
        WAMON_WEB_TOKEN="0123456789abcdef" * 2,
    )

    assert config.bridge.path == tmp_path / "elsewhere" / "m.db"
    assert config.database.url.get_secret_value() == "host=h password=p"
    assert config.state.dir == Path("/home/op/s")
    assert config.web.token.get_secret_value() == "0123456789abcdef" * 2


def test_an_empty_variable_overrides_nothing(read: Any) -> None:
    assert read("bridge: {path: /a}\n", WAMON_BRIDGE_PATH="").bridge.path == Path("/a")


def test_a_wrong_override_is_told_by_its_name(complaints: Any) -> None:
    assert complaints("bridge: {}\n", WAMON_DATABASE_URL="mysql://u:hunter2@h") == [
        "WAMON_DATABASE_URL: database.url: should be a PostgreSQL URL (postgresql://user:password@host/name), or empty"
    ]


def test_an_override_does_not_hide_a_section_of_the_wrong_type(complaints: Any) -> None:
    [complaint] = complaints("bridge: [x]\n", WAMON_BRIDGE_PATH="/m.db")
    assert complaint.startswith("1:9: bridge: should be a mapping")


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("${A}", "x"),
        ("<${A}|${B:-b}|${A:-b}|${E:-b}|${E}>", "<x|b|x|b|>"),
        ("$$ $${A} $A $ a$", "$ ${A} $A $ a$"),
        ("${B:-}${B:-a:b $$}", "a:b $"),
    ],
)
def test_variables_are_filled(text: str, filled: str) -> None:
    assert document.fill(text, {"A": "x", "E": ""})[0] == filled


def test_a_filled_value_can_not_be_yaml(read: Any) -> None:
    config = read("bridge:\n  name: ${X}\n", X="a, path: /b  # no")

    assert (config.bridge.name, config.bridge.path) == ("a, path: /b  # no", None)


def test_a_filled_value_is_not_filled_again(read: Any) -> None:
    assert read("bridge: {name: '${X}'}", X="${Y}").bridge.name == "${Y}"


@pytest.mark.parametrize(
    ("text", "meant"),
    [("true", True), ("No", False), ("12", 12), ("1.5", 1.5), ("", None), ("~", None), ("0721234567", "0721234567"),
     ("12:30", "12:30"), ("2026-11-10", "2026-11-10"), ("+5", "+5"), ("0x1f", "0x1f"), ("1e5", "1e5"),
     ("9" * 30, "9" * 30)],
)  # fmt: skip
def test_unquoted_text_means_what_it_looks_like(text: str, meant: object) -> None:
    assert document.resolve(text) == meant
    assert type(document.resolve(text)) is type(meant)


def test_the_type_of_an_unquoted_variable_is_found_after_filling() -> None:
    text = "plain: ${X:-true}\nquoted: '${X:-true}'\nnumber: ${N}\n"

    assert document.read(text.encode(), {"N": "7"}, lambda _, key: key).data == {
        "plain": True,
        "quoted": "true",
        "number": 7,
    }


def test_a_variable_that_is_empty_leaves_the_default(read: Any) -> None:
    text = "scan:\n  interval: ${X}\ntimezone: '${X}'\nstate:\n  dir: '${X}'\nbridge: {flavour: '${X}'}\n"

    assert read(text, X="") == read("")


@pytest.mark.parametrize("written", ["${X", "${}", "${1A}", "${X:-${Y}}", "${X-y}", "${ X }"])
def test_a_broken_variable_is_a_problem(complaints: Any, written: str) -> None:
    [complaint] = complaints(f"bridge:\n  name: '{written}'\n", X="x")
    assert complaint.startswith("2:9: bridge.name: `${` should begin ${NAME} or ${NAME:-default}")


def test_a_variable_that_is_not_set_is_a_problem_at_its_place(complaints: Any) -> None:
    assert complaints("groups:\n  - name: A\n    jid: ${NOPE}\n") == [
        "3:10: groups[0].jid: the variable NOPE isn't set: set it, or give it a default with ${NOPE:-default}"
    ]


# Problems


def test_all_problems_are_told_at_once_each_at_its_place(complaints: Any) -> None:
    text = """\
projects:
  - nam: A
    group_jid: 120363418298130331
    enabled: 12
  - {name: "", jid: abc}
  - {name: x, jid: "1@g.us"}
  - {name: x, jid: "1@g.us"}
database: {url: "mysql://u:pw@h", review_table: "a;drop"}
scan: {intervall: 3, interval: 0.2s, start: 24, ignore_senders: [0821234567]}
interval: 3
timezone: africa/johannesburg
bridge: [x]
state: 5
replies: {enabled: {}}
privacy: {show: all, keep_text: 90}
groups: []
"""
    assert [re.sub(r"[;,:(] .*", "", line.replace(": ", " ", 1)) for line in complaints(text)] == [
        "2:5 projects[0].name",
        "2:5 projects[0].nam",
        "3:16 projects[0].group_jid",
        "4:14 projects[0].enabled",
        "5:12 projects[1].name",
        "5:21 projects[1].jid",
        "7:20 projects[3].jid",
        "8:17 database.url",
        "8:49 database.review_table",
        "9:8 scan.intervall",
        "9:32 scan.interval",
        "9:45 scan.start",
        "9:66 scan.ignore_senders[0]",
        "10:1 interval",
        "11:11 timezone",
        "12:9 bridge",
        "13:8 state",
        "14:20 replies.enabled",
        "15:17 privacy.show",
        "15:33 privacy.keep_text",
        "16:1 projects",
    ]


def test_a_line_begins_with_the_file_and_the_error_says_what_to_do(file: Path, read: Any) -> None:
    with pytest.raises(ConfigError) as caught:
        read("groups:\n- {name: A, jid: '1@g.us'}\n- {name: B, jid: nope}\n")

    assert str(caught.value).startswith(f"{file}:3:18: groups[1].jid: should be a chat's JID such as")
    assert caught.value.exit_code == 78
    assert caught.value.hint == "Correct this, and try it with `wamon config check`."


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("scan: {intervall: 3}", "1:8: scan.intervall: unknown key; did you mean 'interval'?"),
        ("interval: 3", "1:1: interval: unknown key here; it belongs under 'scan:'"),
        ("drops: {x: 1}", "1:9: drops.x: unknown key; known are pattern"),
        ("groups: [{name: A, jid: 1@g.us, validate_: true}]", "did you mean 'validate'?"),
        ("on: 1", "1:1: on: unknown key"),
        ("? [a]\n: b", "1:3: a key should be a plain word"),
        ("scan: {interval: 1s, start: now, interval: 2s}", "1:34: scan.interval: stands twice; the first is in line 1"),
        ("groups: []\nprojects: []", "2:1: groups: `projects` and `groups` (line 1) mean the same: keep one"),
        ("groups: [{name: A, jid: 1@g.us, group_jid: 1@g.us}]", "`group_jid` and `jid` (line 1) mean the same"),
        ("groups: [{name: A, jid: 1@g.us}, {name: B, jid: ' 1@g.us'}]", "1:49: groups[1].jid: is the JID of another"),
        ("groups: [{name: A}]", "1:10: groups[0].jid: is missing or empty"),
        ("groups: {A: b}", "1:9: groups: should be a list: lines that begin with `- `"),
        ("groups: [A]", "1:10: groups[0]: should be a mapping"),
        ("groups: [{name: '  ', jid: 1@g.us}]", "1:17: groups[0].name: should be a name of 1 to 200 characters"),
        ("groups: [{name: yes, jid: 1@g.us}]", "1:17: groups[0].name: should be text: put it in quotes"),
        ("groups: [{name: [A], jid: 1@g.us}]", "1:17: groups[0].name: should be text"),
        ('bridge: {name: "a\\0b"}', "1:16: bridge.name: should be one line of text without control characters"),
        ("groups: [{name: A, jid: 120363418298130331}]", "lacks its server"),
        ("groups: [{name: A, jid: 'a b@g.us'}]", "should be a chat's JID such as"),
        ("groups: [{name: A, jid: 1@newsletter}]", "should be a chat's JID such as"),
        ("bridge: {flavour: x}", "1:19: bridge.flavour: should be auto, whatsapp-mcp, wacli or gowa"),
        ("bridge: {people: false}", "1:18: bridge.people: should be auto, none or a path"),
        ("bridge: {path: ~nobody-at-all/x}", "bridge.path: begins with ~ and a user who has no home here"),
        ("bridge: {path: '  '}", "1:16: bridge.path: should be a path"),
        ("scan: {interval: 2d}", "1:18: scan.interval: should be between 1s and 1d"),
        ("scan: {interval: true}", "should be a duration such as 15s, 2m or 1h, or a number of seconds"),
        ("scan: {interval: -5}", "should be a duration such as 15s"),
        ("scan: {interval: 15 parsecs}", "should be a duration such as 15s"),
        ("scan: {start: 20261110}", "1:15: scan.start: should be beginning, now, a time such as"),
        ("scan: {start: 0001-01-01}", "should be beginning, now, a time such as"),
        ("scan: {start: 2026-13-01}", "should be beginning, now, a time such as"),
        ("scan: {start: 99999d}", "1:15: scan.start: should be at most 100 years"),
        ("scan: {ignore_senders: 27821234567}", "should be a list"),
        ("scan: {ignore_from_me: maybe}", "1:24: scan.ignore_from_me: should be true or false"),
        ("privacy: {keep_text: 90}", "should be a duration with its unit such as 90d, 0d to keep none, or forever"),
        ("timezone: africa/johanesburg", "1:11: timezone: is not a time zone; did you mean Africa/Johannesburg?"),
        ("timezone: Africa", "1:11: timezone: is not a time zone"),
        ("timezone: /etc/localtime", "1:11: timezone: is not a time zone"),
        ("timezone: xyzzy-0", "write one such as Africa/Johannesburg"),
        ("timezone: false", "1:11: timezone: should be text"),
        ("state: {dir: false}", "1:14: state.dir: should be text"),
        ("database: {review_table: a.b.c}", "should be a table or schema.table"),
        ("alerts: [a]", "1:9: alerts: should be a mapping"),
        ("alerts: {rules: !!python/object/apply:os.system [echo]}", "1:17: a YAML tag (!…) is refused"),
        ("bridge: {name: !env Y}", "1:16: a YAML tag (!…) is refused"),
        ("alerts:\n  <<: 5\n", "2:7: alerts: `<<` should name a mapping"),
        ("- a\n- b\n", "1:1: the file should be a mapping"),
        ("just words", "1:1: the file should be a mapping"),
        ("bridge:\n\tname: x\n", "2:1: is not YAML: a tab; indent with spaces"),
        ("bridge: {name: a\n", "is not YAML: "),
        ("bridge: 'a\n", "(while scanning a quoted scalar, begun in line 1)"),
        ("ä: b: c\n", "1:5: is not YAML: mapping values are not allowed"),
        ("a: 1\n--- \nb: 2", "2:1: is not YAML: a second document (---) begins here"),
        ("bridge: {name: ${X}}", "is not YAML: ${NAME} inside {…} or […] needs quotes around it"),
        ("bridge: {name: &a x, path: &a y}", "an anchor (&…) that already has its place"),
        ("a: \x07", "1:4: a control character (U+0007): remove it"),
        (b"a: 1\nb: \xc3\xa4\xff", "2:5: is not UTF-8 from here on"),
        ("a: 1".encode("utf-16"), "1:1: is not UTF-8 from here on"),
        ("[" * 5000, "1:21: is nested deeper than 20 levels"),
        ("a: &a [*a]", "with its aliases, is nested deeper than 20 levels"),
        ("a: &a {<<: *a}", "with its aliases, is nested deeper than 20 levels"),
        ("#" * 4_000_001, "1:1: is longer than 4,000,000 bytes"),
    ],
)  # fmt: skip
@pytest.mark.fault("F70")
def test_what_is_wrong_is_said_with_its_place(complaints: Any, text: str | bytes, complaint: str) -> None:
    [line] = complaints(text)
    assert complaint in line


@pytest.mark.parametrize("loader", [yaml.BaseLoader, document.LOADER])
@pytest.mark.parametrize("text", ["bridge: *hunter2", "bridge: !hunter2 x", "a: &hunter2 x\nb: &hunter2 y"])
def test_yaml_problems_do_not_repeat_the_text(
    complaints: Any, monkeypatch: pytest.MonkeyPatch, loader: type, text: str
) -> None:
    monkeypatch.setattr(document, "LOADER", loader)

    assert "hunter2" not in "".join(complaints(text))


def test_an_escape_that_names_no_character_is_a_problem_without_libyaml_too(
    complaints: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert "found invalid Unicode character escape code" in complaints('a: "\\U0011FFFF"')[0]
    monkeypatch.setattr(document, "LOADER", yaml.BaseLoader)
    assert complaints('a: "\\U0011FFFF"') == ["1:1: an escape (\\U…) in this file names no character"]


def test_an_empty_group_lacks_its_name_and_jid(complaints: Any) -> None:
    assert complaints("groups:\n  -\n") == [
        "2:4: groups[0].name: is missing or empty",
        "2:4: groups[0].jid: is missing or empty",
    ]


@pytest.mark.parametrize("link", ["[{0}]", "{{<<: [{0}]}}"])
@pytest.mark.fault("F70")
def test_an_alias_bomb_is_refused(complaints: Any, monkeypatch: pytest.MonkeyPatch, link: str) -> None:
    monkeypatch.setattr(document, "MAX_VALUES", 10_000)
    names = "abcdefghijk"
    levels = [f"{b}: &{b} " + link.format(", ".join([f"*{a}"] * 10)) for a, b in pairwise(names)]

    [complaint] = complaints("a: &a {x: 1}\n" + "\n".join(levels))
    assert "with its aliases, the file has over 10,000 values" in complaint


def test_a_flood_of_problems_is_counted_not_told(complaints: Any) -> None:
    found = complaints("".join(f"zz{number}: x\n" for number in range(150)))

    assert len(found) == 101
    assert found[-1].endswith(" and 50 more")


def test_a_pattern_is_checked_where_it_stands(file: Path) -> None:
    def check(pattern: str) -> None:
        raise ValueError(f"missing ): {len(pattern)}\nsecond line")

    file.write_text("drops:\n  pattern: 'DR('\n")

    with pytest.raises(ConfigError, match=r":2:12: drops\.pattern: missing \): 3 second line$"):
        load(file, HOST, check_pattern=check)
    assert load(file, HOST).drops.pattern == "DR("


def test_a_problem_names_the_variables_that_filled_the_value(complaints: Any) -> None:
    [complaint] = complaints("scan:\n  interval: ${HOW}${OFTEN:-}\n", HOW="weekly", OFTEN="")
    assert complaint.startswith("2:13: scan.interval: should be a duration such as 15s, 2m or 1h")
    assert complaint.endswith(" (the value comes from $HOW, $OFTEN)")


@pytest.mark.parametrize("path", ["missing.yaml", ".", "a\0b"])
def test_a_file_that_can_not_be_read_is_a_config_error(tmp_path: Path, path: str) -> None:
    with pytest.raises(ConfigError, match="can't be read: ") as caught:
        load(tmp_path / path, HOST)
    assert caught.value.hint


# Secrets


SECRETS = [
    "bridge: x\ndatabase: {url: 'ftp://u:hunter2@h'}",
    "database: {postgresql://u:hunter2@h/d}",
    "database: {url: '${WAMON_DATABASE_URL}', x: 1}",
    "database: {url: '${WAMON_DATABASE_URL}'}\nscan: '${WAMON_DATABASE_URL}'\ngroups: ['${WAMON_DATABASE_URL}']",
    "database:\n  url: postgresql://u:hunter2@h/d: x\n",
    "timezone: hunter2\nscan: {start: hunter2, interval: hunter2}\nbridge: {flavour: hunter2}",
    "groups: [{name: A, jid: hunter2}]",
]


@pytest.mark.parametrize("text", SECRETS)
def test_no_problem_shows_a_secret(file: Path, text: str) -> None:
    file.write_text(text)
    environ = HOST | {"WAMON_DATABASE_URL": "postgres://u:hunter2@h/d"}

    with pytest.raises(ConfigError) as caught:
        load(file, environ)
    shown = "".join(traceback.format_exception(caught.value)) + caught.value.paragraph() + repr(caught.value)
    assert "hunter2" not in shown
    assert caught.value.__context__ is None


def test_a_config_shows_neither_phone_numbers_nor_channels_in_passing(read: Any) -> None:
    config = read(
        "scan: {ignore_senders: [27821234567]}\nalerts: {channels: {webhook: {url: https://h.example.com/hunter2}}}\n"
    )

    assert not re.search("hunter2|27821234567", f"{config!r} {config}")


def test_a_config_shows_no_secret() -> None:
    config = defaults(HOST | {"WAMON_DATABASE_URL": "postgres://u:hunter2@h/d"})

    assert "hunter2" not in f"{config!r} {config} {describe(config)} {as_yaml(config)} {config.model_dump_json()}"
    assert config.database.url is not None
    assert config.database.url.get_secret_value() == "postgres://u:hunter2@h/d"


@pytest.mark.parametrize(
    ("url", "masked"),
    [
        ("postgresql://u:p@h:5432/d?sslmode=require", "postgresql://u:***@h:5432/d?sslmode=require"),
        ("postgresql://u@h/d?password=p&x=1", "postgresql://u@h/d?password=***&x=1"),
        ("postgresql://h/d?p%61ssword=p", "postgresql://h/d?p%61ssword=***"),
        ("postgresql:///d?host=/run/pg&sslpassword=p@q", "postgresql:///d?host=/run/pg&sslpassword=***"),
        ("postgresql://u:p@q/r?s#t@h/d", "postgresql://u:***@h/d"),
        ("postgresql://h/d?password=p&q", "postgresql://h/d?password=***&***"),
        ("postgresql://h:5432/d", "postgresql://h:5432/d"),
        ("host=h password=p dbname=d passfile=/f", "host=h password=*** dbname=d passfile=/f"),
        (r"password = 'p \' q' host=h", "password = *** host=h"),
        (r"host=h password=p\ q", "host=h password=***"),
        ("host=h password='p q", "host=h password=***"),
    ],
)
def test_a_url_is_shown_without_its_password(url: str, masked: str) -> None:
    assert show.mask(url) == masked


def test_alerts_are_shown_without_what_opens_a_channel(read: Any) -> None:
    config = read(
        """\
alerts:
  heartbeat: https://monitor.example.com/hunter2
  channels:
    webhook: {url: "https://hooks.example.com:8443/hunter2?token=hunter2"}
    mail: {host: h, user: u, password: hunter2, from: a@b.c, to: [d@e.f]}
"""
    )

    shown: Any = describe(config)
    channels = shown["alerts"]["channels"]
    address = "https://hooks.example.com:8443/***"
    assert channels["webhook"] == {"url": address, "kind": "json", "allow_private": False}
    assert shown["alerts"]["heartbeat"] == "https://monitor.example.com/***"
    assert (channels["mail"]["password"], channels["mail"]["user"], channels["mail"]["to"]) == ("***", "u", ["d@e.f"])
    assert "hunter2" not in f"{config!r} {config} {as_yaml(config)} {config.model_dump_json()}"


def test_every_problem_of_alerts_has_its_place(tmp_path: Path) -> None:
    file = tmp_path / "wamon.yaml"
    file.write_text(
        """\
alerts:
  channels:
    webhook: {url: "ftp://x", kind: gchat, urll: 1}
    mail: {host: mail.example.com, to: x}
    sms: {}
  rules:
    lag: {more_than: 10}
    laag: {}
    dead: {more_than: -1, hold: 2d}
    verify: {repeat: 1s}
"""
    )
    with pytest.raises(ConfigError) as caught:
        load(file, HOST)
    first, *others = str(caught.value).replace(f"{file}:", "").splitlines()
    assert first.startswith("3:20: alerts.channels.webhook.url: should be a webhook's address such as https://")
    assert others == [
        "3:37: alerts.channels.webhook.kind: should be json, google-chat, discord, slack, teams, ntfy or apprise",
        "3:44: alerts.channels.webhook.urll: unknown key; did you mean 'url'?",
        "4:40: alerts.channels.mail.to: should be a list: lines that begin with `- `",
        "5:5: alerts.channels.sms: unknown key; known are webhook, mail",
        "7:22: alerts.rules.lag.more_than: should be a duration such as 15s, 2m, 24h or 90d",
        "8:5: alerts.rules.laag: unknown key; did you mean 'lag'?",
        "9:23: alerts.rules.dead.more_than: should be a whole number, 0 or more",
        "9:33: alerts.rules.dead.hold: should be between 0s and 1d",
        "10:22: alerts.rules.verify.repeat: should be at least 1m",
    ]


@pytest.mark.parametrize(
    ("mail", "problem"),
    [
        ("{host: h}", "needs `from`, an address, and `to`, a list of them, beside `host`"),
        ("{host: h, from: a@b.c, to: [d@e.f], user: u}", "needs `user` and `password` together, or neither"),
        (
            "{host: h, from: a@b.c, to: [d@e.f], user: u, password: p, security: none}",
            "would send its password for all to read: set `security` to starttls or tls",
        ),
        ("{host: a b}", "should be a host's name such as mail.example.com"),
        ("{from: 'A <a@b.c>'}", "should be a mail address such as office@example.com"),
        ("{port: 70000}", "should be a port, 1 to 65535"),
    ],
)
def test_a_mail_channel_that_could_not_send_is_refused(read: Any, mail: str, problem: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(problem)):
        read(f"alerts: {{channels: {{mail: {mail}}}}}\n")


@pytest.mark.parametrize(
    "url", ["https://u:p@h/x", "https://h/a b", "https://h:0/", "http://", "https://h/#x", "//h/x", "https://h:99999/"]
)
def test_an_address_that_is_no_webhooks_is_refused(read: Any, url: str) -> None:
    with pytest.raises(ConfigError, match="should be a webhook's address"):
        read(f"alerts: {{channels: {{webhook: {{url: '{url}'}}}}}}\n")


def test_alerts_are_read_from_a_config_that_is_wrong_elsewhere(tmp_path: Path) -> None:
    file = tmp_path / "wamon.yaml"
    file.write_text("groups: 5\nalerts: {channels: {webhook: {url: https://h.example.com/x}}}\n")
    with pytest.raises(ConfigError):
        load(file, HOST)
    assert load_alerts(file, HOST).channels.named == ("webhook",)
    file.write_text("groups: [broken")
    with pytest.raises(ConfigError, match="alerts"):
        load_alerts(file, HOST)


# What is shown


def test_what_is_shown_is_the_same_config_again(read: Any) -> None:
    config = read(
        """\
bridge: {name: b, path: /m.db, people: none}
database: {review_table: ''}
state: {dir: /s}
scan: {interval: 90s, start: 2026-11-10 06:00, ignore_senders: [27821234567]}
drops: {pattern: 'DR$$$${7}$'}
timezone: Asia/Tokyo
privacy: {keep_text: forever}
alerts: {channels: {mail: {host: h, port: 2525, from: a@b.c, to: [d@e.f]}}, rules: {lag: {more_than: 90s}}}
groups: [{name: 'no', jid: 1@g.us, description: "12:30", enabled: false, validate: true}]
"""
    )

    assert config.drops.pattern == "DR$${7}$"
    assert read(as_yaml(config)) == config


@given(text=st.text(st.characters(exclude_categories=["Cc", "Cs"]) | st.sampled_from("${}: -#'"), max_size=30))
@settings(suppress_health_check=ON_A_FIXTURE, max_examples=examples(200))
def test_any_text_survives_being_shown(read: Any, text: str) -> None:
    config = defaults(HOST | {"WAMON_STATE_DIR": "/s"})
    group = Group(name="A", jid="1@g.us", description=text)
    config = config.model_copy(update={"groups": (group,)})

    assert read(as_yaml(config)) == config


@pytest.mark.parametrize(
    ("span", "written"),
    [("0", "0s"), ("90d", "90d"), ("1w", "7d"), ("90m", "90m"), ("24h", "1d"), ("61s", "61s"), ("1.5s", "1.5s")],
)
def test_a_duration_is_written_as_one_would(span: str, written: str) -> None:
    assert fields.written(fields.duration(span)) == written


@pytest.mark.parametrize("start", ["beginning", "now", "36h", "2026-11-10T04:47:12Z"])
def test_a_start_is_written_as_it_was(start: str) -> None:
    assert str(fields.start(start, ZoneInfo("UTC"))) == start


# Where it is found


@pytest.fixture
def nowhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(tested, "PLACES", (tested.PLACES[0], tmp_path / "etc" / "wamon.yaml"))
    return tmp_path


def test_the_places_of_a_config_are_the_contract() -> None:
    assert tuple(map(str, tested.PLACES)) == ("config/wamon.yaml", "/etc/wamon/wamon.yaml")


def test_a_config_is_found_in_its_order(nowhere: Path) -> None:
    assert tested.find(None, {}) is None
    etc, local, variable, explicit = (nowhere / each for each in ("etc/wamon.yaml", "config/wamon.yaml", "v", "e"))
    environ = {"WAMON_CONFIG": "~/v", "HOME": str(nowhere)}
    for path in (etc, local, variable, explicit):
        path.parent.mkdir(exist_ok=True)

    etc.touch()
    assert tested.find(None, {"WAMON_CONFIG": ""}) == etc
    local.touch()
    assert tested.find(None, {}) == Path("config/wamon.yaml")
    variable.touch()
    assert tested.find(None, environ) == variable
    explicit.touch()
    assert tested.find(Path("e"), environ) == Path("e")


def test_a_named_config_that_is_not_there_is_an_error(nowhere: Path) -> None:
    with pytest.raises(ConfigError, match=r"There is no config x\.yaml, which --config names"):
        tested.find(Path("x.yaml"), {})
    with pytest.raises(ConfigError, match=r"There is no config ~nobody-at-all/x, which WAMON_CONFIG names"):
        tested.find(None, {"WAMON_CONFIG": "~nobody-at-all/x"})
    with pytest.raises(ConfigError, match="There is no config"):
        tested.find(Path("a\0b"), {})


def test_a_config_that_we_may_not_see_is_not_passed_over(nowhere: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refused(path: Path) -> None:
        raise PermissionError(path)

    monkeypatch.setattr(Path, "stat", refused)

    assert tested.find(None, {}) == Path("config/wamon.yaml")


# The host's zone


@pytest.mark.parametrize(
    "value",
    ["Asia/Tokyo", ":Asia/Tokyo", "/usr/share/zoneinfo/Asia/Tokyo", ":/usr/share/zoneinfo/posix/Asia/Tokyo"],
)
def test_the_zone_is_the_one_of_tz(value: str, tmp_path: Path) -> None:
    assert host_zone({"TZ": value}, tmp_path) == ZoneInfo("Asia/Tokyo")


@pytest.mark.parametrize("tz", ["", "SAST-2", "/etc/shadow", "../../x"])
def test_the_zone_is_else_the_one_of_etc(tmp_path: Path, tz: str) -> None:
    assert host_zone({"TZ": tz}, tmp_path) == ZoneInfo("UTC")
    (tmp_path / "localtime").symlink_to("/usr/share/zoneinfo/Asia/Tokyo")
    assert host_zone({"TZ": tz}, tmp_path) == ZoneInfo("Asia/Tokyo")
    (tmp_path / "timezone").write_bytes(b"\xff\n")
    assert host_zone({"TZ": tz}, tmp_path) == ZoneInfo("Asia/Tokyo")
    (tmp_path / "timezone").write_text("Europe/Berlin\n")
    assert host_zone({"TZ": tz}, tmp_path) == ZoneInfo("Europe/Berlin")


# Anything at all


WORDS = st.sampled_from(
    ["groups:", "projects:", "- ", "\n", "  ", "name: ", "jid: ", "scan:", "interval: ", "start: ", "bridge:", "path: ",
     "{", "}", "[", "]", "&a ", "*a", "<<: ", "!!python/object:x ", "${X}", "${N", "$$", "'", '"', "\t", ": ", ", ",
     "#", "|\n", "12", "0.5", "true", "~", "1@g.us", "timezone: ", "database: ", "url: ", "\\ud800", "\\0", "\ufeff",
     "? ", "%", "--- ", "é"]
)  # fmt: skip
ANYTHING = (
    st.binary()
    | st.text().map(lambda text: text.encode("utf-8", "surrogatepass"))
    | (st.lists(WORDS, max_size=40).map(lambda words: "".join(words).encode()))
)


def outcome(file: Path, environ: dict[str, str]) -> Config | list[str]:
    try:
        return load(file, environ)
    except ConfigError as error:
        return str(error).split("\n")


def is_told(line: str, file: Path) -> bool:
    return line.startswith((f"{file}:", "WAMON_"))


@pytest.mark.parametrize("loader", [yaml.BaseLoader, document.LOADER])
@given(content=ANYTHING, value=st.text(max_size=20))
@settings(suppress_health_check=ON_A_FIXTURE, max_examples=examples(400))
@pytest.mark.fault("F70")
def test_no_file_gives_anything_but_a_config_or_lines(file: Path, loader: type, content: bytes, value: str) -> None:
    file.write_bytes(content)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(document, "LOADER", loader)
        found = outcome(file, HOST | {"X": value})

    assert isinstance(found, Config) or all(is_told(line, file) for line in found)


KEYS = st.sampled_from(
    [*Config.model_fields, "name", "jid", "path", "url", "dir", "start", "interval", "show", "keep_text", "x"]
)
VALUES: st.SearchStrategy[Any] = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=8)
    | st.dates()
    | st.sampled_from(["9@lid", "1h"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
)


@given(content=st.dictionaries(KEYS, VALUES, max_size=5), variable=st.text())
@settings(suppress_health_check=ON_A_FIXTURE, max_examples=examples(400))
def test_no_data_gives_anything_but_a_config_or_lines(file: Path, content: dict[str, Any], variable: str) -> None:
    file.write_text(yaml.safe_dump(content))
    found = outcome(file, HOST | dict.fromkeys(tested.OVERRIDES, variable))

    assert isinstance(found, Config) or all(is_told(line, file) for line in found)


# Replies


def test_every_problem_of_replies_has_its_place(tmp_path: Path) -> None:
    file = tmp_path / "wamon.yaml"
    file.write_text("""\
replies:
  url: hunter2
  token: "hunter2 hunter2"
  max_age: 5s
  quiet_hours: 25:00-06:00
  per_minute: 0
  templates:
    new: "{hunter2}"
    nearmiss: x
    rejected: [a]
groups:
  - {name: A, jid: 1@g.us, replies: perhaps, reply_templates: {neww: x, near-miss: "{drop"}}
  - {name: B, jid: 2@g.us, reply_templates: {new: "{hunter2}"}}
""")
    with pytest.raises(ConfigError) as caught:
        load(file, HOST)
    lines = [line.removeprefix(f"{file}:") for line in str(caught.value).splitlines()]
    assert "hunter2" not in str(caught.value)
    assert lines == [
        "2:8: replies.url: should be the send API's address such as http://127.0.0.1:8080/api/send",
        "3:10: replies.token: should be a token of ASCII characters without spaces",
        "4:12: replies.max_age: should be between 1m and 1d",
        "5:16: replies.quiet_hours: should be two times of day such as 20:00-06:00, or empty",
        "6:15: replies.per_minute: should be 1 to 60",
        "8:10: replies.templates.new: should have no placeholders but {drop}, {digits}, {project}, {likely}",
        "9:5: replies.templates.nearmiss: unknown key; did you mean 'near-miss'?",
        "10:15: replies.templates.rejected: should be text",
        "12:37: groups[0].replies: should be true or false",
        "12:64: groups[0].reply_templates.neww: unknown key; did you mean 'new'?",
        "13:51: groups[1].reply_templates.new: should have no placeholders but {drop}, {digits}, {project}, {likely}",
    ]


@pytest.mark.parametrize(("said", "enabled"), [("off", False), (" OFF ", False), ("on", True), ("", True)])
def test_the_environment_can_end_replies(read: Any, said: str, enabled: bool) -> None:
    assert read("replies: {enabled: true}\n", WAMON_REPLIES=said).replies.enabled is enabled
    assert read("replies: {enabled: false}\n", WAMON_REPLIES=said).replies.enabled is False


def test_a_switch_that_is_not_understood_is_a_problem(read: Any) -> None:
    with pytest.raises(ConfigError, match=r"WAMON_REPLIES: replies\.enabled: should be on or off"):
        read("", WAMON_REPLIES="no")


@pytest.mark.parametrize(
    ("hours", "at", "quiet"),
    [
        ("20:00-06:00", "2026-11-10 18:00", True),  # UTC; it is two hours later there
        ("20:00-06:00", "2026-11-10 17:59", False),
        ("20:00-06:00", "2026-11-10 03:59", True),
        ("20:00-06:00", "2026-11-10 04:00", False),
        ("9:00 - 17:30", "2026-11-10 15:29", True),
        ("9:00 - 17:30", "2026-11-10 15:30", False),
    ],
)
def test_quiet_hours_are_those_of_the_configs_zone(read: Any, hours: str, at: str, quiet: bool) -> None:
    config = read(f"timezone: Africa/Johannesburg\nreplies: {{quiet_hours: '{hours}'}}\n")
    moment = datetime.fromisoformat(f"{at}+00:00")
    assert config.replies.quiet_hours.hold(moment, config.timezone) is quiet


def test_a_groups_own_words_go_before_the_usual_ones_and_empty_ones_say_nothing(read: Any) -> None:
    config = read("""\
replies: {templates: {new: "a {drop}", resubmission: ""}}
groups: [{name: A, jid: 1@g.us, reply_templates: {rejected: "", near-miss: b}}]
""")
    said = config.groups[0].reply_templates.over(config.replies.templates)
    assert said == {"new": "a {drop}", "near-miss": "b"}


def test_what_fills_a_template_is_no_placeholder() -> None:
    text = filled("{drop} {digits} {project} {likely} {", drop="DR-12", project="{drop}", likely=None)
    assert text == "DR-12 12 {drop}  {"


def test_replies_are_shown_without_their_secrets(read: Any) -> None:
    config = read("replies: {token: hunter2hunter2hun, url: 'http://h:1/api/send?token=hunter2'}\n")
    shown: Any = describe(config)
    assert "hunter2" not in f"{config.replies.token!r} {shown}"
    assert (shown["replies"]["token"], shown["replies"]["max_age"]) == ("***", "10m")


def test_replies_as_shown_mean_the_same_when_read_again(read: Any) -> None:
    config = read("""\
timezone: UTC
replies: {enabled: true, quiet_hours: "22:00-5:00", max_age: 90s, templates: {new: "", rejected: "{drop}"}}
groups: [{name: A, jid: 1@g.us, replies: false, reply_templates: {new: "x", rejected: ""}}]
""")
    again = read(as_yaml(config))
    assert (again.replies, again.groups) == (config.replies, config.groups)
