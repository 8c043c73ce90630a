"""The tables' fast lane: `GET /api/v1/routing/latest` from memory, in front of Django's WSGI application.

A daemon thread in each worker asks every half second which version is newest, loads the body only when that moved,
and replaces one immutable object. A request touches no database, unless its token was never seen here before; the
thread looks again at the tokens in use, so a revoked one is refused within a second or two. While the database is
away, the last good table and the last known tokens go on.

Everything else, also `?format=…` and signed-in people without a token, is Django's.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db import DatabaseError, connection
from django.utils import timezone

from arena.access.tokens import find_token
from arena.models import ApiToken
from routing.selectors import served_if_newer
from routing.serving import NOT_PUBLISHED, Answer, Served, problem, respond

__all__ = ["LATEST_PATH", "FastLane"]

LATEST_PATH = "/api/v1/routing/latest"
SCOPE = "routing:read"
log = structlog.get_logger(__name__)
StartResponse = Callable[..., Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]


@dataclass(frozen=True, slots=True)
class _Seen:
    """What the last successful look found; `table` is None before the first publication."""

    table: Served | None


@dataclass(frozen=True, slots=True)
class _Grant:
    """A token that was found. `may_read`: it has the scope."""

    pk: str
    may_read: bool
    expires: datetime | None


class Tokens:
    """The tokens in use, by the hash of their text: the text itself is never kept."""

    KNOWN_AT_MOST = 10_000
    UNKNOWN_FOR_S = 1.0

    def __init__(self) -> None:
        self._grants: dict[bytes, _Grant] = {}
        self._unknown: dict[bytes, float] = {}

    def find(self, key: str) -> _Grant | None:
        """One query the first time; raises DatabaseError if that cannot be asked."""
        digest = hashlib.sha256(key.encode()).digest()
        grant = self._grants.get(digest)
        if grant is None:
            refused_at = self._unknown.get(digest)
            if refused_at is not None and time.monotonic() - refused_at < self.UNKNOWN_FOR_S:
                return None
            grant = self._ask(key, digest)
        if grant is not None and grant.expires is not None and grant.expires <= timezone.now():
            return None
        return grant

    def _ask(self, key: str, digest: bytes) -> _Grant | None:
        if not connection.in_atomic_block:
            # Outside a Django request nobody else drops a connection that died meanwhile.
            connection.close_if_unusable_or_obsolete()
        token = find_token(key)
        known: dict[bytes, Any] = self._unknown if token is None else self._grants
        if len(known) >= self.KNOWN_AT_MOST:
            known.clear()
        if token is None:
            self._unknown[digest] = time.monotonic()
            return None
        grant = _grant(token.pk, token.scopes, token.expiry_date)
        self._grants[digest] = grant
        return grant

    def look_again(self) -> None:
        """Forgets what was revoked and takes over changed scopes. One query, none while no token is in use."""
        held = list(self._grants.items())
        if not held:
            return
        pks = {grant.pk for _, grant in held}
        rows = ApiToken.objects.filter(pk__in=pks, revoked=False).values_list("pk", "scopes", "expiry_date")
        valid = {pk: _grant(pk, scopes, expires) for pk, scopes, expires in rows}
        for digest, grant in held:
            if grant.pk in valid:
                self._grants[digest] = valid[grant.pk]
            else:
                self._grants.pop(digest, None)


def _grant(pk: str, scopes: list[str], expires: datetime | None) -> _Grant:
    return _Grant(pk, SCOPE in scopes, expires)


class FastLane:
    """WSGI middleware. Starts its thread with the first request, so each forked worker has its own."""

    def __init__(self, application: Application, *, public: bool, poll_s: float = 0.5) -> None:
        self._application = application
        self._public = public
        self._poll_s = poll_s
        self._seen: _Seen | None = None
        self._tokens = Tokens()
        self._forget_thread()
        os.register_at_fork(after_in_child=self._forget_thread)

    def _forget_thread(self) -> None:
        """Threads and locks do not survive a fork; the child starts its own."""
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        if environ["PATH_INFO"] != LATEST_PATH or environ.get("QUERY_STRING"):
            return self._application(environ, start_response)
        method = environ["REQUEST_METHOD"]
        if method not in ("GET", "HEAD"):
            return self._application(environ, start_response)
        if self._thread is None:
            self._start()
        head = method == "HEAD"
        if not self._public:
            authorization = environ.get("HTTP_AUTHORIZATION", "")
            if not authorization and "HTTP_COOKIE" in environ:
                return self._application(environ, start_response)  # perhaps a person who is signed in
            refused = self._refusal(authorization, head=head)
            if refused is not None:
                return _send(refused, start_response)
        return _send(self._answer(environ, head=head), start_response)

    def _answer(self, environ: dict[str, Any], *, head: bool) -> Answer:
        seen = self._seen
        if seen is None:
            detail = "The database cannot be reached, and this process has not seen a table yet. Try again."
            return problem(503, detail, headers=[("Retry-After", "2")], head=head)
        if seen.table is None:
            return problem(404, NOT_PUBLISHED, head=head)
        return respond(
            seen.table,
            head=head,
            if_none_match=environ.get("HTTP_IF_NONE_MATCH"),
            accept_encoding=environ.get("HTTP_ACCEPT_ENCODING"),
        )

    def _refusal(self, authorization: str, *, head: bool) -> Answer | None:
        scheme, _, key = authorization.partition(" ")
        challenge = [("WWW-Authenticate", 'Bearer realm="arena"')]
        if scheme.lower() != "bearer":
            detail = f"Send a token with the scope {SCOPE}: Authorization: Bearer <token>."
            return problem(401, detail, headers=challenge, head=head)
        try:
            grant = self._tokens.find(key.strip())
        except DatabaseError:
            log.warning("token_not_checked", exc_info=True)
            detail = "The database cannot be reached, and this token has not been seen here yet. Try again."
            return problem(503, detail, headers=[("Retry-After", "2")], head=head)
        if grant is None:
            detail = "This token is not known or was revoked. Make one with manage.py create_token."
            return problem(401, detail, headers=challenge, head=head)
        if not grant.may_read:
            return problem(403, f"This token lacks the scope {SCOPE}.", head=head)
        return None

    def look(self) -> None:
        """Takes over a newer table and what became of the tokens. Raises DatabaseError."""
        seen = self._seen
        newer = served_if_newer(seen.table if seen else None, public=self._public)
        if seen is None or newer is not seen.table:
            self._seen = _Seen(newer)
        self._tokens.look_again()

    def _start(self) -> None:
        with self._lock:
            if self._thread is not None:
                return
            self._look_safely()  # the first request already gets the table
            self._thread = threading.Thread(target=self._watch, name="fast-lane", daemon=True)
            self._thread.start()

    def _watch(self) -> None:
        while not self._stop.wait(self._poll_s):
            self._look_safely()
            connection.close()  # this thread's own; none is held between two looks

    def _look_safely(self) -> None:
        try:
            self.look()
        except DatabaseError:
            log.warning("table_not_checked", exc_info=True)
        except Exception:  # a thread that ends here would serve an old table for ever
            log.exception("table_not_checked")

    def stop(self) -> None:
        """Ends the thread; the next request starts another."""
        thread = self._thread
        self._stop.set()
        if thread is not None:
            thread.join()
        self._forget_thread()


def _send(answer: Answer, start_response: StartResponse) -> Iterable[bytes]:
    start_response(answer.status_line, answer.headers)
    return (answer.body,)
