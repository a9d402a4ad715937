"""An office with hooks: their config, and deliveries as `wamon web` keeps them."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from hashlib import sha256
from typing import Any
from uuid import UUID, uuid4

from tests.support.bridges import LAWLEY
from tests.support.deliveries import SECRET, Json
from tests.support.office import Office
from wamon.app.configured import configured
from wamon.app.intake import take_in_all
from wamon.webhooks.intake import Taken

KEEP = """
    WITH kept AS (
        INSERT INTO wamon.deliveries (uid, hook, source, received_at, body, sha256)
        VALUES (%s, %s, %s, now() - %s, %s, %s)
        RETURNING event, hook, source, received_at
    )
    INSERT INTO wamon.delivery_queue (event, hook, source, received_at, next_try_at)
    SELECT event, hook, source, received_at, received_at FROM kept
    RETURNING event
"""

MISPLACED = """
    SELECT count(*)
    FROM wamon.deliveries
    FULL JOIN (
        SELECT event FROM wamon.delivery_queue UNION ALL SELECT event FROM wamon.delivery_ends
    ) AS k USING (event)
    GROUP BY event HAVING count(deliveries) * count(k) <> 1
"""
"""Each delivery waits or has ended, and nothing else does."""


def hook(provider: str, **settings: object) -> dict[str, object]:
    """The config of a hook that is named as its provider."""
    return {"name": provider, "provider": provider, "secret": SECRET, **settings}


def keep(
    office: Office, name: str, body: Json | bytes, *, ago: timedelta = timedelta(), uid: UUID | None = None
) -> int:
    """Keep a delivery to a hook of the office's; its event."""
    of = next(one for one in office.settings["hooks"] if one["name"] == name).get("of")
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    (event,) = office.query(KEEP, uid or uuid4(), name, of or name, ago, raw, sha256(raw).digest())
    return int(event)


def take_in(office: Office) -> Taken:
    """Take in until nothing is new."""
    return take_in_all(configured(office.config_path, {}), office.clock)


def events(office: Office, what: str = "state, messages") -> list[Any]:
    return office.query(f"SELECT {what} FROM wamon.webhook_events ORDER BY event")


def messages(office: Office) -> list[Any]:
    """What the ledger holds, as (source, chat, id, status, reason, via)."""
    return office.query("SELECT source, chat_jid, message_id, status, reason, via FROM wamon.ledger ORDER BY 1, 2, 3")


def in_lawley(body: Json, text: str, message_id: str) -> Json:
    """GOWA's delivery with this text in a watched group."""
    return {**body, "payload": {**body["payload"], "chat_id": LAWLEY, "body": text, "id": message_id}}


HookedOffice = Callable[..., Office]
