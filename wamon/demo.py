"""A demonstration: a small bridge's store as technicians fill it, and a config to scan it and to answer with.

The same messages every time; only their times follow the clock, so that they lie in the last days. All people are made
up, with numbers that nobody has.
"""

from __future__ import annotations

import os
import sqlite3
from contextlib import closing
from datetime import datetime, timedelta
from pathlib import Path
from random import Random
from secrets import token_urlsafe
from typing import TYPE_CHECKING, NamedTuple
from zoneinfo import ZoneInfo

from wamon.errors import UsageError
from wamon.host.files import replacing

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

MESSAGES = 400
GROUPS = {
    "120363418298130331@g.us": "Lawley",
    "120363421664266245@g.us": "Velo Test",
    "120363421532174586@g.us": "Mohadin",
    "120363408849234743@g.us": "Mamelodi",
}
FAMILY = "120363000000000009@g.us"
"""A group that isn't configured: nothing of it is recorded."""

PERSON = "27820000077"
"""Who writes to the number of the demonstration's hook."""
QUESTIONS = ("Good morning", "When do you come?")
ANSWER = "Good morning! A colleague will tell you."

_ZONE = ZoneInfo("Africa/Johannesburg")
_MARK = "# The demonstration of wamon; `wamon demo` writes this file anew.\n"
_TECHNICIANS = tuple(f"2782000{n:04}" for n in (11, 12, 27, 31, 48, 53))
_ONCE_LOST = ("1752028", "1752034", "1752040", "1752011", "1752039")
"""Five drops that wamon's predecessor stopped seeing: ids in no order, in one minute."""

_SPELLINGS: tuple[Callable[[str], str], ...] = (
    lambda n: f"DR{n}",
    lambda n: f"DR{n}",
    lambda n: f"DR{n} done",
    lambda n: f"dr {n} done",
    lambda n: f"*DR-{n}*",
    lambda n: f"_Dr#{n}_ power -18.4 dBm",
    lambda n: f"DR \u2013 {n}",
    lambda n: f"Good morning team\nDR{n}\nONT ALCLB0{n[-4:]}",
    lambda n: f"DR{n[:3]}\u200b{n[3:]}",
    lambda n: f"Sawubona, DR{n} siqedile",
    lambda n: f"DR{n} is klaar, krag is aan",
)
_CHATTER = (
    "Good morning team",
    "Splicing at pole P.B123, 20 min",
    "Who has the OTDR?",
    "load shedding till 14:30",
    "drive 1752 km",
    "Stand 1752, gate locked",
    "Die kabel is te kort, bel asseblief",
    "ok",
    "DR1752 number to follow",
    "Dr 0820000012 asks for a call",
)
_SCHEMA = """
    CREATE TABLE chats (jid TEXT PRIMARY KEY, name TEXT, last_message_time TIMESTAMP);
    CREATE TABLE messages (
        id TEXT, chat_jid TEXT, sender TEXT, content TEXT, timestamp TIMESTAMP, is_from_me BOOLEAN, media_type TEXT,
        filename TEXT, url TEXT, media_key BLOB, file_sha256 BLOB, file_enc_sha256 BLOB, file_length INTEGER,
        PRIMARY KEY (id, chat_jid), FOREIGN KEY (chat_jid) REFERENCES chats(jid)
    );
"""


class Post(NamedTuple):
    """One message of the demonstration."""

    chat: str
    message_id: str
    sender: str
    text: str
    media_type: str = ""


def folder_of(environ: Mapping[str, str]) -> Path:
    """Where the demonstration lives if nobody says: $XDG_STATE_HOME/wamon/demo, as root /var/lib/wamon/demo."""
    if os.geteuid() == 0:
        return Path("/var/lib/wamon/demo")
    given = Path(environ.get("XDG_STATE_HOME", ""))
    home = given if given.is_absolute() else Path(environ.get("HOME") or "~", ".local/state").expanduser()
    return home / "wamon" / "demo"


def prepare(folder: Path, now: datetime) -> Path:
    """Make the folder with its config and, unless that is there, its bridge's store; the config's path.

    Raises UsageError where the folder can't be written, or holds somebody's config.
    """
    config, store = folder / "wamon.yaml", folder / "messages.db"
    try:
        _require_ours(config, store)
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        _appear(config, lambda path: path.write_text(_config(), "utf-8"))
        _keep_secret(folder / "secrets" / "hook-wati")
        if not store.exists():
            _appear(store, lambda path: _write_store(path, now))
    except OSError as error:
        raise UsageError(
            f"The demonstration can't be written to {folder}: {error.strerror}.", hint="Name another with --dir DIR."
        ) from None
    return config


def _keep_secret(file: Path) -> None:
    """Have the hook's secret, a new one in each folder."""
    file.parent.mkdir(mode=0o700, exist_ok=True)
    if not file.exists():
        with replacing(file) as temporary:
            temporary.write_text(f"{token_urlsafe(24)}\n", "utf-8")


def _require_ours(config: Path, store: Path) -> None:
    """What stands in the folder is the demonstration's own, or nothing of its names is there."""
    ours = config.read_bytes().startswith(_MARK.encode()) if config.exists() else not store.exists()
    if not ours:
        raise UsageError(
            f"{config.parent} is no demonstration's folder: its wamon.yaml or messages.db is somebody's own.",
            hint="Name a new or empty folder with --dir DIR.",
        )


def _appear(path: Path, write: Callable[[Path], object]) -> None:
    """Have a file appear whole: killed in the middle, the next one begins anew."""
    with replacing(path, mode=0o666) as temporary:
        write(temporary)


def _config() -> str:
    groups = "".join(f'  - name: {name}\n    jid: "{jid}"\n' for jid, name in GROUPS.items())
    return (
        f"{_MARK}bridge:\n  path: messages.db\n"
        "database:\n  url:                     # empty: the embedded PostgreSQL\n"
        f"state:\n  dir: state\nweb:\n  token: ${{WAMON_WEB_TOKEN:-}}\ntimezone: {_ZONE}\ngroups:\n{groups}"
        "hooks:\n  - name: wati\n    provider: wati\n    secret: ${WAMON_HOOK_WATI:-}   # of secrets/hook-wati\n"
        '    send: {url: "${WAMON_DEMO_SEND:-}", token: a-token-of-a-stand-in}\n'
        f'conversations:\n  enabled: true\n  users: ["{PERSON}"]\n'
        f"  direct: {{settle: 1s, max_wait: 3s, answer_within: 10m}}\n  templates: {{fallback: {ANSWER}}}\n"
    )


def _write_store(path: Path, now: datetime) -> None:
    """A store as lharries/whatsapp-mcp writes it, in its own order of rows."""
    posts = list(_posts(Random(1752)))  # noqa: S311 - the same messages every time
    moments = _moments(Random(1753), now, len(posts))  # noqa: S311
    with closing(sqlite3.connect(path)) as db, db:
        db.executescript(_SCHEMA)
        names = {**GROUPS, FAMILY: "Family"}
        last = {post.chat: _time(moment) for post, moment in zip(posts, moments, strict=True)}
        db.executemany("INSERT INTO chats VALUES (?, ?, ?)", [(jid, names[jid], last[jid]) for jid in names])
        db.executemany(
            "INSERT INTO messages VALUES (?, ?, ?, ?, ?, 0, ?, '', '', NULL, NULL, NULL, 0)",
            [
                (post.message_id, post.chat, post.sender, post.text, _time(moment), post.media_type)
                for post, moment in zip(posts, moments, strict=True)
            ],
        )


def _time(moment: datetime) -> str:
    return moment.astimezone(_ZONE).isoformat(" ", "seconds")


def _moments(rng: Random, now: datetime, count: int) -> list[datetime]:
    """Ascending times of working days' hours, the last of them a few minutes ago or at the end of the last day."""
    moment, moments = _working(now - timedelta(minutes=3)), []
    for _ in range(count):
        moments.append(moment)
        moment = _working(moment - timedelta(seconds=rng.choice((0, 0, 4, 30, 120, 400, 900))))
    return moments[::-1]


def _working(moment: datetime) -> datetime:
    """The moment itself, or the end of the last working hours before it."""
    local = moment.astimezone(_ZONE)
    if local.hour >= 17:
        return local.replace(hour=16, minute=59, second=59)
    if local.hour < 7:
        return (local - timedelta(days=1)).replace(hour=16, minute=59, second=59)
    return local


def _posts(rng: Random) -> Iterator[Post]:
    """What is posted, in order: drops, drops again, several at once, photos, talk."""
    lost = [f"DR{number}" for number in _ONCE_LOST]
    posted = {jid: list[str]() for jid in GROUPS}
    for place in range(MESSAGES):
        jid = rng.choice(tuple(GROUPS))
        if place >= MESSAGES - 60 and lost:
            yield _post(rng, "120363418298130331@g.us", lost.pop())
        elif place % 40 == 20:
            yield _post(rng, FAMILY, "See you on Sunday")
        else:
            yield _said(rng, jid, posted[jid])


def _said(rng: Random, jid: str, posted: list[str]) -> Post:
    draw = rng.random()
    if draw < 0.33:
        return _post(rng, jid, rng.choice(_SPELLINGS)(_next_number(rng, jid, posted)))
    if draw < 0.38:
        joint = rng.choice((", ", " & ", "/", "\n"))
        return _post(rng, jid, joint.join(f"DR{_next_number(rng, jid, posted)}" for _ in range(3)))
    if draw < 0.46 and posted:
        return _post(rng, jid, f"DR{rng.choice(posted)} redone, please check again")
    if draw < 0.76:
        return _post(rng, jid, "", "image")
    return _post(rng, jid, rng.choice(_CHATTER))


def _next_number(rng: Random, jid: str, posted: list[str]) -> str:
    """Each group has its own range of numbers, posted about in order."""
    number = str(1_752_100 + 1_000 * list(GROUPS).index(jid) + 3 * len(posted) + rng.randrange(3))
    posted.append(number)
    return number


def _post(rng: Random, jid: str, text: str, media_type: str = "") -> Post:
    """A message's id is random: its order says nothing."""
    prefix, length = rng.choice((("3EB0", 22), ("3A", 20), ("AC", 32)))
    digits = length - len(prefix)
    message_id = f"{prefix}{rng.getrandbits(4 * digits):0{digits}X}"
    return Post(jid, message_id, rng.choice(_TECHNICIANS), text, media_type)
