"""New sections for a config that is there: what stands in it stays, to its last comment. Pure."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from wamon.config.document import LOADER

if TYPE_CHECKING:
    from collections.abc import Mapping


def grown(text: str, sections: Mapping[str, str]) -> tuple[str, tuple[str, ...]]:
    """The config with the sections that it lacks, and the names of those.

    A section is its text, key and comments included. One that is there and empty, as `hooks: []`, is filled in its
    place; one that says something stays. Raises yaml.YAMLError.
    """
    places = _places(text)
    added = tuple(name for name in sections if name not in places or _is_empty(places[name][1]))
    filled = sorted((name for name in added if name in places), key=lambda name: -places[name][0].start_mark.index)
    for name in filled:
        key, value = places[name]
        text = text[: key.start_mark.index] + _inner(sections[name]) + text[value.end_mark.index :]
    new = "".join(f"\n{sections[name].strip()}\n" for name in added if name not in places)
    between = "" if not text or text.endswith("\n") else "\n"
    return (f"{text}{between}{new}" if new else text), added


def _places(text: str) -> dict[str, tuple[yaml.Node, yaml.Node]]:
    """Key and value of each section."""
    root = yaml.compose(text, Loader=LOADER)
    return {key.value: (key, value) for key, value in root.value} if isinstance(root, yaml.MappingNode) else {}


def _is_empty(node: yaml.Node) -> bool:
    return not node.value or (isinstance(node, yaml.ScalarNode) and node.value in {"~", "null"})


def _inner(section: str) -> str:
    """Without the comment before its key, which the config has already, or hasn't for its own reasons."""
    lines = section.strip().splitlines()
    first = next(place for place, line in enumerate(lines) if not line.startswith("#"))
    return "\n".join(lines[first:])
