#!/bin/bash
# What psycopg keeps of notifications that came together, when a program stops after the first. Tried without wamon.
# Exit code: 0 all of it still holds, 1 something has changed, 2 it can't be tried here.
set -u
psycopg=3.3.9
programs=$(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | tail -n 1)
[ -x "$programs/initdb" ] || { echo "This needs Debian's PostgreSQL server."; exit 2; }
folder=$(mktemp -d) || exit 2
server=
trap '[ -z "$server" ] || { kill -INT "$server"; wait "$server"; }; rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" 2>"$folder/log" &&
  "$folder/venv/bin/python" -m pip --disable-pip-version-check install --quiet --only-binary :all: "psycopg[binary]==$psycopg" \
    2>"$folder/log" || { tail -n 1 "$folder/log"; exit 2; }
as=()
if [ "$(id -u)" = 0 ]; then as=(setpriv --reuid=65534 --regid=65534 --clear-groups); chmod 755 "$folder"; fi
mkdir "$folder/server" && { [ -z "${as[*]}" ] || chown 65534:65534 "$folder/server"; } && cd "$folder/server" || exit 2
"${as[@]}" "$programs/initdb" -D "$folder/server/data" -U office -A trust -N >/dev/null 2>"$folder/log" ||
  { tail -n 1 "$folder/log"; exit 2; }
"${as[@]}" "$programs/postgres" -D "$folder/server/data" -k "$folder/server" -c listen_addresses= >/dev/null 2>&1 &
server=$!
for _ in $(seq 200); do "$programs/pg_isready" -q -h "$folder/server" && break; sleep 0.1; done
cat >"$folder/tried.py" <<'PYTHON'
"""Each finding: what one would expect of valid use, and what was seen."""
import sys
import time

import psycopg

DSN = f"host={sys.argv[1]} user=office dbname=postgres"
listener, office = psycopg.connect(DSN, autocommit=True), psycopg.connect(DSN)
listener.execute("LISTEN drops")


def notify(*drops):
    """All in one transaction: the server sends them together."""
    with office.transaction():
        for drop in drops:
            office.execute("SELECT pg_notify('drops', %s)", [drop])
    time.sleep(0.5)


def seen():
    """The first, after which the program leaves its loop, and what its next loop gets."""
    for first in listener.notifies(timeout=10):
        break
    rest = [one.payload for one in listener.notifies(timeout=1)]
    return f"{first.payload}, then {', '.join(rest) or 'nothing'}"


notify("DR1", "DR2", "DR3")
waiting = seen()
notify("DR4", "DR5", "DR6")
listener.execute("SELECT")
between = seen()
FINDINGS = [
    ("DR1, DR2, DR3 come while nothing runs; the loop ends after one; another loop", "DR1, then DR2, DR3", waiting, "DR1, then nothing"),
    ("DR4, DR5, DR6 come with a query's answer; the same, to compare", "DR4, then DR5, DR6", between, "DR4, then DR5, DR6"),
]
print(f"psycopg {psycopg.__version__}, PostgreSQL {listener.info.parameter_status('server_version')}, Python {sys.version.split()[0]}")
changed = 0
for what, expected, found, as_found in FINDINGS:
    holds = found == as_found
    changed += not holds
    print(f"{'holds  ' if holds else 'CHANGED'} {what}: expected {expected}; seen: {found}")
sys.exit(1 if changed else 0)
PYTHON
timeout 60 "$folder/venv/bin/python" "$folder/tried.py" "$folder/server" 2>"$folder/log"
code=$?
if ! [ $code = 0 ] && [ -s "$folder/log" ]; then tail -n 1 "$folder/log"; exit 1; fi
exit $code
