"""Reads the files of spreadsheet programs, by a process of its own.

A damaged file can make what reads it loop, abort or take all memory: there the kernel ends it, and nothing else.
"""

from __future__ import annotations

import json
import resource
import signal
import subprocess
import sys
from contextlib import suppress
from typing import IO, TYPE_CHECKING, cast
from zipfile import ZipFile

from wamon.spreadsheets.sheet_row import SheetRow, Unreadable, within_bounds

if TYPE_CHECKING:
    from collections.abc import Iterator

_MOST_UNPACKED_BYTES = 1 << 28
_LIMITS = {resource.RLIMIT_AS: 1 << 30, resource.RLIMIT_CPU: 60, resource.RLIMIT_CORE: 0}
"""Bytes of memory, seconds of work, bytes of a core dump. An office's list of 22,000 numbers takes a tenth."""


def is_zip(content: bytes) -> bool:
    """Whether a file that begins so is .xlsx or .ods, if it is one of a spreadsheet program."""
    return content.startswith(b"PK")


def is_xls(content: bytes) -> bool:
    """Whether a file that begins so is .xls, or one of older Offices, or has a password."""
    return content.startswith(b"\xd0\xcf\x11\xe0")


def rows(file: IO[bytes]) -> Iterator[SheetRow]:
    """The rows of a file's visible sheets, within bounds. Raises Unreadable where it can't be read whole."""
    process = subprocess.Popen(
        [sys.executable, "-P", "-c", "from wamon.spreadsheets.workbook import hand_over; hand_over()"],
        stdin=file,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,  # what a library says as it breaks down
    )
    with process:
        try:
            for said in cast("IO[bytes]", process.stdout):
                told = json.loads(said)
                if isinstance(told, str):
                    raise Unreadable(told)
                sheet, number, cells = told
                yield SheetRow(sheet, number, tuple(cells))
            if status := process.wait():
                raise Unreadable(_ended(status))
        finally:
            process.kill()


def _ended(status: int) -> str:
    if status == -signal.SIGXCPU:
        return f"reading it takes more than {_LIMITS[resource.RLIMIT_CPU]} s"
    return "it is damaged"


def hand_over() -> None:
    """What the process does: a file from stdin, and its rows to stdout, a JSON array each; at last what is wrong."""
    for what, most in _LIMITS.items():
        _, hard = resource.getrlimit(what)
        least = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(what, (least, hard))
    with suppress(BrokenPipeError):
        try:
            for row in within_bounds(_rows(sys.stdin.buffer)):
                _tell(row)
        except Unreadable as error:
            _tell(str(error))
        except MemoryError:
            _tell(f"reading it takes more than {_LIMITS[resource.RLIMIT_AS] >> 20:,} MiB of memory")
        except BrokenPipeError:
            raise
        except Exception as error:  # noqa: BLE001 - there is no end to what a damaged file makes libraries raise
            _tell(f"it is damaged ({type(error).__name__})")
        sys.stdout.flush()


def _tell(what: SheetRow | str) -> None:
    sys.stdout.write(json.dumps(what) + "\n")


def _rows(file: IO[bytes]) -> Iterator[SheetRow]:
    start = file.read(8)
    file.seek(0)
    if not is_zip(start):
        from wamon.spreadsheets import xls

        return xls.rows(file)
    with ZipFile(file) as archive:
        names, unpacked = archive.namelist(), sum(info.file_size for info in archive.infolist())
    if unpacked > _MOST_UNPACKED_BYTES:
        raise Unreadable(f"unpacked it is larger than {_MOST_UNPACKED_BYTES >> 20:,} MiB")
    if "content.xml" in names:
        from wamon.spreadsheets import opendocument

        return opendocument.rows(file)
    from wamon.spreadsheets import xlsx

    return xlsx.rows(file)
