"""What stands in for `systemctl` in tests: it obeys the unit files of a root, as far as wamon's own units go.

It really ends and starts the service's process, waits for its READY, and runs ExecStopPost as systemd does. Between end
and start it runs `between`, if the root has such a script. Every call is kept in `calls`.
"""

from __future__ import annotations

import json
import os
import re
import shlex
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(os.environ["SYSTEMCTL_ROOT"])
SECONDS = 30


def main(words: list[str]) -> int:
    with (ROOT / "calls").open("a") as calls:
        calls.write(" ".join(words) + "\n")
    verb, units = words[0], [word for word in words[1:] if not word.startswith("--")]
    if (ROOT / "broken").exists() and verb == "restart":
        sys.stderr.write("Job for wamon.service failed.\n")
        return 1
    if verb == "show":
        sys.stdout.write(shown(units[0]))
    elif verb == "list-timers":
        sys.stdout.write((ROOT / "timers").read_text())
    elif verb == "restart":
        restart(units[0])
    elif verb == "start":
        start(units[0])
    elif verb == "stop":
        stop(units[0])
    elif verb in {"enable", "disable"}:
        for unit in units:
            (ROOT / f"{unit}.disabled").touch() if verb == "disable" else (ROOT / f"{unit}.disabled").unlink(True)
    elif verb == "reload":
        os.kill(state()["pid"], signal.SIGHUP)
    return 0


def unit_text(unit: str) -> str:
    path = ROOT / "etc/systemd/system" / unit
    return "\n".join(file.read_text() for file in [path, *sorted(path.with_name(f"{unit}.d").glob("*.conf"))])


def lines(unit: str, key: str) -> list[str]:
    return re.findall(rf"^{key}=(.*)$", unit_text(unit), re.MULTILINE)


def state() -> dict[str, Any]:
    path = ROOT / "running"
    return json.loads(path.read_text()) if path.exists() else {"pid": 0, "status": "", "active": "inactive"}


def shown(unit: str) -> str:
    is_there = (ROOT / "etc/systemd/system" / unit).exists()
    now = state() if unit.endswith(".service") else {"pid": 0, "status": "", "active": "inactive"}
    enabled = "disabled" if (ROOT / f"{unit}.disabled").exists() else "enabled"
    return (
        f"LoadState={'loaded' if is_there else 'not-found'}\nActiveState={now['active']}\nMainPID={now['pid']}\n"
        f"StatusText={now['status']}\nUnitFileState={enabled}\n"
    )


def environ(unit: str) -> dict[str, str]:
    said = {name: value for name, value in os.environ.items() if not name.startswith("WAMON_")}
    for line in lines(unit, "Environment"):
        said.update(word.partition("=")[::2] for word in shlex.split(line))
    credentials = ROOT / "credentials"
    credentials.mkdir(exist_ok=True)
    for name, source in dict(line.split(":", 1) for line in lines(unit, "LoadCredential")).items():
        if Path(source).exists():
            (credentials / name).write_text(Path(source).read_text())
    return said | {"CREDENTIALS_DIRECTORY": str(credentials)}


def restart(unit: str) -> None:
    stop(unit)
    if (ROOT / "between").exists():
        subprocess.run([sys.executable, str(ROOT / "between")], check=True)
    start(unit)


def stop(unit: str) -> None:
    pid = state()["pid"]
    if pid:
        os.kill(pid, signal.SIGTERM)
        wait_until_gone(pid)
    (ROOT / "running").unlink(missing_ok=True)
    why = {"SERVICE_RESULT": "success", "EXIT_CODE": "exited", "EXIT_STATUS": "0"}
    subprocess.run(shlex.split(lines(unit, "ExecStopPost")[-1]), check=True, env=environ(unit) | why)


def wait_until_gone(pid: int) -> None:
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        try:
            if Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "Z":
                return
        except OSError:
            return
        time.sleep(0.02)
    raise TimeoutError(pid)


def start(unit: str) -> None:
    address = ROOT / "notify"
    address.unlink(missing_ok=True)
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener, (ROOT / "journal").open("ab") as journal:
        listener.bind(str(address))
        listener.settimeout(SECONDS)
        process = subprocess.Popen(
            shlex.split(lines(unit, "ExecStart")[-1]),
            env=environ(unit) | {"NOTIFY_SOCKET": str(address)},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=journal,
            start_new_session=True,
        )
        told: list[str] = []
        while "READY=1" not in told or not any(line.startswith("STATUS=") for line in told):
            told += listener.recv(65536).decode().splitlines()
    status = [line.partition("=")[2] for line in told if line.startswith("STATUS=")][-1]
    (ROOT / "running").write_text(json.dumps({"pid": process.pid, "status": status, "active": "active"}))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
