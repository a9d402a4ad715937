"""A config gets new sections, and keeps what stands in it."""

from __future__ import annotations

import pytest

from wamon.config.growth import grown

HOOKS = "# who delivers\nhooks:\n  - {name: wati}\n"


@pytest.mark.parametrize(
    ("text", "becomes"),
    [
        ("", f"\n{HOOKS}"),
        ("a: 1", f"a: 1\n\n{HOOKS}"),
        ("hooks:   # none\nb: é\n", "hooks:\n  - {name: wati}   # none\nb: é\n"),
        ("é: —\nhooks: []  # none\nb: 2\n", "é: —\nhooks:\n  - {name: wati}  # none\nb: 2\n"),
        ("hooks: ~\n", "hooks:\n  - {name: wati}\n"),
    ],
)
def test_a_section_that_is_missing_or_empty_is_added(text: str, becomes: str) -> None:
    assert grown(text, {"hooks": HOOKS}) == (becomes, ("hooks",))


def test_a_section_that_says_something_stays() -> None:
    text = "hooks: [{name: gowa}]\n"
    assert grown(text, {"hooks": HOOKS}) == (text, ())


def test_several_are_filled_where_they_stand() -> None:
    text = "a: []\n# between\nb: {}\n"
    assert grown(text, {"b": "b: 1", "a": "a: 2"})[0] == "a: 2\n# between\nb: 1\n"
