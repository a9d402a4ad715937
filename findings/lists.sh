#!/bin/bash
# What python-calamine and openpyxl make of valid files. Each is tried without wamon, in an environment of its own.
# Exit code: 0 all of it still holds, 1 something has changed, 2 it can't be tried here.
set -u
calamine=0.9.1 openpyxl=3.1.5
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" 2>"$folder/log" &&
  "$folder/venv/bin/python" -m pip --disable-pip-version-check install --quiet --only-binary :all: \
    "python-calamine==$calamine" "openpyxl==$openpyxl" 2>"$folder/log" || { tail -n 1 "$folder/log"; exit 2; }
cat >"$folder/tried.py" <<'PYTHON'
"""Each finding: what one would expect of a valid file, and what was seen."""
import io
import sys
import warnings
import zipfile

import openpyxl
import python_calamine

warnings.simplefilter("ignore")
NAMES = ("office", "table", "text")
SPACES = " ".join(f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{name}:1.0"' for name in NAMES)


def ods(cell):
    """What calamine gives of an OpenDocument sheet with this one cell."""
    made = io.BytesIO()
    with zipfile.ZipFile(made, "w") as archive:
        archive.writestr("mimetype", "application/vnd.oasis.opendocument.spreadsheet")
        archive.writestr("META-INF/manifest.xml", '<manifest xmlns="urn:oasis:names:tc:opendocument:xmlns:manifest:1.0"/>')
        archive.writestr(
            "content.xml",
            f'<office:document-content {SPACES} office:version="1.2"><office:body><office:spreadsheet><table:table'
            f' table:name="A"><table:table-row>{cell}</table:table-row></table:table></office:spreadsheet></office:body>'
            "</office:document-content>",
        )
    made.seek(0)
    return python_calamine.CalamineWorkbook.from_filelike(made).get_sheet_by_index(0).to_python()[0][0]


def xlsx(changes):
    """A workbook with `A` in A1 to A3, whose parts are changed as text; how many sheets it has, and their values."""
    book = openpyxl.Workbook()
    for value in ("first", "second", "third"):
        book.active.append([value])
    made, changed = io.BytesIO(), io.BytesIO()
    book.save(made)
    with zipfile.ZipFile(made) as old, zipfile.ZipFile(changed, "w") as new:
        for name in old.namelist():
            text = old.read(name).decode()
            for before, after in changes:
                text = text.replace(before, after)
            new.writestr(name, text)
    book = openpyxl.load_workbook(changed, read_only=True, data_only=True)
    return len(book.worksheets), [row[0] for sheet in book.worksheets for row in sheet.iter_rows(values_only=True)]


def text_cell(inner):
    return f'<table:table-cell office:value-type="string"><text:p>{inner}</text:p></table:table-cell>'


STRICT = [
    ("http://schemas.openxmlformats.org/spreadsheetml/2006/main", "http://purl.oclc.org/ooxml/spreadsheetml/main"),
    ("http://schemas.openxmlformats.org/officeDocument/2006", "http://purl.oclc.org/ooxml/officeDocument"),
]
SHOWN = '<table:table-cell office:value-type="float" office:value="752028"><text:p>0752028</text:p></table:table-cell>'

FINDINGS = [
    ("calamine, .ods: a cell shows 0752028 by its number format", "some way to learn what it shows", ods(SHOWN), 752028.0),
    ("calamine, .ods: a tab within a cell's text", "'1752028\\t1752034'", ods(text_cell("1752028<text:tab/>1752034")), "17520281752034"),
    ("calamine, .ods: a line break within a cell's text", "'DR\\n1752028'", ods(text_cell("DR<text:line-break/>1752028")), "DR1752028"),
    ("openpyxl, .xlsx: a text with an escaped carriage return (ST_Xstring)", "'second\\r'", xlsx([("second", "second_x000D_")])[1][1], "second_x000D_"),
    ("openpyxl, .xlsx: a workbook in the Strict form of the standard", "one sheet, or an error", xlsx(STRICT)[0], 0),
]

print(f"python-calamine {sys.argv[1]}, openpyxl {openpyxl.__version__}, Python {sys.version.split()[0]}")
changed = 0
for what, expected, seen, as_found in FINDINGS:
    holds = seen == as_found
    changed += not holds
    print(f"{'holds  ' if holds else 'CHANGED'} {what}: expected {expected}, seen {seen!r}")
sys.exit(1 if changed else 0)
PYTHON
"$folder/venv/bin/python" "$folder/tried.py" "$calamine" 2>"$folder/log"
code=$?
if ! [ $code = 0 ] && [ -s "$folder/log" ]; then tail -n 1 "$folder/log"; exit 1; fi
exit $code
