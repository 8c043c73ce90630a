"""What machines ask about us: alive, ready, and how much.

`/healthz` and `/readyz` are answered by a middleware before all others: a probe comes by address rather than by a
name in ALLOWED_HOSTS, over plain HTTP behind a proxy, and must not cost a session or a log line.
"""

from __future__ import annotations

import hmac
import ipaddress
from collections.abc import Callable, Iterable
from datetime import timedelta

from django.conf import settings
from django.core.cache import cache
from django.db import DatabaseError, connection
from django.db.models import Count, F, Sum
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, JsonResponse
from django.utils import timezone
from django.views.decorators.http import require_safe
from django_q.models import OrmQ, Schedule
from prometheus_client import CONTENT_TYPE_LATEST, REGISTRY, CollectorRegistry, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric
from prometheus_client.registry import Collector

from evals.models import Generation, Ledger
from routing.models import RoutingTable

__all__ = ["ProbeMiddleware", "healthz", "metrics", "readyz"]

# A probe is cheap to send and dear to answer: an answer serves whoever asks within this time.
READY_KEPT_S = 2
# The sweep is due each minute; nobody taking it up for this long means that no cluster runs.
OVERDUE = timedelta(minutes=2)
OK = "ok"


class ProbeMiddleware:
    def __init__(self, get_response: Callable[[HttpRequest], HttpResponse]) -> None:
        self.get_response = get_response
        self.probes = {"/healthz": healthz, "/readyz": readyz}

    def __call__(self, request: HttpRequest) -> HttpResponse:
        return self.probes.get(request.path_info, self.get_response)(request)


@require_safe
def healthz(request: HttpRequest) -> HttpResponse:
    """Alive: this process answers. Touches nothing, so that a database that is away restarts nobody."""
    return HttpResponse("ok\n", content_type="text/plain", headers={"Cache-Control": "no-store"})


@require_safe
def readyz(request: HttpRequest) -> HttpResponse:
    """200 if all parts are there, else 503; the body says which is not. Names no address: anybody may ask."""
    parts: dict[str, str] = cache.get_or_set("arena.readyz", _parts, READY_KEPT_S) or {}
    ready = all(said == OK for said in parts.values())
    answer = JsonResponse(
        {"ready": ready, **parts}, status=200 if ready else 503, headers={"Cache-Control": "no-store"}
    )
    # Django's mark for "said already": that something is not ready is an answer here, no error to log each second.
    answer._has_been_logged = True  # type: ignore[attr-defined]
    return answer


def _parts() -> dict[str, str]:
    # With the first probe: Celery and Redis's client take half a second to load, which each command that loads a
    # page would pay.
    from arena.machine import broker  # noqa: PLC0415

    database = _database()
    parts = {"database": database, "broker": OK, "workers": OK, "chores": OK}
    if not broker.answers():
        parts |= {"broker": "no answer: see REDIS_URL", "workers": "unknown while the broker is away"}
    else:
        try:
            if not broker.has_worker():
                parts["workers"] = "none answers: start one with celery -A arena worker"
        except OSError:
            parts["workers"] = "not reached: the broker went away"
    parts["chores"] = _chores() if database == OK else "unknown while the database is away"
    return parts


def _database() -> str:
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT 1")
    except DatabaseError:
        return "no answer: see DATABASE_URL"
    return OK


def _chores() -> str:
    """By the rows, since a cluster shares nothing else with us: the scheduler moves what is due into the future."""
    if Schedule.objects.filter(next_run__lt=timezone.now() - OVERDUE).exclude(repeats=0).exists():
        return "no cluster takes what is due: start one with manage.py qcluster"
    return OK


@require_safe
def metrics(request: HttpRequest) -> HttpResponse:
    """Prometheus. Not public: for ARENA_METRICS_TOKEN as a bearer token, or for this machine itself."""
    if not _may_scrape(request):
        return HttpResponseForbidden(
            "Metrics are not public. Set ARENA_METRICS_TOKEN and send it as a bearer token.\n",
            content_type="text/plain",
        )
    work = CollectorRegistry()
    work.register(_Work())
    return HttpResponse(generate_latest(REGISTRY) + generate_latest(work), content_type=CONTENT_TYPE_LATEST)


def _may_scrape(request: HttpRequest) -> bool:
    token = settings.ARENA_METRICS_TOKEN
    if token and hmac.compare_digest(request.headers.get("Authorization", "").encode(), f"Bearer {token}".encode()):
        return True
    # Behind a proxy on this machine everybody comes from loopback: a forwarded request is a stranger's.
    if any(name in request.headers for name in ("Forwarded", "X-Forwarded-For", "X-Real-Ip")):
        return False
    try:
        return ipaddress.ip_address(request.META.get("REMOTE_ADDR", "")).is_loopback
    except ValueError:
        return False


class _Work(Collector):
    """What is left to do and what was done, from the rows: the same from whichever process is asked."""

    def collect(self) -> Iterable[Metric]:
        generations = GaugeMetricFamily("arena_generations", "Generations by state.", labels=["state"])
        counted = dict(Generation.objects.values_list("state").annotate(n=Count("pk")))
        for state in Generation.State.values:
            generations.add_metric([state], counted.get(state, 0))
        yield generations
        ledgers = Ledger.objects.aggregate(votes=Sum("seq"), behind=Sum(F("seq") - F("ranked_seq")))
        yield CounterMetricFamily(
            "arena_votes", "Rows of the vote ledger, retractions included.", ledgers["votes"] or 0
        )
        yield GaugeMetricFamily("arena_votes_unranked", "Votes no leaderboard counts yet.", ledgers["behind"] or 0)
        yield GaugeMetricFamily("arena_chores_queued", "Chores that wait for the cluster.", OrmQ.objects.count())
        table = RoutingTable.objects.only("version", "published_at").first()
        if table is not None:
            age = (timezone.now() - table.published_at).total_seconds()
            yield GaugeMetricFamily("arena_table_version", "The newest published routing table.", table.version)
            yield GaugeMetricFamily("arena_table_age_seconds", "Time since it was published.", age)
