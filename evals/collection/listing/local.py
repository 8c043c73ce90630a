"""Looks for model servers on this machine: at the usual ports of Ollama, LM Studio, llama.cpp and vLLM, and wherever
else ARENA_OUTBOUND_ALLOW lets Arena go on loopback. What answers is known by what it says, not by its port."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlsplit

import httpx
from django.conf import settings

from arena.net.many import AsyncGuardedTransport
from arena.net.rules import OutboundRefused, allowed_addresses
from evals.catalog.presets import PRESETS, Preset, preset
from evals.catalog.services.providers import ProviderFields
from evals.collection.listing import openai
from evals.collection.listing.asking import read_list
from evals.collection.listing.reading import LIMITS, Listing, document
from evals.collection.providers import Endpoint, ProviderError
from evals.collection.providers.exchange import Exchange
from evals.models import Provider

__all__ = ["LocalServer", "Place", "Survey", "survey"]

_MOST_PLACES = 32
_LOOPBACK = ("127.0.0.1", "localhost", "[::1]")


@dataclass(frozen=True)
class Place:
    """`usual` is what listens there by default; empty: somebody allowed it."""

    host: str
    port: int
    usual: str = ""

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"


@dataclass(frozen=True)
class LocalServer:
    place: Place
    slug: str
    fields: ProviderFields
    listing: Listing


@dataclass(frozen=True)
class Survey:
    """`silent`: nothing known answered there. `closed`: ARENA_OUTBOUND_ALLOW does not list it."""

    found: tuple[LocalServer, ...] = ()
    silent: tuple[Place, ...] = ()
    closed: tuple[Place, ...] = ()

    @property
    def allow(self) -> str:
        """What ARENA_OUTBOUND_ALLOW would have to be for all of them."""
        return ",".join(dict.fromkeys([*settings.ARENA_OUTBOUND_ALLOW, *map(str, self.closed)]))


def survey(*, only: str = "", except_port: int = 0) -> Survey:
    """Blocks for up to `LOCAL_LOOK_S`, 2 s. `only` is a place as `host:port`; `except_port` is Arena's own, which is
    not asked."""
    places = [one for one in _places() if (not only or str(one) == only) and one.port != except_port]
    closed = tuple(one for one in places if not _is_open(one))
    asked = [one for one in places if one not in closed]
    found = asyncio.run(_all(asked)) if asked else []
    silent = tuple(place for place, server in zip(asked, found, strict=True) if server is None)
    return Survey(tuple(server for server in found if server is not None), silent, closed)


def _places() -> Sequence[Place]:
    """The usual ones first; each port once, by the name that is allowed."""
    # A preset for files has no address.
    ports = {place.port: one.name for one in _local_presets() if (place := urlsplit(one.base_url)).port}
    hosts = dict.fromkeys(ports, "")
    for entry in settings.ARENA_OUTBOUND_ALLOW:
        host, _, port = entry.lower().rpartition(":")
        if host in _LOOPBACK and port.isdecimal():
            hosts[int(port)] = hosts.get(int(port)) or host
    return [Place(host or _LOOPBACK[0], port, ports.get(port, "")) for port, host in hosts.items()][:_MOST_PLACES]


def _local_presets() -> list[Preset]:
    return [one for one in PRESETS if one.locality == Provider.Locality.LOCAL]


def _is_open(place: Place) -> bool:
    try:
        return bool(allowed_addresses(place.host.strip("[]"), place.port, tls=False))
    except (OutboundRefused, OSError):
        return False


async def _all(places: Sequence[Place]) -> list[LocalServer | None]:
    async with AsyncGuardedTransport() as http:
        return list(await asyncio.gather(*(_at(http, place) for place in places)))


async def _at(http: httpx.AsyncBaseTransport, place: Place) -> LocalServer | None:
    """None if nothing is there, nothing that is known, or nothing that answers in time."""
    within = settings.LOCAL_LOOK_S
    endpoint = Endpoint(f"http://{place}", first_token_timeout_s=within, total_timeout_s=within, direct=True)
    exchange = Exchange(http, endpoint, limits=LIMITS)
    try:
        return await exchange.run(_server(exchange, endpoint, place))
    except ProviderError:
        return None


async def _server(exchange: Exchange, endpoint: Endpoint, place: Place) -> LocalServer | None:
    kind = await _kind(exchange, endpoint, endpoint.base_url)
    if kind is None:
        return None
    slug, fields = _provider(kind, place)
    listing = await read_list(exchange, fields.kind, replace(endpoint, base_url=fields.base_url))
    return LocalServer(place, slug, fields, listing)


async def _kind(exchange: Exchange, endpoint: Endpoint, root: str) -> str | None:
    """The slug of its preset; `other` for one that speaks OpenAI's chat completions; None for anything else."""
    models = await _said(exchange, endpoint, f"{root}/v1/models")
    owned_by = openai.owners(models)
    if openai.VLLM in owned_by:
        return "vllm"
    if openai.LLAMA_CPP in owned_by:
        return "llama-cpp"
    if _has_list(await _said(exchange, endpoint, f"{root}/api/tags"), "models"):
        return "ollama"
    if _has_list(await _said(exchange, endpoint, f"{root}/api/v0/models"), "data"):
        return "lm-studio"
    return "other" if _has_list(models, "data") else None


async def _said(exchange: Exchange, endpoint: Endpoint, url: str) -> Any:
    """What a server says there, if it is one at all: no connection ends the look at once."""
    try:
        return await document(exchange, endpoint, url)
    except ProviderError:
        if exchange.status_code is None:
            raise
        return None


def _has_list(found: Any, name: str) -> bool:
    return isinstance(found, dict) and isinstance(found.get(name), list)


def _provider(kind: str, place: Place) -> tuple[str, ProviderFields]:
    start = preset(kind)
    if start is None:
        name = f"Server on port {place.port}"
        return f"local-{place.port}", ProviderFields(
            name=name, base_url=f"http://{place}/v1", locality=Provider.Locality.LOCAL, max_concurrency=1
        )
    return start.slug, ProviderFields(
        name=start.name,
        base_url=f"http://{place}{urlsplit(start.base_url).path}",
        kind=start.kind,
        locality=start.locality,
        max_concurrency=start.max_concurrency,
    )
