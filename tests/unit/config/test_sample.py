"""Which keys of the sample a config doesn't name."""

from __future__ import annotations

from pathlib import Path

import pytest

from wamon.config.sample import new_keys

ROOT = Path(__file__).parents[3]
SAMPLE = """\
# The config. It begins here.

# Who is told, and
# when. Nobody else.
alerts:
  url: ${URL:-}       # a secret; "é" is no more. Not this
  kind: 'a # b'       # json
  reports:
    daily:
    text: |
      # no comment
  # hold: how long
  rules:
    lag: {hold: 5m, repeat: 1d}   # nobody reads

zone: here
# Who delivers. Such as
# hooks:
#   - {name: wati}
hooks: []
groups:
  - {name: Lawley, jid: "1@g.us"}
"""
EMPTY_ALERTS = "{url: , kind: , reports: {daily: , text: }, rules: {lag: {hold: , repeat: }}}"


def test_each_key_comes_with_its_value_and_what_is_said_of_it_in_the_samples_order() -> None:
    mine = b"groups: []\nhooks: []\nalerts: {reports: {daily: '06:30'}, rules: {lag: {repeat: 2d}}}\n"
    assert [tuple(new) for new in new_keys(mine, SAMPLE)] == [
        ("alerts.url", "${URL:-}", 'a secret; "é" is no more'),
        ("alerts.kind", "'a # b'", "json"),
        ("alerts.reports.text", None, ""),
        ("alerts.rules.lag.hold", "5m", "nobody reads"),
        ("zone", "here", ""),
    ]


def test_a_section_that_is_lacking_is_one_line() -> None:
    assert [(new.key, new.default, new.comment) for new in new_keys(b"zone: there\n", SAMPLE)] == [
        ("alerts", None, "Who is told, and when"),
        ("hooks", "[]", "Who delivers"),
        ("groups", None, ""),
    ]


def test_a_key_without_a_comment_of_its_own_has_its_sections() -> None:
    mine = b"zone: x\nhooks:\ngroups:\nalerts:\n  rules:\n  kind:\n  reports:\n"
    found = {new.key: new for new in new_keys(mine, SAMPLE)}
    assert found["alerts.rules.lag"].comment == "nobody reads"
    assert found["alerts.reports.daily"] == ("alerts.reports.daily", "", "")
    assert new_keys(b"a: {c: 1}\n", "# Why.\na:\n  b: 1\n") == (("a.b", "1", "Why"),)


@pytest.mark.parametrize("mine", ["", "# zone: x\n", "~\n"])
def test_of_a_config_that_says_nothing_every_section_is_lacking(mine: str) -> None:
    assert [new.key for new in new_keys(mine.encode(), SAMPLE)] == ["alerts", "zone", "hooks", "groups"]


@pytest.mark.parametrize(
    "mine",
    [
        f"{{projects: , zone: , hooks: , alerts: {EMPTY_ALERTS}}}",
        "\ufeff" + SAMPLE,
        SAMPLE.replace("{hold: 5m, repeat: 1d}", '&lag {hold: 5m, repeat: "${NOT_SET}"}'),
        SAMPLE.replace("{hold: 5m, repeat: 1d}", "{<<: {hold: 5m, repeat: 1d}}"),
    ],
    ids=["former names, empty values", "a byte order mark", "a variable", "a merge"],
)
def test_what_is_named_in_any_form_is_not_new(mine: str) -> None:
    assert new_keys(mine.encode(), SAMPLE) == ()


def test_the_samples_own_sections_say_what_they_are_for() -> None:
    sample = (ROOT / "config/wamon.yaml").read_text("utf-8")
    found = {new.key: new for new in new_keys(b"", sample)}
    assert found["hooks"].default == "[]"
    assert found["timezone"] == (
        "timezone",
        "Africa/Johannesburg",
        "for days, reports and people's eyes; left out: the host's zone",
    )
    assert found["alerts"].comment.startswith("Who is told what went wrong")
