"""Files as spreadsheet programs save them: XLSX, ODS and XLS. A cell is a text, a number, or one with its format."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from pathlib import Path
from xml.sax.saxutils import escape
from zipfile import ZIP_DEFLATED, ZipFile

from openpyxl import Workbook

Cell = str | int | tuple[int, str] | None
Rows = Sequence[Sequence[Cell]]


def save(path: Path, sheets: Mapping[str, Rows], hidden: str | None = None) -> Path:
    """Write sheets in the format of the path's ending; one of them may be hidden."""
    {".xlsx": _save_xlsx, ".ods": _save_ods, ".xls": _save_xls}[path.suffix](path, sheets, hidden)
    return path


def alter(path: Path, member: str, old: str, new: str) -> Path:
    """Replace text within a member of a file that is a zip archive."""
    with ZipFile(path) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    assert old.encode() in members[member]
    members[member] = members[member].replace(old.encode(), new.encode())
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        for name, content in members.items():
            archive.writestr(name, content)
    return path


def _save_xlsx(path: Path, sheets: Mapping[str, Rows], hidden: str | None) -> None:
    book = Workbook()
    book.remove(book.worksheets[0])
    for name, rows in sheets.items():
        sheet = book.create_sheet(name)
        sheet.sheet_state = "hidden" if name == hidden else "visible"
        for row in rows:
            sheet.append([cell[0] if isinstance(cell, tuple) else cell for cell in row])
            for place, cell in enumerate(row, 1):
                if isinstance(cell, tuple):
                    sheet.cell(sheet.max_row, place).number_format = cell[1]
    book.save(path)


# ODS: the text that a cell shows stands beside its value.

_NAMESPACES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in ("office", "style", "table", "text")
)
_HIDDEN = (
    '<office:automatic-styles><style:style style:name="hidden" style:family="table">'
    '<style:table-properties table:display="false"/></style:style></office:automatic-styles>'
)


def _save_ods(path: Path, sheets: Mapping[str, Rows], hidden: str | None) -> None:
    tables = "".join(_ods_table(name, rows, is_hidden=name == hidden) for name, rows in sheets.items())
    with ZipFile(path, "w", ZIP_DEFLATED) as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", "<manifest/>")
        archive.writestr(
            "content.xml",
            f"<office:document-content {_NAMESPACES}>{_HIDDEN}<office:body><office:spreadsheet>{tables}"
            "</office:spreadsheet></office:body></office:document-content>",
        )


def _ods_table(name: str, rows: Rows, *, is_hidden: bool) -> str:
    style = "hidden" if is_hidden else "shown"
    content = "".join(map(_ods_row, rows))
    return f'<table:table table:name="{escape(name)}" table:style-name="{style}">{content}</table:table>'


def _ods_row(row: Sequence[Cell]) -> str:
    return f"<table:table-row>{''.join(map(_ods_cell, row))}</table:table-row>"


def _ods_cell(cell: Cell) -> str:
    if cell is None:
        return "<table:table-cell/>"
    if isinstance(cell, str):
        return f'<table:table-cell office:value-type="string"><text:p>{escape(cell)}</text:p></table:table-cell>'
    value, shown = (cell[0], f"{cell[0]:0{len(cell[1])}}") if isinstance(cell, tuple) else (cell, str(cell))
    return (
        f'<table:table-cell office:value-type="float" office:value="{value}">'
        f"<text:p>{shown}</text:p></table:table-cell>"
    )


# XLS: records (BIFF8) in a stream of a compound file. Number formats are left out: what reads it doesn't give them.

_SECTOR, _END, _FREE, _FAT = 512, 0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFD


def _save_xls(path: Path, sheets: Mapping[str, Rows], hidden: str | None) -> None:
    parts = [_xls_sheet(rows) for rows in sheets.values()]
    names = [(name.encode("utf-16-le"), name == hidden) for name in sheets]
    start = 24 + sum(12 + len(name) for name, _ in names)
    bounds = b""
    for part, (name, is_hidden) in zip(parts, names, strict=True):
        bounds += _record(0x85, struct.pack("<IBBBB", start, is_hidden, 0, len(name) // 2, 1) + name)
        start += len(part)
    path.write_bytes(_compound(_beginning(5) + bounds + _record(0x0A) + b"".join(parts)))


def _xls_sheet(rows: Rows) -> bytes:
    width = max(map(len, rows), default=0)
    records = [_beginning(0x10), _record(0x200, struct.pack("<IIHHH", 0, len(rows), 0, width, 0))]
    for row, cells in enumerate(rows):
        for column, cell in enumerate(cells):
            place = struct.pack("<HHH", row, column, 0)
            if isinstance(cell, str):
                text = cell.encode("utf-16-le")
                records.append(_record(0x204, place + struct.pack("<HB", len(text) // 2, 1) + text))
            elif cell is not None:
                value = cell[0] if isinstance(cell, tuple) else cell
                records.append(_record(0x203, place + struct.pack("<d", value)))
    return b"".join([*records, _record(0x0A)])


def _beginning(kind: int) -> bytes:
    return _record(0x809, struct.pack("<HHHHII", 0x600, kind, 0, 1997, 0, 6))


def _record(kind: int, content: bytes = b"") -> bytes:
    return struct.pack("<HH", kind, len(content)) + content


def _compound(stream: bytes) -> bytes:
    """A compound file of one stream: header, directory, the stream, then the table that links its sectors."""
    stream = stream.ljust(4096, b"\0")  # a shorter one would stand elsewhere
    sectors = -(-len(stream) // _SECTOR)
    tables = next(n for n in range(1, 110) if n * 128 >= 1 + sectors + n)
    links = [_END, *range(2, sectors + 1), _END, *[_FAT] * tables]
    links += [_FREE] * (tables * 128 - len(links))
    difat = [*range(1 + sectors, 1 + sectors + tables), *[_FREE] * (109 - tables)]
    header = struct.pack(
        "<8s16sHHHHH6xIIIIIIIII",
        *(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"", 0x3E, 3, 0xFFFE, 9, 6),
        *(0, tables, 0, 0, 4096, _END, 0, _END, 0),
    )
    directory = _entry("Root Entry", 5, 1, _END, 0) + _entry("Workbook", 2, _FREE, 1, len(stream)) + bytes(256)
    return b"".join(
        [
            header + struct.pack("<109I", *difat),
            directory,
            stream.ljust(sectors * _SECTOR, b"\0"),
            struct.pack(f"<{len(links)}I", *links),
        ]
    )


def _entry(name: str, kind: int, child: int, start: int, size: int) -> bytes:
    coded = name.encode("utf-16-le") + b"\0\0"
    return struct.pack("<64sHBBIII16xI16xIIxxxx", coded, len(coded), kind, 1, _FREE, _FREE, child, 0, start, size)
