"""Chores that are due later."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

from django.utils import timezone
from django_q.brokers.orm import ORM
from django_q.tasks import async_task

__all__ = ["enqueue_later"]


def enqueue_later(func: str, *args: Any, seconds: float) -> None:
    """Enqueue a chore that runs in `seconds` at the earliest, in the caller's transaction.

    A queued chore has a time until which no process takes it, which is how django-q2 hides one that is being worked
    on. Here it begins with that time ahead: a schedule that runs once would come up to half a minute late.
    """
    async_task(func, *args, q_options={"broker": _Later(seconds)})


class _Later(ORM):  # type: ignore[misc]  # django-q2 has no types
    def __init__(self, seconds: float) -> None:
        super().__init__()
        self._seconds = seconds

    def enqueue(self, task: Any) -> int:
        pk: int = super().enqueue(task)
        self.get_connection().filter(pk=pk).update(lock=timezone.now() + timedelta(seconds=self._seconds))
        return pk
