"""`wamon service`: the units by which systemd runs wamon, and restarts it at night."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from wamon.cli.options import ConfigOption, JsonOption, said
from wamon.cli.service_stopped import stopped
from wamon.cli.usage import Commands

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Sequence

    from wamon.cli.options import Said
    from wamon.config.schema import Config
    from wamon.service.schedule import CronTime
    from wamon.service.systemd import Systemd
    from wamon.service.units import Host, Service, Web
    from wamon.views.service import Installation, WrittenFile

commands = typer.Typer(cls=Commands, no_args_is_help=True, rich_markup_mode=None)

InstanceOption = Annotated[
    str | None, typer.Option("--instance", metavar="NAME", help="One of several on this host, such as prod.")
]
RootOption = Annotated[Path, typer.Option("--root", hidden=True)]

ROOT = Path("/")
_OPERATORS_ZONE = "Africa/Johannesburg"
_USUAL_HOUR = "03:00"


def add_to(app: typer.Typer) -> None:
    app.add_typer(
        commands,
        name="service",
        help="""Have systemd run wamon, and restart it at night.

        \b
        wamon service install --dry-run
        wamon service show
        """,
    )


@commands.command()
def install(
    ctx: typer.Context,
    instance: InstanceOption = None,
    restart_at: Annotated[
        str | None,
        typer.Option("--restart-at", metavar="HH:MM|never", help=f"The nightly restart; {_USUAL_HOUR} at first."),
    ] = None,
    no_restart: Annotated[bool, typer.Option("--no-restart", help="The same as --restart-at never.")] = False,
    timezone: Annotated[
        str | None,
        typer.Option("--timezone", metavar="ZONE", help=f"Whose 03:00; else the config's, else {_OPERATORS_ZONE}."),
    ] = None,
    cron: Annotated[bool, typer.Option("--cron", help="Restart by cron instead of by a timer of systemd.")] = False,
    web: Annotated[
        bool, typer.Option("--web", help="Also the page's: `wamon web`, its socket, the embedded PostgreSQL's own.")
    ] = False,
    listen: Annotated[
        str | None, typer.Option("--listen", metavar="ADDRESS:PORT", help="With --web, instead of web.listen.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print what would be written, and write nothing.")] = False,
    root: RootOption = ROOT,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Write the units, with the real paths and account, and start them where systemd runs this host.

    A file that somebody changed is never written over: changes belong into a drop-in (`systemctl edit wamon`). What
    is still missing, and what to run next, is said. An instance has /etc/wamon/NAME.yaml as its config; with --cron,
    those of one hour share a line. A nightly restart that was switched off stays off until --restart-at says an hour.

    \b
    wamon service install --dry-run
    wamon service install --restart-at 03:00 --timezone Africa/Johannesburg
    wamon service install --instance prod --cron
    wamon service install --no-restart
    wamon service install --instance dev --web --listen 127.0.0.1:8007
    """
    from wamon.config.zone import host_zone
    from wamon.render import say
    from wamon.service import schedule
    from wamon.service.nightly import is_kept_off
    from wamon.service.systemd import Systemd
    from wamon.service.units import Service, rendered
    from wamon.views import service as view
    from wamon.views.document import as_json

    options = said(ctx, config, json)
    service, systemd = Service(root, instance), Systemd(root)
    path, settings = _config(options, service)
    zone = timezone or (str(settings.timezone) if settings else _OPERATORS_ZONE)
    hour = (
        schedule.NEVER
        if no_restart
        else restart_at or (schedule.NEVER if is_kept_off(service, systemd) else _USUAL_HOUR)
    )
    planned = None if hour == schedule.NEVER else schedule.parsed(hour, zone)
    clock_of_host = host_zone(os.environ, root / "etc")
    by_cron = schedule.for_cron(planned, clock_of_host, options.clock.now()) if planned and cron else None
    nightly = schedule.on_host(planned, clock_of_host, options.clock.now()) if planned else None
    host = _host(path, settings)
    contents = rendered(
        service, host, planned, by_cron, _web(service, settings, listen, asked=web or listen is not None)
    )
    files = _dry(contents) if dry_run else _done(service, systemd, contents)
    ran, following, notes = _what_is_left(
        service,
        systemd,
        host,
        settings,
        nightly,
        by_cron,
        contents,
        states=[file.state for file in files],
        dry_run=dry_run,
    )
    answer = view.installation(
        service, host, planned, by_cron, dry_run=dry_run, files=files, ran=ran, following=following, notes=notes
    )
    if options.json:
        say(as_json(answer))
    else:
        _show_install(answer, contents)


def _config(options: Said, service: Service) -> tuple[Path, Config | None]:
    """The config that the unit will name, and what it says, where there is one already. Raises ConfigError."""
    from wamon.app.configured import configured
    from wamon.config import load as configs
    from wamon.service.units import handed_over

    named = options.config_path or (None if service.instance else configs.find(None, os.environ))
    path = (named or service.config).absolute()
    environ = {**handed_over(service.credential), **os.environ}
    return path, configured(path, environ) if named or path.exists() else None


def _web(service: Service, settings: Config | None, listen: str | None, *, asked: bool) -> Web | None:
    """The page's units, where they are asked for or are there already."""
    from wamon.config.web import Web as WebConfig
    from wamon.config.web import address_and_port
    from wamon.errors import UsageError
    from wamon.service.units import Web, listens_on

    there = listens_on(service)
    if not (asked or there):
        return None
    try:
        given = address_and_port(listen) if listen else None
    except ValueError as error:
        raise UsageError(f"--listen {error}.") from None
    section = settings.web if settings else WebConfig()
    embedded = not service.credential.exists() and not (settings and settings.database.url)
    return Web(str(given or there or section.listen), embedded)


def _host(config: Path, settings: Config | None) -> Host:
    from wamon.service.installation import account, command
    from wamon.service.units import Host

    store = settings.bridge.path if settings else None
    return Host(command(), account(store), config, store)


def _dry(contents: dict[Path, str]) -> tuple[WrittenFile, ...]:
    from wamon.service.units import state_of
    from wamon.views.service import WrittenFile

    return tuple(WrittenFile(str(path), state_of(path, text)) for path, text in contents.items())


def _done(service: Service, systemd: Systemd, contents: dict[Path, str]) -> tuple[WrittenFile, ...]:
    from wamon.service.installation import write
    from wamon.service.units import present
    from wamon.views.service import WrittenFile

    obsolete = [path for path in present(service) if path not in contents]
    if systemd.is_there and service.unit_file(service.timer) in obsolete:
        systemd.run("disable", "--now", service.timer)
    told = write(contents, service)
    return tuple(WrittenFile(str(path), state) for path, state in told.items())


def _what_is_left(
    service: Service,
    systemd: Systemd,
    host: Host,
    settings: Config | None,
    nightly: str | None,
    cron: CronTime | None,
    contents: Collection[Path],
    *,
    states: Sequence[str],
    dry_run: bool,
) -> tuple[list[str], list[str], list[str]]:
    """What systemd was told, what is to be run, and what is to be known."""
    from wamon.service.installation import lacks

    lacking = list(lacks(service, host))
    starting = [["daemon-reload"], ["enable", "--now", *_enabled(service, nightly, cron, contents)]]
    done = []
    if systemd.is_there and not dry_run:
        done = starting[:1] if lacking else starting
        for words in done:
            systemd.run(*words, seconds=330)
    helping = [command for _, command in lacking if command]
    taking = [_restart(service, host)] if "updated" in states else []  # what runs goes on by the former unit
    following = [*helping, *(_systemctl(words) for words in starting if words not in done), *taking]
    notes = [*(sentence for sentence, _ in lacking), *_notes(service, systemd, settings, nightly, cron)]
    return [_systemctl(words) for words in done], following, notes


def _enabled(service: Service, nightly: str | None, cron: CronTime | None, contents: Collection[Path]) -> list[str]:
    beside = [
        unit
        for unit in (service.postgres_unit, service.web_socket, service.web_unit)
        if service.unit_file(unit) in contents
    ]
    return [*([service.unit, service.timer] if nightly and not cron else [service.unit]), *beside]


def _restart(service: Service, host: Host) -> str:
    return " ".join([*host.command, "restart", *(["--instance", service.instance] if service.instance else [])])


def _systemctl(words: Sequence[str]) -> str:
    return " ".join(["systemctl", *words])


def _notes(
    service: Service, systemd: Systemd, settings: Config | None, nightly: str | None, cron: CronTime | None
) -> Iterable[str]:
    if cron:
        yield f"Restarted each night by cron. {cron.sentence}"
    else:
        yield f"Restarted each night at {nightly}." if nightly else "Without a nightly restart."
    if settings and settings.state.dir != service.state_dir:
        yield (
            f"The service keeps its state in {service.state_dir}. Set state.dir to that in the config, and run "
            f"commands by hand as the service's account, so that they see the same."
        )
    if not service.credential.exists() and not (settings and settings.database.url):
        yield f"It will run its own PostgreSQL. {service.credential} (root's, 0600) may hold the URL of another."
    if not systemd.is_there:
        yield "systemd doesn't run this host now, so nothing was started; `wamon restart` needs it, by cron as well."


def _show_install(answer: Installation, contents: dict[Path, str]) -> None:
    from wamon.render import say

    if answer.dry_run:
        for path, text in contents.items():
            say(f"### {path}\n{text}")
    for file in answer.files:
        say(f"{file.path}: {_in_words(file.state) if answer.dry_run else file.state}")
    say(f"{answer.unit} runs {' '.join(answer.command)} as {answer.account}, with {answer.config}.")
    for note in answer.notes:
        say(note)
    for command in answer.ran:
        say(f"Ran: {command}")
    if answer.next:
        say("\n".join(["Run next:", *(f"  {command}" for command in answer.next)]))


def _in_words(state: str) -> str:
    return {
        "missing": "would be written",
        "current": "is there already",
        "older": "would be updated",
        "changed": "was changed by hand, and would keep anything from being written",
    }[state]


@commands.command()
def show(
    ctx: typer.Context,
    instance: InstanceOption = None,
    root: RootOption = ROOT,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Show which units are installed, whether somebody changed them, and what systemd says of them.

    \b
    wamon service show
    wamon service show --instance prod --json
    """
    from wamon.render import say, table
    from wamon.service.nightly import nightly
    from wamon.service.systemd import Systemd
    from wamon.service.units import Service
    from wamon.views import service as view
    from wamon.views.document import as_json

    options = said(ctx, config, json)
    service, systemd = Service(root, instance), Systemd(root)
    found = nightly(service, systemd)
    answer = view.units(service, systemd, found)
    if options.json:
        say(as_json(answer))
        return
    table(("File", "State"), [(file.path, file.state) for file in answer.files])
    say(f"{answer.unit} is {answer.active}. {answer.status}" if answer.systemd else "systemd doesn't run this host.")
    if found.off:
        say(f"The nightly restart is switched off: {found.off}.")
    else:
        say(f"Restarted each night at {found.planned}." if found.planned else "No nightly restart is planned.")


@commands.command()
def uninstall(
    ctx: typer.Context,
    instance: InstanceOption = None,
    root: RootOption = ROOT,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Stop the service and remove its units. The config, the state and the database stay.

    \b
    wamon service uninstall
    wamon service uninstall --instance dev
    """
    from wamon.render import say
    from wamon.service.installation import refuse_changed, remove
    from wamon.service.systemd import Systemd
    from wamon.service.units import Service, present
    from wamon.views.document import as_json
    from wamon.views.service import Uninstalled

    options = said(ctx, config, json)
    service, systemd = Service(root, instance), Systemd(root)
    there = present(service)
    refuse_changed(there, service)
    ours = (service.web_socket, service.web_unit, service.unit, service.timer, service.postgres_unit)
    units = [unit for unit in ours if service.unit_file(unit) in there]
    if systemd.is_there and units:
        systemd.run("disable", "--now", *units, seconds=60)
    removed = remove(service)
    if systemd.is_there and units:
        systemd.run("daemon-reload")
    if options.json:
        say(as_json(Uninstalled(service.unit, tuple(map(str, removed)))))
        return
    for path in removed:
        say(f"{path}: removed")
    say(
        f"The config, the state and the database stay as they are: {service.state_dir}."
        if removed
        else "Not installed."
    )


commands.command(hidden=True)(stopped)


@commands.command(hidden=True)
def prepare(ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Look that everything is recorded, and keep that the next stop is meant: `wamon restart` runs this.

    \b
    wamon service prepare --json
    """
    from wamon.app.configured import bridge_of
    from wamon.app.database import database
    from wamon.postgres.connection import connected
    from wamon.render import say
    from wamon.service.restart import position
    from wamon.service.restart_log import note_planned
    from wamon.views.document import as_json

    options = said(ctx, config, json)
    settings, clock = options.config(), options.clock
    with database(settings) as dsn, connected(dsn) as db:
        if settings.has_hooks_alone:
            recorded = position(db, settings.source, None, clock)
        else:
            recorded = position(db, bridge_of(settings).name, settings.state.dir, clock)
    note_planned(settings.state.dir, clock)
    if options.json:
        say(as_json(recorded))
    else:
        say(f"Source {recorded.source} is recorded as of position {recorded.seq:,}.")
