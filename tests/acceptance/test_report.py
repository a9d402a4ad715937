"""`wamon report`: what a day and a week add up to, by the messages' own time in the configured zone."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import timedelta
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from tests.support.bridges import LAWLEY, MOHADIN, VeryGoodPlugins
from tests.support.clock import first_morning
from tests.support.conversations import Talks
from tests.support.office import Office
from tests.support.people import write_people

DAY = first_morning().replace(hour=4) - timedelta(weeks=1, days=first_morning().weekday() + 4)
"""A Thursday of a week that is over, 06:00 in Johannesburg."""
SIPHO, LID, THANDI = "27820000001", "123456789012345", "27820000002"
NEAR_MISS = """
    INSERT INTO wamon.near_miss_rows (chat, sent_at, message_id, written, reason, likely, project, sender)
    SELECT chat, sent_at, message_id, 'DR17<b>', 'too-short', 'DR1752028', project, sender
    FROM wamon.submission_rows WHERE message_id = 'LID'
"""


@pytest.fixture
def office(tmp_path: Path, open_office: Callable[..., Office]) -> Office:
    """Two weeks: on the Thursday new drops, one posted again, one rejected, one taken back, and a near miss."""
    posts: list[tuple[str, str, timedelta, str]] = [
        ("OLD", "DR1000001 DR1000002", -timedelta(days=7), SIPHO),
        ("LAST SECOND", "DR1000003", timedelta(hours=-6, seconds=-1), SIPHO),
        ("FIRST SECOND", "DR1000004", timedelta(hours=-6), SIPHO),
        ("PHONE", "DR1000005", timedelta(0), SIPHO),
        ("LID", "DR1000006", timedelta(hours=1), LID),
        ("AGAIN", "dr 1000001 again", timedelta(hours=2), THANDI),
        ("REJECTED", "DR1000007", timedelta(hours=3), LID),
        ("TAKEN BACK", "DR1000008", timedelta(hours=4), SIPHO),
        ("NEXT DAY", "DR1000009", timedelta(hours=18), SIPHO),
    ]
    with VeryGoodPlugins(tmp_path / "messages.db", seed=1, durable=False) as bridge:
        bridge.now = DAY - timedelta(days=8)
        bridge.chat(LAWLEY, "Lawley")
        bridge.chat(MOHADIN, "Mohadin")
        for message_id, text, after, sender in posts:
            bridge.post(LAWLEY, text, message_id=message_id, at=DAY + after, sender=sender)
        bridge.post(MOHADIN, "DR2000001", at=DAY, sender=THANDI)
        bridge.post(LAWLEY, "", media="image", at=DAY)
    write_people(tmp_path, lids={LID: SIPHO}, names={f"{SIPHO}@s.whatsapp.net": "Sipho M."})
    office = open_office(tmp_path / "messages.db")
    office.scan()
    office.query("UPDATE wamon.submission_rows SET rejected = true WHERE message_id = 'REJECTED'")
    office.query("UPDATE wamon.submission_rows SET live = false WHERE message_id = 'TAKEN BACK'")
    office.query(NEAR_MISS)
    return office


def day(after: int = 0) -> str:
    """The day itself, or one so many days after it."""
    return f"{DAY + timedelta(days=after):%Y-%m-%d}"


def test_a_day_counts_what_was_sent_on_it(office: Office) -> None:
    answer = office.answer("report", "daily", "--date", day())
    lawley, mohadin = (row for row in answer["projects"] if row["project"] in {"Lawley", "Mohadin"})
    assert lawley == {
        "project": "Lawley",
        "new": 3,
        "resubmission": 1,
        "rejected": 1,
        "near_misses": 1,
        "retracted": 1,
        "usual": 2,
        "unchecked": 0,
    }
    assert (mohadin["new"], mohadin["usual"]) == (1, None)
    assert (answer["total"]["new"], answer["complete"]) == (4, True)
    assert (answer["since"], answer["until"]) == (f"{day(-1)}T22:00:00Z", f"{day()}T22:00:00Z")
    assert {bar["label"]: bar["new"] for bar in answer["posts"] if bar["new"]} == {"00": 1, "06": 2, "07": 1}


def test_two_forms_of_a_sender_are_one_person(office: Office) -> None:
    answer = office.answer("report", "daily", "--date", day(), "--project", "Lawley")
    assert [(row["sender"], row["new"], row["rejected"], row["near_misses"]) for row in answer["senders"]] == [
        ("Sipho M. …0001", 3, 1, 1),
        ("…0002", 0, 0, 0),
    ]


def test_it_says_who_must_do_what_again(office: Office) -> None:
    answer = office.answer("report", "daily", "--date", day())
    assert answer["rejected"] == [
        {
            "project": "Lawley",
            "drop_number": "DR1000007",
            "sent_at": f"{day()}T07:00:00Z",
            "sender": "Sipho M. …0001",
        }
    ]
    (again,) = answer["resubmissions"]
    assert (again["sender"], again["first_sender"]) == ("…0002", "Sipho M. …0001")
    assert again["first_sent_at"] == f"{day(-7)}T04:00:00Z"
    (near,) = answer["near_misses"]
    assert (near["written"], near["likely"], near["sender"]) == ("DR17<b>", "DR1752028", "Sipho M. …0001")


def test_a_week_is_compared_with_the_one_before(office: Office) -> None:
    answer = office.answer("report", "weekly", "--date", day(3), "--project", "Lawley")
    (lawley,) = answer["projects"]
    assert (answer["first_day"], answer["last_day"]) == (day(-3), day(3))
    assert (lawley["new"], lawley["usual"]) == (5, 2)
    assert {bar["label"]: bar["new"] for bar in answer["posts"] if bar["new"]} == {"Wed": 1, "Thu": 3, "Fri": 1}


def test_the_same_message_in_two_sources_counts_once(office: Office) -> None:
    before = office.answer("report", "weekly", "--date", day())
    office.set(bridge={"name": "second"}, state={"dir": "state2"})
    office.scan()
    office.query("UPDATE wamon.submission_rows SET rejected = true WHERE message_id = 'REJECTED'")
    office.query("UPDATE wamon.submission_rows SET live = false WHERE message_id = 'TAKEN BACK'")
    after = office.answer("report", "weekly", "--date", day())
    assert {**after, "gaps": 0} == {**before, "gaps": 0}


def test_a_report_without_its_bridge_says_that_gaps_are_unknown(office: Office) -> None:
    office.store.rename(office.store.with_name("away.db"))
    answer = office.answer("report", "daily", "--date", day())
    assert (answer["total"]["new"], answer["gaps"]) == (4, [])
    assert "isn't there" in answer["gaps_unknown"]
    assert "Nothing is known of them now" in office.run("report", "daily", "--date", day()).stdout


def test_gaps_of_the_day_come_with_their_meaning(office: Office) -> None:
    answer = office.answer("report", "daily", "--date", day())
    assert [(gap["kind"], gap["detail"]) for gap in answer["gaps"] if gap["kind"] == "captions"] == [
        ("captions", "1 photos or videos")
    ]
    assert "didn't keep it" in office.run("report", "daily", "--date", day()).stdout
    earlier = office.answer("report", "daily", "--date", day(-7))
    assert [gap for gap in earlier["gaps"] if gap["kind"] == "captions"] == []


@pytest.mark.parametrize("width", [60, 80, 200])
def test_text_fits_the_terminal_and_80_columns(office: Office, width: int) -> None:
    done = office.run("report", "daily", "--date", day(), COLUMNS=str(width))
    assert done.stdout.startswith(f"Daily report: {DAY:%A %-d %B %Y}\n")
    assert all(len(line) <= min(width, 80) for line in done.stdout.splitlines())
    assert "DR1000007" in done.stdout
    assert width < 80 or "too short" in done.stdout


class Page(HTMLParser):
    """Whether each element is closed in its turn, and what the page refers to."""

    VOID = ("meta", "link", "rect", "line", "br")

    def __init__(self, text: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.wrong: list[str] = []
        self.refers: list[str] = []
        self.ids: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.refers += [named[name] or "" for name in ("src", "href", "xlink:href", "action") if name in named]
        self.ids += [named["id"] or ""] if "id" in named else []
        self.wrong += [tag] if tag == "script" else []
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        pass

    def handle_endtag(self, tag: str) -> None:
        if not self.open or self.open.pop() != tag:
            self.wrong.append(tag)


@pytest.mark.parametrize("kind", ["daily", "weekly"])
def test_the_page_is_whole_escaped_and_needs_nothing_from_elsewhere(office: Office, kind: str) -> None:
    talked(office)
    file = office.folder / "report.html"
    done = office.run("report", kind, "--date", day(), "--format", "html", "--output", str(file))
    assert (done.returncode, done.stdout) == (0, f"The report is in {file}.\n")
    text = file.read_text("utf-8")
    page: Any = Page(text)
    assert (page.open, page.wrong, page.refers) == ([], [], ["data:,"])
    assert len(page.ids) == len(set(page.ids))
    assert not re.search(r"https?:|url\(|@import|//\w", text)
    assert "DR17&lt;b&gt;" in text
    assert "Sipho M. …0001" in text
    assert text.count("<rect") > 3
    assert text.count("<td") == text.count(" data-label=")  # what a narrow screen shows before each
    assert ("one-to-one" in text, "2 min</td>" in text) == (kind == "weekly", True)


def talked(office: Office) -> None:
    """On the Thursday three bursts of Lawley, of which two were answered; the day before one to a number of ours."""
    talks = Talks(office.dsn)
    direct, lawley = talks.chat(), talks.chat(jid=LAWLEY, kind="group")
    sipho, thandi = talks.person(SIPHO), talks.person(THANDI)
    conversation = talks.conversation(sipho, lawley, "idle", last=3, answered=3)
    talks.burst(conversation, 1, DAY, after=63)
    talks.burst(conversation, 2, DAY, after=241, follow_up=True)
    talks.burst(conversation, 3, DAY, "stale", missed=1_234)
    talks.burst(talks.conversation(thandi, direct, "idle", answered=1), 1, DAY - timedelta(days=1), "silent")


def test_a_day_says_how_bursts_were_answered(office: Office) -> None:
    talked(office)
    answer = office.answer("report", "daily", "--date", day())
    figures = {"bursts": 3, "answers": 2, "p50_seconds": 152.0, "p95_seconds": 232.1}
    figures |= {"follow_ups": 1, "follow_up_rate": 0.333, "missed": 1234}
    assert answer["conversations"] == [{"project": "Lawley", **figures}]
    assert answer["conversation_days"] == [{"project": "Lawley", **figures, "day": day()}]
    done = office.run("report", "daily", "--date", day())
    assert re.search(r"\bLawley +3 +2 +2 min +3 min +33% +1,234\n", done.stdout)
    assert "by day" not in done.stdout


def test_a_week_says_so_of_each_day_with_bursts_too(office: Office) -> None:
    talked(office)
    done = office.run("report", "weekly", "--date", day())
    (whole, by_day) = done.stdout.split("Conversations by day")
    assert re.search(r"\bone-to-one +1 +0 +— +— +0% +0\n", whole)
    found = re.findall(r"(\w{3} \d\d) +(one|Lawley)\S* +(\d)", by_day)
    assert found == [(f"{DAY - timedelta(days=1):%a %d}", "one", "1"), (f"{DAY:%a %d}", "Lawley", "3")]
    assert all(len(line) <= 80 for line in done.stdout.splitlines())


@pytest.mark.parametrize("words", [("daily",), ("weekly", "--format", "html"), ("daily", "--format", "html")])
def test_where_nobody_wrote_nothing_is_said_of_conversations(office: Office, words: tuple[str, ...]) -> None:
    assert "onversation" not in office.run("report", *words, "--date", day()).stdout


def test_what_is_no_day_or_project_is_said(office: Office) -> None:
    for words in (("--date", "24h"), ("--date", "Tuesday"), ("--project", "Lawly"), ("--output", "/nowhere/x.html")):
        done = office.run("report", "daily", *words)
        assert (done.returncode, done.stdout) == (2, "")


def test_a_day_ahead_and_a_day_without_posts_are_empty_and_no_error(office: Office) -> None:
    assert "It has not begun." in office.run("report", "daily", "--date", day(1000)).stdout
    assert office.answer("report", "weekly", "--date", day(-300))["total"]["new"] == 0
    assert office.run("report", "daily", "--format", "html").returncode == 0
