"""Every fault has a test that brings it about, and the page names them all."""

from __future__ import annotations

from tests.support.faults import FAULTS, PAGE, held_by, page

REQUIRED = [f"F{number}" for number in (*range(1, 72), *range(79, 120), *range(125, 139), *range(152, 160))]


def test_the_page_is_what_the_tests_say() -> None:
    assert PAGE.read_text("utf-8") == page(), "run: python -m tests.support.faults"


def test_the_page_has_a_line_for_every_fault() -> None:
    assert sorted(FAULTS) == sorted(REQUIRED)


def test_every_fault_has_a_test() -> None:
    assert [number for number, tests in held_by().items() if not tests] == []


def test_no_test_carries_the_number_of_a_fault_that_is_not_listed() -> None:
    assert set(held_by()) == set(FAULTS)
