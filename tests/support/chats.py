"""Chats and ntfy as far as they take what is posted: each kind's shape and limits, as its makers tell them."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from email.header import decode_header, make_header
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, cast

from tests.support.receivers import serving


class Chat:
    """One receiver: what it took, as people read it, and how often it was asked."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.took: list[str] = []
        self.asked = 0
        self.port = 0

    def channels(self, **more: Any) -> dict[str, Any]:
        return {"webhook": {"url": f"http://127.0.0.1:{self.port}/{self.kind}", "allow_private": True, **more}}


def _google_chat(body: bytes, _: Mapping[str, str]) -> tuple[int, str]:
    """Unknown fields are refused; 4,096 characters of text, 32,000 bytes in all."""
    said = json.loads(body)
    fits = set(said) <= {"text", "cards", "cardsV2", "thread"} and 0 < len(said.get("text", "")) <= 4_096
    return (200 if fits and len(body) <= 32_000 else 400), said.get("text", "")


def _discord(body: bytes, _: Mapping[str, str]) -> tuple[int, str]:
    """204; an empty message or one of more than 2,000 characters is refused."""
    said = json.loads(body)
    content = said.get("content", "")
    return (204 if 0 < len(content.encode("utf-16-le")) / 2 <= 2_000 else 400), content


def _slack(body: bytes, _: Mapping[str, str]) -> tuple[int, str]:
    said = json.loads(body)
    text = said.get("text", "")
    known = {"text", "blocks", "attachments", "thread_ts", "mrkdwn"}
    fits = 0 < len(text) <= 40_000 and set(said) <= known
    rings = any(mark in text for mark in ("<!", "<@"))
    read = text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")
    return (200 if fits and not rings else 400), read


def _teams(body: bytes, _: Mapping[str, str]) -> tuple[int, str]:
    """A workflow: 202, and what is no adaptive card within 28 KB fails."""
    said = json.loads(body)
    if len(body) > 28 * 1024 or said.get("type") != "message":
        return 400, ""
    [attachment] = said["attachments"]
    card = attachment["content"]
    fits = attachment["contentType"] == "application/vnd.microsoft.card.adaptive" and card["type"] == "AdaptiveCard"
    read = "\n".join(block["text"] for block in card["body"])
    return (202 if fits else 400), read.replace("\n\n", "\n")


def _ntfy(body: bytes, headers: Mapping[str, str]) -> tuple[int, str]:
    """Its title is a header; a body of more than 4,096 bytes would become an attachment."""
    title = str(make_header(decode_header(headers["Title"])))
    fits = len(body) <= 4_096 and headers.get("Priority", "default") in {"default", "high"}
    return (200 if fits and title.isprintable() else 400), body.decode()


_KINDS: dict[str, Callable[[bytes, Mapping[str, str]], tuple[int, str]]] = {
    "google-chat": _google_chat,
    "discord": _discord,
    "slack": _slack,
    "teams": _teams,
    "ntfy": _ntfy,
}
KINDS = tuple(_KINDS)


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        one: Chat = cast("Any", self.server).one
        one.asked += 1
        body = self.rfile.read(int(self.headers["Content-Length"]))
        status, read = _KINDS[one.kind](body, dict(self.headers))
        if status < 300:
            one.took.append(read)
        self.send_response(status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def chat(kind: str) -> Iterator[Chat]:
    one = Chat(kind)
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    cast("Any", server).one = one
    one.port = server.server_address[1]
    with serving(server):
        yield one
