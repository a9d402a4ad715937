"""The section `hooks`: what it means, and where what is wrong in it stands."""

from pathlib import Path
from typing import Any

import pytest

from wamon.config.load import load
from wamon.config.schema import Config
from wamon.config.show import describe
from wamon.errors import ConfigError

SECRET, OTHER = "a-secret-of-enough-characters", "another-secret-of-enough-characters"


@pytest.fixture
def read(tmp_path: Path) -> Any:
    file = tmp_path / "wamon.yaml"

    def read_(text: str, **environ: str) -> Config:
        file.write_text(text)
        return load(file, {"HOME": "/home/op", "TZ": "Africa/Johannesburg"} | environ)

    return read_


def problems_of(read: Any, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        read(text)
    assert caught.value.exit_code == 78
    return [line.rpartition("wamon.yaml:")[2] for line in str(caught.value).split("\n")]


def test_a_hook_beside_a_store_and_one_of_its_own(read: Any) -> None:
    config = read(f"""
bridge: {{path: /store/messages.db}}
hooks:
  - {{name: doorbell, provider: gowa, of: main, secret: {SECRET}}}
  - {{name: wati, provider: wati, secret: {SECRET}, project: Lawley, account: us, history: true,
      send: {{url: "https://live-mt.wati.io/1", token: t0ken}}}}
""")

    doorbell, wati = config.hooks
    assert (doorbell.source, doorbell.ids_of, doorbell.secrets) == ("main", "main", (SECRET,))
    assert (wati.source, wati.ids_of, wati.project, wati.history) == ("wati", "us", "Lawley", True)
    assert (wati.send.url, wati.send.token.get_secret_value()) == ("https://live-mt.wati.io/1", "t0ken")


@pytest.mark.parametrize(
    ("said", "secrets"),
    [
        ("${A}", (SECRET,)),
        ("${EMPTY:-}", ()),
        ('["${A}", "${B}"]', (SECRET, OTHER)),
        ('["${A}", "${EMPTY:-}"]', (SECRET,)),
        ("[]", ()),
        ("", ()),
    ],
)
def test_a_secret_is_one_or_two_or_none(read: Any, said: str, secrets: tuple[str, ...]) -> None:
    config = read(f"hooks:\n  - name: a\n    provider: gowa\n    secret: {said}\n", A=SECRET, B=OTHER)

    assert config.hooks[0].secrets == secrets


def test_every_problem_of_a_hook_has_its_place(read: Any) -> None:
    found = problems_of(
        read,
        f"""
hooks:
  - {{name: a b, provider: whatsapp, secret: secret}}
  - {{name: one, provider: gowa, secret: ["", 12345, {SECRET}], offf: main}}
  - {{name: one, provider: wati, secret: ["1", "2"], send: {{url: "http://example.org/x", tokn: x}}}}
  - {{name: m, provider: gowa, verify_token: abc}}
  - {{name: w, provider: meta, history: true}}
  - {{name: v, provider: gowa, secret: [{SECRET}, {SECRET}, {SECRET}]}}
  - {{provider: waha}}
""",
    )

    assert found == [
        "3:12: hooks[0].name: should be 1 to 40 letters, digits and -: it ends the address /hooks/<name>",
        "3:27: hooks[0].provider: should be meta, wati, manychat, gowa, wacli, vgp, felixisaac, evolution or waha",
        "3:45: hooks[0].secret: should be at least 16 characters, such as `openssl rand -hex 24` prints",
        "4:41: hooks[1].secret: should be at least 16 characters, such as `openssl rand -hex 24` prints",
        "4:85: hooks[1].offf: unknown key; did you mean 'of'?",
        "5:12: hooks[2].name: is the name of another hook, too (line 4): keep one",
        "5:41: hooks[2].secret: should be at least 16 characters, such as `openssl rand -hex 24` prints",
        "5:65: hooks[2].send.url: should be an address that begins with https://, or one of this host",
        "5:89: hooks[2].send.tokn: unknown key; did you mean 'token'?",
        "6:5: hooks[3]: has `verify_token`, which only meta needs",
        "7:5: hooks[4]: has `history`, which only wati needs",
        "8:39: hooks[5].secret: should be at most 2: the old one and the new one",
        "9:5: hooks[6].name: is missing or empty",
    ]


def test_a_hook_without_a_store_can_not_be_named_as_the_bridge(read: Any) -> None:
    assert problems_of(read, f"bridge: {{name: wa}}\nhooks: [{{name: wa, provider: gowa, secret: {SECRET}}}]\n") == [
        "2:16: hooks[0].name: is the bridge's name: give it another, or say `of: wa` beside it"
    ]


def test_a_hook_can_not_be_the_witness_of_a_store_that_nobody_reads(read: Any) -> None:
    text = f"bridge: {{name: wa}}\nhooks: [{{name: bell, provider: gowa, secret: {SECRET}, of: wa}}]\n"
    assert problems_of(read, text) == [
        "2:81: hooks[0].of: is the bridge wa, whose store nobody reads: set bridge.path, or leave `of` out"
    ]
    assert read(text, WAMON_BRIDGE_PATH="/store/messages.db").hooks[0].source == "wa"


def test_hooks_of_one_source_have_one_project(read: Any) -> None:
    text = f"""
bridge: {{path: /store/messages.db}}
hooks:
  - {{name: one, provider: gowa, secret: {SECRET}, of: main}}
  - {{name: two, provider: gowa, secret: {SECRET}, of: main, project: Lawley}}
  - {{name: three, provider: vgp, secret: {SECRET}, of: main, project: Mohadin}}
  - {{name: wati, provider: wati, secret: {SECRET}, project: Velo}}
"""
    assert problems_of(read, text) == [
        "6:92: hooks[2].project: is Lawley at hook two, of the same source main: say one project for both"
    ]
    assert len(read(text.replace("Mohadin", "Lawley")).hooks) == 4


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:3000/send", "http://localhost/send", "http://[::1]:1/", "https://a.b/c"]
)
def test_answers_leave_encrypted_or_stay_on_this_host(read: Any, url: str) -> None:
    assert read(f"hooks: [{{name: a, provider: gowa, send: {{url: '{url}'}}}}]").hooks[0].send.url == url


def test_hooks_are_shown_without_their_secrets(read: Any) -> None:
    config = read(f"""
hooks:
  - {{name: m, provider: meta, secret: [{SECRET}, {OTHER}], verify_token: hunter2hunter2hunter2, numbers: [1, "2"],
      send: {{url: "https://g.example/v?token=hunter2", token: hunter2}}}}
""")
    shown: Any = describe(config)

    assert all(secret not in f"{config!r} {shown}" for secret in (SECRET, OTHER, "hunter2"))
    assert shown["hooks"] == [
        {
            "name": "m",
            "provider": "meta",
            "secret": ["***", "***"],
            "of": None,
            "account": None,
            "project": None,
            "verify_token": "***",
            "numbers": ["1", "2"],
            "history": False,
            "send": {"url": "https://g.example/v?token=***", "token": "***"},
        }
    ]
