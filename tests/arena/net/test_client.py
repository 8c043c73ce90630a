"""Where Arena may connect to. Names are resolved for real where the machine can, else by a resolver of ours."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import httpx
import pytest

from arena.net.client import open_client
from arena.net.deadlines import Deadline
from arena.net.rules import OutboundRefused, allowed_addresses, check
from tests.servers import ANSWER, Misbehaving, misbehaving, says


@pytest.fixture(autouse=True)
def nothing_listed(settings):
    settings.ARENA_OUTBOUND_ALLOW = []


@pytest.fixture
def http() -> Iterator[httpx.Client]:
    with open_client() as client:
        yield client


@pytest.fixture
def serve() -> Iterator[Callable[..., Misbehaving]]:
    """`serve(script, …)`: a server that answers with these scripts in turn."""
    with ExitStack() as stack:
        yield lambda *scripts: stack.enter_context(misbehaving(*scripts))


@pytest.fixture
def names(monkeypatch):
    """`names["host"] = ["address", …]`: what the resolver says; a list of lists: each time something else."""
    known: dict[str, list[Any]] = {}
    real = socket.getaddrinfo

    def resolve(host, port, *args, **kwargs):
        if host not in known:
            return real(host, port, *args, **kwargs)
        addresses = known[host]
        if addresses and isinstance(addresses[0], list):
            addresses = addresses.pop(0) if len(addresses) > 1 else addresses[0]
        return [(socket.AF_INET6 if ":" in one else socket.AF_INET, 1, 6, "", (one, port)) for one in addresses]

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return known


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.1.1", "100.64.0.1", "169.254.1.1",
        "169.254.169.254", "168.63.129.16", "100.100.100.200", "192.0.0.192", "224.0.0.1", "240.0.0.1",
        "255.255.255.255", "198.18.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fc00::1", "fd00:ec2::254", "fec0::1",
        "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1",
        "64:ff9b::a9fe:a9fe", "2002:7f00:1::", "2002:a00:1::1", "::7f00:1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    ],
)  # fmt: skip
def test_addresses_that_are_not_of_the_open_internet(names, address):
    names["models.example"] = [address]

    with pytest.raises(OutboundRefused, match="ARENA_OUTBOUND_ALLOW"):
        allowed_addresses("models.example", 443, tls=True)


@pytest.mark.parametrize("address", ["8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8"])
def test_public_addresses_by_https(names, address):
    names["models.example"] = [address]

    assert allowed_addresses("models.example", 443, tls=True) == [address]


def test_plain_http_would_send_the_key_in_the_clear(names, settings):
    names["models.example"] = ["8.8.8.8"]

    with pytest.raises(OutboundRefused, match=r"plain http.*use https.*models.example:8000"):
        allowed_addresses("models.example", 8000, tls=False)
    settings.ARENA_OUTBOUND_ALLOW = ["models.example:8000"]
    assert allowed_addresses("models.example", 8000, tls=False) == ["8.8.8.8"]


@pytest.mark.parametrize("entry", ["127.0.0.1:11434", "Localhost:11434"])
def test_listed_by_address_or_by_name(names, settings, entry):
    names["localhost"] = ["::1", "127.0.0.1"]
    settings.ARENA_OUTBOUND_ALLOW = [entry]

    assert "127.0.0.1" in allowed_addresses("localhost", 11434, tls=False)


def test_listed_is_a_port_too(names, settings):
    names["localhost"] = ["127.0.0.1"]
    settings.ARENA_OUTBOUND_ALLOW = ["127.0.0.1:11434"]

    with pytest.raises(OutboundRefused, match="localhost:5432"):
        allowed_addresses("localhost", 5432, tls=False)


def test_an_ipv6_address_is_listed_in_brackets(settings):
    settings.ARENA_OUTBOUND_ALLOW = ["[::1]:8000"]

    assert allowed_addresses("::1", 8000, tls=False) == ["::1"]


@pytest.mark.parametrize("address", ["169.254.169.254", "fd00:ec2::254", "224.0.0.1", "0.0.0.0"])
def test_a_listed_name_does_not_open_the_metadata_service(names, settings, address):
    names["ollama"] = [address]
    settings.ARENA_OUTBOUND_ALLOW = ["ollama:80"]

    with pytest.raises(OutboundRefused):
        allowed_addresses("ollama", 80, tls=False)


def test_of_several_addresses_only_the_allowed_ones_are_used(names):
    names["models.example"] = ["10.0.0.1", "8.8.8.8"]

    assert allowed_addresses("models.example", 443, tls=True) == ["8.8.8.8"]


@pytest.mark.parametrize("host", ["2130706433", "0x7f000001", "0177.0.0.1", "127.1"])
def test_other_ways_to_write_loopback(host):
    try:
        socket.getaddrinfo(host, 80, type=socket.SOCK_STREAM)
    except OSError:
        pytest.skip("this resolver does not know that spelling")
    with pytest.raises(OutboundRefused):
        allowed_addresses(host, 80, tls=False)


def test_the_refusal_names_the_address_and_the_variable(serve, http):
    server = serve(says(ANSWER))

    with pytest.raises(OutboundRefused, match=rf"127\.0\.0\.1:{server.port} to ARENA_OUTBOUND_ALLOW"):
        http.get(server.base_url)

    assert server.connections == 0


def test_a_name_that_changes_after_the_check_gains_nothing(names, serve, http, settings):
    """Rebinding: the name is resolved once, and the connection goes to the address that was checked."""
    allowed, secret = serve(says(ANSWER)), serve(says(ANSWER))
    settings.ARENA_OUTBOUND_ALLOW = [f"127.0.0.1:{allowed.port}"]
    names["models.example"] = [["127.0.0.1"], ["127.0.0.9"]]

    http.post(f"http://models.example:{allowed.port}/v1/chat/completions", json={})
    with pytest.raises(OutboundRefused):
        http.post(f"http://models.example:{secret.port}/v1/chat/completions", json={})

    assert (allowed.connections, secret.connections) == (1, 0)


def test_proxies_of_the_environment_are_not_used(serve, monkeypatch, settings):
    proxy, target = serve(says(ANSWER)), serve(says(ANSWER))
    monkeypatch.setenv("HTTP_PROXY", f"http://127.0.0.1:{proxy.port}")
    monkeypatch.setenv("ALL_PROXY", f"http://127.0.0.1:{proxy.port}")
    settings.ARENA_OUTBOUND_ALLOW = [f"127.0.0.1:{target.port}", f"127.0.0.1:{proxy.port}"]

    with open_client() as client:
        client.post(target.base_url, json={})

    assert (proxy.connections, target.connections) == (0, 1)


@pytest.mark.parametrize("url", ["ftp://models.example/", "file:///etc/passwd", "gopher://x", "nonsense", ""])
def test_other_schemes_are_no_addresses(url):
    with pytest.raises(OutboundRefused, match="not an http or https address"):
        check(url)


@pytest.mark.parametrize(
    ("url", "why"),
    [
        ("https://models.example:99999/", "is not an address"),
        ("https://[::1/", "is not an address"),
        (f"https://{'a' * 64}.example/", "is not a host name"),
        ("https://nowhere.example/", "has no address"),
    ],
)
def test_what_cannot_be_called_is_refused_in_words(names, monkeypatch, url, why):
    resolve = socket.getaddrinfo

    def knows_nobody(host, *args, **kwargs):
        if host == "nowhere.example":
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return resolve(host, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", knows_nobody)
    with pytest.raises(OutboundRefused, match=why):
        check(url)


def test_a_deadline_ends_a_server_that_drips(serve, http, settings):
    server = serve(lambda talk: talk.drip(b"HTTP/1.1 200 OK\r\nX-Slow: " + b"x" * 3000, every_s=0.02))
    settings.ARENA_OUTBOUND_ALLOW = [f"127.0.0.1:{server.port}"]

    with Deadline(total_s=0.5).applied(), pytest.raises(httpx.ReadTimeout):
        http.post(server.base_url, json={})
