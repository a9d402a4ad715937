"""A report in a few sentences, for a chat or a mail: counts and drop numbers, and never a person."""

from __future__ import annotations

from typing import TYPE_CHECKING

from wamon.words import KINDS, amount, listing, span

if TYPE_CHECKING:
    from collections.abc import Iterator

    from wamon.reports.report import Counts, Project, Report

_MOST_PROJECTS = 20
_MOST_REJECTED = 10


def summary(report: Report) -> list[str]:
    """The report's sentences. Days and times are those of its period's zone."""
    return [*_projects(report), *_rejected(report), *_conversations(report), _gaps(report), _command(report)]


def _projects(report: Report) -> Iterator[str]:
    busiest = sorted(report.projects, key=lambda one: -sum(one.counts))
    for one in busiest[:_MOST_PROJECTS]:
        yield f"{one.project}: {_counts(one.counts, _usual(one, report.period.kind))}."
    if (left := len(busiest) - _MOST_PROJECTS) > 0:
        yield f"And {amount(left, 'more project')}."
    if len(report.projects) > 1:
        yield f"All: {_counts(report.total)}."


def _usual(project: Project, kind: str) -> str:
    if project.usual is None:
        return ""
    return f" ({'usual' if kind == 'daily' else 'the week before'} {project.usual:,.0f})"


def _counts(counts: Counts, usual: str = "") -> str:
    others = [f"{number:,} {KINDS[kind]}" for kind in KINDS if kind != "new" and (number := getattr(counts, kind))]
    near = [amount(counts.near_misses, "near miss")] if counts.near_misses else []
    return ", ".join([f"{counts.new:,} new{usual}", *others, *near])


def _rejected(report: Report) -> Iterator[str]:
    if numbers := list(dict.fromkeys(f"{one.drop_number} ({one.project})" for one in report.rejected)):
        yield f"Not on its project's list: {listing(numbers, _MOST_REJECTED)}."


def _conversations(report: Report) -> Iterator[str]:
    whole = [one for one in report.bursts if one.day is None]
    if not whole:
        return
    bursts, answers, missed = (sum(getattr(one, name) for one in whole) for name in ("bursts", "answers", "missed"))
    slowest = max((one.p95_seconds for one in whole if one.p95_seconds is not None), default=None)
    within = "" if slowest is None else f", 95 % of each project within {span(slowest)}"
    looked_up = f"; {amount(missed, 'message')} missed meanwhile" if missed else ""
    yield f"Conversations: {amount(bursts, 'burst')}, {answers:,} answered{within}{looked_up}."


def _gaps(report: Report) -> str:
    if report.gaps_unknown is not None:
        return f"Nothing is known of gaps now. {report.gaps_unknown}"
    if not report.gaps:
        return "No gaps: nothing hints at messages that never reached the bridge's store."
    kinds = [f"{gap.kind} ({gap.group or 'all groups'})" for gap in report.gaps]
    return f"Times that can't be proven: {listing(list(dict.fromkeys(kinds)))}. `wamon gaps` tells them."


def _command(report: Report) -> str:
    return f"All of it: wamon report {report.period.kind} --date {report.period.first}"
