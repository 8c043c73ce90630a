"""Calls through the operator's proxy, by both clients: a real proxy and a real TLS server, both on loopback."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from arena.net.client import open_client
from arena.net.deadlines import Deadline
from arena.net.many import AsyncGuardedTransport
from arena.net.proxy import Proxy, ProxyError, parse_proxy
from arena.net.rules import OutboundRefused, check
from tests.proxies import Authority, ConnectProxy, connect_proxy, throwaway_authority
from tests.servers import Misbehaving, misbehaving, returns

Ask = Callable[..., httpx.Response]


def ask_alone(url: str, **extensions: Any) -> httpx.Response:
    with open_client() as http:
        return http.get(url)


def ask_among_many(url: str, **extensions: Any) -> httpx.Response:
    async def asked() -> httpx.Response:
        async with AsyncGuardedTransport() as http:
            response = await http.handle_async_request(httpx.Request("GET", url, extensions=extensions))
            await response.aread()
            return response

    return asyncio.run(asked())


@pytest.fixture(params=[ask_alone, ask_among_many])
def ask(request: Any) -> Ask:
    asking: Ask = request.param
    return asking


@pytest.fixture(scope="module")
def authority(tmp_path_factory: Any) -> Authority:
    return throwaway_authority(tmp_path_factory.mktemp("authority"))


@pytest.fixture
def server(authority: Authority, settings: Any) -> Iterator[Misbehaving]:
    settings.SSL_CERT_FILE = str(authority.ca_file)
    settings.ARENA_OUTBOUND_ALLOW = []
    with misbehaving(returns({"fine": True}), tls=authority.server) as double:
        yield double


@pytest.fixture
def proxy(server: Misbehaving, settings: Any) -> Iterator[ConnectProxy]:
    with connect_proxy(server.port) as double:
        settings.ARENA_OUTBOUND_PROXY = parse_proxy(f"http://{double.address}")
        yield double


@pytest.fixture(autouse=True)
def names(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """As inside a company: names of the internet have no address, except those that a test gives one."""
    known: dict[str, str] = {}
    real = socket.getaddrinfo

    def resolve(host: Any, port: Any, *args: Any, **kwargs: Any) -> Any:
        if host in known:
            host = known[host]
        elif str(host).endswith(".example"):
            raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")
        return real(host, port, *args, **kwargs)

    monkeypatch.setattr(socket, "getaddrinfo", resolve)
    return known


def test_a_hosted_provider_is_asked_through_a_tunnel(ask: Ask, proxy: ConnectProxy, server: Misbehaving):
    answer = ask("https://models.example/v1/models")

    assert answer.json() == {"fine": True}
    assert proxy.asked == ["CONNECT models.example:443"]
    assert server.asked == ["GET /v1/models"]
    assert "proxy-authorization" not in server.headers[0]


def test_the_proxy_may_speak_tls_itself(ask: Ask, server: Misbehaving, authority: Authority, settings: Any):
    with connect_proxy(server.port, tls=authority.server, wants="arena:p@ss") as double:
        settings.ARENA_OUTBOUND_PROXY = parse_proxy(f"https://arena:p%40ss@{double.address}")

        assert ask("https://models.example/").json() == {"fine": True}


def test_credentials_go_to_the_proxy_and_nowhere_else(ask: Ask, server: Misbehaving, settings: Any):
    with connect_proxy(server.port, wants="arena:p@ss") as double:
        settings.ARENA_OUTBOUND_PROXY = parse_proxy(f"http://arena:p%40ss@{double.address}")

        assert ask("https://models.example/").status_code == 200
    assert not any("p@ss" in str(headers) or "authorization" in headers for headers in server.headers)


@pytest.mark.parametrize(("status", "fix"), [(407, "user:password"), (403, "NO_PROXY")])
def test_a_proxy_that_refuses_is_told_apart_from_the_provider(
    ask: Ask, server: Misbehaving, settings: Any, status: int, fix: str
):
    with connect_proxy(server.port, status=status) as double:
        settings.ARENA_OUTBOUND_PROXY = parse_proxy(f"http://arena:secret@{double.address}")

        with pytest.raises(OutboundRefused, match=rf"the proxy .*{double.address}.*{status}.*{fix}") as caught:
            ask("https://models.example/")

    assert "secret" not in caught.value.detail
    assert server.connections == 0


@pytest.mark.parametrize("status", [502, 504])
def test_a_proxy_out_of_order_may_be_asked_again(ask: Ask, server: Misbehaving, settings: Any, status: int):
    with connect_proxy(server.port, status=status) as double:
        settings.ARENA_OUTBOUND_PROXY = parse_proxy(f"http://{double.address}")

        with pytest.raises(httpx.ProxyError, match=str(status)):
            ask("https://models.example/")


def test_a_certificate_that_nobody_here_trusts_is_refused(ask: Ask, proxy: ConnectProxy, settings: Any):
    settings.SSL_CERT_FILE = ""

    with pytest.raises((httpx.ConnectError, httpx.HTTPError)) as caught:
        ask("https://models.example/")

    assert "certificate verify failed" in str(caught.value).lower()


@pytest.mark.parametrize(
    "host",
    ["127.0.0.1", "localhost", "LOCALHOST.", "api.localhost", "10.0.0.1", "169.254.169.254", "[::1]", "0x7f.1",
     "2130706433", "inside.example"],
)  # fmt: skip
def test_the_guard_on_private_addresses_stays(ask: Ask, proxy: ConnectProxy, names: dict[str, str], host: str):
    """Whoever connects for us could reach what we must not."""
    names["inside.example"] = "192.168.7.7"

    with pytest.raises((OutboundRefused, httpx.InvalidURL)):
        ask(f"https://{host}/v1/models")

    assert proxy.asked == []


@pytest.mark.parametrize("how", ["listed by address", "listed by name", "in NO_PROXY"])
def test_some_are_asked_directly(
    ask: Ask, proxy: ConnectProxy, server: Misbehaving, names: dict[str, str], settings: Any, how: str
):
    names["models.example"] = "127.0.0.1"
    listed = f"models.example:{server.port}" if how == "listed by name" else f"127.0.0.1:{server.port}"
    settings.ARENA_OUTBOUND_ALLOW = [listed]
    if how == "in NO_PROXY":
        settings.ARENA_OUTBOUND_PROXY = parse_proxy(f"http://{proxy.address}", bypass=["models.example"])

    assert ask(f"https://models.example:{server.port}/").json() == {"fine": True}
    assert (proxy.asked, server.connections) == ([], 1)


def test_a_name_in_no_proxy_is_guarded_as_ever(ask: Ask, proxy: ConnectProxy, names: dict[str, str], settings: Any):
    settings.ARENA_OUTBOUND_PROXY = parse_proxy(f"http://{proxy.address}", bypass=["*"])
    names["models.example"] = "127.0.0.1"

    with pytest.raises(OutboundRefused, match="private address"):
        ask("https://models.example/")


def test_a_provider_of_our_own_is_never_asked_through_the_proxy(proxy: ConnectProxy):
    """It is local, and its name has no address: that is an error, and no reason to tell the proxy its prompts."""
    with pytest.raises(httpx.TransportError, match="Name or service not known"):
        ask_among_many("https://models.example/", direct=True)

    assert proxy.asked == []


def test_plain_http_is_not_sent_to_a_proxy(ask: Ask, proxy: ConnectProxy):
    with pytest.raises((httpx.TransportError, OutboundRefused)):
        ask("http://models.example/")

    assert proxy.asked == []


def test_a_deadline_holds_for_a_proxy_that_says_nothing(settings: Any):
    with socket.create_server(("127.0.0.1", 0)) as silent:
        settings.ARENA_OUTBOUND_PROXY = parse_proxy(f"http://127.0.0.1:{silent.getsockname()[1]}")

        with Deadline(total_s=0.3).applied(), pytest.raises(httpx.TimeoutException):
            ask_alone("https://models.example/")


def test_what_a_webhook_is_added_for_may_have_no_address_here(settings: Any):
    with pytest.raises(OutboundRefused, match="has no address"):
        check("https://hook.example/arena")

    settings.ARENA_OUTBOUND_PROXY = parse_proxy("http://127.0.0.1:9")
    check("https://hook.example/arena")


@pytest.mark.parametrize(
    ("entry", "host", "port", "direct"),
    [
        ("example.com", "example.com", 443, True),
        ("example.com", "api.example.com", 443, True),
        ("example.com", "notexample.com", 443, False),
        (".example.com", "api.example.com", 443, True),
        ("*.example.com", "api.example.com", 443, True),
        ("Example.COM", "API.example.com.", 443, True),
        ("example.com:8443", "api.example.com", 8443, True),
        ("example.com:8443", "api.example.com", 443, False),
        ("*", "anything.example", 443, True),
        ("10.0.0.0/8", "10.1.2.3", 443, True),
        ("10.0.0.0/8", "11.1.2.3", 443, False),
        ("10.1.2.3", "10.1.2.3", 443, True),
        ("10.1.2.3:443", "10.1.2.3", 443, True),
        ("fd00::/8", "fd00::1", 443, True),
        ("[fd00::1]:443", "[fd00::1]", 443, True),
        ("169.254/16", "models.example", 443, False),
        (".", "models.example", 443, False),
    ],
)
def test_no_proxy_is_read_as_other_programs_read_it(entry: str, host: str, port: int, direct: bool):
    assert parse_proxy("http://proxy:3128", bypass=[entry, ""]).takes(host, port) is not direct


@pytest.mark.parametrize(
    "url",
    ["proxy:3128", "socks5://proxy:1080", "http://", "http://proxy:99999", "http://proxy:0", "http://proxy/path",
     "http://user:hunter2@proxy:port", "http://proxy:3128?x", "http://pro xy:3128"],
)  # fmt: skip
def test_what_is_no_address_of_a_proxy_is_refused_without_repeating_it(url: str):
    with pytest.raises(ProxyError) as caught:
        parse_proxy(url)

    assert "hunter2" not in str(caught.value)


def test_a_password_shows_in_no_repr():
    proxy = parse_proxy("http://arena:hunter2@proxy")

    assert (proxy, proxy.url) == (Proxy("http://proxy:80", "arena", "hunter2"), "http://proxy:80")
    assert "hunter2" not in repr(proxy)
