"""What the image and its compose file promise, as far as reading tells; `make package` builds and runs them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.support.image import steps
from wamon.cli.main import command as made

ROOT = Path(__file__).parents[2]
DOCKERFILE = steps((ROOT / "Dockerfile").read_text("utf-8"))
COMPOSE: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))
SERVICES: dict[str, Any] = COMPOSE["services"]
OURS = [name for name, service in SERVICES.items() if service["image"] == "wamon"]
PAGE = (ROOT / "docs/operation.md").read_text("utf-8")


def test_each_base_is_named_with_its_version() -> None:
    bases = [said.split()[0] for word, said in DOCKERFILE if word == "FROM"]
    bases += [service["image"] for name, service in SERVICES.items() if name not in OURS]
    assert all(re.fullmatch(r"[a-z]+:\d[\w.-]*", base) for base in bases), bases


def test_what_the_image_runs_as_is_nobody_in_particular() -> None:
    assert [word for word, _ in DOCKERFILE].index("USER") < [word for word, _ in DOCKERFILE].index("ENTRYPOINT")
    assert {"STOPSIGNAL": "SIGTERM", "USER": "$UID"}.items() <= dict(DOCKERFILE).items()


@pytest.mark.parametrize("name", OURS)
def test_a_service_can_write_its_state_alone(name: str) -> None:
    service = SERVICES[name]
    assert service["read_only"]
    assert service["cap_drop"] == ["ALL"]
    assert [one["target"] for one in service["volumes"] if not one.get("read_only")] in ([], ["/var/lib/wamon"])


def test_the_bridges_folder_is_read_only_whole_and_never_made() -> None:
    (store,) = [one for one in SERVICES["monitor"]["volumes"] if "whatsapp-bridge" in one["source"]]
    assert store["read_only"]
    assert not store["bind"]["create_host_path"]
    sample = yaml.safe_load((ROOT / "config/wamon.yaml").read_text("utf-8"))
    assert sample["bridge"]["path"] == f"{store['target']}/messages.db"


def test_no_secret_stands_in_the_compose_file_and_none_has_a_default() -> None:
    text = (ROOT / "compose.yaml").read_text("utf-8")
    asked = re.findall(r"\$\{(\w*(?:PASSWORD|TOKEN))(:\?|)", text)
    assert {name for name, _ in asked} == {"WAMON_DATABASE_PASSWORD", "WAMON_WEB_TOKEN"}
    assert all(needed for _, needed in asked)


def test_the_page_is_published_to_this_host_alone() -> None:
    assert [port for service in SERVICES.values() for port in service.get("ports", [])] == ["127.0.0.1:8006:8006"]


def test_the_pages_lines_name_services_and_commands_that_are_there() -> None:
    lines = re.findall(r"docker compose (?:exec|run --rm) (\w+)(?: wamon)? (\w+)", PAGE)
    assert lines
    known: Any = made()
    assert [line for line in lines if line[0] not in OURS or line[1] not in known.commands] == []
