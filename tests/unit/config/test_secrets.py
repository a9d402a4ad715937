"""Secrets in a folder beside the config."""

from __future__ import annotations

from pathlib import Path

import pytest

from wamon.config.credentials import secrets_beside, with_credentials
from wamon.config.load import load
from wamon.errors import ConfigError


@pytest.mark.parametrize(("config", "folder"), [("wamon.yaml", "secrets"), ("prod.yaml", "prod.secrets")])
def test_each_config_has_a_folder_of_its_own(config: str, folder: str) -> None:
    assert secrets_beside(Path("/etc/wamon", config)) == Path("/etc/wamon", folder)


def test_a_file_stands_for_the_variable_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/hook-wati").write_text("a-secret-of-the-hook\n")
    (tmp_path / "secrets/hook-wati~").write_text("an-editors-copy-of-it\n")
    (tmp_path / "secrets/hook-old").write_text("")
    config = tmp_path / "wamon.yaml"
    config.write_text('hooks: [{name: w, provider: wati, secret: ["${WAMON_HOOK_OLD:-}", "${WAMON_HOOK_WATI}"]}]')
    assert load(config, {"HOME": "/x", "TZ": "UTC"}).hooks[0].secrets == ("a-secret-of-the-hook",)


def test_the_environment_then_systemd_then_the_folder(tmp_path: Path) -> None:
    for folder in ("secrets", "run"):
        (tmp_path / folder).mkdir()
    for name in ("hook-a", "hook-b", "hook-c"):
        (tmp_path / "secrets" / name).write_text("folder")
    for name in ("secret_hook-a", "secret_hook-b"):
        (tmp_path / "run" / name).write_text("systemd")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path / "run"), "WAMON_HOOK_A": "environment"}
    found = with_credentials(environ, tmp_path / "wamon.yaml")
    assert [found[f"WAMON_HOOK_{name}"] for name in "ABC"] == ["environment", "systemd", "folder"]


@pytest.mark.fault("F134")
def test_a_secret_that_cannot_be_read_is_named_and_not_quoted(tmp_path: Path) -> None:
    (tmp_path / "secrets").mkdir()
    (tmp_path / "secrets/hook-wati").write_bytes(b"a-secret-of-the-hook\xff")
    (tmp_path / "wamon.yaml").write_text("timezone: UTC\n")
    with pytest.raises(ConfigError) as error:
        load(tmp_path / "wamon.yaml", {"HOME": "/x"})
    assert str(tmp_path / "secrets/hook-wati") in error.value.paragraph()
    assert "a-secret" not in error.value.paragraph()
