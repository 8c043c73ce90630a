"""The Celery application: `celery -A arena worker`. Jobs are in `evals.collection.jobs`.

Celery only delivers; work is remembered in rows. See `evals.collection.jobs` for what is delivered, and
`evals.collection.worker_pump` for what happens when it is not. Modules with jobs import `app` from here: their messages
reach our broker from any process, and a process that sends none does not load Celery.
"""

from __future__ import annotations

import os

from celery import Celery

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "arena.settings")

__all__ = ["app"]

app = Celery("arena")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks(["evals.collection"], related_name="jobs")
# By name: this module is imported before there are models.
app.steps["worker"].add("evals.collection.worker_pump:WorkerPump")
