"""Deliveries that wait, taken into the ledger: one message each, and Meta's of days away, repeated and shuffled."""

from __future__ import annotations

import json
from base64 import b64encode
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from hashlib import sha256
from random import Random
from typing import TYPE_CHECKING

import psycopg
import yaml

from bench.figures import WAMON
from bench.ground import WAMON as COMMAND
from bench.ground import measured, say
from bench.stores import history
from bench.subjects import CPU_OF_TAKEN_IN, DAYS_AWAY, GROUPS, TAKEN_IN
from wamon.webhooks.door import new_uid

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path
    from typing import Any

    from bench.figures import Figures
    from bench.ground import Ground, Measured

_SECRET = "a-secret-of-the-bench"
_A_BATCH = 1_000
_COPY = "COPY wamon.deliveries (uid, hook, source, body, sha256) FROM STDIN"
_QUEUE = "INSERT INTO wamon.delivery_queue (event, hook, source) SELECT event, hook, source FROM wamon.deliveries"


def measure(ground: Ground, figures: Figures, messages: int, rounds: int, of_days: int) -> None:
    """Each by a `wamon scan` without a store: the messages of the catch-up's store, and so many of days away."""
    for _ in range(rounds):
        say(f"taking {messages:,} deliveries in")
        with _waiting(ground, "wati", map(_wati, history(messages, GROUPS, Random(1)))) as config:
            done = ground.watched(partial(_take_in, config, messages))
        figures.add(TAKEN_IN, WAMON, messages / done.seconds)
        figures.add(CPU_OF_TAKEN_IN, WAMON, done.cpu_seconds / messages * 1e6)
    say(f"taking {of_days:,} messages of days in")
    with _waiting(ground, "meta", _days(of_days)) as config:
        figures.add(DAYS_AWAY, WAMON, _take_in(config, of_days).seconds)


def _take_in(config: Path, messages: int) -> Measured:
    """A scan of these deliveries. Raises AssertionError unless each message is recorded once."""
    done = measured(*COMMAND, "--config", config, "scan", "--json")
    with psycopg.connect(yaml.safe_load(config.read_text("utf-8"))["database"]["url"]) as db:
        ((found,),) = db.execute("SELECT count(*) FROM wamon.ledger_rows").fetchall()
        ((waiting,),) = db.execute("SELECT count(*) FROM wamon.webhook_events WHERE state <> 'done'").fetchall()
    if (found, waiting) != (messages, 0):
        raise AssertionError(f"{found:,} of {messages:,} are recorded, and {waiting:,} deliveries wait")
    return done


@contextmanager
def _waiting(ground: Ground, provider: str, bodies: Iterable[Any]) -> Iterator[Path]:
    """The config of a database in which these deliveries wait."""
    with ground.database() as dsn:
        config = ground.config(ground.folder / "no-store.db", dsn)
        settings = yaml.safe_load(config.read_text("utf-8"))
        settings["bridge"].pop("path")
        settings["hooks"] = [{"name": provider, "provider": provider, "secret": _SECRET, "project": "Lawley"}]
        config.write_text(yaml.safe_dump(settings), "utf-8")
        measured(*COMMAND, "--config", config, "db", "migrate")
        with psycopg.connect(dsn) as db:
            with db.cursor().copy(_COPY) as copy:
                for body in bodies:
                    raw = json.dumps(body).encode()
                    copy.write_row((new_uid(datetime.now(UTC)), provider, provider, raw, sha256(raw).digest()))
            db.execute(_QUEUE)
        yield config


def _wati(row: tuple[str, ...]) -> dict[str, object]:
    """A row of a store as WATI delivers it, to nobody's group."""
    stanza_id, _, sender, text, at, _ = row
    said = {"id": stanza_id.lower(), "whatsappMessageId": _wamid(sender, stanza_id)}
    sent_at = str(int(datetime.fromisoformat(at).timestamp()))
    return {"eventType": "message", "type": "text", "text": text, "waId": sender, "timestamp": sent_at, **said}


def _days(messages: int) -> Iterator[dict[str, object]]:
    """Meta's queue: each message in two batches, in any order, and some of them twice in one."""
    said = [_meta(n) for n in range(messages)]
    shuffled = Random(72)
    for _ in range(2):
        shuffled.shuffle(said)
        for n in range(0, messages, _A_BATCH):
            yield _delivery([*said[n : n + _A_BATCH], *said[n : n + 20]])


def _meta(n: int) -> dict[str, object]:
    text = {"body": f"DR{1_000_000 + n}"}
    said = _wamid(_phone(n), f"3EB0{Random(n).getrandbits(64):016X}")
    return {"id": said, "from": _phone(n), "timestamp": str(1_795_860_000 + n), "type": "text", "text": text}


def _delivery(messages: list[dict[str, object]]) -> dict[str, object]:
    value = {"metadata": {"phone_number_id": "900222"}, "contacts": [], "messages": messages}
    return {"entry": [{"id": "900111", "changes": [{"field": "messages", "value": value}]}]}


def _wamid(phone: str, stanza_id: str) -> str:
    """An id as Meta makes them, around the one that the message has on its phone."""
    inner = b"\x1c\x18\x0b%b\x15\x02\0\x12\x18\x14%b\0" % (phone.encode(), stanza_id.encode())
    return f"wamid.{b64encode(inner).decode()}"


def _phone(n: int) -> str:
    """Of 500 people."""
    return f"2782000{n % 500:04}"
