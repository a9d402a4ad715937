"""What is released: the source distribution, the wheel that it makes, and both at work on each Python."""

from __future__ import annotations

import email
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from tests.package.conftest import ROOT, python
from tests.support.environment import environment
from wamon import __version__
from wamon.postgres.embedded.home import locate

PYTHONS = ("3.11", "3.12", "3.13")
_MOST_BYTES = 2_000_000


def test_the_wheel_holds_wamon_and_what_it_shows_and_nothing_else(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    rooms = {name.split("/")[0] for name in names}
    about = f"wamon-{__version__}"
    assert rooms == {"wamon", f"{about}.dist-info", f"{about}.data"}
    assert [name for name in names if re.search(r"__pycache__|\.pyc$|/tests?/|\.orig$", name)] == []
    assert {
        "wamon/py.typed",
        "wamon/docs/guide.md",
        "wamon/docs/wamon.yaml",
        "wamon/units/wamon.service",
        f"{about}.data/data/share/man/man1/wamon.1",
        f"{about}.dist-info/licenses/LICENSE",
    } <= set(names)
    assert wheel.stat().st_size < _MOST_BYTES


def test_its_metadata_say_who_may_use_it_and_lead_nowhere_that_is_not_there(wheel: Path) -> None:
    archive = zipfile.ZipFile(wheel)
    told = email.message_from_bytes(archive.read(f"wamon-{__version__}.dist-info/METADATA"))
    assert (told["Version"], told["License-Expression"], told["Requires-Python"]) == (__version__, "MIT", ">=3.11")
    assert [f"Programming Language :: Python :: {version}" for version in PYTHONS] == [
        one for one in told.get_all("Classifier", []) if re.search(r":: \d\.\d+$", one)
    ]
    assert told["Description-Content-Type"] == "text/markdown"
    assert re.findall(r"\]\((?!https?:)", str(told.get_payload())) == []


def test_the_source_distribution_is_what_git_has(sdist: Path, unpacked: Path) -> None:
    listed = subprocess.run(["git", "ls-files"], check=False, capture_output=True, text=True, cwd=ROOT)
    if listed.returncode:
        pytest.skip("this is no git checkout")
    wanted = set(listed.stdout.splitlines())
    there = {str(path.relative_to(unpacked)) for path in unpacked.rglob("*") if path.is_file()}
    assert wanted - there == set()
    assert there - wanted == {"PKG-INFO"}
    assert sdist.stat().st_size < 2 * _MOST_BYTES


def test_the_source_distributions_own_tests_pass(unpacked: Path) -> None:
    words = [
        sys.executable,
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "tests/unit/drops",
        "tests/unit/test_release.py",
    ]
    environ = {**environment(), "PYTHONPATH": str(unpacked), "PYTHONDONTWRITEBYTECODE": "1"}
    done = subprocess.run(words, check=False, capture_output=True, text=True, cwd=unpacked, env=environ)
    assert done.returncode == 0, done.stdout


@pytest.mark.timeout(400)
@pytest.mark.parametrize("version", PYTHONS)
def test_installed_anew_it_runs_the_demo(wheel: Path, room: Path, version: str) -> None:
    """With the page, in a folder with a space, from the locked versions."""
    folder = room / f"Python {version}"
    subprocess.run([python(version), "-m", "venv", folder], check=True)
    pip = [str(folder / "bin/python"), "-m", "pip", "--disable-pip-version-check", "--quiet"]
    locked = ["--require-hashes", "--only-binary", ":all:", "-r", str(ROOT / "requirements-web.txt")]
    try:
        for words in (["install", "--no-compile", *locked], ["install", "--no-deps", str(wheel)], ["check"]):
            done = subprocess.run([*pip, *words], check=False, capture_output=True, text=True)
            assert done.returncode == 0, done.stdout + done.stderr
        works(folder, version)
    finally:
        shutil.rmtree(folder)


def works(folder: Path, version: str) -> None:
    """The installed command: its version, help, sample config, man page and demo."""

    def wamon(*words: str) -> str:
        done = subprocess.run(
            [folder / "bin/wamon", *words], check=False, capture_output=True, text=True, cwd=folder, env=environment()
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    told = wamon("--version")
    assert told.startswith(f"wamon {__version__} ")
    assert f"Python {version}." in told
    assert "# A first day" in wamon("help", "guide")
    assert "bridge:" in wamon("config", "example")
    assert (folder / "share/man/man1/wamon.1").exists()
    try:
        assert "All recorded." in wamon("demo", "--dir", "demo")
    finally:
        data = locate(folder / "demo/state", Path("/var/lib/wamon")).data
        for left in data.parent.glob(f"{data.name}*"):
            shutil.rmtree(left) if left.is_dir() else left.unlink()
