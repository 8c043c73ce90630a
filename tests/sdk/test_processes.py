"""Whenever processes end or fork, their outcomes arrive, and parent and child each have the newest table."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.processes import ROOT, wait_until
from tests.sdk.arena_double import Arena, Handler

ENVIRONMENT = {
    **os.environ,
    "PYTHONPATH": str(ROOT / "sdk" / "src"),
    "PYTHONUNBUFFERED": "1",
    "NO_PROXY": "127.0.0.1,localhost",
}

OPENING = """
import gc, json, os, sys, time
from arena_routing import Router

url, keys = sys.argv[1:]
router = Router(url, public_keys=keys, poll_seconds=0.05, outcome_seconds=3600)

def until(version):
    while router.route("code").table_version < version:
        time.sleep(0.01)
"""

ENDS_WITHOUT_CLOSING = OPENING + "router.report(router.route('code'), tokens=1)"

FORKS = (
    OPENING
    + """
until(1)
router.report(router.route("code"), tokens=1)
print("forking", flush=True)
child = os.fork()
if not child:
    gc.collect()
    assert router.route("code").table_version >= 1
    router.report(router.route("code"), tokens=2)
    print("child", flush=True)
    until(2)
    assert router.refresh() is False
    sys.exit()  # the ordinary way, which cleans up whatever was inherited
_, status = os.waitpid(child, 0)
print("child ended with", os.waitstatus_to_exitcode(status), flush=True)
until(3)
print("parent goes on", flush=True)
"""
)

FORKS_AT_ANY_MOMENT = (
    OPENING
    + """
import threading
stop = threading.Event()
def busy():
    while not stop.is_set():
        router.report(router.route("code"))
        router.status()
threads = [threading.Thread(target=busy) for _ in range(2)]
for thread in threads:
    thread.start()
children = []
for _ in range(20):
    child = os.fork()
    if not child:
        router.report(router.route("code"))
        router.close(timeout=30)
        os._exit(0)
    children.append(child)
codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
stop.set()
for thread in threads:
    thread.join()
router.close(timeout=30)
print(codes, flush=True)
"""
)


def start(arena: Arena, program: str, host: str = "127.0.0.1") -> subprocess.Popen[str]:
    keys = str(arena.signer.jwk_set()).replace("'", '"')
    command = [sys.executable, "-c", program, arena.url.replace("127.0.0.1", host), keys]
    return subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.PIPE, text=True)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
def test_outcomes_arrive_even_if_the_router_is_never_closed(arena: Arena, host: str):
    def answers_and_hangs_up(handler: Handler) -> None:
        """So that the last request needs a new connection, and resolves a name, while the process ends."""
        handler.close_connection = True
        handler.table(arena.body or b"")

    arena.publish(1)
    arena.behave = answers_and_hangs_up
    with start(arena, ENDS_WITHOUT_CLOSING, host) as process:
        assert process.wait(60) == 0
    assert [outcome["tokens"] for outcome in arena.outcomes] == [1]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
def test_a_forked_child_starts_its_own_thread_and_leaves_its_parents_alone(arena: Arena):
    arena.publish(1)
    with start(arena, FORKS) as parent:
        assert parent.stdout is not None
        assert [parent.stdout.readline().strip() for _ in range(2)] == ["forking", "child"]
        arena.publish(2)
        assert parent.stdout.readline().strip() == "child ended with 0"
        arena.publish(3)
        assert parent.stdout.readline().strip() == "parent goes on"
        assert parent.wait(60) == 0
    assert sorted(outcome["tokens"] for outcome in arena.outcomes) == [1, 2], "each from the process it belongs to"


@pytest.mark.skipif(not hasattr(os, "fork"), reason="this platform has no fork")
def test_forks_at_any_moment_end_well(arena: Arena):
    arena.publish(1)
    with start(arena, FORKS_AT_ANY_MOMENT) as parent:
        told, _ = parent.communicate(timeout=240)
    assert told.strip() == str([0] * 20)


def test_a_killed_process_leaves_a_usable_folder(arena: Arena, tmp_path: Path):
    program = OPENING.replace("outcome_seconds=3600", f"cache_dir={str(tmp_path)!r}") + "\nuntil(10**9)"
    for version in (1, 2, 3):
        arena.publish(version)
        with start(arena, program) as process:
            wait_until(lambda: list(tmp_path.glob(f"*-{version}.json")), "the table is on disk")  # noqa: B023
            process.kill()
    arena.kill()
    with start(arena, program.replace("10**9", "2")) as process:
        assert process.wait(60) == 0
