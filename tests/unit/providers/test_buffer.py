"""What is put into the buffer by hand is a message like a hook's."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest

from wamon.providers.buffer import parse
from wamon.providers.deliveries import DIRECT, Alias, Broken, Delivery, Parsed, PersonMessage

NOW = datetime(2026, 11, 28, 8, tzinfo=UTC)
PUT = {"uid": "u", "kind": "phone", "id": "27820000001", "type": "text", "text": "hello", "sent_at": None}


def parsed(**fields: object) -> list[Parsed]:
    return parse(Delivery({}, {}, "", json.dumps({**PUT, **fields}).encode(), NOW))


def test_it_has_its_deliverys_id_and_says_who_and_what() -> None:
    sent_at = "2026-11-28T10:00:00.5+02:00"
    assert parsed(type="image", sent_at=sent_at) == [
        PersonMessage(
            None, DIRECT, (Alias("phone", "27820000001"),), NOW.replace(microsecond=500_000), "photo", "hello"
        )
    ]


@pytest.mark.parametrize("fields", [{"kind": "email"}, {"kind": None}, {"id": ""}, {"id": None}, {"text": 7}])
def test_one_that_says_it_otherwise_is_broken(fields: dict[str, object]) -> None:
    (part,) = parsed(**fields)
    assert isinstance(part, Broken)
