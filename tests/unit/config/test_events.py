"""The section `events`: which servers and subjects are taken, and that nobody is shown who is let in."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from wamon.config.events import Nats
from wamon.config.show import _servers


@pytest.mark.parametrize("url", ["nats://n1:4222", "tls://u:p@n1, nats://token@n2:4222"])
def test_one_server_or_several_are_taken(url: str) -> None:
    assert Nats.model_validate({"url": url}).url is not None


@pytest.mark.parametrize(
    "wrong", [{"url": "http://n1"}, {"url": "nats://n1,n2"}, {"subject": "a.*"}, {"subject": "a b"}]
)
def test_what_is_no_server_or_no_subject_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ValidationError):
        Nats.model_validate(wrong)


@pytest.mark.parametrize(
    "rest", ["pa/ss@n1:4222", "12/3@n1:4222", "pa#ss@n1", "pa?ss@n1", "pass@n1:99999", "pass@:4222"]
)
def test_a_password_that_would_be_taken_for_a_port_or_a_path_is_refused(rest: str) -> None:
    """What names the servers in logs would show a part of it."""
    with pytest.raises(ValidationError):
        Nats.model_validate({"url": f"nats://office:{rest}"})


def test_who_is_let_in_is_not_shown() -> None:
    url = Nats.model_validate({"url": "tls://u:hunter2@n1,nats://hunter2@n2:4222"}).url
    assert _servers(url) == "tls://***@n1,nats://***@n2:4222"
