"""What is measured, by name, and the targets: which figures are claims, and against what."""

from __future__ import annotations

from dataclasses import dataclass

from bench.figures import DLT, DLT_DROPS, FLOOR, MONITOR, WAMON, Subject, Target

GROUPS = 4


@dataclass(frozen=True, slots=True)
class Plan:
    """How much is measured."""

    sizes: tuple[int, ...]  # messages in the stores whose passes are measured
    many_groups: int | None  # the groups of one store more, as large as `large`
    large: int  # messages that every peer catches up with
    largest: int | None  # the store that grows by `large`
    rounds: int  # of a catch-up of `large`; of what is short there are more
    monitored: int  # messages that the typical monitor is granted
    posts: int  # whose latency is measured
    deliveries: int  # to a hook
    backlog: int  # messages of days away


FULL = Plan(
    sizes=(20_000, 1_000_000, 5_000_000),
    many_groups=10_000,
    large=1_000_000,
    largest=5_000_000,
    rounds=3,
    monitored=4_000,
    posts=300,
    deliveries=10_000,
    backlog=100_000,
)
QUICK = Plan(
    sizes=(20_000,),
    many_groups=None,
    large=20_000,
    largest=None,
    rounds=1,
    monitored=500,
    posts=20,
    deliveries=1_000,
    backlog=5_000,
)


def catch_up(messages: int, groups: int = GROUPS) -> Subject:
    return Subject(f"cold catch-up of {_store(messages, groups)}", "messages/s")


def catch_up_with_review(messages: int) -> Subject:
    return Subject(f"the same of {messages:,} with its review table", "messages/s")


def peak(messages: int, groups: int = GROUPS) -> Subject:
    return Subject(f"memory at its peak in that of {_store(messages, groups)}", "MB")


def cpu(messages: int, groups: int = GROUPS) -> Subject:
    return Subject(f"CPU of that of {_store(messages, groups)}, PostgreSQL's with it", "µs a message")


def cpu_with_review(messages: int) -> Subject:
    return Subject(f"CPU of that of {messages:,} with its review table, PostgreSQL's with it", "µs a message")


def cold_seconds(messages: int) -> Subject:
    return Subject(f"time of a cold catch-up of {messages:,}", "s")


def grown_seconds(messages: int, by: int) -> Subject:
    return Subject(f"time of {by:,} more, where {messages:,} are recorded", "s")


def next_run(messages: int) -> Subject:
    return Subject(f"a whole run with 10 new rows, where {messages:,} are recorded", "s")


def unchanged(messages: int, groups: int = GROUPS) -> Subject:
    return Subject(f"an empty pass: {_store(messages, groups)}, the file unchanged", "ms")


def bare_query(messages: int, groups: int = GROUPS) -> Subject:
    return Subject(f"open, `rowid > ?`, close: {_store(messages, groups)}", "ms")


def nothing_new(messages: int, groups: int = GROUPS) -> Subject:
    return Subject(f"the same, the file written and no row new: {_store(messages, groups)}", "ms")


def read_again(messages: int, groups: int = GROUPS) -> Subject:
    return Subject(f"the same at a beat, which looks for edits: {_store(messages, groups)}", "ms")


def others_rows(messages: int, groups: int = GROUPS) -> Subject:
    return Subject(f"the same, a row of another chat new: {_store(messages, groups)}", "ms")


def ten_rows(messages: int, groups: int = GROUPS) -> Subject:
    return Subject(f"a pass with 10 new rows: {_store(messages, groups)}", "ms")


def _store(messages: int, groups: int) -> str:
    return f"{messages:,}" if groups == GROUPS else f"{messages:,} in {groups:,} groups"


LATENCY_HALF = Subject("from the bridge's commit to a row, half of them within", "ms")
LATENCY_MOST = Subject("from the bridge's commit to a row, 99 of 100 within", "ms")
ON_DEBIAN_HALF = Subject("the same on Debian's PostgreSQL, half of them within; beside it on the embedded one", "ms")
ON_DEBIAN_MOST = Subject("the same on Debian's PostgreSQL, 99 of 100 within; beside it on the embedded one", "ms")
RESIDENT = Subject("a running daemon's memory", "MB")
HELP = Subject("`wamon --help`; beside it a bare typer program that imports rich", "ms")
NOTHING_TO_SCAN = Subject("`wamon scan` with nothing to do", "ms")
EXTRACTION = Subject("extraction alone", "texts/s")
HELD_UP = Subject("the bridge's worst commit while its store is read", "ms")
NOT_HELD_UP = Subject("the same while another store is read", "ms")

TAKEN_IN = Subject("the catch-up's messages, each a delivery that waits, into the ledger", "messages/s")
CPU_OF_TAKEN_IN = Subject("CPU of that, PostgreSQL's with it", "µs a message")
DAYS_AWAY = Subject("messages of Meta's, each delivered twice by batches in any order, into the ledger", "s")
TURN = Subject("a turn's claim and finish, beside one bare committed UPDATE", "ms")
TURNS = Subject("turns by two workers, beside bare committed UPDATEs by as many", "turns/s")
GUARD = Subject("what claim and finish take of a turn, 95 of 100 within", "ms")
DUE = Subject("from when a burst is due to its claim in a run, 99 of 100 within", "ms")
TAKEN_OVER = Subject("a killed run's turn, from when the next holds the lease to its claim", "ms")
IDLE_CPU = Subject("two workers' looks at 100,000 idle conversations, of a core", "%")
DELIVERED = Subject("durable deliveries from 32 connections", "deliveries/s")
DELIVERED_EACH = Subject("the same by a usual web application, one committed INSERT each", "deliveries/s")
DELIVERY_MOST = Subject("from there to the answer, 99 of 100 within", "ms")
DELIVERY_ALONE = Subject("a delivery from one connection, half of them within; beside it a bare committed INSERT", "ms")
RECORDED_BESIDE = Subject(
    "from the bridge's commit to a row, 99 of 100 within, beside deliveries from 32 connections; beside none", "ms"
)


_OFFICE = "a million messages in 10,000 groups"
SNAPSHOT = Subject(f"the home page's snapshot of {_OFFICE}; its own queries by hand", "ms")
LOOK_CPU = Subject(f"PostgreSQL's time for the home page of {_OFFICE}", "ms of a core")
METRICS_CPU = Subject(f"PostgreSQL's time for what `/metrics` tells of {_OFFICE}", "ms of a core")

VIEWERS = 200
WATCHED = Subject(f"`wamon web` with {VIEWERS} viewers and a post a second, of a core", "%")
WEB_RESIDENT = Subject(f"the memory of `wamon web` with {VIEWERS} viewers", "MB")
WEB_START = Subject("from the start of `wamon web` to its first answer", "s")
SEEN_HALF = Subject("from the bridge's commit to a viewer's screen, half of them within", "s")
SEEN_MOST = Subject("the same, all of them within", "s")
RECORDED_MOST = Subject(
    f"from the bridge's commit to a row, 99 of 100 within, beside {VIEWERS} viewers and 50 requests/s; beside none",
    "ms",
)

LAST_LINE = Subject("from a catch-up's end to the last line of its events", "s")
IDLE_FOLLOWER = Subject("an idle `wamon events --follow`, PostgreSQL's with it, of a core", "%")
FOLLOWED = 300_000
"""Messages that are caught up with while events are followed."""


def followed(messages: int, review_table: str | None) -> Subject:
    table = " and its review table" if review_table else ""
    return Subject(
        f"cold catch-up of {messages:,}{table} while events are followed; beside it while none are", "messages/s"
    )


def verified(messages: int) -> Subject:
    return Subject(f"`verify` of {messages:,}", "s")


def cpu_of_verify(messages: int) -> Subject:
    return Subject(f"CPU of `verify` of {messages:,}, PostgreSQL's with it", "µs a message")


def peak_of_verify(messages: int) -> Subject:
    return Subject(f"memory at its peak in `verify` of {messages:,}", "MB")


OLDER = 5
"""How many times as old, and as large, one of the two ledgers is whose lists and reports are measured."""
A_DROP = "DR1000001"
LISTS = (
    "drops list",
    f"drops show {A_DROP}",
    "drops near",
    "report daily",
    "report weekly",
    "gaps",
    "groups",
    "status",
    "doctor",
)
OF_ALL_DROPS = ("drops list --json", "drops export drops.csv")
"""They take as long as there are drops, and no more memory."""


def listed(command: str, messages: int) -> Subject:
    return Subject(f"work of `{command}` over {messages:,} messages, PostgreSQL's with it", "s")


def listed_peak(command: str, messages: int) -> Subject:
    return Subject(f"memory at its peak in `{command}` over {messages:,} messages", "MB")


def page_shown(messages: int) -> Subject:
    return Subject(f"work of the home page's snapshot over {messages:,} messages, PostgreSQL's with it", "s")


def targets(plan: Plan) -> list[Target]:
    """What is claimed, or aimed at."""
    return [
        *_catching_up(plan),
        *_growing(plan),
        *_listing(plan),
        *_waiting(plan),
        *_starting(plan),
        *_delivering(),
        *_taking_in(plan),
        *_showing(),
        *_following(plan),
    ]


def _catching_up(plan: Plan) -> list[Target]:
    large = catch_up(plan.large)
    return [
        Target(f"catch-up of {plan.large:,}, of the floor's speed", large, 0.7, (large, FLOOR), at_least=True),
        Target(
            "the same with its review table, of the floor's speed, which makes no such rows",
            catch_up_with_review(plan.large),
            None,
            (large, FLOOR),
            at_least=True,
        ),
        Target(
            f"catch-up of {plan.large:,}, times the speed of dlt, which loads messages and drops",
            large,
            2.5,
            (large, DLT),
            at_least=True,
        ),
        Target(
            f"catch-up of {plan.large:,}, times the speed of dlt, where it loads drops only",
            large,
            2.5,
            (large, DLT_DROPS),
            at_least=True,
        ),
        Target(
            f"catch-up of {plan.large:,}, times a typical monitor's",
            large,
            100,
            (large, MONITOR),
            at_least=True,
        ),
        Target(f"memory at its peak, MB, catching up with {plan.large:,}", peak(plan.large), 120),
        Target("the bridge's worst commit meanwhile, ms", HELD_UP, 25),
        *_of_many_groups(plan),
    ]


def _of_many_groups(plan: Plan) -> list[Target]:
    if plan.many_groups is None:
        return []
    at = plan.large, plan.many_groups
    return [Target(f"memory at its peak, MB, catching up with {_store(*at)}", peak(*at), 130)]


def _growing(plan: Plan) -> list[Target]:
    if plan.largest is None:
        return []
    large, largest = cold_seconds(plan.large), cold_seconds(plan.largest)
    grown = grown_seconds(plan.largest, plan.large)
    return [
        Target(f"time of {plan.largest:,}, times that of {plan.large:,}", largest, 5.5, (large, WAMON)),
        Target(f"time of {plan.large:,} more after {plan.largest:,}, times the first's", grown, 1.3, (large, WAMON)),
        Target("the floor's first, likewise", largest, None, (large, FLOOR), who=FLOOR),
        Target("the floor's second, likewise", grown, None, (large, FLOOR), who=FLOOR),
        Target(f"memory at its peak, MB, catching up with {plan.largest:,}", peak(plan.largest), 120),
    ]


def _listing(plan: Plan) -> list[Target]:
    """History costs nothing where people wait."""
    young, old = plan.large, OLDER * plan.large
    subjects = [(f"`{one}`", listed(one, young), listed(one, old)) for one in LISTS]
    subjects.append(("the home page's snapshot", page_shown(young), page_shown(old)))
    return [
        *(Target(f"{what} over {old:,} messages, s of a core", after, 0.5) for what, _, after in subjects),
        *(
            Target(f"the same of {what}, times that over {young:,}", after, 1.2, (before, WAMON))
            for what, before, after in subjects
        ),
        *(Target(f"memory at its peak, MB, in `{one}` of {old:,}", listed_peak(one, old), 100) for one in OF_ALL_DROPS),
        Target(f"memory at its peak, MB, in `report weekly` of {old:,}", listed_peak("report weekly", old), 90),
    ]


def _waiting(plan: Plan) -> list[Target]:
    """An empty pass is claimed for each store: it costs the same, whatever the store holds."""
    stores = [(size, GROUPS) for size in plan.sizes]
    stores += [(plan.large, plan.many_groups)] if plan.many_groups else []
    return [
        target
        for size, groups in stores
        for target in (
            Target(f"an empty pass, ms: {_store(size, groups)}", unchanged(size, groups), 1),
            Target(
                f"an empty pass, times open, query, close: {_store(size, groups)}",
                unchanged(size, groups),
                4,
                (bare_query(size, groups), FLOOR),
            ),
            Target(
                f"a pass over a written file without a new row, times the same: {_store(size, groups)}",
                nothing_new(size, groups),
                None,
                (bare_query(size, groups), FLOOR),
            ),
        )
    ]


def _starting(plan: Plan) -> list[Target]:
    return [
        Target("from the bridge's commit to a row, half of them, ms", LATENCY_HALF, 15),
        Target("from the bridge's commit to a row, 99 of 100, ms", LATENCY_MOST, 75),
        Target("on Debian's PostgreSQL, half of them, ms", ON_DEBIAN_HALF, 15),
        Target("on Debian's PostgreSQL, 99 of 100, ms", ON_DEBIAN_MOST, 75),
        Target("half of them there, times those on the embedded one", ON_DEBIAN_HALF, None, (ON_DEBIAN_HALF, FLOOR)),
        Target("99 of 100 there, times those on the embedded one", ON_DEBIAN_MOST, None, (ON_DEBIAN_MOST, FLOOR)),
        Target("a running daemon's memory, MB", RESIDENT, 65),
        Target("`wamon --help`, times a bare typer program that imports rich", HELP, 2, (HELP, FLOOR)),
        Target(f"`verify` of {plan.large:,}, s", verified(plan.large), 60),
    ]


def _delivering() -> list[Target]:
    """The floors prove, limit and log nothing."""
    floor, each = (DELIVERED, FLOOR), (DELIVERED_EACH, FLOOR)
    return [
        Target("durable deliveries from 32 connections, of the floor's speed", DELIVERED, 0.5, floor, at_least=True),
        Target("the same, times a usual web application's, which commits each", DELIVERED, 1.5, each, at_least=True),
        Target("99 of 100 answered, times the floor's time", DELIVERY_MOST, 3, (DELIVERY_MOST, FLOOR)),
        Target("one from one connection, times a bare committed INSERT", DELIVERY_ALONE, 3, (DELIVERY_ALONE, FLOOR)),
        Target(
            "99 of 100 posts recorded beside a flood, times as without", RECORDED_BESIDE, 2, (RECORDED_BESIDE, FLOOR)
        ),
    ]


def _showing() -> list[Target]:
    return [
        Target("the home page in PostgreSQL, ms of a core", LOOK_CPU, 50),
        Target("its whole snapshot, times its queries by hand", SNAPSHOT, 3, (SNAPSHOT, FLOOR)),
        Target("`/metrics` in PostgreSQL, ms of a core", METRICS_CPU, None),
        Target(f"{VIEWERS} viewers of `wamon web`, % of a core", WATCHED, 10),
        Target("its memory meanwhile, MB", WEB_RESIDENT, 80),
        Target("its start, s", WEB_START, 1.5),
        Target("from the bridge's commit to a screen, half of them, s", SEEN_HALF, 1),
        Target("the same, all of them, s", SEEN_MOST, 2),
        Target(
            "99 of 100 recorded beside viewers and requests, times as without",
            RECORDED_MOST,
            1.5,
            (RECORDED_MOST, FLOOR),
        ),
    ]


def _taking_in(plan: Plan) -> list[Target]:
    large = (catch_up(plan.large), WAMON)
    return [
        Target("a backlog of deliveries, of the catch-up's speed", TAKEN_IN, 0.3, large, at_least=True),
        Target("its CPU a message, times the catch-up's", CPU_OF_TAKEN_IN, 3.3, (cpu(plan.large), WAMON)),
        Target(f"{plan.backlog:,} messages of days away, s", DAYS_AWAY, 600),
        Target("a turn's claim and finish, of a bare UPDATE", TURN, 6, (TURN, FLOOR)),
        Target("turns a second, of bare UPDATEs", TURNS, 0.3, (TURNS, FLOOR), at_least=True),
        Target("of a turn, claim and finish, ms", GUARD, 10),
        Target("looks at idle conversations, % of a core", IDLE_CPU, 0.5),
        Target("from due to claimed, 99 of 100 bursts, ms", DUE, 250),
        Target("a killed run's turn, taken over by the next, ms", TAKEN_OVER, 1_000),
    ]


def _following(plan: Plan) -> list[Target]:
    bare, reviewed = (followed(min(plan.large, FOLLOWED), table) for table in (None, "qa_photo_reviews"))
    return [
        Target("catch-up while events are followed, of that without", bare, 0.9, (bare, FLOOR), at_least=True),
        Target("the same with its review table", reviewed, 0.9, (reviewed, FLOOR), at_least=True),
        Target("from its end to the last line, s", LAST_LINE, 3),
        Target("an idle `wamon events --follow`, % of a core", IDLE_FOLLOWER, 0.5),
    ]
