"""What users of earlier bots type, in their order, against a demonstration that works: `make demo-bot`.

An embedded PostgreSQL, `wamon run`, `wamon web`, psql and curl are real; WATI and the model are stand-ins. Each line
has a promise: the first that says less ends the walk.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from shlex import quote

from tests.support import forked
from tests.support.clock import HOST
from tests.support.deliveries import SECRET, Json
from tests.support.environment import environment
from tests.support.intake import hook
from tests.support.models import Model, asking, model_server, says
from tests.support.office import Daemon, Office, eventually
from tests.support.send_api import TOKEN, StandIn, send_api
from tests.support.talk import advance, said, talking
from tests.support.web import Site, serving
from wamon.demo import prepare
from wamon.postgres.embedded import server as embedded

TESTER, STRANGER = "27820000001", "27820000002"
"""Whom the roll-out begins with; who isn't chosen at first."""
JOURNAL = "journalctl -u wamon -u wamon-web -o cat"
_SHOWN_LINES = 10
_MOST_SECONDS = 30


class BrokenPromise(Exception):
    """A line said less than it promises."""


@dataclass
class Bot:
    """The demonstration, and who types there."""

    office: Office
    api: StandIn
    model: Model
    tell: Callable[[str], object]
    url: str = ""
    site: Site | None = None
    _daemon: Daemon | None = None
    end: ExitStack = field(default_factory=ExitStack)

    def sh(self, typed: str, promise: str, *, soon: bool = False) -> str:
        """Type a line: what it prints has this pattern in it, at once or `soon`. Raises BrokenPromise."""
        self.tell(f"$ {typed}")
        printed: list[str] = []

        def holds() -> bool:
            printed[:] = [self._typed(typed)]
            return re.search(promise, printed[0], re.MULTILINE) is not None

        try:
            eventually(typed, holds, seconds=_MOST_SECONDS if soon else 0)
        except AssertionError:
            raise BrokenPromise(f"{typed}\npromised {promise!r}, and said:\n{printed[0]}") from None
        lines = printed[0].rstrip().splitlines()
        self.tell("\n".join(lines[:_SHOWN_LINES] + ["…"] * (len(lines) > _SHOWN_LINES)))
        return printed[0]

    def sql(self, statement: str, promise: str, *, soon: bool = False) -> str:
        """Type a statement into psql."""
        quoted = quote(statement) if "$" in statement else f'"{statement}"'
        return self.sh(f'psql "$(wamon db url)" -Atc {quoted}', promise, soon=soon)

    def log(self, words: str) -> None:
        """Look for what the log promises, as a line of one of its markers."""
        self.sh(f"{JOURNAL} | grep -F {quote(words)}", re.escape(words), soon=True)

    def writes(self, person: str, text: str, promise: str = "^200$", secret: str = SECRET) -> None:
        """WATI delivers what a person writes now."""
        self.posts(said(text, by=person), promise, secret)

    def posts(self, body: Json | str, promise: str = "^200$", secret: str = SECRET) -> None:
        text = body if isinstance(body, str) else json.dumps(body)
        address = f"http://localhost:8006/hooks/wati?secret={secret}"
        self.sh(f"curl -s -o /dev/null -w '%{{http_code}}\\n' {quote(address)} -d {quote(text)}", promise)

    def passes(self, minutes: float) -> None:
        self.tell(f"… {minutes:g} minutes pass …")
        advance(self.office, minutes * 60)

    def start(self) -> None:
        self.tell("$ systemctl start wamon")
        self._daemon = self.end.enter_context(self.office.running("--json"))

    def signal(self, number: signal.Signals) -> None:
        """To `wamon run`. SIGKILL leaves nothing of it."""
        assert self._daemon is not None
        self._daemon.process.send_signal(number)
        if number == signal.SIGKILL:
            self._daemon.process.wait()

    def _typed(self, line: str) -> str:
        """On this host: its port, its database, its log."""
        line = line.replace('"$(wamon db url)"', quote(self.url) if self.url else '"$(wamon db url)"')
        line = line.replace(JOURNAL, "cat run-*.log web-*.log")
        line = line.replace("localhost:8006", self.site.host if self.site else "localhost:8006")
        env = environment(WAMON_CONFIG=str(self.office.config_path), COLUMNS="120", LANG="C.UTF-8")
        env["PATH"] = f"{Path(sys.executable).parent}:{embedded.binary('psql').parent}:{env['PATH']}"
        done = forked.run_line(line, env=env, cwd=self.office.folder)
        return done.stdout + done.stderr


@contextmanager
def demonstration(folder: Path, tell: Callable[[str], object]) -> Iterator[Bot]:
    """One in this folder; nothing is installed yet."""
    with send_api(TOKEN) as api, model_server() as model, ExitStack() as end:
        api.says = {"message": {"local_message_id": "L1"}}
        prepare(folder / "bridge", HOST.now())
        office = Office(folder, "", folder / "bridge" / "messages.db")
        office.clock = HOST
        office.set(database={"url": None}, web={"listen": "127.0.0.1:8006"})
        talking(office, direct={"settle": "1s", "max_wait": "1s", "answer_within": "30m"}, users=[TESTER], percentage=0)
        office.set(hooks=[hook("wati", project="Lawley", send={"url": api.replies["url"], "token": TOKEN})])
        (folder / "instructions.txt").write_text("You answer for a fibre company.", "utf-8")
        asking(office, model, instructions=str(folder / "instructions.txt"))
        bot = Bot(office, api, model, tell, end=end)
        try:
            yield bot
        finally:
            end.close()
            bot._typed("wamon db stop")


def install(bot: Bot) -> None:
    """The schema first, then the two processes."""
    bot.sh("wamon --version", r"^wamon \d")
    bot.sh("wamon config check", "is fine")
    bot.sh("wamon service show", r"wamon(@\w+)?\.service")
    bot.sh("wamon db migrate", "Applied .*views_and_functions")
    bot.url = bot.sh("wamon db url", "^postgres|^host=").strip()
    bot.office.dsn = bot.url
    bot.sh("""psql "$(wamon db url)" -c '\\d threads' | grep last_webhook_timestamp""", "timestamp with time zone")
    for relation, column in {
        "message_buffer": "wa_id",
        "webhook_conversations": "locked_by",
        "conversation_state_transitions": "transition_reason",
        "processed_webhook_messages": "whatsapp_message_id",
        "webhook_dlq": "next_retry_at",
        "agent_contexts": "context_data",
        "agent_sessions": "total_tokens_used",
    }.items():
        bot.sh(f"""psql "$(wamon db url)" -c '\\d {relation}'""", column)
    secured = (
        "SELECT bool_and(rowsecurity) FROM pg_tables WHERE schemaname = 'wamon' AND tablename LIKE 'conversation%'"
    )
    bot.sql(secured, "^t$")
    bot.sh("wamon scan", r"\d+ messages read and recorded")
    bot.tell("$ systemctl start wamon-web")
    bot.site = bot.end.enter_context(serving(bot.office, "--json"))


def look(bot: Bot) -> None:
    bot.sh("curl -sf http://localhost:8006/health", '"pid"')
    bot.sh("wamon state show", "DR|Lawley|last")
    bot.sh("wamon state show --legacy", r"^\{|@g\.us")
    bot.sql("SELECT drop_number FROM qa_photo_reviews WHERE drop_number = 'DR1752028'", "^DR1752028$")
    bot.sh("wamon status", "Lawley")
    bot.sh("wamon status --json", '"checks"')
    bot.sh("wamon hooks list", "wati")
    bot.sh("wamon hygiene", ".")
    bot.sh("wamon alerts list", "unanswered")


def send_test_messages(bot: Bot) -> None:
    """Two messages are one burst, and get one answer; who isn't chosen gets none."""
    bot.writes(TESTER, "sawubona")
    bot.writes(TESTER, "when do you come?")
    bot.writes(STRANGER, "and to me?")
    bot.writes(TESTER, "x", promise="^401$", secret="somebody-elses-secret")
    bot.start()
    bot.sql("SELECT count(*) FROM wamon.replies WHERE state = 'sent'", "^1$", soon=True)
    bot.sql("SELECT status FROM webhook_conversations WHERE whatsapp_phone = '27820000001'", "^active$", soon=True)
    bot.sh(f"wamon conversations show {TESTER}", "answered +sent|answered.*sent")
    bot.sh("wamon conversations list", "wati|Nobody|none")
    bot.writes(TESTER, "is DR1752028 there?")
    bot.sql("SELECT count(*) FROM wamon.replies WHERE state = 'sent'", "^2$", soon=True)
    expect(bot, "one answer a burst", [text for text in bot.api.texts if "nine" in text], ["We come at nine."])
    expect(bot, "the drop is told from the ledger", bot.api.texts[-1][:17], "1752028: recorded")
    expect(bot, "nobody else is answered", {one["target"] for one in bot.api.asked}, {TESTER})


def health(bot: Bot) -> None:
    """The statements that they keep on a slip of paper."""
    bot.sql("SELECT * FROM webhook_conversation_health", r"^active\|")
    bot.sql("SELECT count(*) FROM stuck_webhook_conversations", "^0$")
    bot.sql("SELECT * FROM webhook_agent_performance", r"^main\|1\|")
    bot.sql("SELECT * FROM webhook_message_processing_metrics", r"^\d{4}-.*\|\d+\|")
    bot.sql("SELECT count(*) FROM webhook_dlq_summary", "^0$")
    bot.sql("SELECT * FROM recent_webhook_state_transitions", r"…0001\|main\|processing\|idle")
    bot.sql("SELECT * FROM check_webhook_system_health() WHERE alert_type <> 'SLOW_PROCESSING'", r"\A\s*\Z")
    bot.sql("SELECT * FROM check_webhook_system_health(5, 10, 10, p95_ms := 60000)", r"\A\s*\Z")
    bot.sql("SELECT * FROM get_webhook_performance_stats(24)", r"^total_messages_processed\|[1-9]")
    bot.sql(
        "SELECT last_webhook_timestamp < now(), last_updated < now() FROM threads WHERE wa_id = '27820000001'", r"t\|t"
    )
    bot.sql("SELECT has_buffered_messages('27820000001')", "^f$")
    bot.sql("SELECT count(*) FROM processed_webhook_messages", "^3$")
    bot.sql("DELETE FROM processed_webhook_messages", "stays")
    bot.sql("SELECT messages_count, token_count > 0 FROM agent_contexts", r"^\d+\|t$")
    bot.sql("SELECT session_state, total_tokens_used FROM agent_sessions", r"^active\|220$")
    lock = (
        "SELECT {}_conversation_lock(id, '00000000-0000-0000-0000-000000000001')"
        " FROM webhook_conversations WHERE whatsapp_phone = '27820000001'"
    )
    bot.sql(lock.format("acquire"), "^t$")
    bot.sql(lock.format("acquire"), "^f$")
    bot.sql(lock.format("release"), "^t$")
    bot.sql(lock.format("release"), "^f$")
    bot.sql("SELECT cleanup_stuck_webhook_conversations()", "^0$")
    bot.sql("SELECT increment_session_metrics(conversation_id, agent_type) FROM agent_sessions", "^t$")


def orphans(bot: Bot) -> None:
    """What came while nobody worked is found, and answered."""
    bot.tell("$ systemctl kill -s KILL wamon")
    bot.signal(signal.SIGKILL)
    bot.sh("curl -sf http://localhost:8006/debug/check-orphaned-messages", "No orphaned messages found")
    bot.writes(TESTER, "hello?")
    bot.sql("INSERT INTO message_buffer (wa_id, content) VALUES ('27820000001', 'are you there?')", "^INSERT 0 1$")
    bot.sh("wamon scan", "2 deliveries taken in")
    bot.sql("SELECT wa_id, message_type, content FROM message_buffer", r"^27820000001\|text\|are you there\?$")
    bot.sql("SELECT get_all_wa_ids_with_buffered_messages()", "^27820000001$")
    bot.sql("SELECT has_buffered_messages('27820000001')", "^t$")
    bot.passes(10)
    bot.sql("SELECT count(*) FROM stuck_webhook_conversations WHERE whatsapp_phone LIKE '…%0001'", "^1$")
    bot.sql("SELECT alert_type, severity FROM check_webhook_system_health(stuck := 0)", r"^STUCK_CONVERSATIONS\|HIGH$")
    found = '(?s)"orphaned_count": 1.*Found and triggered processing for 1 orphaned conversations'
    bot.sh("curl -sf http://localhost:8006/debug/check-orphaned-messages", found)
    bot.sh("curl -sf http://localhost:8006/debug/check-orphaned-messages", "No orphaned messages found")
    bot.passes(10)
    bot.start()
    bot.sql("SELECT count(*) FROM wamon.replies WHERE state = 'sent'", "^3$", soon=True)
    bot.sql("SELECT count(*) FROM message_buffer", "^0$")


def dead_letters(bot: Bot) -> None:
    """What can't be recorded is kept, listed, and tried again by hand."""
    refuse = (
        "CREATE FUNCTION public.refuse() RETURNS trigger LANGUAGE plpgsql AS "
        "$$ BEGIN RAISE EXCEPTION 'refused'; END $$; CREATE TRIGGER refuse BEFORE INSERT ON wamon.submission_rows "
        "FOR EACH ROW WHEN (NEW.drop_number = 'DR1759994') EXECUTE FUNCTION public.refuse()"
    )
    bot.sql(refuse, "^CREATE TRIGGER$")
    bot.writes(TESTER, "DR1759994")
    bot.sql("SELECT resolution_status, retry_count, max_retries FROM webhook_dlq", r"^pending\|0\|3$", soon=True)
    bot.sql("SELECT resolution_status, count FROM webhook_dlq_summary", r"^pending\|1$")
    bot.sh("wamon dead list", "event:")
    bot.sql("SELECT alert_type FROM check_webhook_system_health(dlq := 0)", "^DLQ_BUILDUP$")
    bot.sql("DROP FUNCTION public.refuse() CASCADE", "^DROP FUNCTION$")
    bot.sql("UPDATE webhook_dlq SET next_retry_at = now(), resolution_status = 'pending'", "^UPDATE 1$")
    bot.sql("SELECT count(*) FROM webhook_dlq", "^0$", soon=True)
    bot.sql("SELECT drop_number FROM qa_photo_reviews WHERE drop_number = 'DR1759994'", "^DR1759994$", soon=True)
    bot.sql("SELECT count(*) FROM wamon.replies WHERE state = 'sent'", "^4$", soon=True)


def logs(bot: Bot) -> None:
    """The words that they grep for."""
    for words in (
        "Loaded state from state.json: 4 groups tracked",
        "[WEBHOOK_RECEIVED] waId=",
        "[SECURITY] Refused a delivery to hook wati",
        "[WEBHOOK] Message buffered successfully for",
        "[WEBHOOK] CRITICAL: Timer creation failed for",
        "[TIMER_THREAD] Started new timer thread for",
        "[TIMER_THREAD] Timer already running, message buffered for",
        "[BUFFER] Timer for",
        "[BUFFER] Sending combined prompt for",
        "[BUFFER] Successfully processed and sent response to",
        "[BUFFER] Timer cleanup complete for",
        "[STARTUP] Checking for orphaned messages in buffer...",
        "[STARTUP] Found 1 wa_ids with orphaned messages: [",
        "[STARTUP] Starting immediate processing for orphaned messages:",
        "[ORPHAN] Found 1 wa_ids with orphaned messages",
        "[CONVERSATION] No conversation found for",
        "[CONVERSATION] Created new conversation",
        "[CONVERSATION] Loaded system instructions: 31 chars",
        "[MISSED_MESSAGES_CHECK]",
    ):
        bot.log(words)
    bot.sh(f"{JOURNAL} | grep -cF 2782000; true", "^0$")


def roll_out(bot: Bot) -> None:
    """Test users, a share, everybody."""
    bot.sh("WA_ENHANCED_PROCESSING=true wamon config show | grep -A1 conversations", "enabled: true")
    bot.sh("WA_ENHANCED_USERS=test123,beta456 wamon config show | grep test123", "test123")
    for percentage in (10, 50, 100):
        bot.sh(
            f"WA_ENHANCED_ROLLOUT_PERCENTAGE={percentage} wamon config show | grep {percentage}",
            f"percentage: {percentage}",
        )
    bot.office.set(conversations={"percentage": 100})
    bot.tell("$ sed -i 's/percentage: 0/percentage: 100/' wamon.yaml; systemctl reload wamon")
    bot.signal(signal.SIGHUP)
    bot.log("The config was read again.")
    bot.writes(STRANGER, "and now?")
    bot.sql("SELECT count(*) FROM wamon.replies WHERE state = 'sent'", "^5$", soon=True)
    expect(bot, "everybody is answered", bot.api.asked[-1]["target"], STRANGER)
    bot.sh("wamon verify", "clean")


def back(bot: Bot) -> None:
    """At once, and for good; rows stay."""
    bot.sh("wamon replies off", "Replies are off")
    bot.writes(STRANGER, "still there?")
    bot.sql("SELECT count(*) FROM wamon.turns WHERE outcome = 'silent'", "^1$", soon=True)
    bot.sh("wamon replies on", ".")
    bot.sh("WA_ENHANCED_PROCESSING=false wamon config show | grep -A1 conversations", "enabled: false")
    bot.sql("SELECT count(*) >= 2 FROM webhook_conversations", "^t$")
    expect(bot, "nothing was said since", len(bot.api.texts), 5)
    counted = sum(answer["usage"]["total_tokens"] for answer in [says().body] * len(bot.model.asked))
    bot.sql("SELECT sum(total_tokens_used) FROM agent_sessions", f"^{counted}$")


def expect(bot: Bot, what: str, found: object, promised: object) -> None:
    if found != promised:
        raise BrokenPromise(f"{what}\npromised {promised!r}, and it is {found!r}")
    bot.tell(f"✓ {what}")


PARTS = {
    "Install": install,
    "Look": look,
    "Send test messages": send_test_messages,
    "Health": health,
    "Orphans": orphans,
    "Dead letters": dead_letters,
    "The log": logs,
    "Roll-out": roll_out,
    "Back": back,
}


def walk(folder: Path, tell: Callable[[str], object]) -> None:
    """Type all of it. Raises BrokenPromise at the first line that says less than it promises."""
    with demonstration(folder, tell) as bot:
        for heading, part in PARTS.items():
            tell(f"\n## {heading}\n")
            part(bot)


def _remove_server(data: Path) -> None:
    """Root's lies elsewhere than its state directory."""
    for left in data.parent.glob(f"{data.name}*"):
        shutil.rmtree(left) if left.is_dir() else left.unlink()


def main() -> int:
    for name in set(os.environ) - set(environment()):
        del os.environ[name]
    os.environ["PYTHONPATH"] = str(Path(__file__).parents[2])
    with tempfile.TemporaryDirectory(prefix="wamon-bot-") as folder:
        try:
            walk(Path(folder), print)
        except BrokenPromise as broken:
            sys.stdout.flush()
            sys.stderr.write(f"\nThe first that says less than it promises:\n{broken}\n")
            return 1
        finally:
            _remove_server(embedded.home(Path(folder) / "state").data)
    sys.stdout.write("\nAll of it holds.\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
