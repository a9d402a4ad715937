"""A stand-in of a server that speaks as OpenAI's does: what it was asked, and how it answers, well or badly."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import MappingProxyType
from typing import Any, NamedTuple, cast

from tests.support.office import Office
from tests.support.receivers import serving

KEY = "sk-0123456789"
HANGS = -1


class Answer(NamedTuple):
    """What it says; status HANGS: nothing, until it ends."""

    status: int
    body: Any
    headers: Mapping[str, str] = MappingProxyType({})


def says(text: object = "We come at nine.", *, asked: int = 200, answered: int = 20, **more: Any) -> Answer:
    """A whole answer; `more`: of its choice."""
    choice = {"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop", **more}
    usage = {"prompt_tokens": asked, "completion_tokens": answered, "total_tokens": asked + answered}
    return Answer(200, {"object": "chat.completion", "choices": [choice], "usage": usage})


def refuses(status: int, body: object = "", **headers: str) -> Answer:
    return Answer(status, body or {"error": {"message": "no"}}, headers)


class Model:
    """A model. Each question takes the next of `answers`; the last one stays."""

    def __init__(self) -> None:
        self.answers: list[Answer] = [says()]
        self.asked: list[dict[str, Any]] = []
        self.before_answer: Callable[[], object] = lambda: None
        self.over = threading.Event()
        self.port = 0

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def told(self) -> str:
        """All that it was ever told."""
        return "\n".join(each["content"] for one in self.asked for each in one["messages"])

    def next(self) -> Answer:
        return self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]


class _Handler(BaseHTTPRequestHandler):
    def do_POST(self) -> None:
        model: Model = cast("Any", self.server).one
        body = self.rfile.read(int(self.headers["Content-Length"]))
        assert self.path == "/v1/chat/completions"
        assert self.headers["Authorization"] == f"Bearer {KEY}"
        model.asked.append(json.loads(body))
        answer = model.next()
        model.before_answer()
        if answer.status == HANGS:
            model.over.wait(60)
            return
        self.send_response(answer.status)
        for name, value in answer.headers.items():
            self.send_header(name.replace("_", "-"), value)
        self.end_headers()
        self.wfile.write(answer.body if isinstance(answer.body, bytes) else json.dumps(answer.body).encode())

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def model_server() -> Iterator[Model]:
    one = Model()
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    server.handle_error = lambda *_: None  # type: ignore[method-assign]
    cast("Any", server).one = one
    one.port = server.server_address[1]
    with serving(server):
        try:
            yield one
        finally:
            one.over.set()


def asking(office: Office, model: Model, **agent: object) -> Office:
    """The same office, which asks this model."""
    settings = {"enabled": True, "url": model.url, "model": "stand-in", "key": KEY, **agent}
    office.set(conversations={"agent": settings})
    return office
