"""A drill: a host laid out as the pages say, below a folder of its own, and the commands of a page followed there."""

from __future__ import annotations

import re
import signal
import socket
import sys
from collections.abc import Mapping
from pathlib import Path
from uuid import uuid4

from tests.support import forked
from tests.support.bridges import VeryGoodPlugins
from tests.support.clock import HOST
from tests.support.environment import ROOT_HOME, environment
from tests.support.forked import Forked
from tests.support.office import Office, eventually
from tests.support.pages import Sections, Step, pattern
from tests.support.truth import Field
from wamon.postgres.embedded import server as embedded
from wamon.postgres.embedded.home import locate


class Daemon:
    """What `systemctl` of the page starts and stops."""

    def __init__(self, folder: Path, environ: Mapping[str, str]) -> None:
        name = f"\0wamon {uuid4().hex}"
        self._log = (folder / "run.log").open("ab")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
            listener.bind(name)
            listener.settimeout(60)
            told = {**environ, "NOTIFY_SOCKET": "@" + name[1:]}
            self._process = Forked(["run"], env=told, clock=HOST, stderr=self._log, cwd=folder)
            try:
                while listener.recv(1000) != b"READY=1":
                    pass
            except BaseException:
                self.kill()
                raise

    def reload(self) -> None:
        self._process.send_signal(signal.SIGHUP)

    def stop(self) -> None:
        self._process.terminate()
        assert self._process.wait(timeout=60) == 0
        self._log.close()

    def kill(self) -> None:
        self._process.kill()
        self._process.wait()
        self._log.close()


class Drill:
    """A host laid out as the page says, below a folder of its own; and the page's section that is followed there."""

    def __init__(self, root: Path, sections: Sections, heading: str, dsn: str) -> None:
        self.root = root
        self.sections = sections
        self.blocks = sections[heading]
        self.followed: set[int] = set()
        self.folder = self.path("/srv/wamon")
        self.cwd = self.folder
        self.state = self.folder / "state"
        for folder in ("/srv/wamon", "/mnt/backup", "/opt/whatsapp-bridge/store"):
            self.path(folder).mkdir(parents=True)
        self.environ = environment(
            HOME=str(root), PATH=f"{sys.prefix}/bin:{embedded.binary('psql').parent}:/usr/bin:/bin", LANG="C.UTF-8"
        )
        self.field = Field(self.store("/opt/whatsapp-bridge/store"))
        self.office = Office(self.folder / "config", dsn, self.field.path, state={"dir": "../state"})
        self.office.state_path = self.state / "state.json"
        self.daemon: Daemon | None = None

    def path(self, path: str) -> Path:
        """Where something of the page lies here."""
        return self.root / path.lstrip("/")

    def store(self, folder: str) -> VeryGoodPlugins:
        self.path(folder).mkdir(parents=True, exist_ok=True)
        return VeryGoodPlugins(self.path(folder) / "messages.db", seed=len(self.blocks), durable=False)

    def there(self, text: str) -> str:
        """The page's words with this host's paths."""
        dumps = sorted(self.state.glob("dumps/*.dump"))
        if dumps:
            text = re.sub(r"wamon-\d{4}-\d\d-\d\d\.dump", dumps[-1].name, text)
        text = text.replace("/srv/wamon/state/postgres", str(locate(self.state, ROOT_HOME).data))
        return re.sub(r"(?<![\w.])/(srv|opt|mnt)/(?=\w)", rf"{self.root}/\1/", text)

    def follow(self, number: int = 0, *, ends: int = 0, of: str = "", without: str = "\n") -> list[str]:
        """Run a block as it stands, to a last command that `ends` so; what each command prints.

        `of` names another section, where the page does. `without` leaves out the command with that word.
        """
        block = self.sections[of][number] if of else self.blocks[number]
        if not of:
            self.followed.add(number)
        return [self.do(step, ends if step is block[-1] else 0) for step in block if without not in step.command]

    def do(self, step: Step, ends: int) -> str:
        line = self.there(step.command)
        words = line.split()
        if words[0] == "cd":
            self.cwd = Path(words[1])
            return ""
        if words[0] == "systemctl":
            self.systemctl(words[1])
            return ""
        printed = self.sh(line, ends)
        expected = pattern(self.there(step.said))
        assert re.fullmatch(expected, printed.strip(), re.DOTALL), f"{line}\n{printed}\n{expected}"
        return printed

    def sh(self, line: str, ends: int = 0) -> str:
        """Run a line; what it prints, and what it says where it ends with an error."""
        done = forked.run_line(line, env=self.environ, cwd=self.cwd)
        assert done.returncode == ends, f"{line}\n{done.stdout}{done.stderr}"
        return done.stdout + done.stderr if ends else done.stdout

    def systemctl(self, verb: str) -> None:
        if verb == "start":
            self.daemon = Daemon(self.folder, self.environ)
        elif self.daemon and verb == "reload":
            self.daemon.reload()
        elif self.daemon:
            self.daemon.stop()
            self.daemon = None

    def works_on(self, dsn: str) -> None:
        """From now on `database.url` names this database."""
        self.office.dsn = dsn
        self.office.set(database={"url": dsn})

    def work(self) -> None:
        """The office looks through its rows."""
        self.office.query("UPDATE qa_photo_reviews SET completed = true, comment = 'seen', feedback_sent = now()")

    def reviews(self) -> list[tuple[str, str, bool, str]]:
        return self.office.query("SELECT drop_number, project, completed, comment FROM qa_photo_reviews ORDER BY 1, 2")

    def wait_for(self, number: str) -> None:
        """Until the daemon has recorded this drop."""
        eventually(number, lambda: number in {drop for _, drop in self.office.drops()})

    def all_is_right(self) -> bool:
        """Exactly what was posted is recorded, each once, and has a row for the office."""
        assert self.office.submissions() == self.field.truth.submissions()
        assert self.office.kinds() == self.field.truth.kinds()
        assert self.office.drops() == self.field.truth.drops()
        rows = [(project, number) for number, project, *_ in self.reviews()]
        assert self.office.drops() <= set(rows)
        assert len(rows) == len(set(rows))
        return self.office.verify().clean
