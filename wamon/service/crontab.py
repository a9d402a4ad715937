"""The cron file of this host: a comment for each service that cron restarts, and a line for all of one hour."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

_COMMENT = re.compile(r"^# (?:(wamon\S*\.service): )?(\d\d:\d\d in \S+ is .*)$", re.MULTILINE)
_LINE = re.compile(r"^(\d+) (\d+) \* \* \* root (.*)$", re.MULTILINE)
_RESTART = re.compile(r"\brestart(?: --instance (\S+))?(?=\s|$)")


class Entry(NamedTuple):
    """How cron restarts one service. `command` empty: no line does, such as where it is commented out."""

    sentence: str
    minute: int
    hour: int
    command: str


def entries(text: str) -> dict[str, Entry]:
    """What the file says, by the services' units."""
    found = {unit or "wamon.service": Entry(sentence, 0, 0, "") for unit, sentence in _COMMENT.findall(text)}
    for minute, hour, commands in _LINE.findall(text):
        for command in commands.split("; "):
            if restart := _RESTART.search(command):
                unit = f"wamon@{restart[1]}.service" if restart[1] else "wamon.service"
                said = found[unit].sentence if unit in found else ""
                found[unit] = Entry(said, int(minute), int(hour), command)
    return found


def rendered(template: str, wanted: Mapping[str, Entry]) -> str:
    """The file that says this."""
    comments = "\n".join(f"# {unit}: {entry.sentence}" for unit, entry in wanted.items())
    by_hour: dict[tuple[int, int], list[str]] = {}
    for entry in wanted.values():
        if entry.command:
            by_hour.setdefault((entry.hour, entry.minute), []).append(entry.command)
    lines = [f"{minute} {hour} * * * root {'; '.join(commands)}" for (hour, minute), commands in by_hour.items()]
    text = _COMMENT.sub(lambda _: comments, template, count=1)
    return _LINE.sub(lambda _: "\n".join(lines), text, count=1)
