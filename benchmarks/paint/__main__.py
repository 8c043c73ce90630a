"""What `benchmarks.ballot_page` measures, on the database that the environment names.

A reviewer votes in Chromium as soon as the vote before has arrived, sooner than anybody reads, in a category with a
hundred contenders. In the page: from
the key's own time stamp to the frame in which the next pair is on the screen, and how long the vote was under way.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext

from django.conf import settings
from django.core.management import call_command
from playwright.sync_api import Page, sync_playwright

from arena.accounts.services import save_person
from arena.machine import parts
from arena.models import Role
from benchmarks.application.running import until
from benchmarks.application.world import CATEGORY, Shape, build
from tests.e2e.conftest import QUIET
from tests.e2e.desk import sign_in
from tests.processes import Processes, free_port, listens

GOAL_MS = 100
FULL = Shape(votes=20_000, contenders=100, tasks=1_000, reviewers=30)
SMALL = Shape(votes=500, contenders=10, tasks=200, reviewers=5)
KEYS = ("a", "b", "t", "ArrowLeft", "ArrowRight", "x")
WATCH = """
window.painted = []; window.pressed = 0;
addEventListener("keydown", (event) => { window.pressed = event.timeStamp; }, true);
document.addEventListener("arena:painted", () => { window.painted.push(performance.now() - window.pressed); });
"""
UNDER_WAY = """() => performance.getEntriesByType("resource")
    .filter((one) => one.initiatorType === "xmlhttprequest").map((one) => one.duration)"""


@contextmanager
def web() -> Iterator[str]:
    port = free_port()
    processes = Processes(dict(os.environ), settings.VAR_DIR)
    try:
        processes.python(*parts.web("127.0.0.1", port).command[1:])
        until(lambda: listens(port), "web listens")
        yield f"http://127.0.0.1:{port}"
    finally:
        for process in processes.started:
            process.kill_group()


def vote(page: Page, votes: int) -> tuple[list[float], list[float]]:
    """Milliseconds from each key to its pair, and of each vote's way to the server and back."""
    for n in range(votes):
        page.wait_for_selector("html[data-desk] body:not([data-closed]):not([data-unsent])", state="attached")
        page.keyboard.press(KEYS[n % len(KEYS)])
        until(lambda seen=n: page.evaluate("window.painted.length") > seen, "the next pair is painted")
    page.wait_for_selector("body:not([data-unsent])", state="attached")
    return page.evaluate("window.painted"), page.evaluate(UNDER_WAY)


def line(name: str, times: list[float]) -> str:
    p95 = statistics.quantiles(times, n=20)[-1]
    return f"{name:32}{statistics.median(times):8.0f}{p95:8.0f}{max(times):8.0f}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ballot_page", description=__doc__)
    parser.add_argument("--votes", type=int, default=150, help="how many are cast (150)")
    parser.add_argument("--small", action="store_true", help="ten contenders and few votes")
    chosen = parser.parse_args()
    call_command("migrate", verbosity=0)
    build(SMALL if chosen.small else FULL, during_votes=nullcontext())
    user, _ = save_person(username="fast", role=Role.REVIEWER)
    with web() as site, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=list(QUIET))
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        page.set_default_timeout(60_000)
        page.add_init_script(WATCH)
        sign_in(page, site, user)
        page.goto(f"{site}/vote/{CATEGORY}/")
        painted, under_way = vote(page, chosen.votes)
        browser.close()
    print(f"{'ms':32}{'p50':>8}{'p95':>8}{'worst':>8}")
    print(line("key to next pair painted", painted))
    print(line("the vote's way and back", under_way))
    p95 = statistics.quantiles(painted, n=20)[-1]
    print(f"{len(painted)} votes. Goal: {GOAL_MS} ms at p95; this is {p95 / GOAL_MS:.2f} of it.")
    return 0


if __name__ == "__main__":
    sys.exit(main())
