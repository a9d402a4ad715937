"""What `make package` builds once, and the Pythons that it is tried with."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
_ASKED = "import sys, venv, ensurepip; print(sys.base_prefix, *sys.version_info[:2])"


@pytest.fixture(scope="session")
def room() -> Iterator[Path]:
    """A folder in memory that everybody may enter."""
    memory = Path("/dev/shm")
    folder = Path(tempfile.mkdtemp(prefix="wamon-package-", dir=memory if os.access(memory, os.W_OK) else None))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder)


@pytest.fixture(scope="session")
def sdist(room: Path) -> Path:
    """The source distribution, as `make release` builds it."""
    return _built("sdist", ROOT, room / "sdist")


@pytest.fixture(scope="session")
def unpacked(sdist: Path, room: Path) -> Path:
    with tarfile.open(sdist) as archive:
        archive.extractall(room / "unpacked", filter="data")
    (folder,) = (room / "unpacked").iterdir()
    return folder


@pytest.fixture(scope="session")
def wheel(unpacked: Path, room: Path) -> Path:
    """Built from nothing but the source distribution."""
    return _built("wheel", unpacked, room / "wheel")


def _built(what: str, folder: Path, into: Path) -> Path:
    words = [sys.executable, "-m", "hatchling", "build", "--target", what, "--directory", str(into)]
    done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=folder)
    assert done.returncode == 0, done.stdout + done.stderr
    (file,) = into.iterdir()
    return file


def python(version: str) -> Path:
    """This version's interpreter, of the PATH or of pyenv's; skips where none can make an environment."""
    pyenv = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    of_pyenv = sorted(pyenv.glob(f"versions/{version}.*/bin/python"))
    for one in [shutil.which(f"python{version}"), *map(str, of_pyenv)]:
        if one and _is(one, version):
            return Path(one)
    return pytest.skip(f"no Python that is {version} is here")


def _is(program: str, version: str) -> bool:
    asked = subprocess.run([program, "-c", _ASKED], check=False, capture_output=True, text=True)
    return not asked.returncode and ".".join(asked.stdout.split()[-2:]) == version
