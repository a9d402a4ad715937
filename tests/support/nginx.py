"""Debian's nginx with one server of a test."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.support.office import eventually
from tests.support.ports import free_port

_DOCS = Path(__file__).parents[2] / "docs/webhooks.md"
PUBLISHED_AS = "wamon.example.com"
NGINX = shutil.which("nginx", path="/usr/sbin:/usr/bin:/usr/local/sbin")


def published(url: str) -> str:
    """The server of docs/webhooks.md, without TLS, in front of the site with this address."""
    (found,) = re.findall(r"```nginx\n(.*?)```", _DOCS.read_text("utf-8"), re.DOTALL)
    return str(found).replace("listen 443 ssl;", "listen @LISTEN@;").replace("http://127.0.0.1:8006", url)


@contextmanager
def nginx(folder: Path, server: str) -> Iterator[int]:
    """It serves this `server` block, in which @LISTEN@ stands for where it listens; the port."""
    port = free_port()
    folder.mkdir()
    config = folder / "nginx.conf"
    user = "" if os.geteuid() else "user root;"  # its own user can't write into our folder
    config.write_text(
        f"{user} pid {folder}/pid; error_log {folder}/error.log; daemon off; worker_processes 1;\n"
        "events { worker_connections 64; }\n"
        f"http {{ access_log off; client_body_temp_path {folder}/body; proxy_temp_path {folder}/proxy;\n"
        f"fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;\n"
        f"{server.replace('@LISTEN@', f'127.0.0.1:{port}')} }}\n"
    )
    process = subprocess.Popen([str(NGINX), "-c", str(config), "-p", str(folder)], stderr=subprocess.DEVNULL)
    try:
        eventually("nginx listens", lambda: _listens(port), said=(folder / "error.log").read_text)
        yield port
    finally:
        process.terminate()
        process.wait(timeout=20)


def _listens(port: int) -> bool:
    with suppress(OSError), socket.create_connection(("127.0.0.1", port)):
        return True
    return False
