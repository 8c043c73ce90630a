"""The one row that publishers queue for, and the mark on it that publishing is due."""

from __future__ import annotations

from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.utils import timezone
from django_q.tasks import async_task

from routing.models import Publication

__all__ = ["enqueue_publish", "lock"]
STALE = timedelta(seconds=60)


def lock() -> Publication:
    """The one row that publishers queue for. In a transaction only; made if it is missing."""
    Publication.objects.get_or_create(id=1)
    return Publication.objects.select_for_update().get(id=1)


@transaction.atomic
def enqueue_publish() -> bool:
    """Enqueues one look at what may be published, in the caller's transaction; False if one waits already."""
    Publication.objects.get_or_create(id=1)
    now = timezone.now()
    due = Q(publish_enqueued_at=None) | Q(publish_enqueued_at__lt=now - STALE)
    if not Publication.objects.filter(due, id=1).update(publish_enqueued_at=now):
        return False
    async_task("routing.publishing.chores.publish")
    return True
