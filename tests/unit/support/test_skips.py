"""What a host lacks is said in one line, and is a failure in CI."""

from __future__ import annotations

from collections import Counter

import pytest

from tests.support.skips import last_line, not_allowed

REASONS = Counter(
    {
        "Debian's PostgreSQL isn't installed here": 812,
        "pgbouncer isn't installed here": 1,
        "root may write everywhere": 2,
    }
)


def test_what_is_missing_is_one_line_on_a_desk(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CI", raising=False)
    said = "Not installed here: Debian's PostgreSQL (812 tests skipped), pgbouncer (1 test skipped)."
    assert (last_line(REASONS), not_allowed(REASONS)) == (said, Counter())
    assert last_line(Counter({"root may write everywhere": 2})) == ""


def test_in_ci_no_test_may_be_skipped_for_what_can_be_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CI", "true")
    assert not_allowed(REASONS) == REASONS - Counter({"root may write everywhere": 2})
    assert "pgbouncer isn't installed here (1 test)" in last_line(REASONS)
    assert not_allowed(Counter({"root may write everywhere": 2})) == Counter()
