"""From a key to the next pair on the screen, in a real browser: `python -m benchmarks.ballot_page [--votes N]`.

A reviewer votes in Chromium as fast as the page takes keys, in a category with a hundred contenders. Measured in the
page: from the key's own time stamp to the paint of the next pair, and how long the vote then was under way. Beside it,
what the page waited where it had no pair ahead. Two minutes, most of them to fill the database.
"""

from __future__ import annotations

import argparse
import os
import shutil
import statistics
import sys
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any

import django

if TYPE_CHECKING:
    from playwright.sync_api import Page

GOAL_MS = 100
KEYS = ("a", "b", "t", "ArrowLeft", "ArrowRight", "x")
# From the key's time stamp to the second frame after the swap, which is when the pair is on the screen.
WATCH = """
window.paints = []; window.pressed = 0;
addEventListener("keydown", (event) => { window.pressed = event.timeStamp; }, true);
document.addEventListener("arena:painted", () => { window.paints.push(performance.now() - window.pressed); });
"""
UNDER_WAY = """() => performance.getEntriesByType("resource")
    .filter((one) => one.initiatorType === "xmlhttprequest").map((one) => one.duration)"""


def main() -> int:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "arena.settings")
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "true"  # Playwright's loop runs in this thread
    django.setup()
    parser = argparse.ArgumentParser(prog="python -m benchmarks.ballot_page", description=__doc__)
    parser.add_argument("--votes", type=int, default=200, help="how many are cast (200)")
    votes = parser.parse_args().votes
    chromium = shutil.which("chromium")
    if chromium is None:
        print("There is no chromium here (Debian: apt install chromium), so nothing was measured.")
        return 0
    from django.core.management import call_command

    from benchmarks.application.world import Shape, build

    call_command("migrate", verbosity=0)
    build(Shape(votes=2_000, contenders=100, tasks=400, reviewers=10), during_votes=nullcontext())
    with served() as site:
        painted, under_way = drive(site, chromium, votes)
    print(f"{'':34}{'p50':>8}{'p95':>8}{'worst':>8}")
    for name, times in (("key to next pair painted, ms", painted), ("the vote on its way, ms", under_way)):
        print(f"{name:34}{statistics.median(times):8.0f}{percentile(times, 95):8.0f}{max(times):8.0f}")
    p95 = percentile(painted, 95)
    print(f"{len(painted)} votes; goal {GOAL_MS} ms at p95: {p95 / GOAL_MS:.2f} of it")
    return 0


def served() -> Any:
    """One web process on this process's database."""
    from contextlib import contextmanager

    from django.conf import settings

    from arena.machine import parts
    from benchmarks.application.running import until
    from tests.processes import Processes, free_port, listens

    @contextmanager
    def running() -> Any:
        port = free_port()
        processes = Processes(dict(os.environ), Path(settings.VAR_DIR))
        try:
            processes.python(*parts.web("127.0.0.1", port).command[1:])
            until(lambda: listens(port), "web listens")
            yield f"http://127.0.0.1:{port}"
        finally:
            for process in processes.started:
                process.kill_group()

    return running()


def drive(site: str, chromium: str, votes: int) -> tuple[list[float], list[float]]:
    from playwright.sync_api import sync_playwright

    from arena.accounts.services import save_person
    from arena.models import Role
    from benchmarks.application.world import CATEGORY
    from tests.e2e.conftest import QUIET
    from tests.e2e.desk import sign_in

    user, _ = save_person(username="fast", role=Role.REVIEWER)
    with (
        sync_playwright() as playwright,
        playwright.chromium.launch(executable_path=chromium, args=list(QUIET)) as browser,
    ):
        page = browser.new_context(viewport={"width": 1440, "height": 900}).new_page()
        page.set_default_timeout(60_000)
        page.add_init_script(WATCH)
        sign_in(page, site, user)
        page.goto(f"{site}/vote/{CATEGORY}/")
        for n in range(votes):
            page.wait_for_selector("body:not([data-closed])", state="attached")
            page.keyboard.press(KEYS[n % len(KEYS)])
            painted(page, n + 1)
        page.wait_for_selector("body:not([data-unsent])", state="attached")
        return page.evaluate("window.paints"), page.evaluate(UNDER_WAY)


def painted(page: Page, n: int) -> None:
    while page.evaluate("window.paints.length") < n:
        page.wait_for_timeout(5)


def percentile(times: list[float], p: int) -> float:
    return statistics.quantiles(times, n=100)[p - 1] if len(times) > 1 else times[0]


if __name__ == "__main__":
    sys.exit(main())
