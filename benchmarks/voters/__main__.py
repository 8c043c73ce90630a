"""People who vote over HTTP, and what they wait for. Started by `benchmarks.voting_pace`."""

from __future__ import annotations

import argparse
import http.client
import os
import re
import statistics
import sys
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass, field
from urllib.parse import urlencode

from django.conf import settings
from django.test import Client

from arena.accounts.services import save_person
from arena.machine import parts
from arena.models import Role
from benchmarks.application.running import until
from benchmarks.application.world import CATEGORY, Shape, build
from evals.models import Ballot, Category, Vote
from evals.voting.counting import count_votes
from evals.voting.holding import hold
from tests.processes import Processes, free_port, listens

PEOPLE, WEB_PROCESSES = 20, 2
FULL_S, STEADY_S, STEADY_VOTES_S = 20.0, 30.0, 30
WAIT_MS = 100
FULL = Shape(votes=100_000, contenders=100, tasks=1_000, reviewers=30)
SMALL = Shape(votes=2_000, contenders=10, tasks=200, reviewers=10)
_BALLOT = re.compile(r"/vote/b/([\w-]{22})/")


@dataclass
class Voter:
    """One person in a browser of their own: `ballots` are those the page has shown or holds ahead, in order."""

    port: int
    cookies: dict[str, str]
    ballots: deque[str] = field(default_factory=deque)
    seen: set[str] = field(default_factory=set)
    times_ms: list[float] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", self.port, timeout=60)

    def open(self) -> None:
        path = f"/vote/{CATEGORY}/"
        status, headers, text = self._ask("GET", path)
        while status in (302, 303):
            path = headers["location"]
            status, headers, text = self._ask("GET", path)
        found = _BALLOT.search(path)
        assert found is not None, f"no ballot behind /vote/{CATEGORY}/: {status} {path}"
        self._keep([found[1], *_BALLOT.findall(text)])

    def vote(self) -> None:
        """One vote, and the ballot that comes with its answer."""
        token = self.ballots.popleft()
        began = time.perf_counter()
        status, _, text = self._ask(
            "POST",
            f"/vote/b/{token}/",
            {"choice": ("left", "right", "tie")[len(self.seen) % 3], "have": ",".join(self.ballots)},
        )
        self.times_ms.append((time.perf_counter() - began) * 1000)
        if status != 200:
            self.errors.append(f"{status}: {text[:100]}")
        self._keep(_BALLOT.findall(text))

    def hang_up(self) -> None:
        """The next request opens a connection anew: the server closes those that nobody has used for a while."""
        self._http.close()

    def _keep(self, tokens: list[str]) -> None:
        for token in tokens:
            if token not in self.seen:
                self.seen.add(token)
                self.ballots.append(token)

    def _ask(self, method: str, path: str, form: dict[str, str] | None = None) -> tuple[int, dict[str, str], str]:
        headers = {"Cookie": "; ".join(f"{name}={value}" for name, value in self.cookies.items())}
        if form is not None:
            headers |= {
                "X-CSRFToken": self.cookies["__Host-csrftoken"],
                "HX-Request": "true",
                "Content-Type": "application/x-www-form-urlencoded",
            }
        self._http.request(method, path, body=urlencode(form) if form is not None else None, headers=headers)
        response = self._http.getresponse()
        text = response.read().decode()
        for name, value in response.getheaders():
            if name.lower() == "set-cookie":
                key, _, rest = value.partition("=")
                self.cookies[key] = rest.partition(";")[0]
        return response.status, {name.lower(): value for name, value in response.getheaders()}, text


@contextmanager
def web() -> Iterator[int]:
    """Two web processes behind one port, and a cluster of chores."""
    port = free_port()
    processes = Processes(dict(os.environ), settings.VAR_DIR)
    try:
        processes.python(*parts.web("127.0.0.1", port).command[1:], "--workers", str(WEB_PROCESSES))
        processes.manage("qcluster")
        until(lambda: listens(port), "web listens")
        yield port
    finally:
        for process in processes.started:
            process.kill_group()


def people(port: int) -> list[Voter]:
    voters = []
    for n in range(PEOPLE):
        user, _ = save_person(username=f"voter-{n:02d}", role=Role.REVIEWER)
        client = Client()
        client.force_login(user)
        voter = Voter(port, {name: morsel.value for name, morsel in client.cookies.items()})
        voter.open()
        voters.append(voter)
    return voters


def at_once(acts: list[Callable[[], None]]) -> None:
    threads = [threading.Thread(target=act) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def without_a_pause(voters: list[Voter]) -> float:
    """Votes a second."""
    began = time.perf_counter()

    def vote(voter: Voter) -> None:
        while time.perf_counter() - began < FULL_S:
            voter.vote()

    at_once([lambda voter=voter: vote(voter) for voter in voters])  # type: ignore[misc]
    return sum(len(voter.times_ms) for voter in voters) / (time.perf_counter() - began)


def steadily(voters: list[Voter]) -> None:
    """Each at their own pace, all together `STEADY_VOTES_S`; a vote that comes late delays none of the next."""
    began = time.perf_counter()
    every = len(voters) / STEADY_VOTES_S

    def vote(voter: Voter, n: int) -> None:
        due = began + every * n / len(voters)
        while due - began < STEADY_S:
            time.sleep(max(0.0, due - time.perf_counter()))
            voter.vote()
            due += every

    at_once([lambda voter=voter, n=n: vote(voter, n) for n, voter in enumerate(voters)])  # type: ignore[misc]


def waits(voters: list[Voter]) -> tuple[float, float]:
    """Median and 95th percentile, in milliseconds."""
    times = sorted(ms for voter in voters for ms in voter.times_ms)
    return statistics.median(times), times[int(len(times) * 0.95)]


def smallest_page(port: int) -> float:
    """The peer: /healthz on the same server, one after the other, in milliseconds."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=60)
    times = []
    for _ in range(200):
        began = time.perf_counter()
        connection.request("GET", "/healthz")
        connection.getresponse().read()
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.voting_pace")
    parser.add_argument("--small", action="store_true", help="10 contenders and 2,000 answers instead of 100,000")
    shape = SMALL if parser.parse_args().small else FULL
    build(shape, during_votes=nullcontext())
    category = Category.objects.get(slug=CATEGORY)
    before = Vote.objects.filter(category=category).count()
    with web() as port:
        voters = people(port)
        pace = without_a_pause(voters)
        full = waits(voters)
        cast = sum(len(voter.times_ms) for voter in voters)
        for voter in voters:
            voter.times_ms.clear()
        steadily(voters)
        steady = waits(voters)
        cast += sum(len(voter.times_ms) for voter in voters)
        peer = smallest_page(port)
        errors = [error for voter in voters for error in voter.errors]
    time.sleep(hold().total_seconds())
    count_votes(category=category)
    counted = Vote.objects.filter(category=category).count() - before
    left = Ballot.objects.filter(state=Ballot.State.VOTED, counted_at=None).count()
    print(f"  {PEOPLE} people, {WEB_PROCESSES} web processes, {shape.contenders} contenders, {os.cpu_count()} cores")
    print(f"  without a pause: {pace:.0f} votes/s; each waits {full[0]:.0f} ms (median), {full[1]:.0f} ms (95%)")
    print(
        f"  at {STEADY_VOTES_S} votes/s: {steady[0]:.0f} ms (median), {steady[1]:.0f} ms (95%; the limit is {WAIT_MS})"
    )
    print(f"  /healthz on the same server: {peer:.1f} ms")
    print(
        f"  {cast} votes answered, {counted} counted, {left} held, {len(errors)} errors {errors[:1] or ''}", flush=True
    )
    return int(counted != cast or bool(errors))


if __name__ == "__main__":
    sys.exit(main())
