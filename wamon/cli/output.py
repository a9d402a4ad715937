"""What stdout can take: where it is closed or full, or its encoding lacks a character, that fails no command."""

from __future__ import annotations

import codecs
import os
import sys
from contextlib import suppress
from io import TextIOWrapper
from typing import TextIO


def accept_anything() -> None:
    """Show a question mark for each character that stdout's encoding can't hold. A closed stdout takes all.

    The name of a file that isn't UTF-8 is shown byte by byte, as the file has it.
    """
    if sys.stdout is None:
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123, SIM115 - it lives as long as the process
    _replace_by("surrogateescape" if _is_utf8(sys.stdout) else "replace")


def escape_for_json() -> None:
    r"""As above, but show them as JSON's escapes, such as `\u00e9`."""
    codecs.register_error("wamon.json", _escaped)
    _replace_by("wamon.json")


def give_up() -> None:
    """Write nothing more to stdout, also not what is still to be flushed at the end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _replace_by(errors: str) -> None:
    if isinstance(sys.stdout, TextIOWrapper):
        with suppress(OSError):  # it was closed since: nobody takes what is said
            sys.stdout.reconfigure(errors=errors)


def _is_utf8(file: TextIO) -> bool:
    return codecs.lookup(file.encoding or "utf-8").name == "utf-8"


def _escaped(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    units = error.object[error.start : error.end].encode("utf-16-be", "surrogatepass")
    return "".join(f"\\u{units[n]:02x}{units[n + 1]:02x}" for n in range(0, len(units), 2)), error.end
