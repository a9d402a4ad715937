"""The command `wamon`: its commands, and how it ends."""

from __future__ import annotations

import errno
import functools
import os
import signal
import sys
import traceback
from typing import TYPE_CHECKING, NoReturn

import typer

from wamon.cli import (
    alerts,
    conversations,
    db,
    dead,
    demo,
    doctor,
    drops,
    events,
    failpoints,
    gaps,
    groups,
    hooks,
    hygiene,
    init,
    output,
    replay,
    replies,
    report,
    restart,
    run,
    scan,
    service,
    state,
    status,
    trace,
    verbosity,
    verify,
    web,
)
from wamon.cli import config as config_commands
from wamon.cli import help as help_command
from wamon.cli.options import ConfigOption, JsonOption, Said, VersionOption
from wamon.cli.usage import AllCommands
from wamon.errors import HostUnavailable, Poison, UsageError, WamonError
from wamon.log import configure, logger

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from types import FrameType

    from wamon.clock import Clock

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO}
"""How the system refuses to take what a command prints: the disk behind stdout is full or broken."""
_REFUSED = _FULL | {errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.EAGAIN, errno.EACCES, errno.EPERM, errno.EROFS}
"""How a host refuses what a command needs, which no code of ours can mend."""

app = typer.Typer(
    name="wamon",
    cls=AllCommands,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)


@app.callback()
def common(
    ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False, _version: VersionOption = False
) -> None:
    """Record every drop posted in WhatsApp groups in PostgreSQL, exactly once, and prove it."""
    ctx.obj = Said(config, json, clock=ctx.obj)


scan.add_to(app)
run.add_to(app)
replay.add_to(app)
state.add_to(app)
verify.add_to(app)
gaps.add_to(app)
trace.add_to(app)
events.add_to(app)
web.add_to(app)
status.add_to(app)
doctor.add_to(app)
groups.add_to(app)
init.add_to(app)
drops.add_to(app)
report.add_to(app)
dead.add_to(app)
config_commands.add_to(app)
alerts.add_to(app)
replies.add_to(app)
hooks.add_to(app)
conversations.add_to(app)
db.add_to(app)
demo.add_to(app)
service.add_to(app)
restart.add_to(app)
hygiene.add_to(app)
help_command.add_to(app)
failpoints.add_to(app)


@functools.cache
def command() -> Callable[..., object]:
    """The commands as they are run: made once in a process, since that takes longer than many of them."""
    made = typer.main.get_command(app)
    verbosity.add_to(made)
    return made


def main(clock: Clock) -> NoReturn:
    """Run one command; end with its exit code. What we foresaw is one paragraph on stderr, without a traceback."""
    signal.signal(signal.SIGTERM, _terminated)
    output.accept_anything()
    configure()
    try:
        _run(clock)
    except WamonError as error:
        logger.error("%s", error.paragraph())
        sys.exit(error.exit_code)
    except BrokenPipeError:
        output.give_up()  # whoever read us has gone
        sys.exit(0)
    except Exception as error:  # noqa: BLE001 - what it says may quote a message: only where it happened is told
        if isinstance(error, OSError) and error.errno in _FULL and error.filename is None:
            output.give_up()
            logger.error("The output can't be written: %s. What was recorded stays recorded.", error.strerror)
            sys.exit(1)
        if isinstance(error, OSError) and error.errno in _REFUSED:
            logger.error("%s", HostUnavailable.because(error).paragraph())
            sys.exit(HostUnavailable.exit_code)
        logger.error("%s%s", "".join(traceback.format_tb(error.__traceback__)), type(error).__name__)
        sys.exit(1)


def _run(clock: Clock) -> NoReturn:
    stdout = sys.stdout
    try:
        command()(obj=clock)
    except (Poison, UnicodeEncodeError):
        _require_utf8(sys.argv[1:])
        raise
    except SystemExit:
        if sys.stdout is not stdout:  # typer puts another in its place where whoever read us has gone
            raise BrokenPipeError from None
        raise
    finally:
        sys.stdout.flush()
    sys.exit(0)


def _require_utf8(words: Sequence[str]) -> None:
    """Raises UsageError for the first word that isn't UTF-8: files may be named so, and nothing in PostgreSQL."""
    for word in words:
        if (shown := os.fsencode(word).decode("utf-8", "backslashreplace")) != word:
            raise UsageError(
                f"{shown} can't be used here: it isn't UTF-8, and PostgreSQL takes nothing else.",
                hint="Have the terminal send UTF-8, or give the file or folder another name.",
            )


def _terminated(number: int, _frame: FrameType | None) -> NoReturn:
    """Leave by the way out, so that transactions roll back and the embedded server is left in order."""
    sys.exit(128 + number)
