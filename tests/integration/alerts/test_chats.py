"""What is posted to chats and ntfy: taken by each, readable, within its limits, and ringing nobody."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from threading import Event
from typing import Any

import pytest

from tests.support.chats import KINDS, chat
from tests.support.clock import first_morning
from tests.support.receivers import behaving, hooks
from wamon.alerts.channel import Refused
from wamon.alerts.channels import channels
from wamon.alerts.model import Alert
from wamon.config.alerts import Alerts
from wamon.net.address import NotSent
from wamon.net.http import Unknown
from wamon.net.message import Bounds

ROOT = Path(__file__).parents[3]
BRIEF = Bounds(connect_seconds=0.5, answer_seconds=0.5, answer_bytes=0)
PATIENT = Bounds(connect_seconds=30, answer_seconds=30, answer_bytes=0)
"""A busy host takes long to start apprise, which is a process of its own."""
NOON = first_morning().replace(hour=12)
ALERT = Alert("id-1", "alert", "silence", "a group fell silent", "main", "host1", NOON, NOON, ("Lawley.",), "Look.")
HUGE = replace(ALERT, sentences=('\U0001f477 "Môre" <b>&\n' * 20_000,))
RINGING = replace(ALERT, sentences=("<!channel> <@U1> <users/all> is silent.",), groups=("<!channel>",))
OVER = replace(ALERT, kind="over")
ELSEWHERE = replace(ALERT, source="môre \U0001f477")


def send(alert: Alert, named: dict[str, Any]) -> None:
    [channel] = channels(Alerts.model_validate({"channels": named}), PATIENT)
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


def by_apprise(url: str) -> dict[str, Any]:
    return {"webhook": {"url": url, "kind": "apprise"}}


def test_apprise_sends_to_what_it_knows() -> None:
    with hooks() as one:
        send(ALERT, by_apprise(f"json://127.0.0.1:{one.port}/token"))
        [posted] = one.posted
        assert (posted["title"], posted["message"]) == (ALERT.subject, ALERT.text)


def test_a_service_that_takes_html_is_told_the_very_words() -> None:
    with hooks() as one:
        send(
            replace(ALERT, sentences=("Lawley <2> & Mohadin.",)),
            by_apprise(f"json://127.0.0.1:{one.port}/?format=html"),
        )
        assert "Lawley &lt;2&gt; &amp; Mohadin." in one.posted[0]["message"].replace("&nbsp;", " ")


@pytest.mark.parametrize(
    ("url", "status", "error", "says"),
    [
        ("json://127.0.0.1:{port}/hunter2", 500, Refused, "json didn't take it"),
        ("json://127.0.0.1:1/hunter2", 200, Refused, "couldn't be reached"),
        ("nosuch://hunter2", 200, NotSent, "apprise can't read the address nosuch:"),
    ],
)
def test_where_apprise_fails_it_is_said_without_the_address(
    url: str, status: int, error: type[Exception], says: str
) -> None:
    with hooks() as one:
        one.status = status
        with pytest.raises(error, match=says) as failed:
            send(ALERT, by_apprise(url.format(port=one.port)))
    assert "hunter2" not in str(failed.value)


def test_an_apprise_that_gets_no_answer_is_ended_after_the_channels_time() -> None:
    over = Event()

    def wait(_: object) -> None:
        over.wait(60)

    with behaving(wait) as port:
        [channel] = channels(Alerts.model_validate({"channels": by_apprise(f"json://127.0.0.1:{port}/")}), BRIEF)
        with pytest.raises(Unknown, match="no answer within 1 s"):
            channel.send(ALERT)
        over.set()


def test_where_apprise_is_not_installed_the_next_step_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "apprise.py").write_text("raise ImportError", "utf-8")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{ROOT}")
    with pytest.raises(NotSent) as failed:
        send(ALERT, by_apprise("json://127.0.0.1:1/"))
    assert failed.value.hint == "Install the extra: pipx inject wamon apprise."
