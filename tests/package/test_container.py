"""The Dockerfile's image and its containers, as compose.yaml runs them, on a host without docker."""

from __future__ import annotations

import os
import signal
import subprocess
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from uuid import uuid4

import pytest
import yaml

from tests.package.conftest import ROOT, python
from tests.support.bridges import LAWLEY, Wacli
from tests.support.clock import HOST
from tests.support.image import Image, first_of, require_overlays
from tests.support.office import eventually
from tests.support.ports import free_port
from wamon import __version__

SERVICES = yaml.safe_load((ROOT / "compose.yaml").read_text("utf-8"))["services"]
pytestmark = [
    pytest.mark.skipif(os.geteuid() != 0, reason="only root can mount what a container sees"),
    pytest.mark.timeout(400),  # the first builds the image
]


@pytest.fixture(scope="module")
def image(room: Path) -> Image:
    require_overlays()
    return Image(room / "image", ROOT, python("3.13").resolve().parents[1])


class Compose:
    """A folder with what compose.yaml mounts: a config, a bridge's store, and a volume for the state."""

    def __init__(self, image: Image, folder: Path) -> None:
        self.image = image
        self.places = {"./config": folder / "config", "bridge": folder / "store", "state": folder / "state"}
        for place in self.places.values():
            place.mkdir()
        os.chown(self.places["state"], 1000, 1000)  # as docker makes a volume of the image's folder
        self.store = Wacli(self.places["bridge"] / "messages.db")
        self.store.chat(LAWLEY, "Lawley")
        self.port = free_port()  # this host's network is the containers'
        self.environ = image.environ(WAMON_WEB_TOKEN="0123456789abcdef" * 2)
        groups = f'groups:\n  - {{name: Lawley, jid: "{LAWLEY}"}}\n'
        config = f"bridge: {{path: {SERVICES['monitor']['volumes'][2]['target']}/messages.db}}\n{groups}"
        (self.places["./config"] / "wamon.yaml").write_text(config, "utf-8")

    def volumes(self, service: str) -> list[str]:
        """What a service mounts, as `docker run --volume` has it."""
        told = SERVICES[service]["volumes"]
        return [
            f"{self.places.get(one['source'], self.places['bridge'])}:{one['target']}"
            f":{'ro' if one.get('read_only') else 'rw'}"
            for one in told
        ]

    @contextmanager
    def up(self, service: str, *, mounts: Sequence[str] = ()) -> Iterator[Container]:
        command = SERVICES[service].get("command", self.image.command("CMD"))
        words = [*self.image.command("ENTRYPOINT"), *(word.replace("8006", str(self.port)) for word in command)]
        volumes = [*self.volumes(service), *mounts]
        with (self.places["./config"].parent / f"{service}-{uuid4().hex}.log").open("ab") as log:
            process = subprocess.Popen(self.image.words(*words, volumes=volumes), env=self.environ, stderr=log)
        container = Container(self.image, process, self.environ, Path(log.name))
        try:
            eventually("it has begun", container.has_begun, said=container.said)
            yield container
        finally:
            process.kill()
            process.wait()


class Container:
    def __init__(self, image: Image, process: subprocess.Popen[bytes], environ: dict[str, str], log: Path) -> None:
        self.process = process
        self._image = image
        self._environ = environ
        self._log = log

    def said(self) -> str:
        return self._log.read_text("utf-8")

    def has_begun(self) -> bool:
        assert self.process.poll() is None, self.said()
        return self.said() != ""

    def exec(self, *words: str) -> subprocess.CompletedProcess[str]:
        command = self._image.inside(self.process.pid, *words)
        return subprocess.run(command, check=False, capture_output=True, text=True, env=self._environ, timeout=60)

    def stop(self) -> int:
        """As `docker stop`; the exit code."""
        os.kill(first_of(self.process.pid), signal.Signals[self._image.says["STOPSIGNAL"]])
        return self.process.wait(timeout=30)


@pytest.fixture
def compose(image: Image, room: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Compose]:
    folder = tmp_path_factory.mktemp("compose")
    for parent in (folder, folder.parent):
        parent.chmod(0o755)
    compose = Compose(image, folder)
    yield compose
    compose.store.close()


def succeeds(container: Container, words: Sequence[str]) -> Callable[[], bool]:
    return lambda: container.exec(*words).returncode == 0


def test_the_image_has_what_is_needed_and_nothing_that_built_it(image: Image) -> None:
    asked = ["sh", "-c", "wamon --version && id -u && ! ls /src"]
    told = subprocess.run(image.words(*asked), check=True, capture_output=True, text=True, env=image.environ())
    assert told.stdout.startswith(f"wamon {__version__} "), told.stderr
    assert told.stdout.splitlines()[-1] == image.account == "1000"
    assert (image.files / "opt/wamon/share/man/man1/wamon.1").exists()


@pytest.mark.fault("F138")
def test_the_monitor_reads_a_folder_that_it_cannot_write_and_ends_when_docker_stops_it(compose: Compose) -> None:
    """A store in WAL mode that its bridge holds open; the embedded PostgreSQL in the state's volume."""
    health = compose.image.command("HEALTHCHECK")
    for number in ("DR1752028", "DR1752034"):
        with compose.up("monitor") as monitor:
            compose.store.post(LAWLEY, f"{number} done", at=HOST.now())
            shown = ["wamon", "drops", "show", number]
            eventually("it is recorded", succeeds(monitor, shown), said=monitor.said)
            eventually("it is healthy", succeeds(monitor, health), said=lambda: str(monitor.exec(*health)))
            assert monitor.exec("touch", f"{SERVICES['monitor']['volumes'][2]['target']}/x").returncode != 0
            proven = monitor.exec("wamon", "verify")
            assert proven.returncode == 0, proven.stderr
            assert monitor.stop() == 0, monitor.said()


def test_the_page_is_served_to_who_asks_the_published_port(compose: Compose) -> None:
    state = f"{compose.places['state']}:/var/lib/wamon:rw"  # with the embedded PostgreSQL, since no other is here
    with compose.up("web", mounts=[state]) as web:
        kind, *health = SERVICES["web"]["healthcheck"]["test"]
        assert kind == "CMD"
        here = [word.replace("8006", str(compose.port)) for word in health]
        eventually("it is healthy", succeeds(web, here), said=web.said)
        assert web.stop() == 0, web.said()
