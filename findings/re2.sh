#!/bin/bash
# Where google-re2's functions answer otherwise than those of Python's re that they are named for. Tried without wamon.
# Exit code: 0 all of it still holds, 1 something has changed, 2 it can't be tried here.
set -u
re2=1.1.20251105
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" 2>"$folder/log" &&
  "$folder/venv/bin/python" -m pip --disable-pip-version-check install --quiet --only-binary :all: \
    "google-re2==$re2" 2>"$folder/log" || { tail -n 1 "$folder/log"; exit 2; }
cat >"$folder/tried.py" <<'PYTHON'
"""Each finding: what re gives, whose drop-in replacement the package says it is, and what was seen of re2."""
import re
import sys

import re2

TEXT = "DR1752028"
# The syntax of both has these patterns, with one meaning.
FINDINGS = [
    (r"sub(r'\b', '|', 'DR1752028')", lambda of: of.sub(r"\b", "|", TEXT), "|DR1752028||"),
    (r"findall(r'$', 'DR1752028')", lambda of: of.findall("$", TEXT), ["", ""]),
    (r"split(r'\b', 'DR1752028')", lambda of: of.split(r"\b", TEXT), ["", TEXT, "", ""]),
    (r"sub(r'(?m)^', '> ', 'one\ntwo')", lambda of: of.sub("(?m)^", "> ", "one\ntwo"), "> one\n> > two"),
    (
        r"compile(r'\d+$').search('DR1752028', 0, 5), which ends as if the text were five long",
        lambda of: (found := of.compile(r"\d+$").search(TEXT, 0, 5)) and found[0],
        None,
    ),
]
print(f"google-re2 {sys.argv[1]}, Python {sys.version.split()[0]}")
changed = 0
for what, tried, as_found in FINDINGS:
    expected, found = tried(re), tried(re2)
    holds = found == as_found != expected
    changed += not holds
    print(f"{'holds  ' if holds else 'CHANGED'} {what}: expected {expected!r}, seen {found!r}")
sys.exit(1 if changed else 0)
PYTHON
timeout 60 "$folder/venv/bin/python" "$folder/tried.py" "$re2" 2>"$folder/log"
code=$?
if ! [ $code = 0 ] && [ -s "$folder/log" ]; then tail -n 1 "$folder/log"; exit 1; fi
exit $code
