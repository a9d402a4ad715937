"""A host that systemd runs, as far as wamon can tell: its `systemctl` is systemctl.py beside this."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from contextlib import suppress
from pathlib import Path

from tests.support import forked
from tests.support.office import Office

SYSTEMCTL = Path(__file__).with_name("systemctl.py")


class Machine:
    """An office on such a host. Its database's URL is known only by the service's credential."""

    def __init__(self, root: Path, office: Office, state_dir: Path | None = None) -> None:
        self.root = root
        self.office = office
        self.state_dir = state_dir or office.folder / "state"
        (root / "run/systemd/system").mkdir(parents=True)
        (root / "bin").mkdir()
        systemctl = root / "bin/systemctl"
        systemctl.write_text(f'#!/bin/sh\nexec {sys.executable} -ES {SYSTEMCTL} "$@"\n')
        systemctl.chmod(0o755)
        (root / "database-url").write_text(office.dsn + "\n")
        self.environ = {"PATH": f"{root / 'bin'}:{os.environ['PATH']}", "SYSTEMCTL_ROOT": str(root)}

    def wamon(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command by hand, which has to find the service's config and state by itself."""
        environ = {name: value for name, value in os.environ.items() if not name.startswith("WAMON_")}
        return forked.run([*words, "--root", str(self.root)], env={**environ, **self.environ}, cwd=self.root)

    def install(self, *words: str) -> None:
        done = self.wamon("--config", str(self.office.config_path), "service", "install", *words)
        assert done.returncode == 0, done.stderr
        self.drop_in()

    def drop_in(self) -> None:
        """What an installed service needs to run here: an account, its state and the database's URL."""
        folder = self.root / "etc/systemd/system/wamon.service.d"
        folder.mkdir(exist_ok=True)
        (folder / "test.conf").write_text(
            f"[Service]\nUser=root\nEnvironment=WAMON_STATE_DIR={self.state_dir}\n"
            f"LoadCredential=database-url:{self.root / 'database-url'}\n"
        )

    def systemctl(self, *words: str) -> None:
        subprocess.run([self.root / "bin/systemctl", *words], check=True, env={**os.environ, **self.environ})

    def calls(self) -> list[str]:
        return (self.root / "calls").read_text().splitlines()

    def pid(self) -> int:
        running = self.root / "running"
        return int(json.loads(running.read_text())["pid"]) if running.exists() else 0

    def clear(self) -> None:
        if pid := self.pid():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
