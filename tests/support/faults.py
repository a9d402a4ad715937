"""The faults that wamon is held against, and the page that says which tests do it.

`python -m tests.support.faults` writes docs/faults.md anew. Each fault's number is carried by the marker
`@pytest.mark.fault("F12")` of the tests that bring it about.
"""

from __future__ import annotations

import ast
import functools
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "faults.md"


class Fault(NamedTuple):
    happens: str
    does: str


PARTS: Mapping[str, Mapping[str, Fault]] = {
    "The process and its host": {
        "F1": Fault("killed between any two steps", "starts again where the last commit left it"),
        "F2": Fault("killed at any instant", "starts again where the last commit left it"),
        "F3": Fault("SIGTERM in the middle of a batch", "ends that batch or rolls it back, and lets its source go"),
        "F138": Fault(
            "it is a container's first process, the bridge's folder read-only", "records, and ends when told to"
        ),
        "F4": Fault("many signals at once", "ends once, and well"),
        "F5": Fault("stopped for minutes, then woken", "finds its source taken, and writes nothing"),
        "F6": Fault("too little memory", "reads a page at a time; where that is too much it ends, and loses nothing"),
        "F7": Fault("hangs in a pass", "falls silent, and systemd's watchdog starts it anew"),
        "F8": Fault("ends at every start", "is started again for ever; why it ended is kept and shown"),
        "F54": Fault("the clock jumps a day", "measures pauses by no such clock, and leases and tries by PostgreSQL's"),
        "F55": Fault(
            "another time zone, or daylight saving", "keeps each moment in UTC, and shows the operator's zone"
        ),
        "F82": Fault("nobody takes its log", "works on without a word"),
        "F86": Fault(
            "no inotify is to be had, or the store's folder is missing, shut or replaced",
            "looks once an interval, says so once, and listens again when it can",
        ),
        "F108": Fault("the host starts no thread", "waits, says so, and goes on when it does"),
        "F109": Fault("it is called otherwise while wamon runs", "holds its lease on as the one that took it"),
        "F87": Fault("no file descriptor is left", "waits, says so, and goes on when there are some"),
    },
    "PostgreSQL and the way to it": {
        "F9": Fault("the server stops and starts", "waits, and records what came meanwhile"),
        "F10": Fault("the server dies at a commit", "has recorded the batch whole or not at all, and reads it again"),
        "F11": Fault("a connection ends in a transaction, or a commit's answer is lost", "does the same again"),
        "F12": Fault("a link falls silent without an end", "gives it up within a minute, and takes a new one"),
        "F13": Fault("the database is a new one, and empty", "reads everything again, from where each group began"),
        "F14": Fault("the database is an older copy", "goes on from the copy's position, and fills in what it lacks"),
        "F15": Fault("the server takes no writes", "says so, and tries until it does"),
        "F16": Fault("a statement takes too long, or a table is locked", "gives up, and tries again; parks no message"),
        "F17": Fault("the server's disk is full, or no connection free", "says so, and tries again; parks no message"),
        "F18": Fault("two transactions get in each other's way", "locks in one order; the loser does it again"),
        "F19": Fault("a pooler gives each transaction another session", "keeps nothing in a session"),
        "F20": Fault("a migration is cut short, or the schema is newer", "has each step whole; an older wamon refuses"),
        "F132": Fault("an older version left database, state and config", "takes them over, and says nothing twice"),
        "F21": Fault("a privilege is missing", "says which one, and the statement that grants it; the position stays"),
        "F135": Fault("a role is granted a table by mistake", "shows it no row that no policy of its own shows"),
        "F136": Fault("a role tries to be, to see or to have called more", "grants it just what is decided"),
        "F137": Fault("killed after a step of the schema", "has left nothing open to everybody"),
        "F93": Fault("the review table refuses a row", "records the post; the row waits, and what doesn't fit is cut"),
        "F94": Fault("a review row or table is locked", "lets that row wait, and records every post meanwhile"),
        "F119": Fault(
            "the review table is locked when wamon first meets it", "records every post, and writes the rows later"
        ),
        "F95": Fault("a statement is cancelled for its time", "halves the batch until it fits, and records each half"),
        "F96": Fault("a dump is played under a running daemon", "waits until it is whole, and goes on from there"),
        "F97": Fault("PostgreSQL's clock jumps", "prunes no young text, and waits for no dead one's lease"),
        "F152": Fault("a follower of events is killed, or comes late", "tells it again, under the same ids"),
        "F153": Fault("a transaction is open for long", "tells others' events meanwhile, and its own once it ends"),
        "F154": Fault("a cursor is another database's, or a promotion's", "says so, or goes back to what both share"),
        "F98": Fault("a primary dies, and its standby is promoted", "reads again from the store what that lacked"),
        "F103": Fault(
            "the table of rejections is locked", "lets that drop's row wait, and records every post meanwhile"
        ),
        "F104": Fault("a project is renamed while its rows are held", "keeps the former name until they are free"),
        "F107": Fault("a server is set up for other programs", "sets for each transaction what it relies on"),
        "F106": Fault(
            "a proof runs while passes are held up", "calls nothing wrong that is still to come or to be written"
        ),
        "F105": Fault("psql plays a dump where the schema is missing", "makes none until psql is done or idle"),
    },
    "The agent": {
        "F125": Fault(
            "its server is away, hangs, lies, or says what mustn't be said",
            "sends the fallback or tries the turn again, and no word of the server's to anybody",
        ),
        "F126": Fault("it fails again and again", "leaves it alone for a minute, in every process, then tries once"),
        "F127": Fault("who asks it is stopped for minutes, then woken", "has let another answer, and sends one answer"),
        "F128": Fault("SIGTERM while it is asked", "cuts the call after some seconds, and gives the turn back"),
        "F129": Fault(
            "killed before, in or after the call", "asks again, answers once, and counts what it may have cost"
        ),
    },
    "The state file": {
        "F22": Fault("its disk is full", "keeps the old file, says so, and records in PostgreSQL all the same"),
        "F23": Fault("a write is cut short", "never takes a part for the whole"),
        "F24": Fault("the disk fails to keep it", "writes a new file next time"),
        "F25": Fault("it holds anything but what was written", "sets it aside, and follows PostgreSQL"),
        "F26": Fault("it or its directory is gone, a link, or may not be written", "makes it anew, or says why not"),
        "F27": Fault("it is ahead of PostgreSQL", "follows PostgreSQL"),
        "F28": Fault("it is behind PostgreSQL", "follows PostgreSQL"),
        "F29": Fault("a killed writer left its temporary file", "clears it away, and never reads it"),
        "F30": Fault("a position is zero, negative or enormous", "reads again what it can't vouch for"),
    },
    "The bridge's store": {
        "F31": Fault("the bridge holds it locked", "waits and says so, then catches up"),
        "F32": Fault("the bridge writes while wamon reads", "holds no lock while it works"),
        "F33": Fault("a WAL store whose helper files can't be written", "reads it if that is safe, else says why not"),
        "F34": Fault("a dead bridge left a hot journal", "leaves it to the bridge, and says so"),
        "F35": Fault("the file isn't there", "says so, and makes none"),
        "F36": Fault("the file is deleted and made anew", "reads the new one from its beginning; nothing doubles"),
        "F37": Fault("the file is an older copy", "goes back to the newest row that it knows"),
        "F38": Fault("its rows get other numbers", "goes back to the newest row that it knows"),
        "F39": Fault("it is vacuumed", "doesn't notice, or goes back as above"),
        "F40": Fault("row numbers are given out again", "sees that the row is another, and goes back"),
        "F41": Fault("the newest row moves further up", "doesn't follow it past unread rows"),
        "F42": Fault("old messages are delivered again", "knows each of them, and counts none again"),
        "F43": Fault("messages or senders get other ids", "counts a new id as posted again, and loses none"),
        "F44": Fault("messages have no id", "gives each one of its own that stays"),
        "F45": Fault("a message comes days late", "records it, in its own place in time"),
        "F46": Fault("many messages share one second", "goes by rows, not by times"),
        "F47": Fault("a message is edited or revoked in place", "records the change at once, or at the next sweep"),
        "F48": Fault("a message is deleted", "marks it as gone, and keeps what it said"),
        "F49": Fault("its pages are cut or damaged", "stops reading, says so, and stays where it was"),
        "F50": Fault("the file is empty", "doesn't take it for a store without messages"),
        "F51": Fault("the file may not be read", "says who could, and stays where it was"),
        "F52": Fault("its tables change", "names the column that is missing; ignores those that are new"),
        "F85": Fault("a commit shows only after its last write", "reads again until the file has long been the same"),
        "F88": Fault("it stands behind a link", "reads, watches and confines by its real path, and follows the link"),
        "F89": Fault("the file alone is mounted, or hard-linked", "says that its log can't be seen, and reads nothing"),
        "F90": Fault("wamon is frozen within a read", "holds no lock for nearly all of its reading"),
        "F53": Fault("a time is junk, or far ahead", "records the message all the same"),
        "F83": Fault("the bridge lives and hears nothing", "tells a silence that is longer than this group's own"),
    },
    "Several wamons": {
        "F56": Fault("a second one on the same source", "refuses or stands by; together they record once"),
        "F57": Fault("two, each of which thinks that it is alone", "only the one that raised the fence last can write"),
        "F58": Fault("one mends what another is about to finish", "never puts an older text over a newer one"),
        "F59": Fault("another process gets the number of a dead one", "tells them apart by boot and start"),
        "F60": Fault("the one that takes over dies too", "leaves the next one the same work"),
        "F91": Fault("two installations would reply about one store", "lets the first speak, and says who that is"),
        "F92": Fault("two stores under one name in one database", "takes the one it read, and refuses the other"),
        "F84": Fault("a restart while the old one still stops", "lets no two work at once"),
    },
    "Messages": {
        "F61": Fault("bytes that are no UTF-8", "records the message, a mark in their place"),
        "F62": Fault("a NUL within the text", "records the message, a mark in its place"),
        "F63": Fault("half a surrogate", "records the message, a mark in its place"),
        "F64": Fault("a very long text", "keeps it whole"),
        "F65": Fault("one that PostgreSQL refuses", "parks it and tries it again; its neighbours are recorded"),
        "F66": Fault("invisible characters within a number", "reads the number without them"),
        "F67": Fault("digits of other scripts", "reads them as the same number"),
        "F69": Fault("very many messages or groups", "takes them page by page, and is fair to each group"),
        "F81": Fault("a text or a phone number where it doesn't belong", "tells none in logs, errors or answers"),
    },
    "Deliveries": {
        "F99": Fault("killed between a delivery and its answer", "loses nothing that was answered with 200"),
        "F100": Fault("forged, endless, encoded or too many deliveries", "refuses them in bounds, and keeps none"),
        "F101": Fault("PostgreSQL is away, or commits too late", "answers 503 in time, so that the sender comes again"),
        "F102": Fault("a commit that doesn't last, since a standby is away", "doesn't take it for one"),
        "F110": Fault("killed while it takes deliveries in", "takes in the rest, and nothing twice"),
        "F111": Fault("a body that nobody can read", "parks it with its bytes, and delays no other"),
        "F112": Fault("a part of a body is broken", "records its neighbours, and keeps the part for a retry"),
        "F113": Fault("PostgreSQL refuses one", "halves until that one stands alone, and tries it again"),
        "F114": Fault("a bridge drops what its hook brought", "records it from the hook, and names the bridge"),
        "F115": Fault("two wamons with one hook", "lets one take in, and the other once that is gone"),
        "F116": Fault("days of deliveries at once, repeated and shuffled", "records each message once"),
        "F117": Fault("PostgreSQL goes away while deliveries wait", "takes them in once it is back"),
        "F118": Fault("an older wamon works beside a hook of its store", "goes on after it, and loses nothing"),
        "F130": Fault("a message is put in by hand while nothing runs", "answers it once it does, and doubles none"),
        "F157": Fault("a broker of events is away, full, stalled or lies", "delays events alone, and loses none"),
        "F159": Fault("nodes of a broker are killed at random", "has each event in the stream, once, by another node"),
        "F158": Fault("killed between an acknowledgement and its cursor", "publishes again, under the same id"),
        "F156": Fault(
            "many sources on one database behind a pooler, restarted at random",
            "records each once, by the one that holds it",
        ),
        "F155": Fault(
            "a standby is promoted in a flood of deliveries",
            "loses none that it answered where it is synchronous; at its start it says whether it is",
        ),
        "F131": Fault("who locked a conversation by hand goes away", "takes over after two minutes, and answers once"),
    },
    "The config and who is told": {
        "F68": Fault("a pattern that would take for ever", "matches in linear time"),
        "F70": Fault("a wrong config while it runs", "says what is wrong, and keeps the old one"),
        "F71": Fault("names that look like SQL", "treats them as data, or refuses them"),
        "F79": Fault("an alert's address leads where it shouldn't", "refuses private networks, follows no redirect"),
        "F80": Fault("nobody hears how it is", "works on"),
        "F133": Fault("a bot is to be set up by answers that make no config", "leaves the config as it was"),
        "F134": Fault(
            "the file of a secret can't be read", "names the file, says nothing of what it holds, and starts nothing"
        ),
    },
}

FAULTS: Mapping[str, Fault] = {number: fault for part in PARTS.values() for number, fault in part.items()}

_HEAD = """# Faults

What can go wrong, what wamon does then, and the tests that bring it about. Made from those tests by
`python -m tests.support.faults`.
"""


@functools.cache
def held_by() -> dict[str, list[str]]:
    """The tests of each fault, as paths and names."""
    tests: dict[str, list[str]] = {number: [] for number in FAULTS}
    for path in sorted((ROOT / "tests").rglob("test_*.py")):
        for number, name in _marks(ast.parse(path.read_text("utf-8"))):
            tests.setdefault(number, []).append(f"{path.relative_to(ROOT)}::{name}")
    return tests


def _marks(tree: ast.Module) -> Iterator[tuple[str, str]]:
    for test in tree.body:
        if isinstance(test, ast.FunctionDef):
            for mark in test.decorator_list:
                if isinstance(mark, ast.Call) and ast.unparse(mark.func) == "pytest.mark.fault":
                    yield from ((str(ast.literal_eval(number)), test.name) for number in mark.args)


def page() -> str:
    """docs/faults.md as it must be."""
    tests = held_by()
    return _HEAD + "".join(f"\n## {title}\n\n{_table(part, tests)}" for title, part in PARTS.items())


def _table(part: Mapping[str, Fault], tests: Mapping[str, list[str]]) -> str:
    return "\n".join(line for number, fault in part.items() for line in _lines(number, fault, tests[number]))


def _lines(number: str, fault: Fault, tests: list[str]) -> Iterator[str]:
    yield f"**{number}** {fault.happens}: wamon {fault.does}\n"
    yield from (f"- `{test}`" for test in tests)
    yield ""


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
