"""What makes a lane wait: pages that take long in the same process, and publications that it has to notice."""

from __future__ import annotations

import contextlib
import http.client
import threading
import time
from collections.abc import Callable, Iterator

from arena.models import ApiToken
from benchmarks.lane.servers import Server
from routing.publishing.serving import LATEST_PATH

__all__ = ["SLOW_PAGE", "behind_s", "meanwhile", "refused_after_s", "slow_pages"]

# Arena's slowest page that anybody may open.
SLOW_PAGE = "/api/schema/"
# Spread over all workers; each is looked at again and again.
WATCHED = 16
PATIENCE_S = 30.0


@contextlib.contextmanager
def meanwhile(work: Callable[[], object], threads: int = 1) -> Iterator[list[float]]:
    """Does `work` again and again in each of so many threads; yields how long each took, in seconds."""
    over, took = threading.Event(), []

    def again() -> None:
        while not over.is_set():
            began = time.perf_counter()
            work()
            took.append(time.perf_counter() - began)

    running = [threading.Thread(target=again) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield took
    finally:
        over.set()
        for thread in running:
            thread.join()


@contextlib.contextmanager
def slow_pages(server: Server, clients: int) -> Iterator[list[float]]:
    """So many clients, each with a slow page under way at any time, from when the first has come."""

    def page() -> None:
        with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=120)) as asking:
            asking.request("GET", SLOW_PAGE)
            answer = asking.getresponse()
            answer.read()
            assert answer.status == 200, answer.status

    page()
    with meanwhile(page, clients) as took:
        yield took


class _Watched:
    """Kept connections that ask in turn which version is served."""

    def __init__(self, server: Server) -> None:
        self._asking = [http.client.HTTPConnection("127.0.0.1", server.port, timeout=30) for _ in range(WATCHED)]

    def versions(self) -> Iterator[tuple[float, int]]:
        """One look at each: when it was asked, and what it answered."""
        for asking in self._asking:
            asked = time.perf_counter()
            asking.request("GET", LATEST_PATH)
            answer = asking.getresponse()
            answer.read()
            yield asked, int(answer.headers["Arena-Table-Version"])

    def close(self) -> None:
        for asking in self._asking:
            asking.close()


def behind_s(server: Server, publish: Callable[[], int], publications: int) -> list[float]:
    """For each publication: how long after its commit the last request was sent that still got the version before."""
    found = []
    with contextlib.closing(_Watched(server)) as watched:
        for _ in range(publications):
            version = publish()
            published = last = time.perf_counter()
            while stale := [asked for asked, answered in watched.versions() if answered < version]:
                last = max(stale)
                assert last - published < PATIENCE_S, f"{server.name} does not serve version {version}"
            found.append(last - published)
    return found


def refused_after_s(server: Server) -> float:
    """How long after it was revoked a token in use was last let in."""
    token, key = ApiToken.objects.create_key(name="revoked", scopes=["routing:read"])
    with contextlib.closing(http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)) as asking:

        def let_in() -> bool:
            asking.request("GET", LATEST_PATH, headers={"Authorization": f"Bearer {key}"})
            answer = asking.getresponse()
            answer.read()
            return answer.status == 200

        assert let_in()
        ApiToken.objects.filter(pk=token.pk).update(revoked=True)
        revoked = last = time.perf_counter()
        while let_in():
            last = time.perf_counter()
            assert last - revoked < PATIENCE_S, f"{server.name} lets a revoked token in"
    return last - revoked
