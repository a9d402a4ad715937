"""`wamon init --bot`: hooks and conversations for a config that is there, or for a new one."""

from __future__ import annotations

import json
import os
import pty
import re
import signal
import subprocess
from pathlib import Path

import pytest

from tests.acceptance.conftest import Run
from tests.support.environment import environment, program
from wamon.config import load as configs
from wamon.config.schema import Config
from wamon.health.check import State
from wamon.health.config import readable

ROOT = Path(__file__).parents[2]
WORDS = (
    "--account",
    "live-mt-server.wati.io",
    "--user",
    "+27 82 000 0001",
    "--public-url",
    "https://wamon.example.com",
)


def config_of(folder: Path) -> Config:
    return configs.load(folder / "config/wamon.yaml", {"HOME": "/x"})


def test_without_a_bridge_it_writes_a_config_of_hooks_alone(wamon: Run, tmp_path: Path) -> None:
    done = wamon("init", "--bot", *WORDS)
    assert done.returncode == 0, done.stderr
    config = config_of(tmp_path)
    (hook,) = config.hooks
    assert config.has_hooks_alone
    assert (hook.name, hook.of, hook.project) == ("wati", None, None)
    assert hook.send.url == "https://live-mt-server.wati.io/api/ext/v3/conversations/messages/text"
    assert config.conversations.enabled
    assert config.conversations.users == ("27820000001",)
    assert config.web.public_url == "https://wamon.example.com"
    assert wamon("config", "check").returncode == 0
    assert readable(config, tmp_path / "config/wamon.yaml").state is State.OK


def test_what_is_in_a_config_stays_to_its_last_comment(wamon: Run, store: Path, tmp_path: Path) -> None:
    assert wamon("init", "--bridge", str(store)).returncode == 0
    config = tmp_path / "config/wamon.yaml"
    before = config.read_text("utf-8")
    config.chmod(0o640)
    done = wamon("init", "--bot")
    assert done.returncode == 0, done.stderr
    assert "Added to config/wamon.yaml: hooks, conversations." in done.stdout
    assert config.read_text("utf-8").startswith(before)
    assert config.stat().st_mode & 0o777 == 0o640
    assert wamon("config", "check").returncode == 0


def test_hooks_that_are_there_already_are_not_touched(wamon: Run, tmp_path: Path) -> None:
    assert wamon("init", "--bot").returncode == 0
    before = (tmp_path / "config/wamon.yaml").read_text("utf-8")
    again = wamon("init", "--bot", "--provider", "gowa")
    assert again.returncode == 2
    assert "has hooks already: wati. Nothing was changed." in again.stderr
    assert (tmp_path / "config/wamon.yaml").read_text("utf-8") == before


def test_a_section_that_says_something_is_kept_and_what_to_set_in_it_is_told(wamon: Run, tmp_path: Path) -> None:
    sample = (ROOT / "config/wamon.yaml").read_text("utf-8")
    (tmp_path / "mine.yaml").write_text(sample, "utf-8")
    done = wamon("init", "--bot", "--output", "mine.yaml", "--json", *WORDS)
    assert done.returncode == 0, done.stderr
    answer = json.loads(done.stdout)
    assert (answer["added"], answer["kept"]) == (["hooks"], ["conversations", "web"])
    assert any("conversations.enabled" in sentence for sentence in answer["todo"])
    assert any("web.hosts" in sentence for sentence in answer["todo"])
    assert set(sample.splitlines()) - set((tmp_path / "mine.yaml").read_text("utf-8").splitlines()) == {"hooks: []"}


def test_secrets_are_files_of_their_owner_alone_and_shown_once(wamon: Run, tmp_path: Path) -> None:
    done = wamon("init", "--bot", *WORDS)
    folder = tmp_path / "config/secrets"
    secret = (folder / "hook-wati").read_text().strip()
    assert folder.stat().st_mode & 0o777 == 0o700
    assert {file.stat().st_mode & 0o777 for file in folder.iterdir()} == {0o600}
    assert done.stdout.count(secret) == 1
    assert config_of(tmp_path).hooks[0].secrets == (secret,)
    (tmp_path / "config/wamon.yaml").unlink()
    again = wamon("init", "--bot", *WORDS)
    assert "hook-wati: the secret that proves a delivery, which was there and stays." in again.stdout
    assert secret not in again.stdout
    assert (folder / "hook-wati").read_text().strip() == secret


def test_what_only_the_provider_knows_is_left_to_be_filled_in(wamon: Run, tmp_path: Path) -> None:
    done = wamon("init", "--bot", "--provider", "meta", "--account", "123456789012345", *WORDS[2:])
    assert done.returncode == 0, done.stderr
    assert "Put the App secret (App settings, Basic) into config/secrets/hook-meta" in done.stdout
    hook = config_of(tmp_path).hooks[0]
    assert hook.secrets == ()
    assert (
        "The hook meta has no secret: put it into secrets/hook-meta beside the config"
        in wamon("config", "check").stderr
    )
    assert (
        "put it into the file secrets/hook-meta beside the config (beside prod.yaml: prod.secrets/hook-meta)"
        in wamon("hooks", "test", "meta").stderr.lower()
    )
    assert hook.verify_token
    assert hook.numbers == ("123456789012345",)
    assert hook.send.url == "https://graph.facebook.com/v25.0/123456789012345/messages"


def test_nginx_is_what_the_page_shows_with_our_name(wamon: Run) -> None:
    page = (ROOT / "docs/webhooks.md").read_text("utf-8")
    (block,) = re.findall(r"^```nginx\n(.*?)^```", page, re.DOTALL | re.MULTILINE)
    done = wamon("init", "--bot", "--public-url", "https://bot.example.org")
    assert block.replace("wamon.example.com", "bot.example.org") in done.stdout


def test_a_bridge_on_this_host_is_the_witness_of_its_own_store(wamon: Run, store: Path, tmp_path: Path) -> None:
    assert wamon("init", "--bridge", str(store)).returncode == 0
    done = wamon("init", "--bot", "--provider", "vgp")
    assert "http://127.0.0.1:8006/hooks/vgp" in done.stdout, done.stderr
    assert "nginx" not in done.stdout
    assert config_of(tmp_path).hooks[0].of == "main"


@pytest.mark.fault("F133")
def test_a_config_stays_as_it_was_where_answers_are_refused(wamon: Run, tmp_path: Path) -> None:
    (tmp_path / "mine.yaml").write_text("timezone: Africa/Harare\n")
    done = wamon("init", "--bot", "--output", "mine.yaml", "--send", "ftp://example.com")
    assert done.returncode == 2
    assert "Nothing was changed." in done.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["mine.yaml"]
    assert (tmp_path / "mine.yaml").read_text() == "timezone: Africa/Harare\n"


@pytest.mark.fault("F133")
@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["--send", "ftp://example.com"], "hooks[0].send.url"),
        (["--provider", "telegram"], "There is no provider 'telegram'."),
        (["--public-url", "https://example.com/path"], "web.public_url"),
    ],
)
def test_answers_that_make_no_config_leave_nothing_behind(
    wamon: Run, tmp_path: Path, words: list[str], said: str
) -> None:
    done = wamon("init", "--bot", *words)
    assert done.returncode == 2
    assert said in done.stderr
    assert ".tmp" not in done.stderr
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_its_options_want_a_bot(wamon: Run) -> None:
    done = wamon("init", "--provider", "wati")
    assert done.returncode == 2
    assert "--bot" in done.stderr


def test_a_terminal_is_asked_for_what_was_not_said(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [*program(), "init", "--bot", "--provider", "wati"],
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(ROOT), HOME=str(tmp_path)),
    )
    os.close(theirs)
    assert process.stderr
    with process, os.fdopen(ours, "wb", buffering=0) as keyboard:
        keyboard.write(b"live-mt-server.wati.io\n\nLawley\n\n27820000001\n")
        asked = b""
        while b"The API token (Enter: later): " not in asked and (more := os.read(process.stderr.fileno(), 1000)):
            asked += more  # what is typed before the hidden question's last blank is thrown away
        keyboard.write(b"an-api-token\n")
        asked += process.stderr.read()
    assert process.returncode == 0, asked.decode()
    hook = config_of(tmp_path).hooks[0]
    assert (hook.project, hook.send.token and hook.send.token.get_secret_value()) == ("Lawley", "an-api-token")
    assert b"an-api-token" not in asked


def test_whoever_ends_it_at_a_question_finds_no_file(tmp_path: Path) -> None:
    ours, theirs = pty.openpty()
    with subprocess.Popen(
        [*program(), "init", "--bot", "--provider", "wati"],
        stdin=theirs,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        cwd=tmp_path,
        env=environment(PYTHONPATH=str(ROOT), HOME=str(tmp_path)),
    ) as process:
        assert process.stderr
        asked = b""
        while b"live-mt-server.wati.io:" not in asked and (more := os.read(process.stderr.fileno(), 1000)):
            asked += more
        process.send_signal(signal.SIGINT)  # as Ctrl-C does
        asked += process.stderr.read()
    os.close(ours)
    os.close(theirs)
    assert process.returncode == 1
    assert asked.endswith(b"Aborted!\n")
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
