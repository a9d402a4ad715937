"""`wamon db list` and `prune`: the embedded servers of this user, of which a scan without a config makes one."""

from __future__ import annotations

import os
import sys
from typing import TYPE_CHECKING

import typer  # noqa: TC002 - it reads the types of a command's parameters

from wamon.cli.asking import YesOption, confirm
from wamon.cli.options import ConfigOption, JsonLinesOption, JsonOption, said

if TYPE_CHECKING:
    from collections.abc import Sequence

    from wamon.config.schema import Config
    from wamon.views.db import Cluster, Pruned


def add_to(app: typer.Typer) -> None:
    app.command("list")(list_)
    app.command()(prune)


def name_database(config: Config) -> None:
    """On a terminal, name the database that a list came from, where this user has another beside it."""
    from contextlib import suppress

    from wamon.app.clusters import others
    from wamon.app.database import name_of
    from wamon.errors import WamonError
    from wamon.render import aside

    if sys.stdout.isatty():
        with suppress(WamonError):  # the list itself stands
            if others(config, os.environ):
                aside(f"From {name_of(config)}. `wamon db list` lists what else there is.")


def list_(
    ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False, jsonl: JsonLinesOption = False
) -> None:
    """List the embedded PostgreSQL servers of this user: where each is, how large, and which config names it.

    As root it lists all of root's; for another user, those of the configs in the usual places and the one that serves
    without a config.

    \b
    wamon db list
    wamon db list --json
    """
    from wamon.app import clusters
    from wamon.views.db import Clusters

    options = said(ctx, config, json, jsonl)
    found = clusters.found(options.config_path, os.environ)
    answer = Clusters(tuple(one.view() for one in found))
    if options.json:
        options.say_list(answer)
    else:
        _show_clusters(answer.clusters)


def prune(
    ctx: typer.Context,
    yes: YesOption = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Remove embedded servers whose state directory has gone, with all that they recorded.

    None goes that runs, that a config names, or of which an older wamon didn't keep whose it is.

    \b
    wamon db prune
    wamon db prune --yes
    """
    from wamon.app import clusters
    from wamon.postgres.embedded.clusters import remove
    from wamon.render import say
    from wamon.views.db import Pruned
    from wamon.views.document import as_json
    from wamon.words import amount

    options = said(ctx, config, json)
    gone = [one for one in clusters.found(options.config_path, os.environ, strict=True) if one.gone]
    going = {one: one.view() for one in gone if not one.cluster.runs}
    running = tuple(one.view() for one in gone if one.cluster.runs)
    if going and not yes:
        if not options.json:
            _show_clusters(tuple(going.values()))
        confirm(f"Remove {amount(len(going), 'embedded server')}, with all that was recorded there?")
    answer = Pruned(tuple(going.values()), sum(remove(one.cluster) for one in going), running)
    if options.json:
        say(as_json(answer))
    else:
        _show_pruned(answer)


def _show_clusters(found: Sequence[Cluster]) -> None:
    from wamon.config.zone import host_zone
    from wamon.render import local, paragraph, table
    from wamon.words import size

    if not found:
        paragraph("There is no embedded PostgreSQL: the first scan without database.url makes one.")
    rows = [
        (each.state_dir or "not known", each.data, size(each.bytes), "runs" if each.running else "stopped",
         local(each.last_used_at, host_zone(os.environ)), "gone" if each.gone else each.config or "none")
        for each in found
    ]  # fmt: skip
    table(("State directory", "Data", "Size", "Server", "Last used", "Config"), rows, right=("Size",), whole=("Data",))


def _show_pruned(answer: Pruned) -> None:
    from wamon.render import paragraph
    from wamon.words import size

    for each in answer.removed:
        paragraph(f"Removed {each.data}, of {each.state_dir}: {size(each.bytes)}.")
    for each in answer.running:
        paragraph(f"{each.data} runs: `WAMON_STATE_DIR={each.state_dir} wamon db stop` stops it.")
    if answer.removed:
        paragraph(f"{size(answer.freed_bytes)} freed.")
    elif not answer.running:
        paragraph("Nothing to remove: the state directory of each embedded PostgreSQL is there.")
