"""Who asks: their session and their account, which every page reads before anything else. And what becomes of sessions:
they begin when somebody signs in, and end when they are not used, are too old, or are ended."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.conf import settings
from django.contrib.auth import SESSION_KEY, login, update_session_auth_hash
from django.contrib.auth.backends import ModelBackend
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions
from django.http import HttpRequest
from django.utils import timezone

from arena.models import PersonSession, User
from arena.statements import Statement

__all__ = [
    "OpenSession",
    "PersonBackend",
    "SessionStore",
    "browser_of",
    "clear_ended",
    "end_sessions",
    "keep_signed_in",
    "open_sessions",
    "sign_in",
]

_BACKEND = "arena.accounts.sessions.PersonBackend"
_AGENT = "agent"
_STARTED_AT = "started_at"
_SESSION = Statement(
    lambda key, now, since: PersonSession.objects.filter(
        session_key=key, expire_date__gt=now, started_at__gt=since
    ).values_list("session_data", flat=True)
)
_PERSON = Statement(lambda pk: User.objects.filter(pk=pk, is_active=True))


class SessionStore(DatabaseSessions):
    """Django's sessions, in a table that says whose they are."""

    @classmethod
    def get_model_class(cls) -> type[PersonSession]:
        return PersonSession

    def load(self) -> dict[str, Any]:
        now = timezone.now()
        data = next(iter(_SESSION.rows(key=self.session_key, now=now, since=_oldest(now))), None)
        if data is None:
            self._session_key = None
            return {}
        return self.decode(data)

    def create_model_instance(self, data: dict[str, Any]) -> PersonSession:
        now = timezone.now()
        started = data.setdefault(_STARTED_AT, now.isoformat())
        return PersonSession(
            session_key=self._get_or_create_session_key(),  # type: ignore[attr-defined]
            session_data=self.encode(data),
            expire_date=self.get_expiry_date(),
            user_id=data.get(SESSION_KEY),
            started_at=datetime.fromisoformat(started),
            seen_at=now,
            agent=data.get(_AGENT, ""),
        )


class PersonBackend(ModelBackend):
    """Django's accounts. There are no passwords: people sign in by a link."""

    def get_user(self, user_id: Any) -> User | None:
        return next(iter(_PERSON.rows(pk=user_id)), None)


def sign_in(request: HttpRequest, user: User) -> None:
    """In a new session, also for somebody who is signed in already: one that was planted or copied ends."""
    if request.session.get(SESSION_KEY):
        request.session.flush()
    login(request, user, backend=_BACKEND)
    request.session[_AGENT] = "".join(filter(str.isprintable, request.headers.get("User-Agent", "")))[:200]


def keep_signed_in(request: HttpRequest, user: User) -> None:
    """After a change that `user` made to themselves: it ends their other sessions, not the one that asked."""
    user.refresh_from_db(fields=["sign_in_era", "role", "is_active"])
    update_session_auth_hash(request, user)


@dataclass(frozen=True)
class OpenSession:
    """`id` names it on pages; the key, with which one would be signed in, stays in the database."""

    id: str
    browser: str
    started_at: datetime
    seen_at: datetime
    is_this: bool


def open_sessions(user: User, *, this: str | None = None) -> list[OpenSession]:
    """The last used first. `this`: the key of the session that asks."""
    return [
        OpenSession(_id(row.session_key), browser_of(row.agent), row.started_at, row.seen_at, row.session_key == this)
        for row in _open(user)
    ]


def end_sessions(user: User, *, ids: Sequence[str] | None = None, but: str | None = None) -> int:
    """Those named, or all; `but` the one of that key. How many: from here on, nobody is signed in by them."""
    keys = [row.session_key for row in _open(user) if ids is None or _id(row.session_key) in ids]
    ended, _ = PersonSession.objects.filter(user=user, session_key__in=keys).exclude(session_key=but or "").delete()
    return ended


def clear_ended() -> int:
    """Deletes the rows of sessions that ended by themselves; how many."""
    now = timezone.now()
    late, _ = PersonSession.objects.filter(expire_date__lte=now).delete()
    old, _ = PersonSession.objects.filter(started_at__lte=_oldest(now)).delete()
    return late + old


# What browsers call themselves, those first that name others beside it.
_BROWSERS = {"Edg": "Edge", "OPR/": "Opera", "Firefox": "Firefox", "FxiOS": "Firefox", "CriOS": "Chrome"}
_BROWSERS |= {"Chrom": "Chrome", "Safari": "Safari"}
_SYSTEMS = {"iPhone": "iPhone", "iPad": "iPad", "Android": "Android", "Windows": "Windows", "Mac OS": "macOS"}
_SYSTEMS |= {"CrOS": "ChromeOS", "Linux": "Linux"}


def browser_of(agent: str) -> str:
    """`Firefox on Linux`; the beginning of what it calls itself, where that names neither."""
    browser = next((name for mark, name in _BROWSERS.items() if mark in agent), "")
    system = next((name for mark, name in _SYSTEMS.items() if mark in agent), "")
    return " on ".join(filter(None, (browser, system))) or agent[:60] or "A browser without a name"


def _open(user: User) -> list[PersonSession]:
    now = timezone.now()
    rows = PersonSession.objects.filter(user=user, expire_date__gt=now, started_at__gt=_oldest(now))
    return list(rows.order_by("-seen_at", "session_key"))


def _oldest(now: datetime) -> datetime:
    return now - timedelta(seconds=settings.ARENA_SESSION_LIFETIME_S)


def _id(key: str) -> str:
    return hashlib.sha256(key.encode()).hexdigest()[:16]
