"""What a cell shows: a number under its number format, as far as a drop number can be shown. Pure: no I/O, no clock."""

from __future__ import annotations

import re
from decimal import Decimal
from functools import cache

UNKNOWN = "\N{REPLACEMENT CHARACTER}"
"""Stands for what a format shows that isn't understood here: no drop number can be read from it."""

_TOO_LARGE = 1e15
"""Spreadsheet programs keep 15 digits."""
_SECTION = re.compile(r'((?:"[^"]*"|\\.|[^;])*)(?:;|$)')
_TOKEN = re.compile(
    r"""
    "(?P<quoted>[^"]*)" | \\(?P<escaped>.) | _(?P<space>.) | \*(?P<fill>.)
    | \[\$(?P<currency>[^\]-]*)[^\]]*\] | \[(?P<color>[A-Za-z]+[0-9]*)\]
    | (?P<general>General|@) | (?P<digit>[0#?]) | (?P<comma>,) | (?P<point>\.)
    | (?P<literal>[-+$():\ !^&'~{}<>=|]) | (?P<other>.)
    """,
    re.VERBOSE | re.DOTALL | re.IGNORECASE,
)
_LITERALS = ("quoted", "escaped", "currency", "literal")


def shown(value: float, code: str) -> str:
    """The text that a spreadsheet program shows for a number under an Excel format code such as `0000000`.

    Digits come without the comma that groups them. UNKNOWN for formats of fractions, percents, powers and conditions.
    """
    if not abs(value) < _TOO_LARGE:
        return UNKNOWN
    section, number = _section(Decimal(str(value)), code or "General")
    tokens = _tokens(section)
    return UNKNOWN if tokens is None else _filled(tokens, number)


def _section(number: Decimal, code: str) -> tuple[str, Decimal]:
    """The part of the code that holds for the number: for positive ones, negative ones, zero. It shows the sign."""
    positive, *others, _end = _SECTION.findall(code)
    if number < 0 and others:
        return others[0], -number
    return others[1] if number == 0 and len(others) > 1 else positive, number


@cache
def _tokens(section: str) -> list[tuple[str, str]] | None:
    """Pairs of kind (text, digit, point, general) and text; None where the section holds anything else."""
    tokens: list[tuple[str, str]] = []
    for found in _TOKEN.finditer(section):
        kind, text = str(found.lastgroup), found[str(found.lastgroup)]
        if kind in _LITERALS:
            tokens.append(("text", text))
        elif kind == "space":
            tokens.append(("text", " "))
        elif kind in {"digit", "point", "general"}:
            tokens.append((kind, text))
        elif kind == "other" or (kind == "fill" and text.isalnum()) or (kind == "comma" and not _groups(found)):
            return None
    return tokens


def _groups(comma: re.Match[str]) -> bool:
    """Whether the comma groups digits; after the last of them it would divide by a thousand."""
    return comma.string[comma.end() : comma.end() + 1] in {"0", "#", "?"}


def _filled(tokens: list[tuple[str, str]], number: Decimal) -> str:
    kinds = [kind for kind, _ in tokens]
    if "general" in kinds:
        return "".join(_plain(number) if kind == "general" else text for kind, text in tokens)
    point = kinds.index("point") if "point" in kinds else len(kinds)
    decimals = kinds[point:].count("digit")
    whole, _, fraction = f"{abs(number):.{decimals}f}".partition(".")
    sign = "-" if number < 0 else ""
    return sign + _whole(tokens[:point], whole.lstrip("0")) + _fraction(tokens[point:], fraction)


def _plain(number: Decimal) -> str:
    return f"{number:.0f}" if number == number.to_integral_value() else f"{number:f}"


def _whole(tokens: list[tuple[str, str]], digits: str) -> str:
    """Digits from the right, each in its place; the first place takes all that are left."""
    places = sum(1 for kind, _ in tokens if kind == "digit")
    parts = []
    for kind, text in reversed(tokens):
        if kind != "digit":
            parts.append(text)
            continue
        places -= 1
        taken = digits if places == 0 else digits[-1:]
        digits = digits[: len(digits) - len(taken)]
        parts.append(taken or {"0": "0", "?": " "}.get(text, ""))
    return "".join(reversed(parts))


def _fraction(tokens: list[tuple[str, str]], digits: str) -> str:
    left = iter(digits)
    return "".join(next(left, "") if kind == "digit" else text for kind, text in tokens)
