#!/bin/bash
# What Python's smtplib makes of a mail server whose connection ends within a line of its answer. Tried without wamon.
# Exit code: 0 all of it still holds, 1 something has changed, 2 it can't be tried here.
set -u
command -v python3 >/dev/null || exit 2
timeout 60 python3 - <<'PYTHON'
"""A server that dies while it says 250: the client can't know whether it took the mail."""
import smtplib
import socket
import sys
import threading


def server(answer):
    """The port of a server that greets, and ends its connection after this much of its answer to the next command."""
    listening = socket.create_server(("127.0.0.1", 0))

    def serve():
        with listening, listening.accept()[0] as connection, connection.makefile("rb") as asked:
            connection.sendall(b"220 mail.example.com\r\n")
            asked.readline()
            connection.sendall(b"250 mail.example.com\r\n")
            asked.readline()
            connection.sendall(answer)

    threading.Thread(target=serve, daemon=True).start()
    return listening.getsockname()[1]


def seen(answer):
    mail = smtplib.SMTP("127.0.0.1", server(answer), timeout=10)
    mail.ehlo("host.example.com")
    try:
        code, _ = mail.mail("office@example.com")
    except smtplib.SMTPException as error:
        return type(error).__name__
    finally:
        mail.close()
    return f"an answer with code {code}"


FINDINGS = [
    ("'25', and the end", "SMTPServerDisconnected", seen(b"25"), "an answer with code 25"),
]
print(f"smtplib of Python {sys.version.split()[0]}")
changed = 0
for what, expected, found, as_found in FINDINGS:
    holds = found == as_found
    changed += not holds
    print(f"{'holds  ' if holds else 'CHANGED'} MAIL FROM is answered by {what}: expected {expected}; seen: {found}")
sys.exit(1 if changed else 0)
PYTHON
