"""Who asks: their session and their account, which every page reads before anything else."""

from __future__ import annotations

from typing import Any

from django.contrib.auth.backends import ModelBackend
from django.contrib.sessions.backends.db import SessionStore as DatabaseSessions
from django.contrib.sessions.models import Session
from django.utils import timezone

from arena.models import User
from arena.statements import Statement

__all__ = ["PersonBackend", "SessionStore"]

_SESSION = Statement(
    lambda key, now: Session.objects.filter(session_key=key, expire_date__gt=now).values_list("session_data", flat=True)
)
_PERSON = Statement(lambda pk: User.objects.filter(pk=pk, is_active=True))


class SessionStore(DatabaseSessions):
    """Django's sessions in the database."""

    def load(self) -> dict[str, Any]:
        data = next(iter(_SESSION.rows(key=self.session_key, now=timezone.now())), None)
        if data is None:
            self._session_key = None
            return {}
        return self.decode(data)


class PersonBackend(ModelBackend):
    """Django's accounts. There are no passwords: people sign in by a link."""

    def get_user(self, user_id: Any) -> User | None:
        return next(iter(_PERSON.rows(pk=user_id)), None)
