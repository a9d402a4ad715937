"""`wamon alerts`: whom people are told by, of what, and what is firing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import typer

from wamon.cli.options import ConfigOption, JsonOption, said
from wamon.cli.usage import Commands

if TYPE_CHECKING:
    from zoneinfo import ZoneInfo

    from wamon.alerts.channel import Channel
    from wamon.alerts.notifier import Notifier
    from wamon.views.alerts import Alerts, Trial

commands = typer.Typer(cls=Commands, no_args_is_help=True, rich_markup_mode=None)


def add_to(app: typer.Typer) -> None:
    app.add_typer(
        commands,
        name="alerts",
        help="""Show what people are told of, and try the channels.

        \b
        wamon alerts list
        wamon alerts test
        """,
    )


@commands.command("list")
def list_(ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    """List the rules with their thresholds, the channels, what is firing and what waits to be sent.

    \b
    wamon alerts list
    wamon alerts list --json
    """
    from wamon.alerts.state_file import AlertsFile
    from wamon.render import say
    from wamon.views import alerts as view
    from wamon.views.document import as_json

    options = said(ctx, config, json)
    settings = options.config()
    answer = view.alerts(settings.alerts, AlertsFile(settings.state.dir).read())
    if options.json:
        say(as_json(answer))
    else:
        _show(answer, settings.timezone)


def _show(answer: Alerts, zone: ZoneInfo) -> None:
    from wamon.render import local, say, table

    rows = [
        (rule.name, rule.title, rule.more_than or "", rule.hold, rule.repeat, "on" if rule.enabled else "off")
        for rule in answer.rules
    ]
    table(("Rule", "Tells", "More than", "Hold", "Repeat", "State"), rows, state="State")
    if not answer.channels:
        say("No channel is configured, so nobody is told: see alerts.channels in config/wamon.yaml.")
    for channel in answer.channels:
        trouble = f"fails since {local(channel.failing_since, zone)}: {channel.why}"
        worked_at = channel.last_worked_at
        works = f"works, last {local(worked_at, zone)}" if worked_at else "nothing was sent so far"
        say(f"{channel.name} by {channel.host}: {works if channel.works else trouble}")
    for report in answer.reports:
        last = f"the last one from {report.first_day} on" if report.first_day else "none was sent so far"
        say(f"The {report.kind} report goes by them from {report.at} on: {last}.")
    for fault in answer.firing:
        told = f"told {local(fault.told_at, zone)}" if fault.told_at else "not told yet"
        say(f"{fault.rule}, since {local(fault.since, zone)}, {told}: {' '.join(fault.sentences)}")
    if not answer.firing:
        say("Nothing is firing.")
    if waiting := len(answer.waiting):
        say(f"{waiting:,} alerts wait to be sent." if waiting > 1 else "1 alert waits to be sent.")


@commands.command("test")
def try_(ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Send a test by every channel, and say what came of it. Ends with 1 where one failed, with 78 without a channel.

    \b
    wamon alerts test
    wamon alerts test --json
    """
    from wamon.alerts.channels import channels
    from wamon.alerts.notifier import notifier
    from wamon.errors import ConfigError
    from wamon.render import say
    from wamon.views.alerts import Trials
    from wamon.views.document import as_json

    options = said(ctx, config, json)
    settings = options.config()
    found = channels(settings.alerts)
    if not found:
        raise ConfigError("No channel is configured.", hint="Set alerts.channels: config/wamon.yaml explains them.")
    tried = [_tried(channel, notifier(settings, options.clock)) for channel in found]
    if options.json:
        say(as_json(Trials(tuple(tried))))
    for one in [] if options.json else tried:
        say(f"{one.name} by {one.host}: {'sent.' if one.sent else one.why}")
    raise typer.Exit(0 if all(one.sent for one in tried) else 1)


def _tried(channel: Channel, notifier: Notifier) -> Trial:
    from wamon.alerts.channel import deliver
    from wamon.errors import Retryable
    from wamon.views.alerts import Trial

    try:
        deliver(channel, notifier.test())
    except Retryable as error:
        return Trial(channel.name, channel.host, sent=False, why=error.paragraph())
    return Trial(channel.name, channel.host, sent=True, why=None)
