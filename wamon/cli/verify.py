"""`wamon verify`: the bridge's store against the ledger."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

from wamon.cli.options import BridgeOption, ConfigOption, GroupOption, JsonOption, said

if TYPE_CHECKING:
    from pathlib import Path

    from wamon.cli.options import Said
    from wamon.config.schema import Config
    from wamon.conversations.proof import Proof
    from wamon.views.verify import Verify
    from wamon.webhooks import proof as deliveries

_MOST_SHOWN = 50


def add_to(app: typer.Typer) -> None:
    app.command()(verify)


def verify(
    ctx: typer.Context,
    group: GroupOption = None,
    bridge: BridgeOption = None,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what differs, then compare once more.")] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Compare every message in the bridge's store with the ledger, and say whether anything is missing.

    Ends with 0 where all is clean, 1 where something is wrong, 2 where it could not compare. Dead letters are counted,
    and are not unclean; rows that were read under older rules are counted apart.

    \b
    wamon verify
    wamon verify --group Lawley --repair
    """
    from wamon.errors import BridgeUnknown, CouldNotCheck, Retryable, SchemaError
    from wamon.log import is_quiet
    from wamon.render import say
    from wamon.views.document import as_json

    options = said(ctx, config, json)
    try:
        found = _verified(options, bridge, group or [], repair=repair)
    except (BridgeUnknown, Retryable, SchemaError) as error:
        raise CouldNotCheck(str(error), hint=error.hint) from None
    if options.json:
        say(as_json(found))
    elif not (found.clean and is_quiet()):
        _show(found)
    raise typer.Exit(0 if found.clean else 1)


def _verified(options: Said, bridge: Path | None, names: list[str], *, repair: bool) -> Verify:
    from wamon.app.commands import opened
    from wamon.app.configured import bridge_of
    from wamon.capture.verify import Verification
    from wamon.render import progress
    from wamon.views import verify as view

    settings = options.config()
    delivered = _delivered(options, settings, repair=repair)
    answered = _answered(settings)
    if settings.has_hooks_alone and bridge is None:
        from wamon.app.intake import brought_sources

        found = view.without_store(delivered, answered)
        with brought_sources(settings) as sources:
            for source in sources:
                source.note_verify(clean=found.clean)
        return found
    with opened(settings, bridge_of(settings, bridge, names), options.clock) as pipeline:
        verification = Verification(pipeline, [pipeline.source.groups[jid] for jid in pipeline.named(names)])
        rows = pipeline.store.rows()
        if repair:
            with progress("Repairing", rows) as advance:
                verification.repair(advance)
        with progress("Verifying", rows) as advance:
            verified = verification.verify(advance)
        found = view.verify(pipeline, verified, delivered, answered)
        if not names:
            pipeline.source.note_verify(clean=found.clean)
        return found


def _answered(config: Config) -> Proof | None:
    """What conversations prove; None where nobody is answered."""
    if not config.conversations.enabled:
        return None
    from wamon.app.conversations import proof

    return proof(config)


def _delivered(options: Said, settings: Config, *, repair: bool) -> deliveries.Proof:
    from wamon.webhooks.proof import Proof

    if not settings.sources_of_hooks:  # nor is what takes in loaded, which takes its time
        return Proof(0, ())
    from wamon.app.intake import proofs

    return proofs(settings, options.clock, repair=repair)


def _show(found: Verify) -> None:
    from wamon.capture.verify import ANSWERED_ONCE, IN_WORDS
    from wamon.render import say, table
    from wamon.words import amount

    problems = found.problems
    rows = [(f"{p.promise}: {IN_WORDS[p.promise]}", p.group, p.message_id, p.detail) for p in problems[:_MOST_SHOWN]]
    table(("Promise", "Group", "Message", "What"), rows)
    if len(problems) > _MOST_SHOWN:
        say(f"… and {len(problems) - _MOST_SHOWN:,} more; --json lists them all.")
    them = "1 problem; `wamon verify --repair` mends it"
    if len(problems) != 1:
        them = f"{len(problems):,} problems; `wamon verify --repair` mends them"
    if any(problem.promise == ANSWERED_ONCE for problem in problems):
        them += ", but those of conversations: who waits is listed by `wamon conversations list`"
    verdict = "clean" if found.clean else f"not clean: {them}"
    notes = [f"{found.dead:,} dead letters"] if found.dead else []
    notes += [f"{found.older_rules:,} read under older rules"] if found.older_rules else []
    notes += [f"{found.without_text:,} whose text is gone; --repair reads it again"] if found.without_text else []
    notes += [f"{found.reviews_waiting:,} with rows of the office's tables waiting"] if found.reviews_waiting else []
    notes += [f"{amount(found.events, 'delivery')} compared"] if found.events else []
    notes += [f"{amount(found.turns, 'turn')} of conversations compared"] if found.turns else []
    notes += [f"{found.store_missed:,} that the store lacks and a hook brought"] if found.store_missed else []
    say(f"{found.checked:,} messages compared: {verdict}." + (f" ({', '.join(notes)})" if notes else ""))
