#!/bin/bash
# When APScheduler's cron triggers run about the night that summer time begins, and on which days. Tried without wamon.
# Exit code: 0 all of it still holds, 1 something has changed, 2 it can't be tried here.
set -u
apscheduler=3.11.3 tzdata=2026.6
folder=$(mktemp -d) || exit 2
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv" 2>"$folder/log" &&
  "$folder/venv/bin/python" -m pip --disable-pip-version-check install --quiet \
    "apscheduler==$apscheduler" "tzdata==$tzdata" 2>"$folder/log" || { tail -n 1 "$folder/log"; exit 2; }
cat >"$folder/tried.py" <<'PYTHON'
"""Each finding: what one would expect of a valid trigger, and what was seen."""
import sys
from datetime import datetime, timedelta, timezone
from zoneinfo import ZoneInfo

from apscheduler.triggers.cron import CronTrigger

# Germany's clocks went from 02:00 to 03:00 on Sunday, 29 March 2026; Finland's from 03:00 to 04:00.
BERLIN, HELSINKI = ZoneInfo("Europe/Berlin"), ZoneInfo("Europe/Helsinki")


def runs(trigger, day, count):
    """When it runs from that day's noon on, asked again a second after each run, as the scheduler does."""
    now = datetime(*day, 12, tzinfo=timezone.utc)
    last, found = None, []
    for _ in range(count):
        last = trigger.get_next_fire_time(last, now.astimezone(trigger.timezone))
        now = last.astimezone(timezone.utc) + timedelta(seconds=1)
        found.append(now.astimezone(trigger.timezone).strftime("%a %d %B %Y %H:%M"))
    return ", ".join(found)


FINDINGS = [
    (
        "every day at midnight, in Berlin",
        "Sun 29, Mon 30 and Tue 31 March: no clock skips or repeats midnight",
        runs(CronTrigger(hour=0, timezone=BERLIN), (2026, 3, 28), 2),
        "Sun 29 March 2026 00:00, Tue 31 March 2026 00:00",
    ),
    (
        "on Mondays at 00:30, in Berlin",
        "Mon 23 and Mon 30 March",
        runs(CronTrigger(day_of_week="mon", hour=0, minute=30, timezone=BERLIN), (2026, 3, 20), 2),
        "Mon 23 March 2026 00:30, Mon 06 April 2026 00:30",
    ),
    (
        "every day at 03:30, in Helsinki",
        "Sat 28 and Mon 30 March: its guide says that this isn't run on that Sunday at all",
        runs(CronTrigger(hour=3, minute=30, timezone=HELSINKI), (2026, 3, 27), 2),
        "Sat 28 March 2026 03:30, Sun 29 March 2026 04:30",
    ),
    (
        "from_crontab('0 8 13 * fri')",
        "Fri 20 November 2026: POSIX's crontab runs on days that match either of the two",
        runs(CronTrigger.from_crontab("0 8 13 * fri", timezone=timezone.utc), (2026, 11, 14), 1),
        "Fri 13 August 2027 08:00",
    ),
]
print(f"APScheduler {sys.argv[1]}, Python {sys.version.split()[0]}")
changed = 0
for what, expected, found, as_found in FINDINGS:
    holds = found == as_found
    changed += not holds
    print(f"{'holds  ' if holds else 'CHANGED'} {what}: expected {expected}; seen: {found}")
sys.exit(1 if changed else 0)
PYTHON
timeout 60 "$folder/venv/bin/python" "$folder/tried.py" "$apscheduler" 2>"$folder/log"
code=$?
if ! [ $code = 0 ] && [ -s "$folder/log" ]; then tail -n 1 "$folder/log"; exit 1; fi
exit $code
