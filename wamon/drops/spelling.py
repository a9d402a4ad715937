"""How the parts of a number are joined, as parts of regular expressions. Pure: no I/O, no clock."""

from __future__ import annotations

DASHES = r"\-\u2010-\u2015"
POINTS = r".,'`/\u00b4\u00b7\u066b\u066c\u2018\u2019"
USUAL_GAP = rf"[ \#:.{DASHES}]{{0,3}}+"  # what extraction itself allows between letters and digits

# `DR1752028/29/30`: the last digits of further numbers. Behind anything but a slash, where nothing else follows.
_JOINT = r"(?: [ ]? [/&+,] [ ]? | [ ] (?: (?:and|en|na|to) [ ] )? )"
LAST_DIGITS = r"[0-9]{2,5}+ (?! [^\W_] | [.:][0-9] )"
ENDING = rf"{_JOINT} {LAST_DIGITS}"
