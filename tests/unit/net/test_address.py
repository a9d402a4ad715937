"""Which addresses may be connected to."""

from __future__ import annotations

import ipaddress
import socket

import pytest

from wamon.net.address import NotSent, connect, is_public


@pytest.mark.fault("F79")
@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1",
        "240.0.0.1", "255.255.255.255", "192.0.2.1", "198.18.0.1", "::1", "::", "fe80::1", "fc00::1", "fd12::1",
        "ff02::1", "fec0::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:169.254.169.254", "::ffff:10.0.0.1",
        "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::", "2001::1",
    ],
)  # fmt: skip
def test_an_address_that_is_not_of_the_internet_is_private(address: str) -> None:
    assert not is_public(ipaddress.ip_address(address))


@pytest.mark.parametrize(
    "address", ["8.8.8.8", "1.1.1.1", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808", "2002:808:808::1"]
)
def test_an_address_of_the_internet_is_public(address: str) -> None:
    assert is_public(ipaddress.ip_address(address))


@pytest.mark.fault("F79")
@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "0x7f000001", "2130706433", "127.1", "0"])
def test_a_private_address_is_refused_however_it_is_written(host: str) -> None:
    with pytest.raises(NotSent, match=r"private network|has no address"):
        connect(host, 80, 1.0, allow_private=False)


@pytest.mark.fault("F79")
def test_a_name_is_resolved_once_and_what_was_looked_at_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    """A name that is public when it is looked at and private when it is used gains nothing by it."""
    asked: list[str] = []
    original = socket.getaddrinfo

    def rebinding(host: str, *args: object, **named: object) -> object:
        asked.append(host)
        public = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("8.8.8.8", 80))]
        return public if len(asked) == 1 else original(host, *args, **named)  # type: ignore[arg-type]

    connected: list[object] = []
    monkeypatch.setattr(socket, "getaddrinfo", rebinding)
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: connected.append(address))
    connect("localhost", 80, 1.0, allow_private=False).close()
    assert (asked, connected) == (["localhost"], [("8.8.8.8", 80)])


def test_of_a_name_with_both_only_its_public_addresses_are_used(monkeypatch: pytest.MonkeyPatch) -> None:
    both = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, 80)) for address in ("10.0.0.1", "8.8.8.8")]
    connected: list[object] = []
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: both)
    monkeypatch.setattr(socket.socket, "connect", lambda _, address: connected.append(address))
    connect("x.example.com", 80, 1.0, allow_private=False).close()
    assert connected == [("8.8.8.8", 80)]
