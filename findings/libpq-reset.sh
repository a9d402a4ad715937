#!/bin/bash
# What libpq says of a query that is sent, without waiting, on a connection which its server has reset. Without wamon.
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
import select
import socket
import struct
import sys
import threading

import psycopg

SERVER = f"{sys.argv[1]}/.s.PGSQL.5432"
RESET = struct.pack("ii", 1, 0)  # SO_LINGER: close() resets


def carry(one, other):
    """Pass on what comes, until one of them ends."""
    try:
        while sent := one.recv(65536):
            other.sendall(sent)
    except OSError:
        pass


def connected():
    """A connection by way of a relay, and the relay's ends of it."""
    server = socket.socket(socket.AF_UNIX)
    server.connect(SERVER)
    listening = socket.create_server(("127.0.0.1", 0))
    made = []
    address = f"host=127.0.0.1 port={listening.getsockname()[1]} user=office dbname=postgres sslmode=disable gssencmode=disable"
    connecting = threading.Thread(target=lambda: made.append(psycopg.connect(address)))
    connecting.start()
    client, _ = listening.accept()
    listening.close()
    for way in ((client, server), (server, client)):
        threading.Thread(target=carry, args=way, daemon=True).start()
    connecting.join()
    made[0].pgconn.nonblocking = 1
    return made[0], (client, server)


def said_by(act):
    """What a step says."""
    try:
        left = act()
    except psycopg.OperationalError:
        return "an error"
    return "nothing" if left is None else f"{left} left to send"


def seen():
    """What sending a query says, behind whose forerunner's answer a reset has come, and what receiving says then."""
    connection, ends = connected()
    pgconn = connection.pgconn
    pgconn.send_query(b"SELECT 1")
    pgconn.flush()
    select.select([pgconn.socket], [], [])  # it is answered
    ends[0].setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
    for end in ends:
        end.shutdown(socket.SHUT_RD)
        end.close()
    poller = select.poll()
    poller.register(pgconn.socket, 0)
    poller.poll(10000)  # the reset is here
    pgconn.consume_input()
    while pgconn.get_result():
        pass
    pgconn.send_query(b"SELECT 2")
    sent = said_by(pgconn.flush)
    return sent, psycopg.pq.ConnStatus(pgconn.status).name, said_by(pgconn.consume_input)


sent, status, received = seen()
FINDINGS = [
    ("PQflush of a query on a connection that was reset", "an error", sent, "0 left to send"),
    ("PQstatus after that", "BAD", status, "OK"),
    ("PQconsumeInput after that, to compare", "an error", received, "an error"),
]
print(f"psycopg {psycopg.__version__}, libpq {psycopg.pq.version()}, Python {sys.version.split()[0]}")
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
