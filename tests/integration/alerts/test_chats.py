"""What is posted to chats and ntfy: taken by each, readable, within its limits, and ringing nobody."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest

from tests.support.chats import KINDS, chat
from tests.support.clock import first_morning
from tests.support.receivers import hooks
from wamon.alerts.channels import Refused, channels
from wamon.alerts.model import Alert
from wamon.config.alerts import Alerts

NOON = first_morning().replace(hour=12)
ALERT = Alert("id-1", "alert", "silence", "a group fell silent", "main", "host1", NOON, NOON, ("Lawley.",), "Look.")
HUGE = replace(ALERT, sentences=('\U0001f477 "Môre" <b>&\n' * 20_000,))
RINGING = replace(ALERT, sentences=("<!channel> <@U1> <users/all> is silent.",), groups=("<!channel>",))
OVER = replace(ALERT, kind="over")
ELSEWHERE = replace(ALERT, source="môre \U0001f477")


def send(alert: Alert, named: dict[str, Any]) -> None:
    [channel] = channels(Alerts.model_validate({"channels": named}))
    channel.send(alert)


@pytest.mark.parametrize("kind", KINDS)
def test_each_kind_takes_an_alert_and_reads_what_it_says(kind: str) -> None:
    with chat(kind) as one:
        send(ALERT, one.channels(kind=kind))
        assert one.took == [ALERT.text]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("alert", [HUGE, RINGING, ELSEWHERE, OVER], ids=["huge", "ringing", "elsewhere", "over"])
def test_whatever_an_alert_says_it_fits(kind: str, alert: Alert) -> None:
    with chat(kind) as one:
        send(alert, one.channels(kind=kind))
        [read] = one.took
        assert read.splitlines()[0] == alert.text.splitlines()[0]
        assert alert is not HUGE or read.endswith("…")


def test_in_google_chat_no_group_rings_everybody() -> None:
    with chat("google-chat") as one:
        send(RINGING, one.channels(kind="google-chat"))
        assert "<users/all>" not in one.took[0]


@pytest.mark.parametrize("kind", ["google-chat", "slack", "discord"])
def test_a_chat_of_which_no_kind_is_said_is_told_in_plain_words(kind: str) -> None:
    with chat(kind) as one:
        send(ALERT, one.channels())
        assert one.took == [ALERT.text]


@pytest.mark.parametrize(("kind", "tries", "hint"), [("json", 3, "names chats"), ("slack", 1, "Is it slack")])
def test_who_takes_none_of_it_is_refused_with_what_to_set(kind: str, tries: int, hint: str) -> None:
    with hooks() as hook:
        hook.status = 400
        with pytest.raises(Refused, match="answered with status 400") as caught:
            send(ALERT, {"webhook": {**hook.channels["webhook"], "kind": kind}})
        assert len(hook.posted) == tries
        assert hint in caught.value.hint


@pytest.mark.parametrize("status", [401, 404, 429, 500])
def test_who_refuses_for_another_reason_is_asked_once(status: int) -> None:
    with hooks() as hook:
        hook.status = status
        with pytest.raises(Refused):
            send(ALERT, hook.channels)
        assert len(hook.posted) == 1
