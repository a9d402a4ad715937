"""An image without docker: a Dockerfile's steps run as they stand, each stage in a copy of this host's root of its own.

A stage is an overlay over `/`: what a step changes lies in a folder of the test's. The base image's system is this
host's, and its Python one that the test names.
"""

from __future__ import annotations

import grp
import json
import os
import pwd
import re
import shlex
import shutil
import stat
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest

_CONTAINER = """
root=$1/root; python=$2; account=$3; folder=$4; volumes=$5; shift 5
mount -t overlay overlay -o "lowerdir=/,upperdir=$root/../upper,workdir=$root/../work" "$root"
mount --rbind /dev "$root/dev"
mkdir -p "$root/usr/local/python"
mount --bind "$python" "$root/usr/local/python"
for volume in $volumes; do
    IFS=: read -r source target mode <<< "$volume"
    mkdir -p "$root$target"
    mount --bind "$source" "$root$target"
    [[ $mode != ro ]] || mount -o remount,bind,ro "$root$target"
done
if [[ $account != root ]]; then  # as compose.yaml has it
    mount -t tmpfs -o mode=1777 tmp "$root/tmp"
    mount -o remount,ro "$root"
fi
mount -t proc proc "$root/proc"
exec chroot --userspec="$account:$account" --groups= "$root" /bin/sh -c 'cd "$0" && exec "$@"' "$folder" "$@"
"""
_PATH = "/usr/local/python/bin:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_FROM_HERE = ("PIP_CONFIG_FILE", "REQUESTS_CA_BUNDLE", "SSL_CERT_FILE", "http_proxy", "https_proxy", "no_proxy")


def steps(dockerfile: str) -> list[tuple[str, str]]:
    """Its instructions, each as its word and the rest; without comments."""
    text = re.sub(r"^\s*#.*\n", "", dockerfile, flags=re.MULTILINE).replace("\\\n", " ")
    return [(word, said) for word, _, said in (line.partition(" ") for line in text.splitlines() if line)]


def require_overlays() -> None:
    """Skip where this host lets nobody mount a root of their own."""
    tried = ["unshare", "--mount", "--pid", "--fork", "sh", "-ec", "mount -t tmpfs t /tmp; mount -t proc proc /proc"]
    if shutil.which("unshare") is None or subprocess.run(tried, check=False, capture_output=True).returncode:
        pytest.skip("mounting isn't allowed here")


class Image:
    """What a context's Dockerfile makes, and containers of it. `python` is the prefix of the base image's Python."""

    def __init__(self, folder: Path, context: Path, python: Path) -> None:
        self._folder = folder
        self._context = context
        self._python = python
        self._stages: dict[str, Path] = {}
        self.says: dict[str, str] = {}
        does = {
            "FROM": self._from,
            "RUN": self._run,
            "COPY": self._copy,
            "ARG": self._arg,
            "ENV": self._env,
            "USER": self._user,
            "WORKDIR": self._in,
        }
        for word, said in steps((context / "Dockerfile").read_text("utf-8")):
            self.says[word] = said
            if word in does:
                does[word](said)

    @property
    def files(self) -> Path:
        """What the stages wrote, below the folder of the last one."""
        return self._stage / "upper"

    def words(self, *command: str, volumes: Sequence[str] = ()) -> list[str]:
        """What starts a command in a container, as its first process; `volumes` as of `docker run --volume`."""
        held = ["unshare", "--mount", "--pid", "--fork", "--kill-child", "bash", "-ec", _CONTAINER, "bash"]
        told = (str(self._stage), str(self._python), self.account, self._workdir, " ".join(volumes))
        return [*held, *told, *command]

    def inside(self, pid: int, *command: str) -> list[str]:
        """What starts a command in the container whose `words` run as this process, as `docker exec` does."""
        entered = ["nsenter", f"--target={first_of(pid)}", "--mount", "--pid", "--root", f"--wdns={self._workdir}"]
        return [*entered, "setpriv", f"--reuid={self.account}", f"--regid={self.account}", "--clear-groups", *command]

    def command(self, word: str) -> list[str]:
        """The words of an instruction in JSON: of ENTRYPOINT, CMD, or HEALTHCHECK."""
        return [str(one) for one in json.loads(self.says[word][self.says[word].index("[") :])]

    def environ(self, **more: str) -> dict[str, str]:
        """What a container's processes get."""
        return {**self._environ, **more}

    def _from(self, said: str) -> None:
        name = said.partition(" AS ")[2]
        self._stage = self._folder / (name or "last")
        for part in ("upper", "work", "root"):
            (self._stage / part).mkdir(parents=True)
        self._stages[name] = self.files
        _leave_out_what_the_host_has(self.files)
        self._environ: dict[str, str] = {"PATH": _PATH, "LD_LIBRARY_PATH": "/usr/local/python/lib"} | {
            n: os.environ[n] for n in _FROM_HERE if n in os.environ
        }
        self.account, self._workdir = "root", "/"
        self._arguments: dict[str, str] = {}

    def _run(self, said: str) -> None:
        words, env = self.words("/bin/sh", "-ec", said), self._environ | self._arguments
        done = subprocess.run(words, check=False, capture_output=True, text=True, env=env, timeout=300)
        assert done.returncode == 0, f"RUN {said}\n{done.stdout}{done.stderr}"

    def _copy(self, said: str) -> None:
        *sources, target = said.split()
        if sources[0].startswith("--from="):
            stage = self._stages[sources.pop(0).removeprefix("--from=")]
            self._put({stage / source.lstrip("/"): target for source in sources})
        else:
            names = [name for source in sources for name in self._sent(source)]
            self._put({self._context / name: str(Path(target, name)) for name in names})

    def _sent(self, named: str) -> list[str]:
        """What .dockerignore lets through of what COPY names."""
        lines = (self._context / ".dockerignore").read_text("utf-8").splitlines()
        sent = [line.removeprefix("!") for line in lines if line.startswith("!")]
        assert "*" in lines
        assert named == "." or named in sent, f".dockerignore leaves {named} out"
        return sent if named == "." else [named]

    def _put(self, places: dict[Path, str]) -> None:
        for source, target in places.items():
            there = Path(f"{self.files}{Path(self._workdir, target)}")
            there.parent.mkdir(parents=True, exist_ok=True)
            if there.is_char_device():
                there.unlink()
            if source.is_dir():
                leave = shutil.ignore_patterns("__pycache__") if source.is_relative_to(self._context) else None
                shutil.copytree(source, there, symlinks=True, dirs_exist_ok=True, ignore=leave)
            else:
                shutil.copy(source, there)

    def _arg(self, said: str) -> None:
        name, _, value = said.partition("=")
        self._arguments[name] = value

    def _env(self, said: str) -> None:
        for name, _, value in (word.partition("=") for word in shlex.split(said)):
            self._environ[name] = value.replace("$PATH", self._environ["PATH"])

    def _user(self, said: str) -> None:
        self.account = self._arguments[said[1:]] if said[0] == "$" else said
        accounts = [line.split(":") for line in (self.files / "etc/passwd").read_text("utf-8").splitlines()]
        (self._environ["HOME"],) = (home for _, _, number, _, _, home, _ in accounts if number == self.account)

    def _in(self, said: str) -> None:
        self._workdir = said
        if (there := Path(f"{self.files}{said}")).is_char_device():
            there.unlink()
        there.mkdir(parents=True, exist_ok=True)


def _leave_out_what_the_host_has(upper: Path) -> None:
    """A base image has no wamon, and none of the accounts of people."""
    for path in ("var/lib/wamon", "etc/wamon", "opt/wamon", "src"):
        (upper / path).parent.mkdir(parents=True, exist_ok=True)
        os.mknod(upper / path, stat.S_IFCHR, os.makedev(0, 0))  # overlay's sign that it isn't there
    (upper / "etc").mkdir(exist_ok=True)
    names = {one.pw_name for one in pwd.getpwall() if one.pw_uid < 1000 or one.pw_name == "nobody"} - {"wamon"}
    names |= {one.gr_name for one in grp.getgrall() if one.gr_gid < 1000 or one.gr_name == "nogroup"} - {"wamon"}
    for file in ("passwd", "shadow", "group", "gshadow"):
        lines = Path("/etc", file).read_text("utf-8").splitlines(keepends=True)
        (upper / "etc" / file).write_text("".join(line for line in lines if line.split(":")[0] in names), "utf-8")


def first_of(pid: int) -> int:
    """The first process of the container whose `words` run as this one: the container's process 1."""
    (first,) = Path(f"/proc/{pid}/task/{pid}/children").read_text("ascii").split()
    return int(first)
