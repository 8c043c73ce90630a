"""The tables' fast lane: `GET /api/v1/routing/latest` from memory, in front of another WSGI application.

A daemon thread in each worker asks every half second which version is newest, loads the body only when that moved,
and replaces one immutable object. A request touches no database, unless its token was never seen here before; the
thread looks again at the tokens in use, so a revoked one is refused within a second or two. While the database is
away, the last good table and the last known tokens go on.

Everything else is the other application's: other addresses, `?format=…`, and signed-in people without a token.
`arena.wsgi` has it in front of Django, `arena.machine.serve_tables` in a process of its own.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

import structlog
from django.db import Error, connection

from arena.accounts.token_cache import CannotAskError, KnownTokens, RefusedError
from routing.publishing.queries import served_if_newer
from routing.publishing.serving import LATEST_PATH, NOT_PUBLISHED, Answer, Served, problem, respond

__all__ = ["Application", "Environ", "FastLane", "StartResponse", "State", "send"]

SCOPE = "routing:read"
# So many looks late, and the database counts as away.
_OVERDUE = 4
# To connect costs ten times a look, in which no request is answered; a database that was replaced is noticed only then.
_CONNECTED_S = 10.0
_SOON = (("Retry-After", "2"),)
log = structlog.get_logger(__name__)
Environ = dict[str, Any]
StartResponse = Callable[..., Any]
Application = Callable[[Environ, StartResponse], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class State:
    """What the lane knows. `looked`: it has seen the database once, and serves; `version` is None before the first
    publication. `away`: the database has not answered for a while, and the last good table goes on."""

    looked: bool
    version: int | None
    away: bool


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the last successful look found; `table` is None before the first publication."""

    table: Served | None


class FastLane:
    """WSGI middleware. Starts its thread with `start()`, or else with the first request, so that each forked worker
    has its own. `people`: the application behind knows who is signed in."""

    def __init__(self, application: Application, *, public: bool, people: bool = True, poll_s: float = 0.5) -> None:
        self._application = application
        self._public = public
        self._people = people
        self._poll_s = poll_s
        self._seen: _Seen | None = None
        self._forget_thread()
        os.register_at_fork(after_in_child=self._forget_thread)

    def _forget_thread(self) -> None:
        """Threads and locks do not survive a fork; the child starts its own."""
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None
        self._tokens = KnownTokens(SCOPE, may_ask=lambda: not self._is_away())
        self._looked_at = time.monotonic()
        self._failing = False

    def __call__(self, environ: Environ, start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != LATEST_PATH or environ.get("QUERY_STRING"):
            return self._application(environ, start_response)
        answer = self._answer(environ)
        return self._application(environ, start_response) if answer is None else send(answer, start_response)

    def _answer(self, environ: Environ) -> Answer | None:
        """None: the application behind may know this person."""
        method = environ["REQUEST_METHOD"]
        head = method == "HEAD"
        if not head and method != "GET":
            return problem(405, "A table is read: ask with GET or HEAD.", headers=(("Allow", "GET, HEAD"),))
        if self._thread is None:
            self._look_and_start()
        if not self._public:
            authorization = environ.get("HTTP_AUTHORIZATION", "")
            if not authorization and self._people and "HTTP_COOKIE" in environ:
                return None
            try:
                self._tokens.check(authorization)
            except RefusedError as refused:
                return _refusal(refused, head=head)
            except CannotAskError:
                detail = "The database cannot be asked, and this token has not been seen here yet. Try again."
                return problem(503, detail, headers=_SOON, head=head)
        seen = self._seen
        if seen is None or seen.table is None:
            return _without_table(seen, head=head)
        return respond(
            seen.table,
            head=head,
            if_none_match=environ.get("HTTP_IF_NONE_MATCH"),
            accept_encoding=environ.get("HTTP_ACCEPT_ENCODING"),
        )

    @property
    def state(self) -> State:
        seen = self._seen
        version = seen.table.version if seen and seen.table else None
        return State(looked=seen is not None, version=version, away=self._is_away())

    def _is_away(self) -> bool:
        """By the time since the last look that succeeded: a database that hangs raises nothing."""
        return time.monotonic() - self._looked_at > _OVERDUE * self._poll_s

    def look(self) -> None:
        """Takes over a newer table and what became of the tokens. Raises django.db.Error."""
        seen = self._seen
        newer = served_if_newer(seen.table if seen else None, public=self._public)
        if seen is None or newer is not seen.table:
            self._seen = _Seen(newer)
        self._tokens.look_again()
        self._looked_at = time.monotonic()

    def start(self) -> None:
        """For a process that has nothing else to do: looks at once, and waits for nothing."""
        with self._lock:
            self._start(first_look_s=0)

    def _look_and_start(self) -> None:
        """The first request already gets the table."""
        with self._lock:
            if self._thread is None:
                self._look_safely()
                self._start(first_look_s=self._poll_s)

    def _start(self, first_look_s: float) -> None:
        if self._thread is None:
            self._thread = threading.Thread(target=self._watch, args=(first_look_s,), name="fast-lane", daemon=True)
            self._thread.start()

    def _watch(self, pause_s: float) -> None:
        connected_at = time.monotonic()
        while not self._stop.wait(pause_s):
            self._look_safely()
            if self._failing or time.monotonic() - connected_at > _CONNECTED_S:
                _disconnect()
                connected_at = time.monotonic()
            pause_s = self._poll_s
        _disconnect()

    def _look_safely(self) -> None:
        """A thread that ended here would serve an old table for ever. Says once that something is amiss, and once
        that it is over."""
        try:
            self.look()
        except Exception as error:
            if not self._failing:
                log.warning("table_not_checked", exc_info=not isinstance(error, Error), error=str(error))
            self._failing = True
        else:
            if self._failing:
                log.warning("table_checked_again")
            self._failing = False

    def stop(self) -> None:
        """Ends the thread; the next request starts another."""
        thread = self._thread
        self._stop.set()
        if thread is not None:
            thread.join()
        self._forget_thread()


def _disconnect() -> None:
    """This thread's own connection: the next look opens another."""
    with contextlib.suppress(Error):
        connection.close()


def _without_table(seen: _Seen | None, *, head: bool) -> Answer:
    if seen is not None:
        return problem(404, NOT_PUBLISHED, head=head)
    detail = "The database cannot be reached, and this process has not seen a table yet. Try again."
    return problem(503, detail, headers=_SOON, head=head)


def _refusal(refused: RefusedError, *, head: bool) -> Answer:
    challenge = (("WWW-Authenticate", 'Bearer realm="arena"'),) if refused.status == 401 else ()
    return problem(refused.status, refused.detail, headers=challenge, head=head)


def send(answer: Answer, start_response: StartResponse) -> list[bytes]:
    """A list: granian hands one over whole, and anything else piece by piece at a third of the speed."""
    start_response(answer.line, list(answer.headers))
    return [answer.body]
