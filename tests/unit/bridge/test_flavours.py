"""A store's flavour is known by the columns of its table `messages`."""

from __future__ import annotations

import sqlite3
from contextlib import closing

import pytest

from tests.support.bridges import BRIDGES, Bridge, Gowa, Wacli
from wamon.bridge.flavours import FLAVOURS, GOWA, WACLI, WHATSAPP_MCP, Flavour, recognise
from wamon.errors import BridgeUnknown


def columns_of(kind: type[Bridge]) -> set[str]:
    with closing(sqlite3.connect(":memory:")) as db:
        db.executescript(kind.schema)
        return {row[1] for row in db.execute("PRAGMA table_info(messages)")}


@pytest.mark.parametrize("wanted", ["auto", "its own"])
@pytest.mark.parametrize("kind", BRIDGES, ids=lambda kind: kind.__name__)
def test_every_bridge_is_known_by_its_columns(kind: type[Bridge], wanted: str) -> None:
    assert recognise(columns_of(kind), "auto" if wanted == "auto" else kind.flavour).name == kind.flavour


@pytest.mark.parametrize("kind", BRIDGES, ids=lambda kind: kind.__name__)
def test_columns_beyond_those_needed_are_ignored(kind: type[Bridge]) -> None:
    assert recognise(columns_of(kind) | {"edited_by", "ephemeral", "sha1"}, "auto").name == kind.flavour


@pytest.mark.parametrize("flavour", FLAVOURS, ids=lambda flavour: flavour.name)
def test_the_needed_columns_are_enough(flavour: Flavour) -> None:
    assert recognise(flavour.needs, "auto") is flavour
    assert recognise(flavour.needs, flavour.name) is flavour


@pytest.mark.parametrize(
    ("flavour", "lacking"), [(flavour, lacking) for flavour in FLAVOURS for lacking in sorted(flavour.needs)]
)
def test_a_named_flavour_that_lacks_a_column_is_told_with_that_column(flavour: Flavour, lacking: str) -> None:
    with pytest.raises(BridgeUnknown, match=rf"for {flavour.name} it lacks {lacking}\.$") as caught:
        recognise(flavour.needs - {lacking}, flavour.name)

    assert "auto" in caught.value.hint


def test_columns_of_no_bridge_are_told_with_what_lacks() -> None:
    with pytest.raises(BridgeUnknown, match="lacks chat_jid content is_from_me media_type sender timestamp") as caught:
        recognise({"id", "body", "to"}, "auto")

    assert "bridge.path" in caught.value.hint
    assert "wamon doctor" in caught.value.hint


def test_a_named_flavour_is_not_exchanged_for_another_that_fits() -> None:
    with pytest.raises(BridgeUnknown, match="for wacli it lacks"):
        recognise(columns_of(Gowa), "wacli")
    with pytest.raises(BridgeUnknown, match="for whatsapp-mcp it lacks"):
        recognise(columns_of(Wacli), "whatsapp-mcp")


def test_gowa_is_not_taken_for_whatsapp_mcp_whose_columns_it_has() -> None:
    assert columns_of(Gowa) >= WHATSAPP_MCP.needs
    assert recognise(columns_of(Gowa), "auto") is GOWA


def test_wacli_keeps_a_caption_apart_from_the_text() -> None:
    assert "media_caption" in WACLI.needs
    assert "media_caption" in WACLI.text
