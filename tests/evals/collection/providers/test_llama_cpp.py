"""A real llama.cpp with a real small model, loaded by its path. Where they are not installed, these tests are skipped;
what needs neither is in `test_gguf_files`."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psutil
import pytest

from arena.machine.parts import model_file
from evals.collection.providers import Endpoint, ProviderError, Request
from evals.collection.providers.llama_cpp import LlamaCpp
from evals.collection.providers.llama_servers import LlamaServers
from evals.models.generations import ErrorCategory as Category
from tests.processes import all_gone, wait_until

MODEL = model_file()
pytestmark = pytest.mark.skipif(MODEL is None, reason="needs requirements-demo.lock: llama.cpp and a small model")
HELLO = [{"role": "user", "content": "Say hello."}]


@pytest.fixture(scope="module")
def servers():
    servers = LlamaServers()
    yield servers
    servers.end_all()


@pytest.fixture
def folder(settings, tmp_path):
    """With the model in it by a hard link or a copy: a symbolic one would lead out."""
    settings.ARENA_GGUF_DIRS = [MODEL.parent, tmp_path]
    settings.ARENA_GGUF_THREADS, settings.ARENA_GGUF_MEMORY_MB, settings.ARENA_GGUF_LOADED = 1, 2048, 1
    return tmp_path


@pytest.fixture
def ask(folder, servers):
    def call(messages=HELLO, *, servers=servers, model=MODEL, **settings):
        endpoint = Endpoint("", first_token_timeout_s=60, total_timeout_s=60)
        request = Request(str(model), messages, {"temperature": 0} | settings)
        # What goes to other machines is not needed: the address is that of our own process.
        return asyncio.run(LlamaCpp(servers=servers).ask(None, endpoint, request))

    return call


def test_an_answer_is_streamed_and_counted(ask, servers):
    reply = ask(max_tokens=60)

    assert reply.text.strip()
    assert reply.finish_reason == "stop"
    assert 0 < reply.ttft_ms < reply.latency_ms
    assert (reply.usage.tokens_in > 5, 1 < reply.usage.tokens_out < 60) == (True, True)
    assert servers.loaded() == [MODEL]


def test_an_answer_that_meets_its_limit(ask):
    reply = ask(max_tokens=3)

    assert (reply.finish_reason, reply.usage.tokens_out) == ("length", 3)


def test_an_answer_in_a_schema(ask):
    schema = {"type": "object", "properties": {"city": {"enum": ["Rome", "Oslo"]}}, "required": ["city"]}
    answer = {"type": "json_schema", "json_schema": {"name": "place", "schema": schema}}

    reply = ask([{"role": "user", "content": "Weather in Rome?"}], response_format=answer, max_tokens=40)

    assert reply.text.replace(" ", "").replace("\n", "") in ('{"city":"Rome"}', '{"city":"Oslo"}')


@pytest.mark.parametrize(
    ("content", "category"),
    [
        ("word " * 5000, Category.CONTEXT_LENGTH),
        ([{"type": "image_url", "image_url": {"url": "data:image/png;base64,iVBORw0K"}}], Category.BAD_REQUEST),
    ],
)
def test_what_it_refuses_is_not_asked_again(ask, content, category):
    with pytest.raises(ProviderError) as caught:
        ask([{"role": "user", "content": content}])

    assert caught.value.category == category


def test_one_file_is_loaded_once_and_gives_its_place_to_another_context(ask, servers):
    ask(max_tokens=1)
    ask(max_tokens=1)
    (before,) = _children()

    ask(max_tokens=1, n_ctx=512)

    (after,) = _children()
    assert before != after


def test_an_idle_model_is_ended(ask, servers):
    ask(max_tokens=1)

    servers.end_idle()

    assert (servers.loaded(), _children()) == ([], [])


def test_a_context_beyond_the_memory_is_refused_with_the_fix(ask):
    with pytest.raises(ProviderError, match="raise ARENA_GGUF_MEMORY_MB") as caught:
        ask(n_ctx=1 << 17)

    assert caught.value.category == Category.OUT_OF_MEMORY


def test_a_file_that_is_not_a_model(ask, folder):
    broken = folder / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(64))

    with pytest.raises(ProviderError, match=r"llama\.cpp could not load the model: \S") as caught:
        ask(model=broken)

    assert caught.value.category == Category.BAD_REQUEST


def test_a_model_that_is_killed_while_it_is_asked(ask, servers):
    servers.end_all()
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, max_tokens=2000)
        wait_until(_children, "the model's process had begun")
        os.kill(_children()[0], signal.SIGKILL)

        with pytest.raises(ProviderError, match="was killed, as the system does") as caught:
            asked.result()

    assert caught.value.category == Category.OUT_OF_MEMORY


def test_the_model_ends_with_a_worker_that_is_killed():
    code = f"""
        import os, threading
        os.environ["DJANGO_SETTINGS_MODULE"] = "arena.settings"
        import django; django.setup()
        from pathlib import Path
        from evals.collection.providers.llama_servers import LlamaServers
        with LlamaServers().serving(Path({str(MODEL)!r}), context=512, wait_s=60) as server:
            print(server.process.pid, flush=True)
            threading.Event().wait()
    """
    with subprocess.Popen([sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE) as worker:
        model = int(worker.stdout.readline())
        os.kill(worker.pid, signal.SIGKILL)

    wait_until(lambda: all_gone([model]), "the model's process had ended")


def _children() -> list[int]:
    ours = Path("llama_child.py").name
    return [one.pid for one in psutil.Process().children() if one.cmdline() and one.cmdline()[-1].endswith(ours)]
