"""What the service's files, times and history say, without any systemd."""

from __future__ import annotations

import json
import os
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
import yaml

from tests.support.clock import Standing
from wamon.config.credentials import with_credentials
from wamon.config.load import defaults, load
from wamon.config.schema import Config
from wamon.errors import ConfigError, Fatal, UsageError
from wamon.health.check import State
from wamon.host.process import Process
from wamon.service import history, hygiene, restart_log, schedule
from wamon.service.checks import last_night, sound
from wamon.service.installation import ChangedByHand, remove, write
from wamon.service.nightly import Nightly, nightly
from wamon.service.restart_log import Event
from wamon.service.systemd import Systemd
from wamon.service.units import Host, Service, Web, installed, listens_on, rendered, state_of

SHIPPED = Path(__file__).parents[3] / "systemd"
UTC_ZONE = ZoneInfo("UTC")
WINTER = datetime(2026, 1, 10, 12, tzinfo=UTC)
SUMMER = datetime(2026, 7, 10, 12, tzinfo=UTC)
JOHANNESBURG = schedule.parsed("03:00", "Africa/Johannesburg")
BERLIN = schedule.parsed("03:00", "Europe/Berlin")


@pytest.fixture
def clock() -> Standing:
    return Standing(WINTER)


def host(**other: Any) -> Host:
    usual = {"command": ["/opt/wamon/bin/wamon"], "account": "bridge", "config": Path("/etc/wamon/wamon.yaml")}
    return Host(**{**usual, "store": Path("/srv/bridge/store/messages.db"), **other})


def rendered_unit(service: Service, **other: Any) -> str:
    return rendered(service, host(**other), JOHANNESBURG, None)[service.unit_file(service.unit)]


# When


@pytest.mark.parametrize("now", [WINTER, SUMMER])
def test_three_in_johannesburg_is_one_in_utc_all_year(now: datetime) -> None:
    cron = schedule.for_cron(JOHANNESBURG, UTC_ZONE, now)
    assert (cron.minute, cron.hour, cron.steady) == (0, 1, True)
    assert cron.sentence == "03:00 in Africa/Johannesburg is 01:00 in UTC, all year."


@pytest.mark.parametrize(("now", "hour", "other"), [(WINTER, 2, "01:00"), (SUMMER, 1, "02:00")])
@pytest.mark.fault("F55")
def test_a_zone_whose_clocks_change_is_converted_for_now_and_that_is_said(now: datetime, hour: int, other: str) -> None:
    cron = schedule.for_cron(BERLIN, UTC_ZONE, now)
    assert (cron.hour, cron.steady) == (hour, False)
    assert f"now, but {other} when clocks have changed" in cron.sentence


def test_two_zones_whose_clocks_change_on_other_days_are_not_steady() -> None:
    cron = schedule.for_cron(schedule.parsed("03:00", "America/New_York"), ZoneInfo("Europe/Berlin"), WINTER)
    assert (cron.hour, cron.steady) == (9, False)


def test_a_host_in_the_operators_zone_needs_no_conversion_even_where_clocks_change() -> None:
    cron = schedule.for_cron(BERLIN, ZoneInfo("Europe/Berlin"), WINTER)
    assert (cron.hour, cron.steady) == (3, True)


def test_an_hour_that_a_change_of_the_clocks_leaves_out_is_not_steady() -> None:
    cron = schedule.for_cron(schedule.parsed("02:30", "Europe/Berlin"), ZoneInfo("Europe/Berlin"), WINTER)
    assert not cron.steady


@pytest.mark.parametrize(
    ("planned", "host_zone", "told"),
    [
        (JOHANNESBURG, "UTC", "03:00 in Africa/Johannesburg, which is 01:00 in UTC, this host's zone"),
        (JOHANNESBURG, "Africa/Johannesburg", "03:00 in Africa/Johannesburg"),
        (
            JOHANNESBURG,
            "Africa/Harare",
            "03:00 in Africa/Johannesburg, and the same in Africa/Harare, this host's zone",
        ),
        (
            BERLIN,
            "UTC",
            "03:00 in Europe/Berlin, which is 02:00 in UTC, this host's zone, and 01:00 when clocks have changed",
        ),
    ],
)
def test_the_nightly_restart_is_told_by_both_clocks(planned: schedule.Schedule, host_zone: str, told: str) -> None:
    assert schedule.on_host(planned, ZoneInfo(host_zone), WINTER) == told


def test_the_next_and_the_last_time_follow_the_zones_clock() -> None:
    before_the_change = datetime(2026, 3, 28, 12, tzinfo=UTC)
    assert BERLIN.before(before_the_change) == datetime(2026, 3, 28, 2, tzinfo=UTC)
    assert BERLIN.after(before_the_change) == datetime(2026, 3, 29, 1, tzinfo=UTC)
    exactly = datetime(2026, 1, 10, 1, tzinfo=UTC)
    assert JOHANNESBURG.before(exactly) == exactly
    assert JOHANNESBURG.after(exactly) == exactly + timedelta(days=1)


@pytest.mark.parametrize("text", ["25:00", "3", "03:60", "0300", "", "03:00:00", "\u0660\u0663:00"])
def test_what_is_no_time_of_the_day_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match="--restart-at"):
        schedule.parsed(text, "UTC")


def test_what_is_no_zone_is_refused_with_a_near_one() -> None:
    with pytest.raises(UsageError, match="Africa/Johannesburg"):
        schedule.parsed("03:00", "Africa/Johanesburg")


# Files


SINGLE = ("wamon.service", "wamon-restart.service", "wamon-web.service", "wamon-web.socket", "wamon-postgres.service")


def test_the_shipped_units_of_one_and_of_several_differ_only_in_names() -> None:
    """So that what is mended in one is mended in the other."""
    pairs = {name: name.replace(".", "@.") for name in SINGLE}
    for one, several in pairs.items():
        settings = [re.sub(r"^#.*\n", "", (SHIPPED / name).read_text(), flags=re.MULTILINE) for name in (one, several)]
        same = settings[1].replace("/etc/wamon/%i.yaml", "/etc/wamon/wamon.yaml").replace("wamon restart %i", "wamon")
        same = (
            re.sub(r"%i\.(database|alert|reply|web|secrets)", r"\1", same)
            .replace("wamon-%i", "wamon")
            .replace("wamon %i", "wamon")
            .replace("@%i", "")
            .replace(" of %i", "")
        )
        assert same.replace(" --instance %i", "") == settings[0]


def test_a_hosts_own_names_stand_in_its_units() -> None:
    service = Service(Path("/"))
    contents = rendered(service, host(), BERLIN, None)
    unit = contents[Path("/etc/systemd/system/wamon.service")]
    lines = unit.splitlines()
    assert "ExecStart=/opt/wamon/bin/wamon run --standby" in lines
    assert "ExecStopPost=/opt/wamon/bin/wamon service stopped" in lines
    assert "User=bridge" in lines
    assert "ReadOnlyPaths=-/srv/bridge/store" in lines
    assert "/usr/bin/env" not in unit
    assert "OnCalendar=*-*-* 03:00:00 Europe/Berlin" in contents[service.unit_file(service.timer)].splitlines()


def test_an_instance_has_its_own_config_state_and_credential() -> None:
    service = Service(Path("/"), "prod")
    unit = rendered_unit(service, config=service.config)
    for line in (
        "Environment=WAMON_CONFIG=/etc/wamon/prod.yaml",
        "StateDirectory=wamon-%i",
        "Environment=WAMON_STATE_DIR=/var/lib/wamon-%i",
        "LoadCredential=database-url:/etc/wamon/%i.database-url",
        "LoadCredential=alert-url:/etc/wamon/%i.alert-url",
        "LoadCredential=reply-token:/etc/wamon/%i.reply-token",
    ):
        assert line in unit.splitlines()
    contents = rendered(service, host(), JOHANNESBURG, None)
    assert {path.name for path in contents} == {
        "wamon@prod.service",
        "wamon-restart@prod.service",
        "wamon-restart@prod.timer",
    }


def test_paths_keep_their_meaning_in_a_unit() -> None:
    unit = rendered_unit(
        Service(Path("/")), command=["/opt/my $wamon/100%/wamon"], config=Path('/etc/a "config".yaml'), store=None
    )
    assert 'ExecStart="/opt/my $$wamon/100%%/wamon" run --standby' in unit.splitlines()
    assert 'Environment="WAMON_CONFIG=/etc/a \\"config\\".yaml"' in unit.splitlines()


def test_the_pages_units_stand_beside_with_their_own_socket_and_server(tmp_path: Path) -> None:
    service = Service(tmp_path, "dev")
    host = Host(["/opt/wamon/bin/wamon"], "bridge", Path("/etc/wamon/dev.yaml"), None)
    contents = rendered(service, host, None, None, Web("127.0.0.1:8007", embedded=True))
    socket = contents[service.unit_file("wamon-web@dev.socket")]
    web, server = (contents[service.unit_file(f"wamon-{name}@dev.service")] for name in ("web", "postgres"))
    assert "ListenStream=127.0.0.1:8007\n" in socket
    assert "ExecStart=/opt/wamon/bin/wamon web\n" in web
    assert "ExecStart=/opt/wamon/bin/wamon db serve\n" in server
    for unit in (web, server):
        assert "User=bridge\n" in unit
        assert "Environment=WAMON_CONFIG=/etc/wamon/dev.yaml\n" in unit
    write(contents, service)
    assert listens_on(service) == "127.0.0.1:8007"
    assert set(remove(service)) == set(contents)


def test_a_server_elsewhere_needs_no_unit(tmp_path: Path) -> None:
    host = Host(["wamon"], "wamon", Path("/etc/wamon/wamon.yaml"), None)
    contents = rendered(Service(tmp_path), host, None, None, Web("127.0.0.1:8006", embedded=False))
    assert Service(tmp_path).postgres_file not in contents


def test_what_lies_in_a_home_stays_visible_to_the_service() -> None:
    assert "ProtectHome=yes" in rendered_unit(Service(Path("/")))
    assert "ProtectHome=read-only" in rendered_unit(Service(Path("/")), store=Path("/home/bridge/store/messages.db"))


@pytest.mark.fault("F88")
def test_a_linked_store_stays_visible_and_its_real_folder_is_read_only(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    link = tmp_path / "messages.db"
    link.symlink_to(tmp_path / "real" / "messages.db")
    unit = rendered_unit(Service(Path("/")), store=link)
    assert f"ReadOnlyPaths=-{tmp_path}/real" in unit.splitlines()
    assert "ProtectHome=yes" in unit
    link.unlink()
    link.symlink_to("/home/bridge/store/messages.db")
    unit = rendered_unit(Service(Path("/")), store=link)
    assert "ReadOnlyPaths=-/home/bridge/store" in unit.splitlines()
    assert "ProtectHome=read-only" in unit


@pytest.mark.parametrize("name", ["", "a b", "../x", "-x", "a.b", "x" * 65, "ä"])
def test_what_is_no_name_of_an_instance_is_refused(name: str) -> None:
    with pytest.raises(UsageError, match="--instance"):
        Service(Path("/"), name)


def install(
    service: Service, planned: schedule.Schedule | None = JOHANNESBURG, *, cron: bool = False
) -> dict[Path, str]:
    by_cron = schedule.for_cron(planned, UTC_ZONE, WINTER) if planned and cron else None
    return write(rendered(service, host(), planned, by_cron), service)


def enable(service: Service, at: datetime = WINTER - timedelta(days=30)) -> None:
    """As `systemctl enable` does it, at that time."""
    link = service.unit_file("timers.target.wants") / service.timer
    link.parent.mkdir(exist_ok=True)
    link.symlink_to(Path("/etc/systemd/system") / service.timer)
    for path in (link, service.unit_file(service.timer)):
        os.utime(path, (at.timestamp(), at.timestamp()), follow_symlinks=False)


def test_an_install_done_again_changes_nothing_and_one_with_another_hour_updates(tmp_path: Path) -> None:
    service = Service(tmp_path)
    assert set(install(service).values()) == {"written"}
    assert set(install(service).values()) == {"unchanged"}
    told = install(service, schedule.parsed("04:00", "UTC"))
    assert {path.name for path, state in told.items() if state == "updated"} == {"wamon-restart.timer"}
    assert {oct(path.stat().st_mode & 0o777) for path in told} == {"0o644"}


def test_cron_takes_the_timers_place_and_gives_it_back(tmp_path: Path) -> None:
    service = Service(tmp_path)
    install(service)
    told = install(service, cron=True)
    assert told[service.unit_file(service.timer)] == "removed"
    assert service.cron_file.read_text().splitlines()[-1] == "0 1 * * * root /opt/wamon/bin/wamon restart >/dev/null"
    install(service)
    assert not service.cron_file.exists()
    assert service.unit_file(service.timer).exists()


def test_a_unit_that_somebody_changed_is_not_written_over_and_nothing_else_is_written(tmp_path: Path) -> None:
    service = Service(tmp_path)
    timer = service.unit_file(service.timer)
    install(service)
    timer.write_text(timer.read_text().replace("03:00", "05:00"))
    before = {path: path.read_text() for path in service.all_files() if path.exists()}
    with pytest.raises(ChangedByHand, match=re.escape(str(timer))):
        install(service, cron=True)
    with pytest.raises(ChangedByHand):
        remove(service)
    assert {path: path.read_text() for path in service.all_files() if path.exists()} == before


def test_a_unit_that_wamon_did_not_write_counts_as_changed(tmp_path: Path) -> None:
    service = Service(tmp_path)
    service.unit_file("").mkdir(parents=True)
    service.unit_file(service.unit).write_text((SHIPPED / "wamon.service").read_text())
    assert state_of(service.unit_file(service.unit)) == "changed"


def test_an_install_that_fails_half_way_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    service = Service(tmp_path)
    calls = iter([None, None, OSError(28, "No space left on device", "x")])

    def fsync(_: int) -> None:
        if error := next(calls):
            raise error

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(Fatal, match="No space left"):
        install(service)
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_removing_takes_everything_that_was_written(tmp_path: Path) -> None:
    service = Service(tmp_path, "dev")
    install(service)
    install(Service(tmp_path))
    remove(service)
    left = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert sorted(left) == ["wamon-restart.service", "wamon-restart.timer", "wamon.service"]


def test_what_a_drop_in_says_holds(tmp_path: Path) -> None:
    service = Service(tmp_path, "prod")
    install(service)
    folder = service.unit_file("wamon@prod.service.d")
    folder.mkdir()
    (folder / "my.conf").write_text('[Service]\nUser=dba\nEnvironment="WAMON_CONFIG=/srv/my config.yaml" OTHER=1\n')
    found = installed(service)
    assert found
    assert found.account == "dba"
    assert found.environ == {"WAMON_CONFIG": "/srv/my config.yaml", "WAMON_STATE_DIR": "/var/lib/wamon-prod"}
    assert found.credential == Path("/etc/wamon/prod.database-url")


@pytest.mark.parametrize("cron", [False, True])
def test_the_installed_files_tell_the_schedule(tmp_path: Path, cron: bool) -> None:
    service = Service(tmp_path)
    assert nightly(service, Systemd(tmp_path)) == Nightly(None, None, None)
    install(service, BERLIN, cron=cron)
    if not cron:
        enable(service)
    found = nightly(service, Systemd(tmp_path))
    assert (found.planned, found.off) == (BERLIN, None)


@pytest.mark.parametrize("instance", [None, "prod"])
def test_a_timer_that_is_not_enabled_is_switched_off(tmp_path: Path, instance: str | None) -> None:
    service = Service(tmp_path, instance)
    install(service)
    enable(service)
    assert nightly(service, Systemd(tmp_path)).planned == JOHANNESBURG
    (service.unit_file("timers.target.wants") / service.timer).unlink()
    found = nightly(service, Systemd(tmp_path))
    assert (found.planned, found.off) == (None, f"{service.timer} isn't enabled")


def comment_out(cron_file: Path) -> None:
    cron_file.write_text(re.sub(r"^(?=\d)", "# ", cron_file.read_text(), flags=re.MULTILINE))


def test_a_line_of_cron_that_is_commented_out_is_switched_off(tmp_path: Path) -> None:
    service = Service(tmp_path)
    install(service, cron=True)
    comment_out(service.cron_file)
    found = nightly(service, Systemd(tmp_path))
    assert (found.planned, found.off) == (None, f"{service.cron_file} has no line that restarts it")


def test_a_service_installed_without_a_restart_has_neither_timer_nor_cron_and_is_switched_off(tmp_path: Path) -> None:
    service = Service(tmp_path)
    install(service)
    told = install(service, None)
    assert {path.name: state for path, state in told.items()} == {
        "wamon.service": "unchanged",
        "wamon-restart.service": "removed",
        "wamon-restart.timer": "removed",
    }
    assert nightly(service, Systemd(tmp_path)).off == "wamon.service is installed without one"


def test_services_that_cron_restarts_at_one_hour_share_a_line(tmp_path: Path) -> None:
    prod, dev = Service(tmp_path, "prod"), Service(tmp_path, "dev")
    later = schedule.parsed("04:30", "Africa/Johannesburg")

    def lines() -> list[str]:
        return [line for line in prod.cron_file.read_text().splitlines() if line[0].isdecimal()]

    wamon = "/opt/wamon/bin/wamon restart --instance"
    install(prod, cron=True)
    install(dev, cron=True)
    assert lines() == [f"0 1 * * * root {wamon} prod >/dev/null; {wamon} dev >/dev/null"]
    assert [path.name for path in prod.cron_file.parent.iterdir()] == ["wamon-restart"]
    assert set(install(prod, cron=True).values()) == {"unchanged"}
    install(dev, later, cron=True)
    assert lines() == [f"0 1 * * * root {wamon} prod >/dev/null", f"30 2 * * * root {wamon} dev >/dev/null"]
    assert nightly(prod, Systemd(tmp_path)).planned == JOHANNESBURG
    assert nightly(dev, Systemd(tmp_path)).planned == later
    install(prod, None)
    assert lines() == [f"30 2 * * * root {wamon} dev >/dev/null"]
    assert nightly(prod, Systemd(tmp_path)).off == "wamon@prod.service is installed without one"
    install(prod, cron=True)
    remove(dev)
    assert lines() == [f"0 1 * * * root {wamon} prod >/dev/null"]
    remove(prod)
    assert not prod.cron_file.exists()


def test_a_line_that_two_share_and_somebody_commented_out_switches_both_off(tmp_path: Path) -> None:
    prod, dev = Service(tmp_path, "prod"), Service(tmp_path, "dev")
    install(prod, cron=True)
    install(dev, cron=True)
    comment_out(prod.cron_file)
    assert [nightly(service, Systemd(tmp_path)).planned for service in (prod, dev)] == [None, None]
    with pytest.raises(ChangedByHand):
        install(dev, cron=True)


def test_cron_counts_where_the_timer_is_switched_off_beside_it(tmp_path: Path) -> None:
    service = Service(tmp_path)
    install(service)
    service.cron_file.parent.mkdir(parents=True)
    service.cron_file.write_text("# 04:00 in UTC is 04:00 in UTC\n0 4 * * * root wamon restart\n")
    assert nightly(service, Systemd(tmp_path)).planned == schedule.parsed("04:00", "UTC")


# What is kept


def test_a_start_is_kept_once_however_often_it_is_said(tmp_path: Path, clock: Standing) -> None:
    for _ in range(3):
        restart_log.note_start(tmp_path, clock)
    [event] = restart_log.events(tmp_path)
    assert (event.what, event.said["pid"], event.at) == ("started", os.getpid(), WINTER)
    assert event.said["memory_bytes"] > 1_000_000
    assert (tmp_path / restart_log.FILE).stat().st_mode & 0o777 == 0o600


def test_a_torn_line_costs_nothing_but_itself(tmp_path: Path, clock: Standing) -> None:
    restart_log.note_planned(tmp_path, clock)
    with (tmp_path / restart_log.FILE).open("a") as file:
        file.write('nonsense\n[1]\n{"at": 3}\n{"at": "2026-01-10T12:0')
    restart_log.note_stop(tmp_path, clock, {"SERVICE_RESULT": "success", "EXIT_CODE": "exited", "EXIT_STATUS": "0"})
    assert [event.what for event in restart_log.events(tmp_path)] == ["planned", "stopped"]


@pytest.mark.fault("F8")
def test_a_crash_loop_of_weeks_neither_fills_the_disk_nor_buries_the_nights(
    tmp_path: Path, clock: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restart_log, "MOST_BYTES", 8 * 1024)
    for number in range(600):
        clock.moment += timedelta(seconds=5)
        if number % 100 == 0:
            restart_log.note_planned(tmp_path, clock)
        restart_log.note_stop(tmp_path, clock, {"SERVICE_RESULT": "exit-code", "EXIT_STATUS": "78"})
    assert (tmp_path / restart_log.FILE).stat().st_size <= 8 * 1024
    kept = restart_log.events(tmp_path)
    assert len([event for event in kept if event.what == "planned"]) == 6
    assert kept[-1].at == clock.moment


def test_a_link_in_the_files_place_is_not_followed(
    tmp_path: Path, clock: Standing, caplog: pytest.LogCaptureFixture
) -> None:
    """Root may be the one who writes into a folder that belongs to another account."""
    victim = tmp_path / "victim"
    victim.write_text("precious")
    (tmp_path / restart_log.FILE).symlink_to(victim)
    restart_log.note_planned(tmp_path, clock)
    assert victim.read_text() == "precious"


def said(result: str, code: str = "exited", status: str = "0") -> dict[str, str]:
    return {"result": result, "code": code, "status": status}


@pytest.mark.parametrize(
    ("stop", "reason"),
    [
        (said("success"), "stopped"),
        (said("watchdog", "dumped", "ABRT"), "watchdog"),
        (said("oom-kill", "killed", "KILL"), "memory"),
        (said("signal", "killed", "KILL"), "killed"),
        (said("core-dump", "dumped", "SEGV"), "crash"),
        (said("timeout", "killed", "TERM"), "timeout"),
        (said("exit-code", status="78"), "config"),
        (said("exit-code", status="69"), "unavailable"),
        (said("exit-code", status="70"), "promise"),
        (said("exit-code", status="75"), "busy"),
        (said("exit-code", status="1"), "crash"),
        (said("exit-code", status="203"), "crash"),
        (said("resources"), "crash"),
        ({}, "unknown"),
    ],
)
def test_systemds_words_become_a_reason(stop: dict[str, str], reason: str) -> None:
    assert history.reason(stop) == reason


def event(minute: float, what: str, **said: object) -> Event:
    return Event(WINTER + timedelta(minutes=minute), what, said)


def test_a_stop_that_was_announced_is_planned_and_the_next_one_is_not() -> None:
    found = history.restarts(
        [
            event(0, "started"),
            event(10, "planned"),
            event(10.1, "stopped", **said("success")),
            event(10.2, "started"),
            event(11, "stopped", **said("success")),
        ]
    )
    assert [(one.reason, one.back_at) for one in found] == [
        ("planned", WINTER + timedelta(minutes=10.2)),
        ("stopped", None),
    ]


def test_a_crash_right_after_an_announced_restart_is_a_crash() -> None:
    found = history.restarts([event(0, "planned"), event(0.1, "stopped", **said("watchdog", "dumped", "ABRT"))])
    assert [one.reason for one in found] == ["watchdog"]


def test_an_announcement_that_led_to_nothing_excuses_no_later_stop() -> None:
    found = history.restarts([event(0, "planned"), event(30, "stopped", **said("success"))])
    assert [one.reason for one in found] == ["stopped"]


def test_an_end_that_nobody_saw_is_told_as_unknown() -> None:
    found = history.restarts([event(0, "started"), event(9, "started")])
    assert [(one.reason, one.back_at) for one in found] == [("unknown", WINTER + timedelta(minutes=9))]


@pytest.mark.fault("F59")
def test_who_runs_is_known_by_more_than_a_process_number(tmp_path: Path, clock: Standing) -> None:
    restart_log.note_start(tmp_path, clock)
    [started] = restart_log.events(tmp_path)
    found = history.running([started], clock)
    assert found
    assert found.pid == os.getpid()
    assert found.uptime_seconds > 0
    assert found.memory_bytes
    for other in ({"process_started": 1}, {"boot": "another"}, {"host": "another"}, {"pid": "x"}):
        changed = started._replace(said={**started.said, **other})
        assert history.running([changed], clock) is None


def test_last_night_happened_or_not_or_is_not_known() -> None:
    due = datetime(2026, 1, 10, 1, tzinfo=UTC)
    kept = [Event(due - timedelta(days=2), "started", {})]
    assert history.last_night([], JOHANNESBURG, WINTER, None).happened is None
    assert history.last_night(kept, JOHANNESBURG, WINTER, None).happened is False
    planned = [*kept, Event(due, "planned", {}), Event(due, "stopped", said("success"))]
    assert history.last_night(planned, JOHANNESBURG, WINTER, None).happened is False, "it never came back"
    back = [*planned, Event(due + timedelta(seconds=9), "started", {})]
    night = history.last_night(back, JOHANNESBURG, WINTER, None)
    assert (night.due_at, night.happened, night.back_at) == (due, True, due + timedelta(seconds=9))


def test_a_night_before_the_restart_was_planned_was_not_missed() -> None:
    due = datetime(2026, 1, 10, 1, tzinfo=UTC)
    kept = [Event(due - timedelta(days=2), "started", {})]
    assert history.last_night(kept, JOHANNESBURG, WINTER, due).happened is False
    assert history.last_night(kept, JOHANNESBURG, WINTER, due + timedelta(hours=6)).happened is None


def test_a_restart_that_is_due_this_minute_is_not_missed_yet() -> None:
    night = history.last_night([], JOHANNESBURG, datetime(2026, 1, 10, 1, 1, tzinfo=UTC), None)
    assert night.due_at == datetime(2026, 1, 9, 1, tzinfo=UTC)


def test_all_of_it_together(tmp_path: Path, clock: Standing) -> None:
    service, state = Service(tmp_path), tmp_path / "state"
    install(service)
    enable(service)
    clock.moment = datetime(2026, 1, 9, 12, tzinfo=UTC)
    restart_log.note_stop(state, clock, {"SERVICE_RESULT": "watchdog", "EXIT_CODE": "dumped", "EXIT_STATUS": "ABRT"})
    restart_log.note_start(state, clock)
    clock.moment = WINTER
    found = hygiene.collect(service, Systemd(tmp_path), state, clock)
    assert found.installed
    assert found.running
    assert [one.reason for one in found.restarts] == ["watchdog"]
    assert found.next_at == datetime(2026, 1, 11, 1, tzinfo=UTC)
    assert found.night
    assert found.night.happened is False


# The doctor's checks


def settings(folder: Path) -> Config:
    path = folder / "wamon.yaml"
    path.write_text(yaml.safe_dump({"state": {"dir": str(folder / "state")}}))
    return load(path, {})


def test_without_a_unit_the_doctor_says_so_and_nothing_of_nights(tmp_path: Path) -> None:
    [check] = sound(settings(tmp_path), Standing(WINTER), tmp_path)
    assert (check.name, check.state) == ("service.unit", State.WARN)
    assert "wamon doesn't run" in check.sentence


def serve(service: Service, state: Path) -> None:
    """Say that the installed unit works on this state, of which something older than last night is kept."""
    drop_in = service.unit_file(f"{service.unit}.d") / "x.conf"
    drop_in.parent.mkdir()
    drop_in.write_text(f"[Service]\nEnvironment=WAMON_STATE_DIR={state}\n")
    restart_log.note_stop(state, Standing(WINTER - timedelta(days=3)), {"SERVICE_RESULT": "success"})


def test_the_doctor_warns_of_a_missed_night_and_of_unforeseen_restarts(tmp_path: Path) -> None:
    service, state = Service(tmp_path), tmp_path / "state"
    install(service)
    enable(service)
    serve(service, state)
    for _ in range(2):
        restart_log.note_stop(state, Standing(WINTER), {"SERVICE_RESULT": "exit-code", "EXIT_STATUS": "78"})
    unit, night, unforeseen = sound(settings(tmp_path), Standing(WINTER), tmp_path)
    assert (unit.name, unit.state) == ("service.unit", State.UNKNOWN)
    assert (night.state, "didn't happen" in night.sentence) == (State.WARN, True)
    assert (unforeseen.state, dict(unforeseen.numbers)) == (State.WARN, {"config": 2})


def test_the_daemon_hears_of_a_missed_night_of_the_service_that_it_is(tmp_path: Path) -> None:
    service, state = Service(tmp_path), tmp_path / "state"
    install(service)
    enable(service)
    assert last_night(state, Standing(WINTER), tmp_path) == []
    serve(service, state)
    [missed] = last_night(state, Standing(WINTER), tmp_path)
    assert (missed.name, missed.state) == ("service.nightly", State.WARN)


@pytest.mark.parametrize("how", ["timer", "cron", "never"])
def test_nobody_is_warned_of_a_restart_that_is_switched_off(tmp_path: Path, how: str) -> None:
    service, state = Service(tmp_path), tmp_path / "state"
    install(service, None if how == "never" else JOHANNESBURG, cron=how == "cron")
    if how == "cron":
        comment_out(service.cron_file)
    serve(service, state)
    [told] = last_night(state, Standing(WINTER), tmp_path)
    _, said_by_the_doctor, _ = sound(settings(tmp_path), Standing(WINTER), tmp_path)
    for check in (told, said_by_the_doctor):
        assert (check.name, check.state) == ("service.nightly", State.OK)
        assert check.sentence.startswith("The nightly restart is switched off: ")


# The credential


def test_the_databases_url_comes_from_systemds_credential(tmp_path: Path) -> None:
    (tmp_path / "database-url").write_text("postgresql://wamon@db/wamon\n")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path), "WAMON_STATE_DIR": str(tmp_path)}
    for found in (defaults(environ), load(SHIPPED.parent / "config/wamon.yaml", environ)):
        assert found.database.url
        assert found.database.url.get_secret_value() == "postgresql://wamon@db/wamon"


def test_the_alerts_secrets_come_from_systemds_credentials(tmp_path: Path) -> None:
    (tmp_path / "alert-url").write_text("https://hooks.example.com/x\n")
    (tmp_path / "alert-password").write_text("hunter2\n")
    (tmp_path / "reply-token").write_text("0123456789abcdef\n")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path), "WAMON_STATE_DIR": str(tmp_path)}
    found = load(SHIPPED.parent / "config/wamon.yaml", environ | {"WAMON_ALERT_PASSWORD": ""}, check_pattern=str)
    assert found.alerts.channels.webhook.url
    assert found.alerts.channels.webhook.url.get_secret_value() == "https://hooks.example.com/x"
    assert found.replies.token
    assert found.replies.token.get_secret_value() == "0123456789abcdef"
    assert with_credentials(environ)["WAMON_ALERT_PASSWORD"] == "hunter2"


def test_each_file_of_the_folder_of_secrets_is_the_variable_of_its_name(tmp_path: Path) -> None:
    (tmp_path / "secret_hook-wati").write_text("a-secret-of-the-hook\n")
    (tmp_path / "secret_hook-wati-new").write_text("another-secret-of-the-hook\n")
    (tmp_path / "secret").write_text("\n")
    config = tmp_path / "wamon.yaml"
    secrets = '["${WAMON_HOOK_WATI:-}", "${WAMON_HOOK_WATI_NEW:-}"]'
    config.write_text(f"hooks: [{{name: wati, provider: wati, secret: {secrets}}}]")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path), "HOME": "/home/op", "TZ": "UTC"}
    assert load(config, environ).hooks[0].secrets == ("a-secret-of-the-hook", "another-secret-of-the-hook")


@pytest.mark.parametrize("unit", ["wamon", "wamon-web"])
def test_both_units_are_handed_the_folder_of_secrets(unit: str) -> None:
    for at, folder in (("", "/etc/wamon/secrets"), ("@", "/etc/wamon/%i.secrets")):
        lines = (SHIPPED / f"{unit}{at}.service").read_text().splitlines()
        assert f"LoadCredential=secret:{folder}" in lines
        assert r"SetCredential=secret:\n" in lines


def test_the_environment_goes_before_the_credential(tmp_path: Path) -> None:
    (tmp_path / "database-url").write_text("postgresql://wamon@db/wamon\n")
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path), "WAMON_DATABASE_URL": "postgresql://other/x"}
    assert with_credentials(environ)["WAMON_DATABASE_URL"] == "postgresql://other/x"


@pytest.mark.parametrize("content", [None, "", "\n"])
def test_a_credential_that_is_missing_or_empty_says_nothing(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "database-url").write_text(content)
    environ = {"CREDENTIALS_DIRECTORY": str(tmp_path)}
    assert dict(with_credentials(environ)) == environ


def test_a_credential_that_cannot_be_read_is_an_error_without_its_content(tmp_path: Path) -> None:
    (tmp_path / "database-url").write_bytes(b"postgresql://secret\xff")
    with pytest.raises(ConfigError) as error:
        with_credentials({"CREDENTIALS_DIRECTORY": str(tmp_path)})
    assert "secret" not in error.value.paragraph()


def test_a_start_line_has_what_a_lease_knows_a_process_by(tmp_path: Path, clock: Standing) -> None:
    restart_log.note_start(tmp_path, clock)
    kept = json.loads((tmp_path / restart_log.FILE).read_text())
    me = Process.this()
    assert (kept["host"], kept["boot"], kept["pid"], kept["process_started"]) == (
        me.host,
        me.boot,
        me.pid,
        me.process_started,
    )
