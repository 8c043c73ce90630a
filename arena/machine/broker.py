"""Whether the broker answers, and a worker behind it. Apart from `arena.machine.health`, which is loaded with every
page: Celery and the clients of Redis are needed by a probe alone."""

from __future__ import annotations

import redis
from django.conf import settings
from kombu.exceptions import OperationalError

from arena.celery import app

__all__ = ["answers", "has_worker"]

PING_S = 1.0


def answers() -> bool:
    try:
        with redis.Redis.from_url(
            settings.CELERY_BROKER_URL, socket_connect_timeout=PING_S, socket_timeout=PING_S
        ) as client:
            client.ping()
    except redis.RedisError:
        return False
    return True


def has_worker() -> bool:
    """One worker's answer is enough, and is not waited for longer than it takes. Raises OSError if the broker went
    away."""
    try:
        replies = app.control.broadcast("ping", reply=True, timeout=PING_S, limit=1)
    except OperationalError as error:
        raise ConnectionError(str(error)) from error
    return bool(replies)
