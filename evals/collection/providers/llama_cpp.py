"""A model file on this machine, by its path: llama.cpp, started by Arena itself."""

from __future__ import annotations

import asyncio
import ssl
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, AsyncExitStack
from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import httpx

from evals.catalog import gguf
from evals.collection.providers.chat_completions import ChatCompletions
from evals.collection.providers.errors import (
    ConnectionFailed,
    InvalidReply,
    ModelNotFound,
    NotAllowed,
    RequestRefused,
    StreamTruncated,
)
from evals.collection.providers.llama_servers import SERVERS, LlamaServer, LlamaServers
from evals.collection.providers.wire import Endpoint, Limits, Reply, Request

__all__ = ["LlamaCpp"]

_CONTEXT = 4096
_CONTEXTS = (256, 1 << 18)
# Calls beyond these wait for one of them.
_MOST_WAITING = 8


class LlamaCpp:
    """Asks a server of `LlamaServers`, which has the file loaded, by chat completions.

    The model's name is the file's path (`evals.catalog.gguf`). The setting `n_ctx` is the context that it is loaded
    with, 4,096 tokens without. Loading it takes none of the call's time.
    """

    def __init__(self, *, limits: Limits | None = None, servers: LlamaServers = SERVERS) -> None:
        self._chat = ChatCompletions(limits=limits)
        self._servers = servers

    async def ask(self, http: httpx.AsyncBaseTransport, endpoint: Endpoint, request: Request) -> Reply:
        """`http` is for other machines; the address asked here is that of a process which Arena itself started."""
        path, context = _file(request.model_name), _context(request.options.get("n_ctx", _CONTEXT))
        serving = self._servers.serving(path, context=context, wait_s=endpoint.total_timeout_s)
        async with AsyncExitStack() as stack:
            server = await _entered(serving)
            stack.callback(serving.__exit__, None, None, None)
            own = await stack.enter_async_context(httpx.AsyncHTTPTransport(verify=_no_tls(), trust_env=False))
            here = replace(endpoint, base_url=server.base_url, api_key=server.key)
            settings = {name: value for name, value in request.settings.items() if name != "n_ctx"}
            try:
                return await self._chat.ask(own, here, replace(request, settings=settings))
            except (ConnectionFailed, InvalidReply, StreamTruncated) as error:
                died = await asyncio.to_thread(server.why_it_died)
                if died is None:
                    raise
                died.latency_ms, died.ttft_ms, died.usage = error.latency_ms, error.ttft_ms, error.usage
                raise died from error


async def _entered(serving: AbstractContextManager[LlamaServer]) -> LlamaServer:
    """In threads of their own: a call that waits for its model must not hold up the checks and names of others."""
    entering = asyncio.get_running_loop().run_in_executor(_waiting(), serving.__enter__)
    try:
        return await asyncio.shield(entering)
    except asyncio.CancelledError:
        entering.add_done_callback(lambda done: done.exception() or serving.__exit__(None, None, None))
        raise


@lru_cache(maxsize=1)
def _waiting() -> ThreadPoolExecutor:
    return ThreadPoolExecutor(_MOST_WAITING, thread_name_prefix="models")


def _file(name: str) -> Path:
    try:
        return gguf.find(name)
    except gguf.GgufError as error:
        raise (NotAllowed if error.refused else ModelNotFound)(str(error)) from error


def _context(told: Any) -> int:
    least, most = _CONTEXTS
    if not isinstance(told, int) or isinstance(told, bool) or not least <= told <= most:
        raise RequestRefused(f"n_ctx must be a whole number from {least:,} to {most:,}")
    return told


@lru_cache(maxsize=1)
def _no_tls() -> ssl.SSLContext:
    """Without certificates, which are not needed here and take 20 ms to load."""
    return ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
