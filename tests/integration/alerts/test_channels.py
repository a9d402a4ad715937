"""Webhook and mail against real servers, also those that hang, refuse, drip, lie and break off."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from datetime import timedelta
from email import message_from_string, policy
from pathlib import Path
from typing import Any

import pytest

from tests.support.clock import Standing, first_morning
from tests.support.receivers import Hooks, Mails, behaving, dripping, hanging, hooks, mails
from wamon.alerts.channels import BOUNDS, channels
from wamon.alerts.model import Alert, Book
from wamon.alerts.notifier import Notifier
from wamon.alerts.state_file import AlertsFile
from wamon.clock import Clock
from wamon.config.alerts import Alerts
from wamon.errors import Retryable
from wamon.net.message import Bounds

NOON = first_morning().replace(hour=12)
ALERT = Alert("id-1", "alert", "database", "PostgreSQL can't be used", "main", "host1", NOON, NOON, ("Gone.",), "Look.")


@pytest.fixture
def hook() -> Iterator[Hooks]:
    with hooks() as found:
        yield found


@pytest.fixture
def mail() -> Iterator[Mails]:
    with mails() as found:
        yield found


def settings(*named: dict[str, Any]) -> Alerts:
    return Alerts.model_validate({"channels": {name: channel for one in named for name, channel in one.items()}})


def webhook(port: int, scheme: str = "http", host: str = "127.0.0.1") -> dict[str, Any]:
    return {"webhook": {"url": f"{scheme}://{host}:{port}/hook?token=hunter2", "allow_private": True}}


def mailing(port: int, **more: Any) -> dict[str, Any]:
    with_port = Mails()
    with_port.port = port
    return {"mail": with_port.channels["mail"] | more}


def send(*named: dict[str, Any], answer_seconds: float = BOUNDS.answer_seconds) -> None:
    bounds = Bounds(BOUNDS.connect_seconds, answer_seconds, BOUNDS.answer_bytes)
    for channel in channels(settings(*named), bounds):
        channel.send(ALERT)


def test_a_webhook_gets_json_with_a_text_that_says_it(hook: Hooks) -> None:
    send(hook.channels)
    assert hook.posted == [ALERT.document()]
    assert hook.posted[0]["text"].splitlines()[0] == "PostgreSQL can't be used (wamon main on host1)."
    assert hook.paths == ["/hook?token=hunter2"]
    assert hook.headers["Content-Type"].startswith("application/json")


def test_a_mail_reaches_everyone_and_says_it_in_its_subject(mail: Mails) -> None:
    send(mail.channels)
    message = message_from_string(mail.took[0], policy=policy.default)
    assert message["Subject"] == "PostgreSQL can't be used (wamon main on host1)"
    assert message["Message-ID"].startswith("<id-1@")
    assert "Gone." in message.get_content()
    assert len(mail.recipients) == 2


@pytest.mark.fault("F79")
@pytest.mark.parametrize("status", [301, 302, 307])
def test_a_redirect_is_not_followed(hook: Hooks, status: int) -> None:
    hook.status = status
    with pytest.raises(Retryable, match=f"status {status}"):
        send(hook.channels)
    assert len(hook.paths) == 1


@pytest.mark.parametrize(("status", "hint"), [(404, "still valid"), (500, "tried again"), (400, "`kind`")])
def test_a_refusal_is_said_with_its_status_and_what_to_do(hook: Hooks, status: int, hint: str) -> None:
    hook.status = status
    with pytest.raises(Retryable) as caught:
        send(hook.channels)
    assert f"127.0.0.1 answered with status {status}." in caught.value.paragraph()
    assert hint in caught.value.hint


@pytest.mark.parametrize(
    ("command", "answer", "said"),
    [
        ("MAIL", "550 no", r"refused the mail \(550\)"),
        ("RCPT", "554 no", r"refused every address of `to` \(554\)"),
        ("DATA", "451 later", r"refused the mail \(451\)"),
    ],
)
def test_a_mail_servers_refusal_is_said_with_its_code(mail: Mails, command: str, answer: str, said: str) -> None:
    mail.refuses = {command: answer}
    with pytest.raises(Retryable, match=said):
        send(mail.channels)


@pytest.mark.parametrize(
    ("answer", "said", "hint"),
    [
        ("450 4.7.1 <x>: Helo command rejected: Host not found", "(450 4.7.1)", "set `helo`"),
        ("554 5.7.1 Relay access denied", "(554 5.7.1)", "policy"),
        ("550 5.1.1 <office@example.com>: unknown", "(550 5.1.1)", "relay to them"),
    ],
)
def test_a_mail_servers_reason_is_told_by_its_codes_and_the_hint_that_fits(
    mail: Mails, answer: str, said: str, hint: str
) -> None:
    mail.refuses = {"RCPT": answer}
    with pytest.raises(Retryable) as caught:
        send(mail.channels)
    assert said in str(caught.value)
    assert hint in caught.value.hint
    assert "office@" not in caught.value.paragraph()


@pytest.mark.parametrize(
    ("name", "set_to", "greeting"),
    [
        ("host1.example.com", None, "host1.example.com"),
        ("host1", None, "[127.0.0.1]"),
        ("host1", "a.example", "a.example"),
    ],
)
def test_a_mail_server_is_greeted_by_a_name_that_it_can_check(
    mail: Mails, monkeypatch: pytest.MonkeyPatch, name: str, set_to: str | None, greeting: str
) -> None:
    uname = os.uname()
    monkeypatch.setattr(os, "uname", lambda: os.uname_result((uname.sysname, name, *uname[2:])))
    send({"mail": mail.channels["mail"] | {"helo": set_to}})
    assert mail.greetings == [greeting]
    assert "@example.com>" in mail.took[0].split("Message-ID:")[1].splitlines()[0]


def test_a_mail_that_was_taken_is_sent_though_the_goodbye_fails(mail: Mails) -> None:
    mail.refuses = {"QUIT": "nonsense"}
    send(mail.channels)
    assert len(mail.took) == 1


@pytest.mark.fault("F80")
@pytest.mark.parametrize("channel", [webhook, mailing])
def test_a_host_that_says_nothing_is_given_up(channel: Any) -> None:
    with hanging() as port, pytest.raises(Retryable, match="no answer in time"):
        send(channel(port), answer_seconds=0.2)


@pytest.mark.fault("F80")
def test_a_mail_server_that_says_a_byte_at_a_time_is_given_up() -> None:
    with behaving(dripping) as port, pytest.raises(Retryable, match="no answer in time"):
        send(mailing(port), answer_seconds=0.4)


@pytest.mark.parametrize("channel", [webhook, mailing])
@pytest.mark.parametrize("said", [b"", b"nonsense\r\n\r\n", b"\xff\x00" * 50_000], ids=["nothing", "words", "bytes"])
def test_a_host_that_breaks_off_or_talks_nonsense_is_no_success(channel: Any, said: bytes) -> None:
    def answer(handler: Any) -> None:
        handler.wfile.write(said)

    with behaving(answer) as port, pytest.raises(Retryable, match=r"127\.0\.0\.1"):
        send(channel(port))


@pytest.mark.parametrize("channel", [webhook, mailing])
def test_a_host_that_is_not_there_is_said_to_be(channel: Any) -> None:
    with hanging() as port:
        pass
    with pytest.raises(Retryable, match="can't be reached: Connection refused"):
        send(channel(port))


def test_a_name_without_an_address_is_said_to_be() -> None:
    with pytest.raises(Retryable, match=r"nowhere\.invalid has no address"):
        send(webhook(80, host="nowhere.invalid"))


@pytest.mark.fault("F79")
@pytest.mark.parametrize("kind", ["webhook", "mail"])
def test_a_private_address_is_refused_unless_it_is_allowed(hook: Hooks, mail: Mails, kind: str) -> None:
    named = {**hook.channels, **mail.channels}
    with pytest.raises(Retryable, match="private network") as caught:
        send({kind: {**named[kind], "allow_private": False}})
    assert "allow_private" in caught.value.hint
    assert (hook.posted, mail.took) == ([], [])


def test_a_host_without_tls_is_not_trusted(hook: Hooks, mail: Mails) -> None:
    with pytest.raises(Retryable, match=r"no TLS|broke the connection off"):
        send(webhook(hook.port, "https"))
    with pytest.raises(Retryable, match="lacks STARTTLS"):
        send(mailing(mail.port, security="starttls"))
    assert (hook.posted, mail.took) == ([], [])


@pytest.mark.fault("F80")
def test_a_host_that_asks_for_patience_is_left_alone_for_that_long(hook: Hooks, tmp_path: Path) -> None:
    clock = Standing(NOON)
    notifier = waiting(tmp_path, clock, hook.channels)
    hook.status, hook.more_headers = 429, {"Retry-After": "600"}
    notifier.send()
    clock.moment += timedelta(minutes=9)
    notifier.send()
    assert len(hook.posted) == 1
    clock.moment += timedelta(minutes=2)
    notifier.send()
    assert len(hook.posted) == 2


# What waits


def waiting(folder: Path, clock: Clock, *named: dict[str, Any]) -> Notifier:
    """A notifier with one alert that waits."""
    notifier = Notifier(AlertsFile(folder), settings(*named), "main", clock)
    notifier.file.change(lambda book: book.queued((ALERT,)))
    return notifier


@pytest.mark.fault("F80")
def test_an_outage_is_told_once_tried_ever_more_rarely_and_made_up_for(
    hook: Hooks, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "wamon")
    clock = Standing(NOON)
    notifier = waiting(tmp_path, clock, hook.channels)
    hook.status = 500
    tries = []
    for minute in range(200):
        before = len(hook.posted)
        notifier.send()
        tries += [minute] if len(hook.posted) > before else []
        clock.moment += timedelta(minutes=1)
    assert tries == [0, 1, 3, 7, 15, 31, 63, 123, 183]
    hook.status = 200
    clock.moment += timedelta(hours=1)
    notifier.send()
    assert {posted["id"] for posted in hook.posted} == {"id-1"}
    assert notifier.file.read() == Book(worked={"webhook": clock.moment})
    told = [record.getMessage() for record in caplog.records]
    assert [one.partition(".")[0] for one in told] == [
        "Alerts can't be sent by webhook, and wait",
        "Alerts are sent by webhook again",
    ]
    assert "hunter2" not in str(told)


@pytest.mark.fault("F80")
def test_what_one_channel_takes_is_not_sent_again_while_the_other_is_away(
    hook: Hooks, mail: Mails, tmp_path: Path
) -> None:
    clock = Standing(NOON)
    notifier = waiting(tmp_path, clock, hook.channels, mail.channels)
    hook.status = 503
    for _ in range(3):
        notifier.send()
        clock.moment += timedelta(hours=2)
    assert (len(hook.posted), len(mail.took)) == (3, 1)
    hook.status = 204
    notifier.send()
    assert (len(hook.posted), len(mail.took)) == (4, 1)
    book = notifier.file.read()
    assert (book.waiting, book.outages, set(book.worked)) == ((), {}, {"webhook", "mail"})


@pytest.mark.fault("F80", "F81")
def test_a_channel_that_fails_in_a_way_that_nobody_foresaw_stops_no_other_and_quotes_nothing(
    hook: Hooks, mail: Mails, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise RuntimeError("hunter2")

    monkeypatch.setattr("wamon.alerts.webhook.WebhookChannel.send", fail)
    notifier = waiting(tmp_path, Standing(NOON), hook.channels, mail.channels)
    notifier.send()
    assert (hook.posted, len(mail.took)) == ([], 1)
    assert notifier.file.read().outages["webhook"].why == "127.0.0.1 couldn't be asked: RuntimeError."


def test_the_next_process_sends_what_the_last_one_could_not(hook: Hooks, tmp_path: Path) -> None:
    clock = Standing(NOON)
    hook.status = 500
    waiting(tmp_path, clock, hook.channels).send()
    hook.status = 200
    clock.moment += timedelta(minutes=2)
    Notifier(AlertsFile(tmp_path), settings(hook.channels), "main", clock).send()
    assert [posted["id"] for posted in hook.posted] == ["id-1", "id-1"]


def test_a_clock_set_back_does_not_silence_a_channel(hook: Hooks, tmp_path: Path) -> None:
    clock = Standing(NOON)
    notifier = waiting(tmp_path, clock, hook.channels)
    hook.status = 500
    notifier.send()
    clock.moment -= timedelta(days=400)
    hook.status = 200
    notifier.send()
    assert len(hook.posted) == 2


def test_without_a_channel_nothing_waits(tmp_path: Path) -> None:
    notifier = waiting(tmp_path, Standing(NOON))
    notifier.send()
    assert notifier.file.read() == Book()
