"""What is entered at a provider says what docs/webhooks.md says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

from wamon.config.hooks import Provider
from wamon.providers.registration import REGISTRATIONS

PAGE = (Path(__file__).parents[3] / "docs/webhooks.md").read_text("utf-8")


def test_every_provider_has_one() -> None:
    assert set(REGISTRATIONS) == set(get_args(Provider))


def test_answers_go_where_the_page_says() -> None:
    shown = [re.sub(r"<[^>]+>", "{account}", url) for url in re.findall(r"`(https?://[^`]+)`", PAGE)]
    ours = {one.send_url for one in REGISTRATIONS.values() if one.send_url} - {
        "http://127.0.0.1:8080/message/sendText/{account}"
    }
    assert ours <= set(shown)


def test_steps_name_nothing_but_the_address_and_files() -> None:
    words = {"address": "A", "secret": "S", "verify": "V"}
    assert all(step.format(**words) for one in REGISTRATIONS.values() for step in one.steps)
