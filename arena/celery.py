"""The Celery application: `celery -A arena worker`. Jobs are in each app's `jobs` module.

Celery only delivers; work is remembered in rows. See `evals.jobs` for what is delivered, and `evals.bell` for what
happens when it is not.
"""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "arena.settings")

__all__ = ["app"]

app = Celery("arena")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(related_name="jobs")
# By name: this module is imported before there are models.
app.steps["worker"].add("evals.bell:Bell")
